"""Looking at locations that were added: how large the data is, and what its hash is.

::

    location_add         queued -> importing; the job is this worker's while its lease is renewed
    size, md5 and hash   read from the location
    location_activate    importing -> active, or location_fail: importing -> queued

Where nobody said what the data must be, the image is active before its data is read, and its hash comes later
(``location_hash``).  A job whose worker has died is taken over by another one.  Whoever deletes the image ends the job: the
worker learns that when it renews its lease, wherever it runs.
"""

import contextlib
import logging
import threading
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from oslo_config import cfg

from imagesvc import concurrency, exception, objects
from imagesvc.context import RequestContext
from imagesvc.data.lease import Lease
from imagesvc.data.readers import Chain, HashCheck, SizeCheck
from imagesvc.rpc.rpcapi import RegistryAPI
from imagesvc.store.body import Body
from imagesvc.store.manager import StoreManager

LOG = logging.getLogger(__name__)

#: Locations that one worker reads at once; others wait.
_MOST_AT_ONCE = 4
#: Seconds before a location that cannot be read is tried again, longer each time.
_FIRST_PAUSE_SECONDS = 0.5


class LocationRunner:
    """Runs the jobs of one worker.

    :param worker: this process's name; when it dies, others may take over its jobs.
    """

    def __init__(
        self,
        registry: RegistryAPI,
        stores: StoreManager,
        conf: cfg.ConfigOpts,
        worker: str,
        offload: concurrency.Offload = concurrency.DIRECT,
    ) -> None:
        self._registry = registry
        self._stores = stores
        self._worker = worker
        self._offload = offload
        self._algorithm: str = conf.hashing_algorithm
        self._cap: int = conf.image_size_cap
        self._secure: bool = conf.do_secure_hash
        self._retries: int = conf.http_retries
        self._interval: float = conf.janitor_interval
        self._turns = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._over = threading.Event()

    def add(self, context: RequestContext, image_id: str, location: Mapping[str, Any]) -> None:
        """Give a queued image its data, which will be looked at after this has returned.

        :param location: as :meth:`imagesvc.rpc.rpcapi.RegistryAPI.location_add` takes it.
        :raises ImageServiceError: the registry refuses.
        """
        job = self._registry.location_add(context, image_id, location, str(uuid.uuid4()), self._worker)
        threading.Thread(target=self.run, args=(context, job), daemon=True, name="location").start()

    # -- jobs of others ------------------------------------------------------------------------------

    def start(self) -> None:
        """Take over jobs whose workers have died, in a thread, until :meth:`stop`."""
        threading.Thread(target=self._watch, daemon=True, name="location-jobs").start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._over.set()

    def take_over(self) -> bool:
        """Go on with one job that nobody is about; whether there was one.

        :raises Unavailable: the registry cannot be asked.
        """
        context = RequestContext(overwrite=False)
        job = self._registry.location_take_over(context, self._worker, self._stores.ids())
        if job is None:
            return False
        LOG.info("Going on with the location of image %s.", job.image_id)
        threading.Thread(target=self.run, args=(context, job), daemon=True, name="location").start()
        return True

    def _watch(self) -> None:
        while not self._over.wait(self._interval):
            try:
                for _ in range(_MOST_AT_ONCE):
                    if not self.take_over():
                        break
            except exception.Unavailable as exc:
                LOG.debug("Jobs about locations are not looked for: %s", exc.msg)
            except Exception:
                LOG.exception("Looking for jobs about locations failed")

    # -- one job -------------------------------------------------------------------------------------

    def run(self, context: RequestContext, job: objects.LocationJob) -> None:
        """Do it, and tell the registry how it ended."""
        with context.as_current(), Lease(self._renewal(context, job), job.lease_seconds) as lease:
            try:
                with self._turns:
                    _Attempt(self, context, job, lease).run()
            except exception.LocationFenced:
                LOG.info("The location of image %s is not looked at any more.", job.image_id)
            except exception.ImageServiceError as exc:
                self._give_up(context, job, exc.msg)
            except Exception:
                LOG.exception("Looking at the location of image %s failed", job.image_id)
                self._give_up(context, job, "The service failed.")

    def _renewal(self, context: RequestContext, job: objects.LocationJob) -> Any:
        return lambda: self._registry.location_renew(context, job.job_id, self._worker)

    def _give_up(self, context: RequestContext, job: objects.LocationJob, reason: str) -> None:
        LOG.warning("The location of image %s is of no use: %s", job.image_id, reason)
        try:
            self._registry.location_fail(context, job.job_id, self._worker, reason[:1000])
        except exception.ImageServiceError as exc:
            LOG.warning("The registry will give up the location of image %s: %s", job.image_id, exc.msg)

    def read(
        self, location: objects.Location, size: int | None, hashes: tuple[HashCheck, HashCheck], lease: Lease
    ) -> int:
        """Pull all data of a location through the hashes; its bytes."""
        with contextlib.closing(self._stores.open(location)) as body:
            chain = Chain(
                _Source(body), size, [SizeCheck(size, self._cap)], hashes, alive=lease.check, offload=self._offload
            )
            chain.drain(_Nowhere())
            return chain.received

    def attempts(self, lease: Lease) -> Iterator[bool]:
        """Before each try: whether it is the last one.  Pauses between them, in which the lease may be lost."""
        for number in range(self._retries + 1):
            if number:
                self._over.wait(_FIRST_PAUSE_SECONDS * 2 ** min(number, 6))
            lease.check()
            yield number == self._retries

    @property
    def secure(self) -> bool:
        """Whether data is read to know its hash."""
        return self._secure

    @property
    def algorithm(self) -> str:
        """Of the hash that images get where nobody named one."""
        return self._algorithm

    def activate(
        self, context: RequestContext, job: objects.LocationJob, size: int, hashes: Mapping[str, str] | None
    ) -> None:
        self._registry.location_activate(context, job.job_id, self._worker, size, hashes)

    def hash(self, context: RequestContext, job: objects.LocationJob, hashes: Mapping[str, str]) -> None:
        self._registry.location_hash(context, job.job_id, self._worker, hashes)

    def size(self, location: objects.Location) -> int | None:
        return self._stores.size(location)


class _Attempt:
    """One worker's go at one job."""

    def __init__(self, runner: LocationRunner, context: RequestContext, job: objects.LocationJob, lease: Lease) -> None:
        self._runner = runner
        self._context = context
        self._job = job
        self._lease = lease
        self._location = objects.Location(job.url, {"store": job.store} if job.store else {})

    def run(self) -> None:
        runner, job = self._runner, self._job
        if job.phase != "importing":
            runner.hash(self._context, job, self._hashes(None)[1])
            return
        size = self._size()
        if runner.secure and (job.os_hash_value or size is None):
            runner.activate(self._context, job, *self._hashes(size))
        elif size is None:
            raise exception.InvalidLocation(reason="its server does not tell how large the data is")
        elif runner.secure:
            runner.activate(self._context, job, size, None)
            runner.hash(self._context, job, self._hashes(size)[1])
        else:
            runner.activate(self._context, job, size, _said(job))

    def _size(self) -> int | None:
        for is_last in self._runner.attempts(self._lease):
            try:
                return self._runner.size(self._location)
            except exception.Unavailable:
                if is_last:
                    raise
        raise AssertionError("there is a last attempt")

    def _hashes(self, size: int | None) -> tuple[int, dict[str, str]]:
        """Bytes, and the columns of their hashes.

        :raises Invalid: they are not those that were promised.
        """
        algorithm = self._job.os_hash_algo or self._runner.algorithm
        for is_last in self._runner.attempts(self._lease):
            hashes = HashCheck("md5"), HashCheck(algorithm, self._job.os_hash_value)
            try:
                received = self._runner.read(self._location, size, hashes, self._lease)
            except exception.Unavailable:
                if is_last:
                    raise
                continue
            columns = {"checksum": hashes[0].digest, "os_hash_algo": algorithm, "os_hash_value": hashes[1].digest}
            return received, columns
        raise AssertionError("there is a last attempt")


def _said(job: objects.LocationJob) -> dict[str, str]:
    """What was said of the data, which nobody looks at."""
    if job.os_hash_algo is None or job.os_hash_value is None:
        return {}
    return {"os_hash_algo": job.os_hash_algo, "os_hash_value": job.os_hash_value}


class _Source:
    """A body to read from, as :class:`imagesvc.data.readers.Chain` does."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._rest = memoryview(b"")

    def readinto(self, target: memoryview) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._body, b""))
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _Nowhere:
    """A sink for data that is only looked at."""

    def update(self, data: memoryview) -> None:
        """It is gone."""

    def finish(self) -> None:
        """There is nothing to finish."""
