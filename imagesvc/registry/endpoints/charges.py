"""What is charged to projects: limits are read before a transaction, and what is used is counted in it, under a lock.

Locks of projects are taken after those of images, and before anything is read without a lock: MySQL would show the past.
"""

from collections.abc import Callable, Mapping
from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import states
from imagesvc.registry.ceilings import UNITS, Ceiling, Source
from imagesvc.registry.db import quotas
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.transactions import Transactions

Ceilings = tuple[Ceiling, ...]
CeilingsOf = Callable[[str | None], Ceilings]

#: Projects that one call may turn out to charge, each after another run of its work.
_MOST_RUNS = 4


class _NotRead(Exception):
    """The work charges a project whose limits nobody has read yet."""

    def __init__(self, project_id: str | None) -> None:
        super().__init__()
        self.project_id = project_id


class Charges:
    """Transactions whose work is charged to projects.

    :param source: knows what projects may have.
    """

    def __init__(self, transactions: Transactions, source: Source) -> None:
        self._transactions = transactions
        self._source = source

    def write(
        self,
        context: RequestContext,
        method: str,
        work: Callable[[Transaction, CeilingsOf], Any],
        *,
        likely: bool = True,
        under_way: bool = False,
    ) -> Any:
        """As :meth:`Transactions.write`.

        :param work: asks its second argument what a project may have.
        :param likely: whether the work will charge somebody; what is not, goes on without Keystone.
        :param under_way: what the work is part of has begun already, and need not be charged again.
        :raises LimitsUnavailable: nobody can say what a project may have.
        """
        known: dict[str | None, Ceilings] = {}
        if self._source.is_remote and likely and not under_way:
            # Nearly always he is the one who is charged.
            known[context.project_id] = self._source.of(context.project_id)

        def ceilings_of(project_id: str | None) -> Ceilings:
            if not self._source.is_remote:
                return self._source.of(project_id)
            if project_id not in known:
                raise _NotRead(project_id)
            return known[project_id]

        for _ in range(_MOST_RUNS):
            try:
                return self._transactions.write(context, method, lambda tx: work(tx, ceilings_of))
            except _NotRead as missing:
                known[missing.project_id] = self._source.of(missing.project_id, under_way=under_way)
        raise exception.LimitsUnavailable

    def told(self, project_id: str | None) -> dict[str, dict[str, int]]:
        """What a project uses and may have, ``{name: {"usage": n, "limit": n}}``; in Keystone's units, -1 for no limit."""
        ceilings = self._source.of(project_id) if self._source.is_remote else ()
        if not ceilings:
            return {}
        *_, own = ceilings
        usage = self._transactions.read(lambda tx: _usage(tx, own.projects))
        return {
            name: {"usage": usage[name] // unit, "limit": own.most[name] // unit if name in own.most else -1}
            for name, unit in UNITS.items()
        }


def hold(tx: Transaction, ceilings: Ceilings, *names: str) -> None:
    """Lock all that limits one of ``names``, for checks that come after something is read without a lock."""
    for ceiling in ceilings:
        if not ceiling.most.keys().isdisjoint(names):
            quotas.lock(tx, ceiling.key)


def check_count(tx: Transaction, ceilings: Ceilings, name: str, statuses: frozenset[str]) -> None:
    """Refuse one more image in one of ``statuses`` than the limit ``name`` allows.

    :raises ProjectLimitExceeded: it is reached.
    """
    for ceiling in _limiting(tx, ceilings, name):
        usage, limit = quotas.count(tx, ceiling.projects, statuses), ceiling.most[name]
        if usage >= limit:
            raise exception.ProjectLimitExceeded(name=name, limit=limit, usage=usage)


class Room:
    """How many bytes may be stored; nobody else can take them until the transaction ends.

    :param without: an upload to leave out of what is used.
    """

    def __init__(self, tx: Transaction, ceilings: Ceilings, without: str | None = None) -> None:
        self.left: int | None = None
        self._quota = 0
        for ceiling in _limiting(tx, ceilings, "image_size_total"):
            quota = ceiling.most["image_size_total"]
            left = max(0, quota - quotas.used(tx, ceiling.projects, states.UNLISTED, without))
            if self.left is None or left < self.left:
                self.left, self._quota = left, quota

    def check(self, wanted: int | None) -> None:
        """Refuse ``wanted`` bytes where they do not fit; an upload of unknown size needs room for one byte.

        :raises StorageQuotaExceeded: there is less room.
        """
        if self.left is not None and (self.left < 1 if wanted is None else self.left < wanted):
            raise exception.StorageQuotaExceeded(quota=self._quota, remaining=self.left)


def _limiting(tx: Transaction, ceilings: Ceilings, name: str) -> list[Ceiling]:
    """Those that limit ``name``, all locked."""
    hold(tx, ceilings, name)
    return [ceiling for ceiling in ceilings if name in ceiling.most]


def _usage(tx: Transaction, projects: tuple[str | None, ...]) -> Mapping[str, int]:
    return {
        "image_size_total": quotas.used(tx, projects, states.UNLISTED),
        "image_stage_total": quotas.sized(tx, projects, states.STAGED),
        "image_count_total": quotas.count(tx, projects, states.COUNTED),
        "image_count_uploading": quotas.count(tx, projects, states.COMING),
    }
