"""One call is one transaction; the only place where endpoints begin one.

A mutating call notes itself in the operation ledger first and leaves its result there last, so that asked again, by a
caller whose answer was lost or by a bus that delivers twice, it answers as it did and does nothing.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry.clock import Clock
from imagesvc.registry.db import operations, session
from imagesvc.registry.db.transaction import Transaction

T = TypeVar("T")


class Transactions:
    """Begins the transactions of all endpoints of one process.

    :param clock: registry time; learns the database's time here, in passing.
    """

    def __init__(self, database: session.Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def read(self, work: Callable[[Transaction], T]) -> T:
        """``work``, which may run several times, in a transaction that sees one snapshot."""
        return self._database.run_read(lambda connection: work(self._at_time(connection)))

    def look(self, work: Callable[[Transaction], T]) -> T:
        """As :meth:`read`, for ``work`` that is one statement."""
        return self._database.run_look(lambda connection: work(self._at_time(connection)))

    def write_if(
        self,
        context: RequestContext,
        method: str,
        needed: Callable[[Transaction], bool],
        work: Callable[[Transaction], Any],
    ) -> Any:
        """As :meth:`write`, but None, and nothing written, when a look at the database says it is not ``needed``."""
        op_id, request_hash = _operation(context, method)

        def look(tx: Transaction) -> tuple[bool, Any]:
            done, result = operations.stored(tx, op_id, request_hash)
            return done or not needed(tx), result

        settled, result = self.read(look)
        return result if settled else self.write(context, method, work)

    def write(self, context: RequestContext, method: str, work: Callable[[Transaction], Any]) -> Any:
        """``work`` and its note in the ledger in one transaction, or the answer that is already there.

        :param work: may run several times, so it changes nothing but the database; returns plain JSON.
        :raises Expired: nobody waits for the outcome any more.
        :raises OperationMismatch: the operation's id was used for another request.
        """
        op_id, request_hash = _operation(context, method)
        if context.read_only:
            raise exception.Forbidden(action=method)

        def once(connection: Any) -> Any:
            tx = self._at_time(connection)
            # The turn to write may have come late.
            self._check(context.deadline)
            operations.begin(tx, op_id, method, request_hash)
            result = work(tx)
            operations.finish(tx, op_id, result)
            # So may the answers of a database that hung.
            self._check(context.deadline)
            return result

        try:
            return self._database.run_write(once)
        except operations.AlreadyDone:
            done, result = self.read(lambda tx: operations.stored(tx, op_id, request_hash))
            if not done:
                # Its first run was rolled back between our two looks.
                raise exception.RegistryUnavailable from None
            return result

    def _check(self, deadline: int) -> None:
        now = self._clock()
        if now >= deadline:
            raise exception.Expired(now=now)

    def maintain(self, work: Callable[[Transaction], T]) -> T:
        """``work`` of the registry itself in a transaction, without ledger."""
        return self._database.run_write(lambda connection: work(self._at_time(connection)))

    def observe(self) -> None:
        """Read the database's clock, and look whether its schema is still ours."""
        self._database.check_schema(anew=True)
        with self._database.read() as connection:
            self._hear(connection)

    def _at_time(self, connection: Any) -> Transaction:
        if self._clock.is_stale():
            self._hear(connection)
        return Transaction(connection, self._clock())

    def _hear(self, connection: Any) -> None:
        asked = self._clock.monotonic()
        self._clock.observe(session.now_ms(connection), asked)


def _operation(context: RequestContext, method: str) -> tuple[str, str]:
    """(id of the operation, what a repetition must have in common with it)."""
    op_id, request_hash = context.op_id, context.request_hash
    if op_id is None or request_hash is None:
        raise exception.BadMessage(reason=f"{method} needs an op_id")
    return op_id, request_hash
