"""Ends of uploads that nobody completes, and of jobs about locations, however they went.

An upload's intent is aborted first, by compare-and-set, so from then on no completion can succeed; then its image is queued again.
The bytes are the janitor's.
"""

from collections.abc import Mapping

from imagesvc.registry import states
from imagesvc.registry.db import images, location_jobs, tasks, uploads
from imagesvc.registry.db.transaction import Transaction

#: What an image has of its data, and loses when it goes back to queued.
_NO_DATA = {"size": None, "virtual_size": None, "checksum": None, "os_hash_algo": None, "os_hash_value": None}


def abort(tx: Transaction, upload_id: str, image_id: str) -> bool:
    """End a live upload; whether it was live."""
    if not uploads.abort(tx, upload_id):
        return False
    requeue(tx, image_id)
    return True


def requeue(tx: Transaction, image_id: str, status: str = states.SAVING) -> bool:
    """``status`` -> queued; whether it was that."""
    return images.move(tx, image_id, [status], states.QUEUED, **_NO_DATA)


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


# -- locations ---------------------------------------------------------------------------------------


def end_location(tx: Transaction, job: location_jobs.Job, keep_hours: int, failure: str | None = None) -> None:
    """End a job about a location, and its task.

    :param failure: why it did not succeed: an image that has no location yet is queued again.
    """
    location_jobs.end(tx, job.job_id)
    if failure is None:
        tasks.finish(tx, job.task_id, tasks.SUCCESS, keep_hours=keep_hours, result={"image_id": job.image_id})
        return
    if job.phase == location_jobs.IMPORTING:
        requeue(tx, job.image_id, states.IMPORTING)
    tasks.finish(tx, job.task_id, tasks.FAILURE, keep_hours=keep_hours, message=failure)


def give_up_locations(tx: Transaction, before_ms: Mapping[str, int], limit: int, keep_hours: int) -> int:
    """End jobs that nobody was about since the time that ``before_ms`` has for their phase; how many."""
    count = 0
    for job_id in location_jobs.expired(tx, before_ms, limit):
        job = location_jobs.lock(tx, job_id)
        if job is not None:
            end_location(tx, job, keep_hours, "The service was interrupted, and nobody could go on.")
            count += 1
    return count
