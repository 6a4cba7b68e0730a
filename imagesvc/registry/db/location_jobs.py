"""What is being done about locations that were added: one row per image, from the addition until its data is known.

A job is of a glance-api worker that renews its lease; one whose lease has run out is anybody's to take over.  In its first phase the
image is importing and has no location yet; in the second it is active, and its hash is still to come.

Locks are taken in the order job, image, project.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from oslo_db import exception as db_exc
from sqlalchemy import Select, and_, delete, false, func, or_, select, update

from imagesvc import exception
from imagesvc.registry.db import images, models
from imagesvc.registry.db.transaction import Transaction

IMPORTING: Final = "importing"
HASHING: Final = "hashing"

_jobs = models.location_jobs
_locations = models.image_locations


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A row.

    :param store: id of the store that serves the URL, None in single-store form.
    :param os_hash_value: what the data must have, None when nothing was said.
    :param attempts: how often it was taken over.
    """

    job_id: str
    image_id: str
    project_id: str | None
    phase: str
    url: str
    store: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    task_id: str
    worker: str
    attempts: int = 0


_SELECTED = [_jobs.c[field.name] for field in dataclasses.fields(Job)]


def begin(tx: Transaction, job: Job, lease_ms: int, *, is_exclusive: bool) -> None:
    """Insert a job.

    :param is_exclusive: its URL may be one image's only.
    :raises LocationInUse: it is another image's, or becomes so.
    """
    key = hashlib.sha256(job.url.encode()).hexdigest() if is_exclusive else None
    row = {
        **dataclasses.asdict(job),
        "url": tx.urls.sealed(job.url),
        "url_key": key,
        "lease_until_ms": tx.now_ms + lease_ms,
    }
    try:
        tx.connection.execute(_jobs.insert(), row)
    except db_exc.DBDuplicateEntry:
        raise exception.LocationInUse from None
    if is_exclusive and _is_known(tx, job.url):
        raise exception.LocationInUse


def _is_known(tx: Transaction, url: str) -> bool:
    """Whether there is a location of this URL whose data is not gone, as of now and not as of the transaction's begin."""
    value = tx.urls.sealed(url)
    known = select(_locations.c.id).where(_locations.c.value == value, _locations.c.deleted == false())
    if tx.connection.dialect.name == "postgresql":
        known = known.where(func.left(_locations.c.value, models.INDEXED_URL) == value[: models.INDEXED_URL])
    return tx.connection.execute(known.limit(1).with_for_update()).first() is not None


def lock(tx: Transaction, job_id: str, worker: str | None = None) -> Job | None:
    """The job, locked, or None.

    :param worker: only if it is his.
    """
    wanted = [_jobs.c.job_id == job_id]
    if worker is not None:
        wanted.append(_jobs.c.worker == worker)
    return _one(tx, select(*_SELECTED).where(*wanted))


def lock_of_image(tx: Transaction, image_id: str) -> Job | None:
    """An image's job, locked, or None."""
    if not images.is_possible(image_id):
        return None
    return _one(tx, select(*_SELECTED).where(_jobs.c.image_id == image_id))


def _one(tx: Transaction, statement: Select[Any]) -> Job | None:
    row = tx.connection.execute(statement.with_for_update()).one_or_none()
    if row is None:
        return None
    job = Job(*row)
    return dataclasses.replace(job, url=tx.urls.opened(job.url))


def renew(tx: Transaction, job_id: str, worker: str, lease_ms: int) -> bool:
    """Extend a worker's lease; whether the job is his."""
    statement = update(_jobs).where(_jobs.c.job_id == job_id, _jobs.c.worker == worker)
    return bool(tx.connection.execute(statement.values(lease_until_ms=tx.now_ms + lease_ms)).rowcount)


def to_hashing(tx: Transaction, job_id: str, lease_ms: int) -> None:
    """importing -> hashing: the image has its location, whose URL is known by that from now on."""
    values = {"phase": HASHING, "url_key": None, "lease_until_ms": tx.now_ms + lease_ms}
    tx.connection.execute(update(_jobs).where(_jobs.c.job_id == job_id).values(values))


def give(tx: Transaction, image_id: str, project_id: str | None) -> None:
    """Charge what the image's job finds to another project."""
    tx.connection.execute(update(_jobs).where(_jobs.c.image_id == image_id).values(project_id=project_id))


def end(tx: Transaction, job_id: str) -> None:
    """It is done, or given up."""
    tx.connection.execute(delete(_jobs).where(_jobs.c.job_id == job_id))


# -- without a worker --------------------------------------------------------------------------------


def orphan(tx: Transaction, stores: Sequence[str], most_attempts: int) -> str | None:
    """Id of a job whose lease has run out and whose store is among ``stores``, the longest ago."""
    statement = (
        select(_jobs.c.job_id)
        .where(
            _jobs.c.lease_until_ms < tx.now_ms,
            _jobs.c.attempts < most_attempts,
            or_(_jobs.c.store.is_(None), _jobs.c.store.in_(stores)),
        )
        .order_by(_jobs.c.lease_until_ms)
        .limit(1)
    )
    return tx.connection.execute(statement).scalar_one_or_none()


def take_over(tx: Transaction, job_id: str, worker: str, lease_ms: int) -> Job | None:
    """Make a job whose lease has run out a worker's; None if it is not to be had any more."""
    late = update(_jobs).where(_jobs.c.job_id == job_id, _jobs.c.lease_until_ms < tx.now_ms)
    values = {"worker": worker, "attempts": _jobs.c.attempts + 1, "lease_until_ms": tx.now_ms + lease_ms}
    if not tx.connection.execute(late.values(values)).rowcount:
        return None
    return lock(tx, job_id)


def release_worker(tx: Transaction, worker: str) -> int:
    """Let others take over the jobs of a worker that is no more; how many."""
    statement = update(_jobs).where(_jobs.c.worker == worker, _jobs.c.lease_until_ms >= tx.now_ms)
    return int(tx.connection.execute(statement.values(lease_until_ms=tx.now_ms - 1)).rowcount)


def expired(tx: Transaction, before_ms: Mapping[str, int], limit: int) -> list[str]:
    """Ids of jobs whose lease ran out before the time that ``before_ms`` has for their phase."""
    phases = (and_(_jobs.c.phase == phase, _jobs.c.lease_until_ms < time) for phase, time in before_ms.items())
    late = select(_jobs.c.job_id).where(or_(*phases))
    return list(tx.connection.execute(late.order_by(_jobs.c.lease_until_ms).limit(limit)).scalars())


def shorten(tx: Transaction, lease_ms: int) -> int:
    """Cut leases that end later than any lease can, because the clock was set back; how many."""
    statement = update(_jobs).where(_jobs.c.lease_until_ms > tx.now_ms + 2 * lease_ms)
    return int(tx.connection.execute(statement.values(lease_until_ms=tx.now_ms + lease_ms)).rowcount)
