"""Withholding an image's data, and giving it out again.  What is as it shall be stays so."""

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import states
from imagesvc.registry.db import images
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.access import Access
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.rpc import dispatcher


class ActionEndpoint:
    """Deactivate and reactivate."""

    def __init__(self, transactions: Transactions, access: Access) -> None:
        self._transactions = transactions
        self._access = access

    @dispatcher.expose
    def image_deactivate(self, context: RequestContext, image_id: str) -> None:
        self._become(context, "deactivate", image_id, states.ACTIVE, states.DEACTIVATED)

    @dispatcher.expose
    def image_reactivate(self, context: RequestContext, image_id: str) -> None:
        self._become(context, "reactivate", image_id, states.DEACTIVATED, states.ACTIVE)

    def _become(self, context: RequestContext, rule: str, image_id: str, current: str, wanted: str) -> None:
        """Take an image from ``current`` to ``wanted``.

        :raises StatusForbids: it is in neither.
        """

        def work(tx: Transaction) -> None:
            record = self._access.load(tx, context, image_id, lock=True)
            self._access.require_change(context, rule, record)
            status = record.image["status"]
            if status == wanted:
                return
            if status != current or not images.move(tx, image_id, [current], wanted):
                raise exception.StatusForbids(action=rule, status=status)

        self._transactions.write(context, f"image_{rule}", work)
