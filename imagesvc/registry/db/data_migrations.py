"""What Glance's releases did to rows between expanding and contracting the schema; all of it may be repeated."""

import json
import logging
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

LOG = logging.getLogger(__name__)

_IMAGES = sa.table(
    "images", sa.column("id", sa.String), sa.column("is_public", sa.Boolean), sa.column("visibility", sa.String)
)
_MEMBERS = sa.table("image_members", sa.column("image_id", sa.String), sa.column("deleted", sa.Boolean))
_LOCATIONS = sa.table("image_locations", sa.column("id", sa.Integer), sa.column("meta_data", sa.Text))


def are_pending(connection: Connection) -> bool:
    """Whether :func:`run` would change a row; the schema must have been expanded."""
    if _has_is_public(connection):
        without = sa.select(sa.func.count()).select_from(_IMAGES).where(_IMAGES.c.visibility.is_(None))
        if connection.scalar(without):
            return True
    return bool(_locations_with_backend(connection))


def run(connection: Connection) -> int:
    """Migrate what is left to migrate and return the number of rows changed."""
    changed = fill_visibility(connection) if _has_is_public(connection) else 0
    return changed + _rename_backend(connection)


def fill_visibility(connection: Connection) -> int:
    """Ocata: is_public becomes visibility; what is not public is shared when it has members, else private."""
    empty = _IMAGES.c.visibility.is_(None)
    has_members = sa.exists().where(_MEMBERS.c.image_id == _IMAGES.c.id, _MEMBERS.c.deleted == sa.false())
    meaning: sa.ColumnElement[str] = sa.case(
        (_IMAGES.c.is_public == sa.true(), "public"), (has_members, "shared"), else_="private"
    )
    if connection.dialect.name == "postgresql":
        meaning = sa.cast(meaning, sa.Enum(name="image_visibility", create_type=False))
    return connection.execute(_IMAGES.update().where(empty).values(visibility=meaning)).rowcount


def _rename_backend(connection: Connection) -> int:
    """Train: the key of a location's metadata that names its store is ``store``, no longer ``backend``."""
    found = _locations_with_backend(connection)
    for row_id, metadata in found:
        metadata.setdefault("store", metadata["backend"])
        del metadata["backend"]
        text = json.dumps(metadata)
        connection.execute(_LOCATIONS.update().where(_LOCATIONS.c.id == row_id).values(meta_data=text))
    return len(found)


def _locations_with_backend(connection: Connection) -> list[tuple[int, dict[str, Any]]]:
    candidates = sa.select(_LOCATIONS.c.id, _LOCATIONS.c.meta_data).where(_LOCATIONS.c.meta_data.like('%"backend"%'))
    parsed = [(row.id, _parse(row.id, row.meta_data)) for row in connection.execute(candidates)]
    return [(row_id, metadata) for row_id, metadata in parsed if "backend" in metadata]


def _parse(row_id: int, text: str) -> dict[str, Any]:
    try:
        metadata = json.loads(text)
    except ValueError:
        LOG.warning("The metadata of image location %d is not JSON; it is left as it is.", row_id)
        return {}
    return metadata if isinstance(metadata, dict) else {}


def _has_is_public(connection: Connection) -> bool:
    return "is_public" in {column["name"] for column in sa.inspect(connection).get_columns("images")}
