"""The client side of the seam for images whose data is somewhere already."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagesvc import context as ctx
from imagesvc import objects


class LocationAPI:
    """The part of :class:`imagesvc.rpc.rpcapi.RegistryAPI` that is about locations."""

    _read: Callable[..., Any]
    _mutate: Callable[..., Any]

    def location_list(self, context: ctx.RequestContext, image_id: str) -> list[objects.Location]:
        """An image's locations, for services."""
        found = self._read(context, "location_list", "1.3", image_id=image_id)
        return [objects.Location.from_primitive(item) for item in found]

    def location_add(
        self, context: ctx.RequestContext, image_id: str, location: Mapping[str, Any], job_id: str, worker: str
    ) -> objects.LocationJob:
        """queued -> importing, with a job that is the worker's as long as it renews its lease.

        :param location: ``url``, ``store``, ``os_hash_algo``, ``os_hash_value``, and ``fault`` if it cannot be used.
        :param job_id: a new UUID; :param worker: the process that goes on.
        """
        result = self._mutate(
            context,
            "location_add",
            "1.3",
            image_id=image_id,
            location=dict(location),
            job_id=job_id,
            worker=worker,
        )
        return objects.LocationJob.from_primitive(result)

    def location_renew(self, context: ctx.RequestContext, job_id: str, worker: str) -> None:
        """Extend the lease."""
        self._mutate(context, "location_renew", "1.3", job_id=job_id, worker=worker)

    def location_activate(
        self, context: ctx.RequestContext, job_id: str, worker: str, size: int, hashes: Mapping[str, str] | None
    ) -> None:
        """importing -> active.

        :param size: bytes.
        :param hashes: ``checksum``, ``os_hash_algo``, ``os_hash_value``, as far as they are known; None when they will come.
        """
        hashes = None if hashes is None else dict(hashes)
        self._mutate(context, "location_activate", "1.3", job_id=job_id, worker=worker, size=size, hashes=hashes)

    def location_hash(self, context: ctx.RequestContext, job_id: str, worker: str, hashes: Mapping[str, str]) -> None:
        """The hashes of an image that is active already; ends the job."""
        self._mutate(context, "location_hash", "1.3", job_id=job_id, worker=worker, hashes=dict(hashes))

    def location_fail(self, context: ctx.RequestContext, job_id: str, worker: str, reason: str) -> None:
        """Give up: importing -> queued, or the image stays without hash."""
        self._mutate(context, "location_fail", "1.3", job_id=job_id, worker=worker, reason=reason)

    def location_take_over(
        self, context: ctx.RequestContext, worker: str, stores: Sequence[str]
    ) -> objects.LocationJob | None:
        """A job that was some other worker's, now the caller's; None if there is none.

        :param stores: ids of those that the caller reaches.
        """
        result = self._mutate(context, "location_take_over", "1.3", worker=worker, stores=list(stores))
        return None if result is None else objects.LocationJob.from_primitive(result)
