"""glance_store's drivers, its errors and its options, as this service uses them.

Drivers are loaded by entry point and kept here, not in glance_store's global tables: those hide configuration errors
and know one configuration per process.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import requests
from glance_store import driver as glance_driver
from glance_store import exceptions, location
from glance_store.capabilities import BitMasks
from oslo_config import cfg
from stevedore import driver as stevedore_driver

from imagesvc import exception
from imagesvc.conf import store as options
from imagesvc.store import filesystem, http

LOG = logging.getLogger(__name__)

_NAMESPACE = "glance_store.drivers"

#: This service's own drivers take the place of glance_store's.
_OWN = {"file": filesystem.Store, "filesystem": filesystem.Store, "http": http.Store}

#: glance_store's types as operators may write them; its other entry points are old names of the same classes.
_LISTED = ("file", "http", "rbd", "swift", "s3", "cinder", "vmware")


def load_class(kind: str) -> Any:
    """The driver class of a store type.

    :raises ConfigurationError: the type is not known, or what it needs is not installed.
    """
    if kind in _OWN:
        return _OWN[kind]
    try:
        return stevedore_driver.DriverManager(_NAMESPACE, kind, invoke_on_load=False).driver
    except (RuntimeError, ImportError) as exc:
        raise exception.ConfigurationError(reason=f"Store type '{kind}' cannot be loaded: {exc}") from exc


class StoreDriver:
    """One configured store.

    :ivar id: what location metadata and upload intents call it.
    :ivar kind: its type, as the configuration says.
    :ivar schemes: URL schemes it serves.
    """

    def __init__(
        self, conf: cfg.ConfigOpts, store_id: str, kind: str, group: str | None, opener: http.Opener | None = None
    ) -> None:
        """:param group: the store's section in multi-store form.
        :param opener: how the http driver reaches servers.

        :raises ConfigurationError: it cannot be used at all.
        """
        self.id = store_id
        self.kind = kind
        self._conf = conf
        self._group = group
        self._opener = opener
        self._class = load_class(kind)
        # Some drivers look at their options before glance_store has declared them.
        declared = getattr(self._class, "OPTIONS", None) or ()
        of_each = glance_driver.Store.MULTI_BACKEND_OPTIONS if group else ()
        conf.register_opts([*declared, *of_each], group=group or "glance_store")
        self._shared = self._make()
        self.schemes: tuple[str, ...] = tuple(self._shared.get_schemes())

    def _make(self) -> Any:
        try:
            driver = self._class(self._conf, self._group)
        except exceptions.BadStoreConfiguration as exc:
            raise exception.ConfigurationError(reason=exc.msg) from exc
        driver.configure(re_raise_bsc=False)
        if isinstance(driver, http.Store):
            driver.opener = self._opener
        return driver

    def check(self) -> None:
        """Say why the store cannot take data, if it is meant to.

        :raises ConfigurationError: with the driver's reason.
        """
        try:
            self._shared.configure_add()
        except exceptions.BadStoreConfiguration as exc:
            raise exception.ConfigurationError(reason=exc.msg) from exc

    @property
    def driver(self) -> Any:
        """The driver object: the shared one where the driver allows that, else a fresh one."""
        return self._shared if self._shared.is_capable(BitMasks.DRIVER_REUSABLE) else self._make()

    @property
    def files(self) -> filesystem.Store | None:
        """The driver object if it is the file driver."""
        return self._shared if isinstance(self._shared, filesystem.Store) else None

    @property
    def web(self) -> http.Store | None:
        """The driver object if it is the http driver."""
        return self._shared if isinstance(self._shared, http.Store) else None

    @property
    def owns_data(self) -> bool:
        """Whether data in this store can be this service's to delete; what an http location names never is."""
        return bool(self._class._CAPABILITIES & BitMasks.WRITE_ACCESS)  # noqa: SLF001 - glance_store's name for it

    @property
    def read_only(self) -> bool:
        """Whether it takes no data, by nature or because it is not configured for it."""
        return not self._shared.is_capable(BitMasks.WRITE_ACCESS)

    @property
    def url_prefix(self) -> str | None:
        prefix: str | None = self._shared.url_prefix
        return prefix

    @property
    def weight(self) -> int:
        """Where several stores hold the same data, those with more weight come first; 0 in single-store form."""
        return int(self.option("weight") or 0) if self._group else 0

    def option(self, name: str) -> Any:
        """A setting of this store, or else of ``[backend_defaults]``; None for what its type does not have."""
        for group in (self._group, "backend_defaults") if self._group else ("glance_store",):
            with contextlib.suppress(cfg.NoSuchOptError, cfg.NoSuchGroupError):
                value = self._conf[group][name]
                if value is not None:
                    return value
        return None

    def locate(self, url: str) -> Any:
        """glance_store's location object of a URL; may raise BadStoreUri."""
        scheme = url.partition(":")[0]
        kind = self._shared.get_store_location_class()
        return location.Location(scheme, kind, self._conf, uri=url, backend=self._group)


@contextlib.contextmanager
def errors(store: str) -> Iterator[None]:
    """Turn what drivers raise into this service's errors; a driver's own words stay in the log.

    They may hold URLs with credentials, so the log gets the class only where the class says it all.
    """
    try:
        yield
    except exception.ImageServiceError:
        raise
    except exceptions.GlanceStoreException as exc:
        LOG.warning("Store %s refused: %s", store, type(exc).__name__)
        raise _normalised(exc, store) from exc
    except (OSError, exceptions.BackendException, requests.RequestException) as exc:
        LOG.warning("Store %s failed: %s, errno %s", store, type(exc).__name__, getattr(exc, "errno", None))
        raise exception.StoreUnavailable(store=store) from exc


_TABLE: dict[type[Exception], type[exception.ImageServiceError]] = {
    exceptions.NotFound: exception.BlobNotFound,
    exceptions.StorageFull: exception.StoreFull,
    exceptions.StorageWriteDenied: exception.StoreWriteDenied,
    exceptions.Forbidden: exception.StoreWriteDenied,
    exceptions.StoreAddDisabled: exception.StoreAddDisabled,
}

_REASONS: dict[type[Exception], str] = {
    exceptions.Duplicate: "The store already holds data under this image's name.",
    exceptions.InUseByStore: "The image's data is in use in the store.",
    exceptions.HasSnapshot: "The image's data has snapshots in the store.",
    exceptions.StoreDeleteNotSupported: "The store cannot delete data.",
}


def _normalised(exc: Exception, store: str) -> exception.ImageServiceError:
    for kind in type(exc).__mro__:
        if kind in _TABLE:
            return _TABLE[kind](store=store)
        if kind in _REASONS:
            return exception.Conflict(reason=_REASONS[kind])
    if isinstance(exc, exceptions.Invalid):
        return exception.Invalid(reason="The store refused the data as invalid.")
    return exception.StoreUnavailable(store=store)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """All options of stores in [glance_store], for the sample configuration."""
    found: dict[str, cfg.Opt] = {opt.name: opt for opt in (*options.SINGLE, *options.MULTI)}
    for name in _LISTED:
        # A driver whose libraries are not installed has no options to offer.
        with contextlib.suppress(exception.ConfigurationError):
            for opt in load_class(name).OPTIONS or ():
                found.setdefault(opt.name, opt)
    return [("glance_store", list(found.values()))]
