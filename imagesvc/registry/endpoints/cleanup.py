"""The janitor's ledger on the bus: what to remove, who is about it, what is gone."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import fields
from imagesvc.registry.db import cleanup
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.rpc import dispatcher

#: Milliseconds a janitor has for what it claimed.
CLAIM_MS = 60_000
#: Milliseconds after which leftovers of a host that does not clean up are anybody's who reaches the store.
ORPHANED_MS = 600_000

_MOST_ITEMS = 1000

Item = dict[str, Any]


class CleanupEndpoint:
    """Claim, report, ask."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @dispatcher.expose
    def cleanup_claim(self, context: RequestContext, host: str, stores: Sequence[str], limit: int = 100) -> list[Item]:
        """Take charge of data to remove, for :data:`CLAIM_MS`."""
        host = fields.text("host", host, 255)
        names = [fields.text("stores", store, 255) for store in _items("stores", stores)]
        most = fields.number("limit", limit, _MOST_ITEMS)

        # Janitors ask every few seconds and there is rarely anything to do: that is found out without writing.
        def needed(tx: Transaction) -> bool:
            return bool(_open_items(tx, host, names, 1, lock=False))

        def work(tx: Transaction) -> list[Item]:
            return _claim(tx, host, _open_items(tx, host, names, most, lock=True))

        items: list[Item] | None = self._transactions.write_if(context, "cleanup_claim", needed, work)
        return items or []

    @dispatcher.expose
    def cleanup_done(self, context: RequestContext, items: Sequence[Mapping[str, str]]) -> None:
        """Strike out items, ``{"kind": "location"|"upload", "ref": ...}`` each; a live upload stays as it is."""
        done = [_reference(item) for item in _items("items", items)]

        def work(tx: Transaction) -> None:
            for kind, ref in done:
                if kind == "upload":
                    cleanup.upload_done(tx, ref)
                else:
                    cleanup.location_done(tx, int(ref))

        self._transactions.write(context, "cleanup_done", work)

    @dispatcher.expose
    def blobs_unknown(self, _context: RequestContext, blobs: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
        """Those of ``{"image_id": ..., "url": ...}`` and ``{"upload_id": ...}`` that nothing here accounts for."""
        asked = [_blob(blob) for blob in _items("blobs", blobs)]
        image_ids = {blob["image_id"] for blob in asked if "image_id" in blob}
        upload_ids = {blob["upload_id"] for blob in asked if "upload_id" in blob}

        def work(tx: Transaction) -> list[Mapping[str, str]]:
            urls = cleanup.known_urls(tx, image_ids)
            busy_images, busy_uploads = cleanup.uploading(tx, image_ids, upload_ids)

            def is_known(blob: Mapping[str, str]) -> bool:
                if "upload_id" in blob:
                    return blob["upload_id"] in busy_uploads
                return blob["image_id"] in busy_images or (blob["image_id"], blob["url"]) in urls

            return [blob for blob in asked if not is_known(blob)]

        return self._transactions.read(work)


def _open_items(tx: Transaction, host: str, stores: Sequence[str], limit: int, *, lock: bool) -> list[Item]:
    items = cleanup.aborted_uploads(tx, host, stores, tx.now_ms - ORPHANED_MS, limit, lock=lock)
    return [*items, *cleanup.deleted_locations(tx, stores, limit - len(items))]


def _claim(tx: Transaction, host: str, items: Sequence[Item]) -> list[Item]:
    until_ms = tx.now_ms + CLAIM_MS
    cleanup.claim_uploads(tx, [item["ref"] for item in items if item["kind"] == "upload"], host, until_ms)
    wanted = [int(item["ref"]) for item in items if item["kind"] == "location"]
    won = {str(location_id) for location_id in cleanup.claim_locations(tx, wanted, host, until_ms)}
    return [item for item in items if item["kind"] == "upload" or item["ref"] in won]


def _items(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST_ITEMS:
        raise exception.InvalidParameter(name=name, reason=f"a list of at most {_MOST_ITEMS} items is needed")
    return value


def _reference(item: Any) -> tuple[str, str]:
    if not isinstance(item, Mapping) or item.get("kind") not in {"location", "upload"}:
        raise exception.InvalidParameter(name="items", reason="an item is of kind location or upload")
    ref = fields.text("ref", item.get("ref"), 36)
    if item["kind"] == "location" and not (ref.isascii() and ref.isdigit()):
        raise exception.InvalidParameter(name="ref", reason="a location is referred to by its number")
    return item["kind"], ref


def _blob(blob: Any) -> Mapping[str, str]:
    wanted = [{"upload_id"}, {"image_id", "url"}]
    if not isinstance(blob, Mapping) or set(blob) not in wanted:
        raise exception.InvalidParameter(name="blobs", reason="a blob is an upload_id, or an image_id and a url")
    return {name: fields.text(name, value, 65_535) for name, value in blob.items()}
