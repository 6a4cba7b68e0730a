"""Uploads: leave to begin, signs of life, and the two ends."""

from collections.abc import Mapping
from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import blobs, fields, settling, states
from imagesvc.registry.db import children, images, location_jobs, uploads
from imagesvc.registry.db.transaction import Transaction, to_text
from imagesvc.registry.endpoints.access import Access
from imagesvc.registry.endpoints.charges import CeilingsOf, Charges, Room, check_count, hold
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.registry.limits import Limits
from imagesvc.rpc import dispatcher

_MOST_BYTES = 2**63 - 1


class UploadEndpoint:
    """Begin, renew, complete, abort.

    :param lease_seconds: how long an upload lives without a sign of life.
    """

    def __init__(
        self, transactions: Transactions, charges: Charges, access: Access, limits: Limits, lease_seconds: float
    ) -> None:
        self._transactions = transactions
        self._charges = charges
        self._access = access
        self._limits = limits
        self._lease_seconds = lease_seconds
        self._lease_ms = int(lease_seconds * 1000)

    # -- begin ---------------------------------------------------------------------------------------

    @dispatcher.expose
    def upload_begin(
        self,
        context: RequestContext,
        image_id: str,
        upload_id: str,
        store: str,
        size: int | None,
        host: str,
        worker: str,
    ) -> dict[str, Any]:
        """queued -> saving.

        :raises InvalidStatusTransition: the image is not queued.
        :raises FormatsNotSet: disk_format or container_format is missing.
        :raises Conflict: data of an interrupted upload is still being removed.
        :raises LimitExceeded: size cap, storage quota, or too many uploads at once.
        """
        announced = None if size is None else fields.number("size", size, _MOST_BYTES)
        upload_id, store, host, worker = (
            fields.text(name, value, longest)
            for name, value, longest in (
                ("upload_id", upload_id, 36),
                ("store", store, 255),
                ("host", host, 255),
                ("worker", worker, 255),
            )
        )
        self._limits.check_size(announced)

        def work(tx: Transaction, ceilings_of: CeilingsOf) -> dict[str, Any]:
            ceilings = ceilings_of(images.lock(tx, image_id))
            hold(tx, ceilings, "image_size_total", "image_count_uploading")
            room = Room(tx, ceilings)
            record = self._access.load(tx, context, image_id, lock=True)
            self._access.require_change(context, "upload_image", record)
            _check_ready(tx, record.image, store)
            room.check(announced)
            check_count(tx, ceilings, "image_count_uploading", states.COMING)
            images.move(tx, image_id, [states.QUEUED], states.SAVING)
            intent = uploads.Intent(upload_id, image_id, record.image["owner"], store, uploads.LIVE, announced or 0, 0)
            uploads.begin(tx, intent, host=host, worker=worker, lease_ms=self._lease_ms)
            return {
                "upload_id": upload_id,
                "image": _saving(tx, record.image),
                "max_bytes": self._limits.size_cap if room.left is None else min(self._limits.size_cap, room.left),
                "lease_seconds": self._lease_seconds,
            }

        result: dict[str, Any] = self._charges.write(context, "upload_begin", work)
        return result

    # -- signs of life -------------------------------------------------------------------------------

    @dispatcher.expose
    def upload_renew(self, context: RequestContext, upload_id: str, received: int) -> None:
        """
        :raises UploadFenced: the upload was aborted.
        :raises ImageGone: the image was deleted.
        :raises LimitExceeded: so many bytes are more than the caller may store.
        """
        fields.number("received", received, _MOST_BYTES)
        self._limits.check_size(received)

        def work(tx: Transaction, ceilings_of: CeilingsOf) -> None:
            intent = _live_intent(tx, upload_id)
            reserved = max(received, intent.reserved_bytes)
            if received > intent.reserved_bytes:
                Room(tx, ceilings_of(intent.project_id), upload_id).check(received)
            uploads.renew(tx, upload_id, received, reserved, self._lease_ms)

        self._charges.write(context, "upload_renew", work, under_way=True)

    # -- ends ----------------------------------------------------------------------------------------

    @dispatcher.expose
    def upload_complete(
        self,
        context: RequestContext,
        upload_id: str,
        blob: Mapping[str, Any],
        os_hash_algo: str,
        virtual_size: int | None,
    ) -> dict[str, Any]:
        """saving -> active.

        :param blob: primitive of :class:`imagesvc.objects.StoredBlob`.
        :raises UploadFenced: the upload was aborted.
        :raises ImageGone: the image was deleted.
        """
        data = blobs.checked(blob, os_hash_algo, virtual_size)
        self._limits.check_size(data.columns["size"])

        def work(tx: Transaction, ceilings_of: CeilingsOf) -> dict[str, Any]:
            intent = _live_intent(tx, upload_id)
            images.lock(tx, intent.image_id)
            Room(tx, ceilings_of(intent.project_id), upload_id).check(data.columns["size"])
            uploads.complete(tx, upload_id)
            if not images.move(tx, intent.image_id, [states.SAVING], states.ACTIVE, **data.columns):
                raise _why_fenced(tx, intent, upload_id)
            children.add_location(tx, intent.image_id, data.url, data.metadata)
            record = images.get(tx, intent.image_id, context.project_id)
            assert record is not None, "an image that has just become active is there"
            return self._access.show(context, record)

        result: dict[str, Any] = self._charges.write(context, "upload_complete", work, under_way=True)
        return result

    @dispatcher.expose
    def upload_abort(self, context: RequestContext, upload_id: str) -> None:
        """saving -> queued; an upload that is aborted already, or was never begun, is no error.

        :raises InvalidStatusTransition: the upload is complete, so its data belongs to the image.
        """

        def work(tx: Transaction) -> None:
            intent = uploads.get(tx, upload_id, lock=True)
            if intent is None:
                return
            if intent.state == uploads.COMPLETE:
                raise exception.InvalidStatusTransition(current=states.ACTIVE, wanted=states.QUEUED)
            if not settling.abort(tx, upload_id, intent.image_id):
                uploads.reopen(tx, upload_id)

        self._transactions.write(context, "upload_abort", work)

    @dispatcher.expose
    def uploads_abort_worker(self, context: RequestContext, worker: str) -> int:
        """Uploads are aborted, which are counted; what is being done about locations can be taken over at once."""

        def work(tx: Transaction) -> int:
            location_jobs.release_worker(tx, worker)
            return settling.abort_worker(tx, worker)

        count: int = self._transactions.write(context, "uploads_abort_worker", work)
        return count


def _saving(tx: Transaction, image: Mapping[str, Any]) -> dict[str, Any]:
    return {**image, "status": states.SAVING, "version": image["version"] + 1, "updated_at": to_text(tx.now)}


def _check_ready(tx: Transaction, image: Mapping[str, Any], store: str) -> None:
    if image["status"] != states.QUEUED:
        raise exception.InvalidStatusTransition(current=image["status"], wanted=states.SAVING)
    fields.check_formats(image)
    if uploads.has_leftovers(tx, image["id"], store):
        raise exception.Conflict(
            reason=f"Data of an interrupted upload of image {image['id']} is being removed. Please retry in a few seconds."
        )


def _live_intent(tx: Transaction, upload_id: str) -> uploads.Intent:
    """The upload's intent, locked."""
    intent = uploads.get(tx, upload_id, lock=True)
    if intent is None or intent.state != uploads.LIVE:
        raise _why_fenced(tx, intent, upload_id)
    return intent


def _why_fenced(tx: Transaction, intent: uploads.Intent | None, upload_id: str) -> exception.ImageServiceError:
    if intent is not None and images.is_deleted(tx, intent.image_id):
        return exception.ImageGone(image_id=intent.image_id)
    return exception.UploadFenced(upload_id=upload_id)
