"""Work that one registry at a time does: whoever holds the lease."""

from sqlalchemy import or_, select, update

from imagesvc.registry.db import models
from imagesvc.registry.db.transaction import Transaction

_leases = models.leases


def remaining_ms(tx: Transaction, name: str, holder: str) -> int:
    """Milliseconds for which ``holder`` has the lease; 0 or less when he has not."""
    statement = select(_leases.c.until_ms).where(_leases.c.name == name, _leases.c.holder == holder)
    until_ms = tx.connection.execute(statement).scalar_one_or_none()
    return 0 if until_ms is None else until_ms - tx.now_ms


def acquire(tx: Transaction, name: str, holder: str, period_ms: int) -> bool:
    """Take or extend the lease for ``period_ms``; whether nobody else has it.

    A lease that ends later than any can, because the clock was set back, is anybody's.
    """
    values = {"holder": holder, "until_ms": tx.now_ms + period_ms}
    mine_or_old = or_(
        _leases.c.holder == holder, _leases.c.until_ms <= tx.now_ms, _leases.c.until_ms > tx.now_ms + 2 * period_ms
    )
    if tx.connection.execute(update(_leases).where(_leases.c.name == name, mine_or_old).values(values)).rowcount:
        return True
    return tx.insert_absent(_leases, {"name": name, **values})
