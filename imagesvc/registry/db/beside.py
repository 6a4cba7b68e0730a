"""What there is about an image in tables of its own right, learnt in one look and without a lock."""

from typing import Any, Final

from sqlalchemy import Select, Table, bindparam, false, literal_column, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from imagesvc.registry.db import models, uploads
from imagesvc.registry.db.transaction import Transaction

UPLOAD: Final = "upload"
JOB: Final = "job"
MEMBER: Final = "member"


def _any(kind: str, table: Table, *conditions: ColumnElement[bool]) -> Select[Any]:
    found: Select[Any] = select(literal_column(f"'{kind}'").label("kind")).where(
        table.c.image_id == bindparam("image_id"), *conditions
    )
    return select(found.limit(1).subquery().c.kind)


_ALL = union_all(
    _any(UPLOAD, models.upload_intents, models.upload_intents.c.state == uploads.LIVE),
    _any(JOB, models.location_jobs),
    _any(MEMBER, models.image_members, models.image_members.c.deleted == false()),
)


def of(tx: Transaction, image_id: str) -> frozenset[str]:
    """Which there are of :data:`UPLOAD` (a live one), :data:`JOB` and :data:`MEMBER`; none can come while the image is locked."""
    return frozenset(tx.connection.execute(_ALL, {"image_id": image_id}).scalars())
