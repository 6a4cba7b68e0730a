"""All configured stores: which one a name or a location means, and every way in and out of them.

Single-store form: ``[glance_store] stores`` and ``default_store``; a location's store is told by its URL's scheme.
Multi-store form: ``[DEFAULT] enabled_backends`` and ``[glance_store] default_backend``; a location's metadata names its
store, and older rows are matched by URL.
"""

import logging
from collections.abc import Iterator
from typing import Any

from glance_store.capabilities import BitMasks
from oslo_config import cfg

from imagesvc import concurrency, exception, objects
from imagesvc.conf import store as options
from imagesvc.store import description, drivers, http, staging
from imagesvc.store.body import Body, StreamBody

LOG = logging.getLogger(__name__)

_RESERVED = "os_glance_"


def list_store_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options of all known drivers, for oslo-config-generator."""
    return drivers.list_opts()


class StoreManager:
    """See the module.

    :param conf: must know the options of :mod:`imagesvc.conf`.
    :param offload: how to leave the server's event loop.
    :param opener: how data at http URLs is asked for, see :mod:`imagesvc.store.http`; without one it is not read.
    :ivar multi: whether this is the multi-store form; :ivar default_store: id of the store for new data.
    :raises ConfigurationError: the default store is missing or cannot be used.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        offload: concurrency.Offload = concurrency.DIRECT,
        opener: http.Opener | None = None,
    ) -> None:
        self._conf = conf
        self._opener = opener
        self.offload = offload
        self.multi = bool(conf.enabled_backends)
        self._stores: dict[str, drivers.StoreDriver] = {}
        self.default_store = self._load_multi() if self.multi else self._load_single()
        self._report_shared_directories()

    # -- configuration -----------------------------------------------------------------------------

    def _load_multi(self) -> str:
        conf = self._conf
        conf.register_opts(options.MULTI, group="glance_store")
        default: str | None = conf.glance_store.default_backend
        if not default or default not in conf.enabled_backends:
            raise exception.ConfigurationError(
                reason=f"[glance_store] default_backend must be one of enabled_backends, but is {default!r}."
            )
        for store_id, kind in conf.enabled_backends.items():
            if store_id.startswith(_RESERVED):
                raise exception.ConfigurationError(reason=f"Store id '{store_id}' is reserved ({_RESERVED}*).")
            self._load(store_id, kind, store_id, required=store_id == default)
        return default

    def _load_single(self) -> str:
        conf = self._conf
        conf.register_opts(options.SINGLE, group="glance_store")
        scheme: str = conf.glance_store.default_store
        for kind in dict.fromkeys(conf.glance_store.stores):
            self._load(kind, kind, None, required=kind == scheme)
        for store_id, store in self._stores.items():
            if scheme in store.schemes:
                store.check()
                return store_id
        raise exception.ConfigurationError(
            reason=f"[glance_store] default_store is '{scheme}', but no store in [glance_store] stores serves it."
        )

    def _load(self, store_id: str, kind: str, group: str | None, *, required: bool) -> None:
        try:
            store = drivers.StoreDriver(self._conf, store_id, kind, group, self._opener)
            if required:
                store.check()
        except exception.ConfigurationError as exc:
            if required:
                raise
            LOG.warning("Store '%s' is not available: %s", store_id, exc.msg)
        else:
            self._stores[store_id] = store

    def _report_shared_directories(self) -> None:
        owners: dict[str, str] = {}
        for store, directory in self.directories():
            if owners.setdefault(directory.root, store) != store:
                LOG.warning("Stores %s and %s share directory %s.", owners[directory.root], store, directory.root)

    # -- names -------------------------------------------------------------------------------------

    def ids(self) -> list[str]:
        """The ids of all stores that could be loaded; in single-store form these are their types."""
        return list(self._stores)

    def describe(self) -> list[description.Description]:
        """What clients are told of the stores of the multi-store form."""
        return [
            description.describe(store, is_default=store.id == self.default_store) for store in self._stores.values()
        ]

    def weight(self, location: objects.Location) -> int:
        """The weight of the store that holds a location's data; 0 for stores that are not configured here."""
        store = self._stores.get(location.metadata.get("store", "")) if self.multi else None
        return store.weight if store is not None else 0

    def resolve(self, store_id: str | None) -> str:
        """The store that new data goes to when a client asks for ``store_id``; in single-store form it has no say.

        :raises UnknownStore: there is none of this name.
        :raises StoreAddDisabled: it takes no data.
        """
        name = store_id if store_id is not None and self.multi else self.default_store
        if name not in self._stores:
            raise exception.UnknownStore(store=name)
        if self._stores[name].read_only:
            raise exception.StoreAddDisabled(store=name)
        return name

    def store_of(self, location: objects.Location) -> str:
        """The store that holds a location's data.

        :raises StoreUnavailable: it is not configured here.
        """
        named = location.metadata.get("store")
        if self.multi and named is not None:
            if named in self._stores:
                return str(named)
            raise exception.StoreUnavailable(store=named)
        candidates = self._by_url(location.url)
        if not candidates:
            raise exception.StoreUnavailable(store=location.url.partition(":")[0])
        return candidates[0]

    def _by_url(self, url: str) -> list[str]:
        """Stores that serve the URL's scheme, those whose URLs begin like it first."""
        scheme = url.partition(":")[0].lower()
        found = [store for store in self._stores.values() if scheme in store.schemes]
        return [store.id for store in sorted(found, key=lambda store: not _claims(store, url))]

    # -- data --------------------------------------------------------------------------------------

    def add(
        self,
        store: str,
        image_id: str,
        upload_id: str,
        reader: Any,
        size: int | None,
        os_hash_algo: str,
        verifier: Any = None,
    ) -> objects.StoredBlob:
        """Store everything ``reader`` yields; :meth:`settle` or :meth:`discard` must follow.

        :param reader: ``read(n)`` yields bytes and raises at the end when they are not what was promised; one that has
            ``drain`` hashes by itself (see :class:`imagesvc.store.filesystem.Source`).
        :raises StoreFull, StoreWriteDenied, StoreAddDisabled, StoreUnavailable, Conflict: and what ``reader`` raises.
        """
        entry = self._entry(store)
        if entry.read_only:
            raise exception.StoreAddDisabled(store=store)
        try:
            with drivers.errors(store):
                if entry.files is not None:
                    added = entry.files.receive(image_id, upload_id, reader, size, self.offload)
                else:
                    added = entry.driver.add(image_id, reader, size or 0, os_hash_algo, None, verifier)
        except exception.ImageServiceError:
            # Drivers wrap what they catch; the reader's own error is the one to tell.
            if (own := getattr(reader, "error", None)) is not None:
                raise own from None
            raise
        url, total, checksum, value, metadata = added
        metadata = {**(metadata or {}), "store": store} if self.multi else dict(metadata or {})
        return objects.StoredBlob(url, total, checksum, value, metadata)

    def settle(self, store: str, upload_id: str) -> None:
        """The registry has accepted the upload: drop what only served to undo it."""
        files = self._entry(store).files
        if files is not None:
            with drivers.errors(store):
                self.offload(files.release, upload_id)

    def discard(self, store: str, image_id: str, upload_id: str, blob: objects.StoredBlob | None = None) -> None:
        """Remove what an aborted upload has left, and nothing else; may be repeated.

        :param blob: what :meth:`add` returned, if it did; other stores than file ones cannot be cleaned up without.
        """
        files = self._entry(store).files
        if files is not None:
            with drivers.errors(store):
                self.offload(files.discard, image_id, upload_id)
        elif blob is not None:
            self.delete(objects.Location(blob.url, blob.metadata))
        else:
            LOG.warning("Store %s may hold data of upload %s of image %s; look for it.", store, upload_id, image_id)

    def open(self, location: objects.Location, offset: int = 0, length: int | None = None) -> Body:
        """The data of a location; the caller compares ``size`` and must close it.

        :param length: bytes to yield, None for all from ``offset``.
        :raises BlobNotFound, StoreUnavailable: it cannot be read now.
        """
        store = self.store_of(location)
        entry = self._entry(store)
        with drivers.errors(store):
            where = entry.locate(location.url)
            if entry.files is not None:
                return entry.files.open(where.store_location.path, offset, length, self.offload)
            if entry.web is not None:
                return entry.web.open(where, offset, length)
            return _stream(entry.driver, where, offset, length)

    def size(self, location: objects.Location) -> int | None:
        """Bytes that are at a location, None when its store does not say.

        :raises BlobNotFound, StoreUnavailable, Invalid: it cannot be read.
        """
        store = self.store_of(location)
        entry = self._entry(store)
        # Drivers of C libraries would hold up the server; what speaks HTTP waits as everything else does.
        run = self.offload if entry.owns_data else concurrency.DIRECT
        with drivers.errors(store):
            return run(entry.driver.get_size, entry.locate(location.url)) or None

    def spelled(self, location: objects.Location) -> str:
        """A location's URL as its store spells it, so that two URLs of one thing are the same text.

        :raises StoreUnavailable: its store is not configured here.
        :raises Invalid: it is none of the store's.
        """
        store = self.store_of(location)
        with drivers.errors(store):
            return str(self._entry(store).locate(location.url).get_store_uri())

    def delete(self, location: objects.Location) -> None:
        """Remove a location's data; data that is not there, or never was this service's, is fine."""
        store = self.store_of(location)
        entry = self._entry(store)
        if not entry.owns_data:
            return
        try:
            with drivers.errors(store):
                self.offload(entry.driver.delete, entry.locate(location.url))
        except exception.BlobNotFound:
            LOG.info("Data to delete was already gone from store %s.", store)

    # -- the janitor's view ------------------------------------------------------------------------

    def directories(self) -> Iterator[tuple[str, staging.Directory]]:
        """Store id and data directory of every file store."""
        for entry in self._stores.values():
            if entry.files is not None:
                for directory in entry.files.directories:
                    yield entry.id, directory

    def _entry(self, store: str) -> drivers.StoreDriver:
        try:
            return self._stores[store]
        except KeyError:
            raise exception.StoreUnavailable(store=store) from None


def _claims(store: drivers.StoreDriver, url: str) -> bool:
    if store.files is not None:
        return store.files.owns(url)
    return bool(store.url_prefix) and url.startswith(str(store.url_prefix))


def _stream(driver: Any, where: Any, offset: int, length: int | None) -> StreamBody:
    """Start in the middle where the driver can, else drop what comes before."""
    if offset and driver.is_capable(BitMasks.READ_RANDOM):
        chunks, _ = driver.get(where, offset=offset, chunk_size=length)
        return StreamBody(chunks, driver.get_size(where), offset, length)
    chunks, size = driver.get(where)
    # A server that tells no length is reported as length 0.
    return StreamBody(chunks, size or None, offset, length)
