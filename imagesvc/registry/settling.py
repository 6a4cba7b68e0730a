"""Ends of uploads that nobody completes: their intent is aborted, their image is queued again.

The intent goes first, by compare-and-set, so from then on no completion can succeed; the bytes are the janitor's.
"""

from imagesvc.registry import states
from imagesvc.registry.db import images, uploads
from imagesvc.registry.db.transaction import Transaction

#: What an image has of its data, and loses when it goes back to queued.
_NO_DATA = {"size": None, "virtual_size": None, "checksum": None, "os_hash_algo": None, "os_hash_value": None}


def abort(tx: Transaction, upload_id: str, image_id: str) -> bool:
    """End a live upload; whether it was live."""
    if not uploads.abort(tx, upload_id):
        return False
    requeue(tx, image_id)
    return True


def requeue(tx: Transaction, image_id: str) -> bool:
    """saving -> queued; whether it was saving."""
    return images.move(tx, image_id, [states.SAVING], states.QUEUED, **_NO_DATA)


def abort_worker(tx: Transaction, worker: str) -> int:
    """End all uploads of a glance-api worker that is no more; how many."""
    return sum(_abort_locked(tx, upload_id) for upload_id in uploads.live_of_worker(tx, worker))


def abort_expired(tx: Transaction, limit: int) -> int:
    """End up to ``limit`` uploads whose lease has run out; how many."""
    return sum(_abort_locked(tx, upload_id) for upload_id in uploads.expired(tx, limit))


def _abort_locked(tx: Transaction, upload_id: str) -> bool:
    intent = uploads.get(tx, upload_id, lock=True)
    return intent is not None and abort(tx, upload_id, intent.image_id)


def requeue_stuck(tx: Transaction, before_ms: int, limit: int) -> int:
    """Queue images again that are saving, without an upload, since before ``before_ms``; how many."""
    return sum(requeue(tx, image_id) for image_id in uploads.stuck_images(tx, states.SAVING, before_ms, limit))
