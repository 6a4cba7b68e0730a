"""Rows that say with which projects an image is shared.

Who writes them holds the lock of the image's row: the table itself would take the same member twice.
"""

from typing import Any

from sqlalchemy import Row, false, func, select, true, update

from imagesvc.registry.db import models
from imagesvc.registry.db.transaction import Transaction, to_text

Primitive = dict[str, Any]

PENDING = "pending"
STATUSES = (PENDING, "accepted", "rejected")

_members = models.image_members
_SELECTED = [_members.c[name] for name in ("image_id", "member", "status", "created_at", "updated_at")]


def find(tx: Transaction, image_id: str, member: str | None = None) -> list[Primitive]:
    """Members of an image in the order of their invitation, as primitives of :class:`imagesvc.objects.Member`.

    :param member: only this one.
    """
    statement = select(*_SELECTED).where(*_living(image_id, member)).order_by(_members.c.created_at, _members.c.id)
    return [_to_primitive(row) for row in tx.connection.execute(statement).all()]


def count(tx: Transaction, image_id: str) -> int:
    """How many members an image has."""
    return int(tx.connection.execute(select(func.count()).where(*_living(image_id))).scalar_one())


def add(tx: Transaction, image_id: str, member: str) -> Primitive:
    """Invite a project that is no member.

    Who was one before gets his row back: two rows that ended at the same time would be one to the database.
    """
    values = {
        "image_id": image_id,
        "member": member,
        "status": PENDING,
        "can_share": False,
        "created_at": tx.now,
        "updated_at": tx.now,
        "deleted": False,
        "deleted_at": None,
    }
    gone = select(func.max(_members.c.id)).where(_of(image_id, member), _members.c.deleted == true())
    row_id = tx.connection.execute(gone).scalar_one()
    if row_id is None:
        tx.connection.execute(_members.insert(), values)
    else:
        tx.connection.execute(update(_members).where(_members.c.id == row_id).values(values))
    now = to_text(tx.now)
    return {"image_id": image_id, "member": member, "status": PENDING, "created_at": now, "updated_at": now}


def set_status(tx: Transaction, image_id: str, member: str, status: str) -> None:
    """Write a member's answer."""
    statement = update(_members).where(*_living(image_id, member))
    tx.connection.execute(statement.values(status=status, updated_at=tx.now))


def remove(tx: Transaction, image_id: str, member: str) -> None:
    """Mark a member deleted."""
    statement = update(_members).where(*_living(image_id, member))
    tx.connection.execute(statement.values(deleted=True, deleted_at=tx.now, updated_at=tx.now))


def _of(image_id: str, member: str | None) -> Any:
    mine = _members.c.image_id == image_id
    return mine if member is None else mine & (_members.c.member == member)


def _living(image_id: str, member: str | None = None) -> tuple[Any, Any]:
    return _of(image_id, member), _members.c.deleted == false()


def _to_primitive(row: Row[Any]) -> Primitive:
    created = to_text(row.created_at)
    return {
        "image_id": row.image_id,
        "member": row.member,
        "status": row.status,
        "created_at": created,
        "updated_at": to_text(row.updated_at) or created,
    }
