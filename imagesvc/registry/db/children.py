"""Rows that hang on an image: writing its properties, tags and locations.

Rows are marked deleted, as Glance does, and come back to life when the same name is set again: the database allows one
property row per image and name, dead or alive.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from oslo_db import exception as db_exc
from sqlalchemy import LargeBinary, Table, Update, bindparam, cast, false, select, true, update
from sqlalchemy.sql.elements import ColumnElement

from imagesvc import exception
from imagesvc.registry.db import models
from imagesvc.registry.db.transaction import Transaction

_properties = models.image_properties
_tags = models.image_tags
_locations = models.image_locations
_members = models.image_members
_ADD_PROPERTIES, _ADD_TAGS = _properties.insert(), _tags.insert()

#: Status of a location that has data, of one whose data the janitor must remove, and of one whose data is gone.
ACTIVE = "active"
PENDING_DELETE = "pending_delete"
DELETED = "deleted"


def _of_image(table: Table) -> Update:
    return update(table).where(table.c.image_id == bindparam("of_image"), table.c.deleted == false())


_END = {
    table: _of_image(table).values(deleted=True, deleted_at=bindparam("now"), updated_at=bindparam("now"))
    for table in (_properties, _tags, _members)
}
_RELEASE = _of_image(_locations).values(status=bindparam("pending"), updated_at=bindparam("now"))


class Of(TypedDict):
    """Whose a property or tag is, as its row has it."""

    image_id: str
    image_created_at: dt.datetime


def _new_row(tx: Transaction, **values: Any) -> dict[str, Any]:
    return {"created_at": tx.now, "updated_at": tx.now, "deleted": False, "deleted_at": None, **values}


def add_properties(tx: Transaction, image: Of, properties: Mapping[str, str | None]) -> None:
    """Insert properties an image never had.

    :raises PropertyExists: two names are one to this database.
    """
    if not properties:
        return
    rows = [_new_row(tx, **image, name=name, value=value) for name, value in properties.items()]
    try:
        tx.connection.execute(_ADD_PROPERTIES, rows)
    except db_exc.DBDuplicateEntry:
        raise exception.PropertyExists(name=", ".join(properties)) from None


def set_properties(
    tx: Transaction, image: Of, current: Mapping[str, str | None], wanted: Mapping[str, str | None]
) -> None:
    """Turn the properties of a locked image from ``current`` into ``wanted``."""
    image_id = image["image_id"]
    if removed := current.keys() - wanted.keys():
        _mark_deleted(tx, _properties, _properties.c.image_id == image_id, _properties.c.name.in_(removed))
    changed = {name: value for name, value in wanted.items() if name in current and current[name] != value}
    added = {name: value for name, value in wanted.items() if name not in current}
    _update_properties(tx, image_id, changed)
    if added:
        add_properties(tx, image, _revive_properties(tx, image, added))


def _update_properties(tx: Transaction, image_id: str, changed: Mapping[str, str | None]) -> None:
    if not changed:
        return
    statement = (
        update(_properties)
        .where(_properties.c.image_id == image_id, _properties.c.name == bindparam("property"))
        .where(_properties.c.deleted == false())
        .values(value=bindparam("content"), updated_at=tx.now)
    )
    tx.connection.execute(statement, [{"property": name, "content": value} for name, value in changed.items()])


def _revive_properties(tx: Transaction, image: Of, added: Mapping[str, str | None]) -> dict[str, str | None]:
    """Bring dead rows of these names back to life; the properties that had none.

    A dead ``Foo`` is in the way of a new ``foo`` where the database takes them for one, so the row takes the new name over.
    """
    dead = (_properties.c.image_id == image["image_id"], _properties.c.deleted == true())
    if tx.connection.execute(select(_properties.c.id).where(*dead).limit(1)).first() is None:
        return dict(added)
    left: dict[str, str | None] = {}
    for name, value in added.items():
        statement = update(_properties).where(*dead, _properties.c.name == name)
        if not tx.connection.execute(statement.values(_new_row(tx, **image, name=name, value=value))).rowcount:
            left[name] = value
    return left


def add_tags(tx: Transaction, image: Of, tags: Iterable[str]) -> None:
    """Insert tags."""
    if rows := [_new_row(tx, **image, value=tag) for tag in tags]:
        tx.connection.execute(_ADD_TAGS, rows)


def set_tags(tx: Transaction, image: Of, current: Iterable[str], wanted: Iterable[str]) -> None:
    """Turn the tags of a locked image from ``current`` into ``wanted``."""
    before, after = set(current), set(wanted)
    if removed := before - after:
        _mark_deleted(tx, _tags, _tags.c.image_id == image["image_id"], _is_one_of(tx, _tags.c.value, removed))
    add_tags(tx, image, [tag for tag in wanted if tag not in before])


def _is_one_of(tx: Transaction, column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    """Whether a text is exactly one of ``values``, also where it would be the same as others of another case."""
    if tx.is_mysql:
        return cast(column, LargeBinary).in_([value.encode() for value in values])
    exactly: ColumnElement[bool] = column.in_(values)
    return exactly


def add_location(tx: Transaction, image_id: str, url: str, metadata: Mapping[str, Any]) -> int:
    """Insert an active location; its row's id."""
    row = _new_row(
        tx, image_id=image_id, value=tx.urls.sealed(url), meta_data=json.dumps(dict(metadata)), status=ACTIVE
    )
    key: Any = tx.connection.execute(_locations.insert(), row).inserted_primary_key
    return int(key[0])


def mark_deleted(tx: Transaction, image: Mapping[str, Any], *, has_members: bool) -> None:
    """Mark properties, tags and members deleted and locations to be removed.

    :param image: the locked image; what it has none of costs no statement.
    """
    hanging = {_properties: image["properties"], _tags: image["tags"], _members: has_members}
    of_image = {"of_image": image["id"], "now": tx.now}
    for table, found in hanging.items():
        if found:
            tx.connection.execute(_END[table], of_image)
    if image["locations"]:
        tx.connection.execute(_RELEASE, {**of_image, "pending": PENDING_DELETE})


def _mark_deleted(tx: Transaction, table: Table, *conditions: Any) -> None:
    statement = update(table).where(*conditions, table.c.deleted == false())
    tx.connection.execute(statement.values(deleted=True, deleted_at=tx.now, updated_at=tx.now))
