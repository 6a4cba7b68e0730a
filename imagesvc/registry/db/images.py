"""Rows of one image: the image, its properties, tags and locations, read and written together.

Images leave here as primitives of :class:`imagesvc.objects.Image`, made straight from the rows.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from oslo_db import exception as db_exc
from sqlalchemy import (
    Select,
    Update,
    bindparam,
    false,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from imagesvc import exception
from imagesvc.registry.db import children, jsonrows, models
from imagesvc.registry.db.transaction import Transaction, from_text, to_text

Primitive = dict[str, Any]

#: Fields of :class:`imagesvc.objects.Image` that are columns of ``images``.
COLUMNS = (
    "id",
    "name",
    "status",
    "visibility",
    "owner",
    "disk_format",
    "container_format",
    "size",
    "virtual_size",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "min_disk",
    "min_ram",
    "protected",
    "os_hidden",
    "created_at",
    "updated_at",
    "deleted",
    "deleted_at",
    "version",
)
SELECTED = [models.images.c[name] for name in COLUMNS]
_BOOLEANS = ("protected", "os_hidden", "deleted")

_images = models.images
_INSERT = _images.insert()
_LONGEST_ID = 36
_IMAGE, _PROPERTY, _TAG, _LOCATION, _MEMBER = range(5)


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """An image as one transaction sees it.

    :param image: its primitive, with its active locations.
    :param member_status: the caller's membership, None when the image is not shared with the caller.
    """

    image: Primitive
    member_status: str | None


def _parts() -> tuple[Select[Any], list[Select[Any]]]:
    """What selects an image's row and what selects all that hangs on it, each row as one text (:mod:`jsonrows`)."""
    properties, tags, locations, members = (
        models.image_properties.c,
        models.image_tags.c,
        models.image_locations.c,
        models.image_members.c,
    )

    def part(kind: int, *columns: Any, condition: ColumnElement[bool] | None = None) -> Select[Any]:
        table = columns[0].table
        key = table.c.id if kind == _IMAGE else table.c.image_id
        statement = select(jsonrows.row(literal_column(str(kind)), *columns))
        statement = statement.where(key == bindparam("image_id"), table.c.deleted == false())
        return statement if condition is None else statement.where(condition)

    return part(_IMAGE, *SELECTED), [
        part(_PROPERTY, properties.id, properties.name, properties.value),
        part(_TAG, tags.id, tags.value),
        part(
            _LOCATION,
            locations.id,
            locations.value,
            locations.meta_data,
            locations.status,
            condition=locations.status == literal_column(f"'{children.ACTIVE}'"),
        ),
        part(_MEMBER, members.id, members.status, condition=members.member == bindparam("project_id")),
    ]


_ROW, _HANGING = _parts()
_LOCKED_ROW = _ROW.with_for_update()
_CHILDREN = union_all(*_HANGING)
# Without an order, for which the server would write everything down first.
_WHOLE = union_all(_ROW, *_HANGING)


def from_json(values: Sequence[Any]) -> Primitive:
    """The primitive of :data:`SELECTED` in a JSON row, without children."""
    image: Primitive = dict(zip(COLUMNS, values, strict=True))
    for name in _BOOLEANS:
        image[name] = jsonrows.to_bool(image[name])
    created = jsonrows.to_time(image["created_at"])
    image["created_at"] = created
    image["updated_at"] = jsonrows.to_time(image["updated_at"]) or created
    image["deleted_at"] = jsonrows.to_time(image["deleted_at"])
    image["tags"] = []
    image["properties"] = {}
    image["locations"] = []
    return image


def to_location(tx: Transaction, row_id: int, url: str, meta_data: str | None, status: str) -> Primitive:
    """The primitive of an image's location."""
    return {
        "id": row_id,
        "url": tx.urls.opened(url),
        "metadata": json.loads(meta_data) if meta_data else {},
        "status": status,
    }


def is_possible(image_id: str) -> bool:
    """Whether there could be an image of this id; databases fail in ways of their own when asked for what is no text."""
    return len(image_id) <= _LONGEST_ID and image_id.isascii() and image_id.isprintable()


def get(tx: Transaction, image_id: str, project_id: str | None, *, lock: bool = False) -> Record | None:
    """The image that is not deleted, or None.

    :param project_id: whose membership is of interest.
    :param lock: keep everybody else from writing it until the transaction ends.
    """
    if not is_possible(image_id):
        return None
    arguments = {"image_id": image_id, "project_id": project_id}
    if lock:
        # What hangs on the image is read when nobody else can change it any more.
        rows = jsonrows.fetch(tx.connection, _LOCKED_ROW, arguments)
        rows += jsonrows.fetch(tx.connection, _CHILDREN, arguments) if rows else []
    else:
        rows = jsonrows.fetch(tx.connection, _WHOLE, arguments)
    return _record(tx, rows)


def _record(tx: Transaction, rows: list[jsonrows.Row]) -> Record | None:
    """:param rows: each a kind, the row's id and what there is to know, in any order."""
    rows.sort(key=itemgetter(0, 1))
    if not rows or rows[0][0] != _IMAGE:
        return None
    image = from_json(rows[0][1:])
    member_status = None
    for kind, row_id, *values in rows[1:]:
        if kind == _PROPERTY:
            image["properties"][values[0]] = values[1]
        elif kind == _TAG:
            image["tags"].append(values[0])
        elif kind == _LOCATION:
            image["locations"].append(to_location(tx, row_id, *values))
        else:
            member_status = values[0]
    return Record(image, member_status)


def lock(tx: Transaction, image_id: str) -> str | None:
    """Keep everybody else from writing the image until the transaction ends; its owner."""
    if not is_possible(image_id):
        return None
    statement = select(_images.c.owner).where(_images.c.id == image_id).with_for_update()
    return tx.connection.execute(statement).scalar_one_or_none()


def is_deleted(tx: Transaction, image_id: str) -> bool:
    """Whether the image was there and is no more."""
    statement = select(_images.c.deleted).where(_images.c.id == image_id)
    return bool(tx.connection.execute(statement).scalar_one_or_none())


def create(
    tx: Transaction,
    image_id: str,
    columns: Mapping[str, Any],
    properties: Mapping[str, str | None],
    tags: Sequence[str],
) -> Primitive:
    """Insert an image with its properties and tags.

    :param columns: all columns without a default but those of time.
    :raises ImageExists: the id is or was in use.
    """
    values = {
        **columns,
        "id": image_id,
        "created_at": tx.now,
        "updated_at": tx.now,
        "deleted": False,
        "deleted_at": None,
        "version": 0,
    }
    try:
        tx.connection.execute(_INSERT, values)
    except db_exc.DBDuplicateEntry:
        raise exception.ImageExists(image_id=image_id) from None
    own = children.Of(image_id=image_id, image_created_at=tx.now)
    children.add_properties(tx, own, properties)
    children.add_tags(tx, own, tags)
    image: Primitive = {**dict.fromkeys(COLUMNS), **values, "deleted": False}
    image["created_at"] = image["updated_at"] = to_text(tx.now)
    image.update(properties=dict(properties), tags=list(tags), locations=[])
    return image


def save(
    tx: Transaction,
    image: Primitive,
    columns: Mapping[str, Any],
    properties: Mapping[str, str | None],
    tags: Sequence[str],
) -> Primitive:
    """Bring a locked image to the wanted form and count the write; its primitive afterwards.

    :param columns: those that change.
    :param properties: all custom properties it shall have.
    :param tags: all tags it shall have.
    """
    image_id = image["id"]
    own = children.Of(image_id=image_id, image_created_at=from_text(image["created_at"]))
    if properties != image["properties"]:
        children.set_properties(tx, own, image["properties"], properties)
    if set(tags) != set(image["tags"]):
        children.set_tags(tx, own, image["tags"], tags)
    touch(tx, image_id, columns)
    return {
        **image,
        **columns,
        "properties": dict(properties),
        "tags": list(tags),
        "updated_at": to_text(tx.now),
        "version": image["version"] + 1,
    }


def touch(tx: Transaction, image_id: str, columns: Mapping[str, Any]) -> None:
    """Write ``columns`` and count the write."""
    values = {f"new_{name}": value for name, value in columns.items()}
    tx.connection.execute(_touching(frozenset(columns)), {"touched": image_id, "now": tx.now, **values})


@functools.lru_cache(maxsize=256)
def _touching(columns: frozenset[str]) -> Update:
    """The UPDATE of these columns; making it costs as much as running it."""
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in columns}
    statement = update(_images).where(_images.c.id == bindparam("touched"))
    return statement.values(**values, updated_at=bindparam("now"), version=_images.c.version + 1)


def move(tx: Transaction, image_id: str, current: Iterable[str], wanted: str, **columns: Any) -> bool:
    """Compare and set: the image becomes ``wanted`` if its status is one of ``current``; whether it did.

    :param columns: what else changes with the status.
    """
    statement = update(_images).where(
        _images.c.id == image_id, _images.c.deleted == false(), _images.c.status.in_(tuple(current))
    )
    values = {**columns, "status": wanted, "updated_at": tx.now, "version": _images.c.version + 1}
    return bool(tx.connection.execute(statement.values(values)).rowcount)


def delete(tx: Transaction, image: Primitive, status: str, *, has_members: bool) -> None:
    """Mark a locked image and what hangs on it deleted; its locations become the janitor's ledger.

    :param status: what a deleted image's status says.
    """
    children.mark_deleted(tx, image, has_members=has_members)
    touch(tx, image["id"], {"status": status, "deleted": True, "deleted_at": tx.now})
