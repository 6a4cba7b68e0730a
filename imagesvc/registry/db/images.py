"""Rows of one image: the image, its properties, tags and locations, read and written together.

Images leave here as primitives of :class:`imagesvc.objects.Image`, made straight from the rows.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oslo_db import exception as db_exc
from sqlalchemy import Integer as Int
from sqlalchemy import (
    Row,
    Select,
    Text,
    bindparam,
    cast,
    false,
    literal_column,
    null,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from imagesvc import exception
from imagesvc.registry.db import children, models
from imagesvc.registry.db.transaction import Transaction, to_text

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

_images = models.images
_LONGEST_ID = 36
_PROPERTY, _TAG, _LOCATION, _MEMBER = range(4)


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """An image as one transaction sees it.

    :param image: its primitive, with its active locations.
    :param member_status: the caller's membership, None when the image is not shared with the caller.
    """

    image: Primitive
    member_status: str | None


def _children() -> Any:
    """All rows that hang on one image, in one statement: (kind, id, name, value, extra)."""
    properties, tags, locations, members = (
        models.image_properties.c,
        models.image_tags.c,
        models.image_locations.c,
        models.image_members.c,
    )
    nothing = cast(null(), Text)

    def part(kind: int, name: Any, value: Any, extra: Any, *conditions: ColumnElement[bool]) -> Select[Any]:
        table = name.table
        return select(
            literal_column(str(kind), Int).label("kind"),
            table.c.id.label("id"),
            name.label("name"),
            type_coerce(value, Text).label("value"),
            extra.label("extra"),
        ).where(table.c.image_id == bindparam("image_id"), table.c.deleted == false(), *conditions)

    return union_all(
        part(_PROPERTY, properties.name, properties.value, nothing),
        part(_TAG, tags.value, nothing, nothing),
        part(
            _LOCATION,
            locations.status,
            locations.value,
            type_coerce(locations.meta_data, Text),
            locations.status == children.ACTIVE,
        ),
        part(_MEMBER, members.status, nothing, nothing, members.member == bindparam("project_id")),
    ).order_by("kind", "id")


_ONE_IMAGE = select(*SELECTED).where(_images.c.id == bindparam("image_id"), _images.c.deleted == false())
_ONE_IMAGE_LOCKED = _ONE_IMAGE.with_for_update()
_CHILDREN = _children()


def to_primitive(row: Row[Any]) -> Primitive:
    """The primitive of a row of :data:`SELECTED`, without children."""
    image: Primitive = dict(zip(COLUMNS, row, strict=True))
    created = to_text(image["created_at"])
    image["created_at"] = created
    image["updated_at"] = to_text(image["updated_at"]) or created
    image["deleted_at"] = to_text(image["deleted_at"])
    image["tags"] = []
    image["properties"] = {}
    image["locations"] = []
    return image


def to_location(row_id: int, url: str, meta_data: str | None, status: str) -> Primitive:
    """The primitive of an image's location."""
    return {"id": row_id, "url": url, "metadata": json.loads(meta_data) if meta_data else {}, "status": status}


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
    statement = _ONE_IMAGE_LOCKED if lock else _ONE_IMAGE
    row = tx.connection.execute(statement, {"image_id": image_id}).one_or_none()
    if row is None:
        return None
    image = to_primitive(row)
    member_status = None
    arguments = {"image_id": image_id, "project_id": project_id}
    for kind, row_id, name, value, extra in tx.connection.execute(_CHILDREN, arguments):
        if kind == _PROPERTY:
            image["properties"][name] = value
        elif kind == _TAG:
            image["tags"].append(name)
        elif kind == _LOCATION:
            image["locations"].append(to_location(row_id, value, extra, name))
        else:
            member_status = name
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
        tx.connection.execute(_images.insert(), values)
    except db_exc.DBDuplicateEntry:
        raise exception.ImageExists(image_id=image_id) from None
    children.add_properties(tx, image_id, properties)
    children.add_tags(tx, image_id, tags)
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
    if properties != image["properties"]:
        children.set_properties(tx, image_id, image["properties"], properties)
    if set(tags) != set(image["tags"]):
        children.set_tags(tx, image_id, image["tags"], tags)
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
    statement = update(_images).where(_images.c.id == image_id)
    tx.connection.execute(statement.values(**columns, updated_at=tx.now, version=_images.c.version + 1))


def move(tx: Transaction, image_id: str, current: Iterable[str], wanted: str, **columns: Any) -> bool:
    """Compare and set: the image becomes ``wanted`` if its status is one of ``current``; whether it did.

    :param columns: what else changes with the status.
    """
    statement = update(_images).where(
        _images.c.id == image_id, _images.c.deleted == false(), _images.c.status.in_(tuple(current))
    )
    values = {**columns, "status": wanted, "updated_at": tx.now, "version": _images.c.version + 1}
    return bool(tx.connection.execute(statement.values(values)).rowcount)


def delete(tx: Transaction, image_id: str, status: str) -> None:
    """Mark the image and what hangs on it deleted; its locations become the janitor's ledger.

    :param status: what a deleted image's status says.
    """
    children.mark_deleted(tx, image_id)
    touch(tx, image_id, {"status": status, "deleted": True, "deleted_at": tx.now})
