"""Databases that come from elsewhere: what Glance left behind, and when it may be taken over.

Nothing here changes a row of Glance's tables.
"""

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from imagesvc import exception
from imagesvc.registry.db import revisions, scripts

#: Revisions of sqlalchemy-migrate and of Ocata's own tree, and what they are called since.
_SQLALCHEMY_MIGRATE = {42: "liberty", 43: "mitaka01", 44: "mitaka02", 45: "ocata_contract01"}
_RENAMED = {"ocata01": "ocata_contract01", "pike01": "pike_contract01"}

#: What an image is while somebody writes its data.
IN_FLIGHT = ("saving", "uploading", "importing")

#: Things that a message names at most.
_NAMED = 20

_IMAGES = sa.table(
    "images", sa.column("id", sa.String), sa.column("status", sa.String), sa.column("deleted", sa.Boolean)
)


@dataclasses.dataclass(frozen=True, order=True)
class Busy:
    """An image that is not at rest."""

    image_id: str
    why: str


def prepare(connection: Connection) -> None:
    """Give an old database's revision its present name.

    :raises exception.Conflict: this release cannot know how to treat the database.
    """
    tables = set(sa.inspect(connection).get_table_names())
    found = stamped(connection, revisions.GLANCE_VERSION_TABLE)
    if found & set(_RENAMED):
        scripts.GLANCE.stamp(connection, renamed(found).pop())
    elif found:
        refuse_unknown(found)
    elif "migrate_version" in tables and "images" in tables:
        scripts.GLANCE.stamp(connection, _revision_of_sqlalchemy_migrate(connection))
    elif "images" in tables and not _was_interrupted(tables):
        raise exception.Conflict(
            reason="The database has tables but no revision, so it is not known how to upgrade it. If you know its release, "
            "say so with 'glance-manage db version_control --version REVISION'."
        )


def _was_interrupted(tables: set[str]) -> bool:
    """MySQL keeps the tables of a first migration that was interrupted; alembic makes its version table before them."""
    return revisions.GLANCE_VERSION_TABLE in tables


def _revision_of_sqlalchemy_migrate(connection: Connection) -> str:
    table = sa.table("migrate_version", sa.column("version", sa.Integer))
    number = connection.scalar(sa.select(table.c.version))
    if number not in _SQLALCHEMY_MIGRATE:
        raise exception.Conflict(
            reason=f"The database is at version {number} of sqlalchemy-migrate; bring it to version 42 (Liberty) with "
            "'glance-manage db_sync' of a Glance release from Liberty to Pike first. Nothing was changed."
        )
    return _SQLALCHEMY_MIGRATE[number]


def renamed(found: set[str]) -> set[str]:
    """Revisions by their present names."""
    return {_RENAMED.get(revision, revision) for revision in found}


def refuse_unknown(found: set[str]) -> None:
    """Make sure that all revisions are Glance's, and not of a release younger than this one.

    :raises exception.Conflict: naming those that are not.
    """
    unknown = found - scripts.GLANCE.known
    if unknown:
        raise exception.Conflict(
            reason=f"Revision {', '.join(sorted(unknown))} is not known to this release, which knows Glance's revisions up to "
            f"{revisions.CONTRACT_HEAD}. A newer release has probably upgraded the database. Nothing was changed."
        )


def refuse_busy(connection: Connection, *, force: bool) -> None:
    """Make sure that Glance writes no image: its uploads have no intents, so the first sync must not meet one.

    :raises exception.Conflict: naming the images.
    """
    if force or stamped(connection, revisions.OWN_VERSION_TABLE) or not sa.inspect(connection).has_table("images"):
        return
    if busy := in_flight(connection):
        raise exception.Conflict(
            reason=f"{named(busy)}. Let Glance finish and stop it first, or repeat the command with --force. "
            "Nothing was changed."
        )


def in_flight(connection: Connection) -> list[Busy]:
    """Images that are being saved, uploaded or imported."""
    images = _IMAGES.c
    busy = sa.select(images.id, images.status).where(images.status.in_(IN_FLIGHT), images.deleted == sa.false())
    return [Busy(*row) for row in connection.execute(busy.order_by(images.id))]


def named(busy: Sequence[Busy]) -> str:
    """Say it: ``2 images are being written: ID (saving), ID (importing)``."""
    verb = "image is" if len(busy) == 1 else "images are"
    return f"{len(busy)} {verb} being written: {some([f'{image.image_id} ({image.why})' for image in busy])}"


def some(items: Sequence[str]) -> str:
    """As many as fit into a message."""
    more = [f"and {len(items) - _NAMED} more"] if len(items) > _NAMED else []
    return ", ".join([*items[:_NAMED], *more])


def delayed(connection: Connection) -> int:
    """Images that Glance deleted with delayed_delete, and whose data is left to glance-scrubber; how many."""
    images = _IMAGES.c
    waiting = sa.select(sa.func.count()).where(images.status == "pending_delete", images.deleted == sa.true())
    return connection.scalar(waiting) or 0


def stamped(connection: Connection, version_table: str) -> set[str]:
    """Revisions in a version table; empty without the table."""
    if not sa.inspect(connection).has_table(version_table):
        return set()
    column = sa.column("version_num", sa.String)
    return set(connection.execute(sa.select(column).select_from(sa.table(version_table))).scalars())
