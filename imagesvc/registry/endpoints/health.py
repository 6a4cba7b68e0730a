"""Whether a call would be served now."""

from typing import Any

from imagesvc import rpc
from imagesvc.context import RequestContext
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.rpc import dispatcher


class HealthEndpoint:
    """Asks the database; raises what a real call would."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @dispatcher.expose
    def ping(self, _context: RequestContext) -> dict[str, Any]:
        self._transactions.observe()
        return {"version": rpc.VERSION, "database": "ok"}
