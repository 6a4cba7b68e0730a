"""Images whose data is somewhere already: it is told where, and read from there to know its hash."""

from collections.abc import Mapping
from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import fields, locations, settling, states
from imagesvc.registry.db import children, images, location_jobs, tasks
from imagesvc.registry.db.location_jobs import IMPORTING, Job
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.access import Access
from imagesvc.registry.endpoints.charges import CeilingsOf, Charges, Room, check_count, hold
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.registry.limits import Limits
from imagesvc.rpc import dispatcher

#: Where this service has files of its own, and where it would find its own passwords: nobody names these.
_CLOSED = {"", "file", "filesystem", "swift+config"}
_LONGEST_URL = 65_535
_MOST_BYTES = 2**63 - 1
#: How often a job is taken over from workers that died of it, or with it.
_MOST_ATTEMPTS = 5


class LocationEndpoint:
    """Add, list; and what the worker that looks at an added location has to tell.

    :param lease_seconds: how long a worker may give no sign of life.
    :param keep_hours: how long the task of an addition is shown after its end.
    """

    def __init__(
        self,
        transactions: Transactions,
        charges: Charges,
        access: Access,
        limits: Limits,
        lease_seconds: float,
        keep_hours: int,
    ) -> None:
        self._transactions = transactions
        self._charges = charges
        self._access = access
        self._limits = limits
        self._lease_seconds = lease_seconds
        self._lease_ms = int(lease_seconds * 1000)
        self._keep_hours = keep_hours

    @dispatcher.expose
    def location_list(self, context: RequestContext, image_id: str) -> list[dict[str, Any]]:
        def work(tx: Transaction) -> list[dict[str, Any]]:
            # Services have their own rule, and need not be readers of images.
            record = self._access.load(tx, context, image_id, rule=None)
            self._access.require(context, "fetch_image_location", record)
            found: list[dict[str, Any]] = record.image["locations"]
            return found

        return self._transactions.read(work)

    # -- add -----------------------------------------------------------------------------------------

    @dispatcher.expose
    def location_add(
        self, context: RequestContext, image_id: str, location: Mapping[str, Any], job_id: str, worker: str
    ) -> dict[str, Any]:
        """queued -> importing, until the worker has looked.

        :param location: ``url``, ``store`` (id or None), ``os_hash_algo`` and ``os_hash_value`` (or None), and ``fault`` if it cannot be
            used.
        :raises LocationStatusForbids: the image is not queued.
        :raises FormatsNotSet: disk_format or container_format is missing.
        :raises LocationNotForUsers: it is none that the caller may name.
        :raises InvalidLocation: nobody may use it.
        :raises LocationInUse: it is another image's.
        """
        job_id, worker = fields.image_id(job_id), fields.text("worker", worker, 255)
        if not isinstance(location, Mapping):
            raise exception.InvalidParameter(name="location", reason="an object is needed")
        url = fields.text("url", location.get("url"), _LONGEST_URL)

        def work(tx: Transaction, ceilings_of: CeilingsOf) -> dict[str, Any]:
            ceilings = ceilings_of(images.lock(tx, image_id))
            hold(tx, ceilings, "image_count_uploading")
            record = self._access.load(tx, context, image_id, lock=True, rule=None)
            self._access.require(context, "add_image_location", record)
            _check_ready(record.image)
            self._check_url(context, url, location.get("fault"))
            self._limits.check_locations(len(record.image["locations"]), len(record.image["locations"]) + 1)
            check_count(tx, ceilings, "image_count_uploading", states.COMING)
            images.move(tx, image_id, [states.QUEUED], states.IMPORTING)
            job = _job(record.image, location, url, job_id, worker)
            location_jobs.begin(tx, job, self._lease_ms, is_exclusive=not locations.is_for_users(url))
            _begin_task(tx, context, job)
            return self._told(job)

        result: dict[str, Any] = self._charges.write(context, "location_add", work)
        return result

    def _check_url(self, context: RequestContext, url: str, fault: Any) -> None:
        if not locations.is_for_users(url):
            if not self._access.is_service(context):
                raise exception.LocationNotForUsers
            if locations.scheme_of(url) in _CLOSED:
                raise exception.InvalidLocation(reason="its scheme is never accepted")
        if fault is not None:
            raise exception.InvalidLocation(reason=fields.text("fault", fault, 1000))

    def _told(self, job: Job) -> dict[str, Any]:
        """A job as its worker needs it."""
        names = ("job_id", "image_id", "phase", "url", "store", "os_hash_algo", "os_hash_value")
        return {**{name: getattr(job, name) for name in names}, "lease_seconds": self._lease_seconds}

    # -- the worker's news ---------------------------------------------------------------------------

    @dispatcher.expose
    def location_renew(self, context: RequestContext, job_id: str, worker: str) -> None:
        """:raises LocationFenced: the job is somebody else's, or given up."""

        def work(tx: Transaction) -> None:
            if not location_jobs.renew(tx, job_id, worker, self._lease_ms):
                raise exception.LocationFenced(job_id=job_id)

        self._transactions.write(context, "location_renew", work)

    @dispatcher.expose
    def location_activate(
        self,
        context: RequestContext,
        job_id: str,
        worker: str,
        size: int,
        hashes: Mapping[str, Any] | None,
    ) -> None:
        """importing -> active.

        :param size: bytes of the data.
        :param hashes: see :func:`_hashes`; None when they will come by :meth:`location_hash`.
        :raises LocationFenced: the job is somebody else's, or given up, or its image is gone.
        :raises LimitExceeded: there is no room for so many bytes.
        """
        columns = {"size": fields.number("size", size, _MOST_BYTES), **_hashes(hashes or {})}
        self._limits.check_size(size)

        def work(tx: Transaction, ceilings_of: CeilingsOf) -> None:
            job = _locked(tx, job_id, worker)
            images.lock(tx, job.image_id)
            Room(tx, ceilings_of(job.project_id)).check(size)
            if not images.move(tx, job.image_id, [states.IMPORTING], states.ACTIVE, **columns):
                raise exception.LocationFenced(job_id=job_id)
            children.add_location(tx, job.image_id, job.url, {"store": job.store} if job.store else {})
            if hashes is None:
                location_jobs.to_hashing(tx, job_id, self._lease_ms)
            else:
                settling.end_location(tx, job, self._keep_hours)

        self._charges.write(context, "location_activate", work, under_way=True)

    @dispatcher.expose
    def location_hash(self, context: RequestContext, job_id: str, worker: str, hashes: Mapping[str, Any]) -> None:
        """Note the hashes of an active image's data.

        :raises LocationFenced: the job is somebody else's, or given up.
        """
        columns = _hashes(hashes)

        def work(tx: Transaction) -> None:
            job = _locked(tx, job_id, worker)
            images.lock(tx, job.image_id)
            images.touch(tx, job.image_id, columns)
            settling.end_location(tx, job, self._keep_hours)

        self._transactions.write(context, "location_hash", work)

    @dispatcher.expose
    def location_fail(self, context: RequestContext, job_id: str, worker: str, reason: str) -> None:
        """importing -> queued, or an active image stays without hash; a job that is given up already is no error."""
        reason = fields.text("reason", reason, 1000)

        def work(tx: Transaction) -> None:
            job = location_jobs.lock(tx, job_id, worker)
            if job is not None:
                settling.end_location(tx, job, self._keep_hours, reason)

        self._transactions.write(context, "location_fail", work)

    @dispatcher.expose
    def location_take_over(self, context: RequestContext, worker: str, stores: list[str]) -> dict[str, Any] | None:
        """A job that nobody is about, for a worker that reaches these stores; None if there is none."""
        worker = fields.text("worker", worker, 255)
        names = [fields.text("stores", store, 255) for store in stores]

        def look(tx: Transaction) -> str | None:
            return location_jobs.orphan(tx, names, _MOST_ATTEMPTS)

        def work(tx: Transaction) -> dict[str, Any] | None:
            job_id = look(tx)
            job = None if job_id is None else location_jobs.take_over(tx, job_id, worker, self._lease_ms)
            return None if job is None else self._told(job)

        result: dict[str, Any] | None = self._transactions.write_if(
            context, "location_take_over", lambda tx: look(tx) is not None, work
        )
        return result


def _check_ready(image: Mapping[str, Any]) -> None:
    if image["status"] != states.QUEUED:
        raise exception.LocationStatusForbids(action="added", status=image["status"])
    fields.check_formats(image)


def _job(image: Mapping[str, Any], location: Mapping[str, Any], url: str, job_id: str, worker: str) -> Job:
    def optional(name: str, longest: int) -> str | None:
        value = location.get(name)
        return None if value is None else fields.text(name, value, longest)

    return Job(
        job_id=job_id,
        image_id=image["id"],
        project_id=image["owner"],
        phase=IMPORTING,
        url=url,
        store=optional("store", 255),
        os_hash_algo=optional("os_hash_algo", 64),
        os_hash_value=optional("os_hash_value", 128),
        task_id=job_id,
        worker=worker,
    )


def _begin_task(tx: Transaction, context: RequestContext, job: Job) -> None:
    said = {"os_hash_algo": job.os_hash_algo, "os_hash_value": job.os_hash_value} if job.os_hash_value else {}
    told = {"image_id": job.image_id, "validation_data": said}
    if locations.is_for_users(job.url) and len(job.url) < tasks.MOST_TEXT_BYTES // 2:
        # Other URLs may hold passwords, and queries signatures.
        told["loc_url"] = job.url.partition("?")[0]
    by = {"image_id": job.image_id, "request_id": context.request_id, "user_id": context.user_id}
    tasks.create(tx, job.task_id, tasks.LOCATION_IMPORT, context.project_id, told, **by)
    tasks.start(tx, job.task_id)


def _locked(tx: Transaction, job_id: str, worker: str) -> Job:
    job = location_jobs.lock(tx, job_id, worker)
    if job is None:
        raise exception.LocationFenced(job_id=job_id)
    return job


def _hashes(hashes: Any) -> dict[str, str]:
    """The columns for ``{"checksum": ..., "os_hash_algo": ..., "os_hash_value": ...}``, of which each may be left out."""
    longest = {"checksum": 32, "os_hash_algo": 64, "os_hash_value": 128}
    if not isinstance(hashes, Mapping) or hashes.keys() - longest.keys():
        raise exception.InvalidParameter(name="hashes", reason=f"only {', '.join(longest)} are needed")
    return {name: fields.text(name, value, longest[name]) for name, value in hashes.items()}
