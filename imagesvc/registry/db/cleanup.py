"""The janitor's ledger: data to remove, and which janitor is about it.

Two kinds of work: locations of deleted images (status ``pending_delete``), and aborted uploads.  A claim keeps other
janitors away for a while; work that is not reported done by then is anybody's again.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, and_, delete, false, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from imagesvc.registry.db import children, models, uploads
from imagesvc.registry.db.transaction import Transaction

_intents = models.upload_intents
_locations = models.image_locations
_claims = models.location_claims

#: Location rows looked at for one claim at most; those of stores that nobody asks for must not hide the others.
_SCAN_BATCH = 200
_MOST_SCANNED = 2000

Item = dict[str, Any]


def aborted_uploads(
    tx: Transaction, host: str, stores: Sequence[str], orphaned_before_ms: int, limit: int, *, lock: bool
) -> list[Item]:
    """Unclaimed leftovers of aborted uploads for a janitor on ``host``, in the shape of a CleanupItem.

    :param orphaned_before_ms: uploads aborted before this are any host's that reaches the store.
    :param lock: keep other janitors from them until the transaction, which must be a writer's, ends.
    """
    columns = _intents.c
    statement = (
        select(columns.upload_id, columns.image_id, columns.store)
        .where(
            columns.state == uploads.ABORTED,
            columns.store.in_(stores),
            or_(columns.host == host, columns.aborted_ms < orphaned_before_ms),
            or_(columns.claimed_until_ms.is_(None), columns.claimed_until_ms < tx.now_ms),
        )
        .order_by(columns.aborted_ms)
        .limit(limit)
    )
    return [
        {
            "kind": "upload",
            "ref": upload_id,
            "image_id": image_id,
            "store": store,
            "url": None,
            "upload_id": upload_id,
        }
        for upload_id, image_id, store in tx.connection.execute(statement.with_for_update() if lock else statement)
    ]


def claim_uploads(tx: Transaction, upload_ids: Sequence[str], janitor: str, until_ms: int) -> None:
    """Keep others away from these leftovers until ``until_ms``."""
    if upload_ids:
        statement = update(_intents).where(_intents.c.upload_id.in_(upload_ids))
        tx.connection.execute(statement.values(claimed_by=janitor, claimed_until_ms=until_ms))


def deleted_locations(tx: Transaction, stores: Sequence[str], limit: int) -> list[Item]:
    """Unclaimed data of deleted images in ``stores``, in the shape of a CleanupItem.

    Rows without a store id, which predate it, are for every janitor.
    """
    items: list[Item] = []
    after = 0
    for _ in range(_MOST_SCANNED // _SCAN_BATCH):
        rows = tx.connection.execute(_pending(tx, after)).all()
        for row_id, image_id, url, meta_data in rows:
            store = _store_of(meta_data)
            if len(items) < limit and (store is None or store in stores):
                where = {"image_id": image_id, "store": store, "url": tx.urls.opened(url)}
                items.append({"kind": "location", "ref": str(row_id), **where})
        if len(rows) < _SCAN_BATCH or len(items) >= limit:
            break
        after = rows[-1].id
    return items


def _pending(tx: Transaction, after: int) -> Select[Any]:
    columns = _locations.c
    claimed = and_(_claims.c.location_id == columns.id, _claims.c.claimed_until_ms >= tx.now_ms)
    return (
        select(columns.id, columns.image_id, columns.value, columns.meta_data)
        .outerjoin_from(_locations, _claims, claimed)
        .where(
            columns.status == children.PENDING_DELETE,
            columns.deleted == false(),
            columns.id > after,
            _claims.c.location_id.is_(None),
            ~_is_shared(tx),
        )
        .order_by(columns.id)
        .limit(_SCAN_BATCH)
    )


def _is_shared(tx: Transaction) -> ColumnElement[bool]:
    """An image that is still there has a location of the same URL: the data goes with the last one."""
    other = _locations.alias()
    same = [other.c.value == _locations.c.value, other.c.status == children.ACTIVE, other.c.deleted == false()]
    if tx.connection.dialect.name == "postgresql":
        # Its index has the beginning of the URL, for the whole may be too long, and must be asked for it.
        same.append(func.left(other.c.value, models.INDEXED_URL) == func.left(_locations.c.value, models.INDEXED_URL))
    return select(other.c.id).where(*same).correlate(_locations).exists()


def claim_locations(tx: Transaction, location_ids: Sequence[int], janitor: str, until_ms: int) -> list[int]:
    """Keep others away from these locations until ``until_ms``; those that nobody was faster with."""
    return [location_id for location_id in location_ids if _claim_location(tx, location_id, janitor, until_ms)]


def _claim_location(tx: Transaction, location_id: int, janitor: str, until_ms: int) -> bool:
    values = {"claimed_by": janitor, "claimed_until_ms": until_ms}
    # Inserted first: to look in vain for a row to update would make MySQL lock the gap in which others insert.
    if tx.insert_absent(_claims, {"location_id": location_id, **values}):
        return True
    old = update(_claims).where(_claims.c.location_id == location_id, _claims.c.claimed_until_ms < tx.now_ms)
    return bool(tx.connection.execute(old.values(values)).rowcount)


def location_done(tx: Transaction, location_id: int) -> None:
    """The data of a deleted image's location is gone."""
    statement = update(_locations).where(
        _locations.c.id == location_id, _locations.c.status == children.PENDING_DELETE, _locations.c.deleted == false()
    )
    values = {"status": children.DELETED, "deleted": True, "deleted_at": tx.now, "updated_at": tx.now}
    tx.connection.execute(statement.values(values))
    tx.connection.execute(delete(_claims).where(_claims.c.location_id == location_id))


def upload_done(tx: Transaction, upload_id: str) -> None:
    """aborted -> cleaned: the leftovers are gone, the image's name in the store is free again."""
    statement = update(_intents).where(_intents.c.upload_id == upload_id, _intents.c.state == uploads.ABORTED)
    tx.connection.execute(statement.values(state=uploads.CLEANED))


def known_urls(tx: Transaction, image_ids: Collection[str]) -> set[tuple[str, str]]:
    """(image id, URL) of every location of these images whose data is not gone."""
    columns = _locations.c
    statement = select(columns.image_id, columns.value).where(
        columns.image_id.in_(image_ids), columns.deleted == false()
    )
    return {(image_id, tx.urls.opened(url)) for image_id, url in tx.connection.execute(statement)}


def uploading(tx: Transaction, image_ids: Collection[str], upload_ids: Collection[str]) -> tuple[set[str], set[str]]:
    """Those of these images, and of these uploads, with an intent whose bytes may be on disk.

    An upload that was cleaned up behind before it had staged anything may do so yet, and then its staged name is what tells
    its bytes from those of a later one.
    """
    columns = _intents.c
    unsettled = [uploads.LIVE, uploads.ABORTED]
    statement = select(columns.image_id, columns.upload_id, columns.state).where(
        or_(
            and_(columns.image_id.in_(image_ids), columns.state.in_(unsettled)),
            and_(columns.upload_id.in_(upload_ids), columns.state.in_([*unsettled, uploads.CLEANED])),
        )
    )
    rows = tx.connection.execute(statement).all()
    busy_images = {row.image_id for row in rows if row.state in unsettled}
    return busy_images & {*image_ids}, {row.upload_id for row in rows} & {*upload_ids}


def _store_of(meta_data: str | None) -> str | None:
    """The backend id of a location; ``backend`` is what it was called before Train."""
    metadata = json.loads(meta_data) if meta_data else {}
    store = metadata.get("store") or metadata.get("backend") if isinstance(metadata, dict) else None
    return store if isinstance(store, str) else None
