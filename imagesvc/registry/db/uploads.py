"""Intents: one row per upload, from before its first byte until its leftovers are gone.

``live`` while its lease is renewed; then ``complete``, or ``aborted`` until a janitor has removed its bytes and it is
``cleaned``; ``aborted`` again when a glance-api that had not noticed gives up bytes that it stored later.  Leaving ``live`` is a compare-and-set, and nothing but a live intent can complete an image.  Rows of ended
uploads stay for a while, so that whoever asks late is told what became of his upload.

Locks are taken in the order intent, image, project; whoever counts a project's bytes reads nothing without a lock before,
or MySQL would show it the past.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from oslo_db import exception as db_exc
from sqlalchemy import delete, false, select, true, update

from imagesvc import exception
from imagesvc.registry.db import images, models
from imagesvc.registry.db.transaction import Transaction

LIVE: Final = "live"
COMPLETE: Final = "complete"
ABORTED: Final = "aborted"
CLEANED: Final = "cleaned"

_intents = models.upload_intents
_images = models.images


@dataclasses.dataclass(frozen=True, slots=True)
class Intent:
    """A row; sizes in bytes, times in milliseconds of registry time."""

    upload_id: str
    image_id: str
    project_id: str | None
    store: str
    state: str
    reserved_bytes: int
    received_bytes: int


_COLUMNS = [_intents.c[field.name] for field in dataclasses.fields(Intent)]


def begin(
    tx: Transaction,
    intent: Intent,
    *,
    host: str,
    worker: str,
    lease_ms: int,
) -> None:
    """Insert a live intent.

    :raises Conflict: the upload's id is or was in use.
    """
    row = {
        **dataclasses.asdict(intent),
        "host": host,
        "worker": worker,
        "lease_until_ms": tx.now_ms + lease_ms,
        "created_ms": tx.now_ms,
    }
    try:
        tx.connection.execute(_intents.insert(), row)
    except db_exc.DBDuplicateEntry:
        raise exception.Conflict(reason=f"Upload {intent.upload_id} exists already.") from None


def get(tx: Transaction, upload_id: str, *, lock: bool = False) -> Intent | None:
    """The intent in whatever state, or None."""
    statement = select(*_COLUMNS).where(_intents.c.upload_id == upload_id)
    row = tx.connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else Intent(*row)


def renew(tx: Transaction, upload_id: str, received: int, reserved: int, lease_ms: int) -> bool:
    """Extend a live intent's lease and reservation; whether it was live."""
    return _change_live(
        tx, upload_id, received_bytes=received, reserved_bytes=reserved, lease_until_ms=tx.now_ms + lease_ms
    )


def complete(tx: Transaction, upload_id: str) -> bool:
    """live -> complete; whether it was live."""
    return _change_live(tx, upload_id, state=COMPLETE)


def abort(tx: Transaction, upload_id: str) -> bool:
    """live -> aborted; whether it was live."""
    return _change_live(tx, upload_id, state=ABORTED, aborted_ms=tx.now_ms)


def reopen(tx: Transaction, upload_id: str) -> bool:
    """cleaned -> aborted, because its glance-api may have left something after all; whether it was cleaned."""
    statement = update(_intents).where(_intents.c.upload_id == upload_id, _intents.c.state == CLEANED)
    values = {"state": ABORTED, "aborted_ms": tx.now_ms, "claimed_by": None, "claimed_until_ms": None}
    return bool(tx.connection.execute(statement.values(values)).rowcount)


def _change_live(tx: Transaction, upload_id: str, **values: Any) -> bool:
    statement = update(_intents).where(_intents.c.upload_id == upload_id, _intents.c.state == LIVE)
    return bool(tx.connection.execute(statement.values(**values)).rowcount)


def live_of_image(tx: Transaction, image_id: str) -> list[str]:
    """Ids of the image's live uploads, locked."""
    if not images.is_possible(image_id):
        return []
    live = select(_intents.c.upload_id).where(_intents.c.image_id == image_id, _intents.c.state == LIVE)
    return list(tx.connection.execute(live.with_for_update()).scalars())


def give(tx: Transaction, image_id: str, project_id: str | None) -> None:
    """Charge the image's live uploads to another project."""
    statement = update(_intents).where(_intents.c.image_id == image_id, _intents.c.state == LIVE)
    tx.connection.execute(statement.values(project_id=project_id))


def live_of_worker(tx: Transaction, worker: str) -> list[str]:
    """Ids of a glance-api worker's live uploads."""
    return _ids(tx, _intents.c.worker == worker, _intents.c.state == LIVE)


def expired(tx: Transaction, limit: int) -> list[str]:
    """Ids of live uploads whose lease has run out, the longest ago first."""
    late = select(_intents.c.upload_id).where(_intents.c.state == LIVE, _intents.c.lease_until_ms < tx.now_ms)
    return list(tx.connection.execute(late.order_by(_intents.c.lease_until_ms).limit(limit)).scalars())


def shorten(tx: Transaction, lease_ms: int) -> int:
    """Cut leases that end later than any lease can, because the clock was set back; how many."""
    latest = tx.now_ms + 2 * lease_ms
    statement = update(_intents).where(_intents.c.state == LIVE, _intents.c.lease_until_ms > latest)
    return int(tx.connection.execute(statement.values(lease_until_ms=tx.now_ms + lease_ms)).rowcount)


def has_leftovers(tx: Transaction, image_id: str, store: str) -> bool:
    """Whether an aborted upload of the image may still own its name in ``store``."""
    return bool(_ids(tx, _intents.c.image_id == image_id, _intents.c.store == store, _intents.c.state == ABORTED))


def stuck_images(tx: Transaction, status: str, before_ms: int, limit: int) -> list[str]:
    """Ids of images that have ``status``, no live upload, and were not written since ``before_ms``."""
    live = select(_intents.c.upload_id).where(_intents.c.image_id == _images.c.id, _intents.c.state == LIVE)
    before = Transaction(tx.connection, before_ms).now
    statement = (
        select(_images.c.id)
        .where(_images.c.deleted == false(), _images.c.status == status, _images.c.updated_at < before, ~live.exists())
        # All of them, said so that the index on deleted, os_hidden and status serves.
        .where(_images.c.os_hidden.in_([false(), true()]))
        .limit(limit)
    )
    return list(tx.connection.execute(statement).scalars())


def purge(tx: Transaction, before_ms: int, limit: int) -> int:
    """Forget up to ``limit`` uploads that ended well, or were cleaned up, and whose lease ended before ``before_ms``; how many."""
    old = (
        select(_intents.c.upload_id)
        .where(_intents.c.state.in_([COMPLETE, CLEANED]), _intents.c.lease_until_ms < before_ms)
        .limit(limit)
    )
    upload_ids: Sequence[str] = list(tx.connection.execute(old).scalars())
    if upload_ids:
        tx.connection.execute(delete(_intents).where(_intents.c.upload_id.in_(upload_ids)))
    return len(upload_ids)


def _ids(tx: Transaction, *conditions: Any) -> list[str]:
    return list(tx.connection.execute(select(_intents.c.upload_id).where(*conditions)).scalars())
