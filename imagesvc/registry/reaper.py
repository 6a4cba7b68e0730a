"""Ends what nobody ends: uploads and jobs about locations without a sign of life, images left in saving, tasks and
ledgers grown old.

One registry at a time does it, by a lease in the database.  It only decides, by compare-and-set; bytes are removed by the
janitor in glance-api, to which the ledger tells what.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from imagesvc.registry import settling
from imagesvc.registry.clock import Clock
from imagesvc.registry.db import leases, location_jobs, operations, tasks, uploads
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.transactions import Transactions

LOG = logging.getLogger(__name__)

_LEASE = "reaper"
#: The lease lasts this many rounds, and no less than these milliseconds: so long nothing is reaped when its holder dies.
_LEASE_ROUNDS, _SHORTEST_LEASE_MS = 3, 5_000
_BATCH = 100
_PURGE_BATCH = 1000
#: Seconds between two rounds of what is not urgent.
_TIDY_SECONDS = 60.0


class Reaper:
    """Rounds of reaping; :meth:`run_once` is one.

    Live uploads get one lease's time to give a sign of life after everything that may have kept them from it: the
    start, an outage of the database, a pause of this process, a change of the database's clock.

    :param holder: name of this process in the lease.
    :param monotonic: seconds that never go back.
    :param keep_hours: how long tasks are shown after their end.
    """

    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        conf: Any,
        holder: str,
        monotonic: Callable[[], float] = time.monotonic,
        keep_hours: int = 48,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._holder = holder
        self._monotonic = monotonic
        self._keep_hours = keep_hours
        self._lease_seconds: float = conf.upload_lease
        self._leader_ms = max(_SHORTEST_LEASE_MS, _LEASE_ROUNDS * conf.reaper_interval * 1000)
        self._retention_ms = conf.operation_retention * 1000
        self._longest_pause = conf.reaper_interval + conf.upload_lease / 2
        self._jumps = clock.jumps
        self._last_round: float | None = None
        self._patient_until = 0.0
        self._tidy_at = 0.0

    def run_once(self) -> int:
        """One round; the number of uploads that were aborted.

        :raises Unavailable: the database cannot be used; live uploads cannot renew then, which is remembered.
        """
        self._notice_pause()
        try:
            return self._round()
        except BaseException:
            self._be_patient()
            raise

    def _round(self) -> int:
        self._transactions.observe()
        if self._clock.jumps != self._jumps:
            self._jumps = self._clock.jumps
            self._be_patient()
        if not self._leads() or self._monotonic() < self._patient_until:
            return 0
        count = self._abort_expired()
        self._give_up_locations()
        if self._monotonic() >= self._tidy_at:
            self._tidy()
            self._tidy_at = self._monotonic() + _TIDY_SECONDS
        return count

    def _notice_pause(self) -> None:
        now = self._monotonic()
        if self._last_round is None or now - self._last_round > self._longest_pause:
            self._be_patient()
        self._last_round = now

    def _be_patient(self) -> None:
        self._patient_until = self._monotonic() + self._lease_seconds

    def _leads(self) -> bool:
        """Whether this process is the one that reaps; asks for writing only when the lease is half over."""
        if self._transactions.read(lambda tx: leases.remaining_ms(tx, _LEASE, self._holder)) > self._leader_ms // 2:
            return True
        return self._transactions.maintain(lambda tx: leases.acquire(tx, _LEASE, self._holder, self._leader_ms))

    def _abort_expired(self) -> int:
        count = 0
        while self._transactions.read(lambda tx: uploads.expired(tx, 1)):
            aborted = self._transactions.maintain(lambda tx: settling.abort_expired(tx, _BATCH))
            if not aborted:
                break
            count += aborted
        if count:
            LOG.warning("Aborted %d uploads that gave no sign of life for %s s", count, self._lease_seconds)
        return count

    def _give_up_locations(self) -> None:
        """Jobs that no glance-api has taken over: within one more lease, or much later where no image waits for it."""
        lease_ms = int(self._lease_seconds * 1000)
        patience = {location_jobs.IMPORTING: lease_ms, location_jobs.HASHING: self._retention_ms}

        def late(tx: Transaction) -> list[str]:
            return location_jobs.expired(tx, _before(tx, patience), 1)

        def give_up(tx: Transaction) -> int:
            return settling.give_up_locations(tx, _before(tx, patience), _BATCH, self._keep_hours)

        if self._transactions.read(late):
            count = self._all(give_up, _BATCH)
            LOG.warning("Gave up %d locations that nobody could look at", count)

    def _tidy(self) -> None:
        lease_ms = int(self._lease_seconds * 1000)
        self._transactions.maintain(lambda tx: uploads.shorten(tx, lease_ms))
        self._transactions.maintain(lambda tx: location_jobs.shorten(tx, lease_ms))
        stuck = self._all(lambda tx: settling.requeue_stuck(tx, tx.now_ms - lease_ms, _BATCH), _BATCH)
        if stuck:
            LOG.warning("Queued %d images again that were saving without an upload", stuck)
        self._all(lambda tx: tasks.expire(tx, _BATCH), _BATCH)
        self._all(lambda tx: operations.purge(tx, tx.now_ms - self._retention_ms, _PURGE_BATCH), _PURGE_BATCH)
        self._all(lambda tx: uploads.purge(tx, tx.now_ms - self._retention_ms, _PURGE_BATCH), _PURGE_BATCH)

    def _all(self, work: Callable[[Transaction], int], batch: int) -> int:
        """``work`` in as many transactions as it takes, none of them long."""
        total = 0
        while True:
            count = self._transactions.maintain(work)
            total += count
            if count < batch:
                return total


def _before(tx: Transaction, patience_ms: Mapping[str, int]) -> dict[str, int]:
    return {phase: tx.now_ms - milliseconds for phase, milliseconds in patience_ms.items()}
