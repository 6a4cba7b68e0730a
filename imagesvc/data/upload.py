"""One upload: begin, stream, complete; and what happens to the bytes when any of that goes wrong.

::

    upload_begin            queued -> saving; the intent lives while its lease is renewed
    source > chain > store  the bytes become durable under the image's name
    upload_complete         saving -> active, if the intent still lives; only then is the client told

An unknown outcome never deletes anything: when the completion is not answered, the data stays, and the registry's reaper
settles whether it has an owner.
"""

import logging
import uuid
from typing import Any

from oslo_config import cfg

from imagesvc import concurrency, exception, objects
from imagesvc.context import RequestContext
from imagesvc.data.formats import FormatCheck
from imagesvc.data.lease import Lease
from imagesvc.data.readers import Chain, Check, HashCheck, SizeCheck
from imagesvc.rpc.rpcapi import RegistryAPI
from imagesvc.store.manager import StoreManager

LOG = logging.getLogger(__name__)


class Uploader:
    """Stores image data that arrives as a stream.

    :param host: this host's name; the janitor of the same host can reach what is staged here.
    :param worker: this process's name; when it dies, its uploads are aborted by it.
    """

    def __init__(
        self,
        registry: RegistryAPI,
        stores: StoreManager,
        conf: cfg.ConfigOpts,
        host: str,
        worker: str,
        offload: concurrency.Offload = concurrency.DIRECT,
    ) -> None:
        self._registry = registry
        self._stores = stores
        self._host = host
        self._worker = worker
        self._offload = offload
        self._algorithm: str = conf.hashing_algorithm
        self._cap: int = conf.image_size_cap
        self._formats = conf.image_format

    def upload(
        self,
        context: RequestContext,
        image_id: str,
        source: Any,
        size: int | None = None,
        store: str | None = None,
    ) -> objects.Image:
        """Store what ``source`` yields as the data of a queued image; the image, now active.

        :param source: ``read(n) -> bytes`` (or ``readinto``), empty at the end; raises IncompleteBody when the client
            has gone away.
        :param size: bytes announced, None when unknown.
        :param store: id the client asks for, None for the default.
        :raises RegistryUnavailable: the outcome is not known; the image may yet become active, or queued again.
        :raises ImageGone, UploadFenced: somebody else has ended this upload.
        """
        store = self._stores.resolve(store)
        if size is not None and size > self._cap:
            raise exception.ImageSizeExceeded(limit=self._cap)
        upload_id = str(uuid.uuid4())
        grant = self._registry.upload_begin(context, image_id, upload_id, store, size, self._host, self._worker)
        attempt = _Attempt(self._registry, self._stores, context, grant, store)
        with Lease(attempt.renew, grant.lease_seconds) as lease:
            try:
                blob = self._receive(attempt, source, size, lease)
            except BaseException:
                attempt.give_up()
                raise
            return attempt.complete(blob, self._algorithm)

    def _receive(self, attempt: "_Attempt", source: Any, size: int | None, lease: Lease) -> objects.StoredBlob:
        grant = attempt.grant
        limit = self._cap if grant.max_bytes is None else min(self._cap, grant.max_bytes)
        checks: list[Check] = [SizeCheck(size, limit)]
        form = self._format_check(grant.image)
        if form is not None:
            checks.append(form)
        hashes = (HashCheck("md5"), HashCheck(self._algorithm))
        chain = Chain(source, size, checks, hashes, alive=lease.check, offload=self._offload)
        attempt.chain = chain
        attempt.blob = self._stores.add(attempt.store, grant.image.id, grant.upload_id, chain, size, self._algorithm)
        attempt.virtual_size = form.virtual_size if form is not None else None
        lease.check()
        return attempt.blob

    def _format_check(self, image: objects.Image) -> FormatCheck | None:
        """Only bare containers are looked into: of the others the disk_format tells about the inside."""
        if image.container_format != "bare" or image.disk_format is None:
            return None
        return FormatCheck(
            image.disk_format,
            enforce=self._formats.require_image_format_match,
            vmdk_types=self._formats.vmdk_allowed_types,
            gpt_nonfatal=self._formats.gpt_safety_checks_nonfatal,
        )


class _Attempt:
    """What one upload holds, and how it lets go of it."""

    def __init__(
        self,
        registry: RegistryAPI,
        stores: StoreManager,
        context: RequestContext,
        grant: objects.UploadGrant,
        store: str,
    ) -> None:
        self.grant = grant
        self.store = store
        self.chain: Chain | None = None
        self.blob: objects.StoredBlob | None = None
        self.virtual_size: int | None = None
        self._registry = registry
        self._stores = stores
        self._context = context

    def renew(self) -> None:
        received = self.chain.received if self.chain is not None else 0
        self._registry.upload_renew(self._context, self.grant.upload_id, received)

    def complete(self, blob: objects.StoredBlob, algorithm: str) -> objects.Image:
        """Make the image active; a refusal removes the data, no answer leaves it alone."""
        upload_id = self.grant.upload_id
        try:
            image = self._registry.upload_complete(self._context, upload_id, blob, algorithm, self.virtual_size)
        except exception.Unavailable:
            LOG.warning("Upload %s was not confirmed; its data stays for now.", upload_id)
            raise
        except exception.ImageServiceError:
            self.give_up()
            raise
        try:
            self._stores.settle(self.store, upload_id)
        except exception.ImageServiceError as exc:
            LOG.warning("Upload %s is complete; the janitor will settle it: %s", upload_id, exc.msg)
        return image

    def give_up(self) -> None:
        """Abort, then remove the data, then say that it is removed; what fails here is left to the janitor.

        The abort comes first: after it no completion can succeed, so nothing that is removed can be wanted.
        """
        upload_id, image_id = self.grant.upload_id, self.grant.image.id
        try:
            self._registry.upload_abort(self._context, upload_id)
            self._stores.discard(self.store, image_id, upload_id, self.blob)
            item = objects.CleanupItem("upload", upload_id, image_id, store=self.store, upload_id=upload_id)
            self._registry.cleanup_done(self._context, [item])
        except exception.ImageServiceError as exc:
            LOG.warning("Upload %s is left to the janitor: %s", upload_id, exc.msg)
