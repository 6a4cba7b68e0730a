"""Removing the bytes that the registry says are to be removed.

The registry decides and keeps the ledger; only a process that reaches the stores can do the work.  Any number of
janitors may run: claims keep them apart, and every step may be repeated.
"""

import logging
import threading
import time

from oslo_config import cfg

from imagesvc import exception, objects
from imagesvc.context import RequestContext
from imagesvc.data.audit import Audit
from imagesvc.rpc.rpcapi import RegistryAPI
from imagesvc.store.manager import StoreManager

LOG = logging.getLogger(__name__)

_CLAIM = 100
_LONGEST_PAUSE_SECONDS = 60.0


class Janitor:
    """Cleans up behind one host's uploads and behind everybody's deletions.

    :param host: this host's name, as uploads were begun with.
    """

    def __init__(self, registry: RegistryAPI, stores: StoreManager, conf: cfg.ConfigOpts, host: str) -> None:
        self._registry = registry
        self._stores = stores
        self._host = host
        self._audit = Audit(registry, stores, conf.store_audit_min_age)
        self._interval: float = conf.janitor_interval
        self._audit_interval: float = conf.store_audit_interval
        self._next_audit = time.monotonic() + self._audit_interval
        self._pause = self._interval
        self._wake = threading.Event()
        self._over = False

    def start(self) -> None:
        """Work in a thread until :meth:`stop`; registry outages only make it wait longer."""
        threading.Thread(target=self._run, daemon=True, name="janitor").start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._over = True
        self._wake.set()

    def poke(self) -> None:
        """There is something to do now."""
        self._wake.set()

    def run_once(self) -> int:
        """Remove all that is to be removed now; the number of items.

        :raises Unavailable: the registry cannot be asked.
        """
        context = RequestContext(overwrite=False)
        removed = 0
        claimed = _CLAIM
        while claimed == _CLAIM and not self._over:
            items = self._registry.cleanup_claim(context, self._host, self._stores.ids(), _CLAIM)
            claimed = len(items)
            gone = [item for item in items if self._remove(item)]
            if gone:
                self._registry.cleanup_done(context, gone)
            removed += len(gone)
        self._audit.release_settled()
        if time.monotonic() >= self._next_audit:
            self._next_audit = time.monotonic() + self._audit_interval
            self._audit.run()
        return removed

    def _remove(self, item: objects.CleanupItem) -> bool:
        """Remove one item's bytes; whether they are gone. If not, the claim runs out and it is tried again."""
        try:
            if item.kind == "upload":
                store = item.store or self._stores.default_store
                self._stores.discard(store, item.image_id, item.upload_id or item.ref)
            else:
                metadata = {"store": item.store} if item.store is not None else {}
                self._stores.delete(objects.Location(item.url or "", metadata))
        except exception.ImageServiceError as exc:
            LOG.warning("Data of %s %s (image %s) was not removed: %s", item.kind, item.ref, item.image_id, exc.msg)
            return False
        LOG.info("Removed data of %s %s (image %s).", item.kind, item.ref, item.image_id)
        return True

    def _run(self) -> None:
        while not self._over:
            self._turn()
            self._wake.wait(self._pause)
            self._wake.clear()

    def _turn(self) -> None:
        try:
            self.run_once()
        except exception.Unavailable as exc:
            self._pause = min(self._pause * 2, max(_LONGEST_PAUSE_SECONDS, self._interval))
            LOG.warning("The janitor waits %s s: %s", self._pause, exc.msg)
        except Exception:
            self._pause = self._interval
            LOG.exception("The janitor's turn failed")
        else:
            self._pause = self._interval
