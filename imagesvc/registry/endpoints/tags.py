"""An image's tags, one at a time."""

from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import fields
from imagesvc.registry.db import images
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.access import Access
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.registry.limits import Limits
from imagesvc.rpc import dispatcher


class TagEndpoint:
    """Add and remove."""

    def __init__(self, transactions: Transactions, access: Access, limits: Limits) -> None:
        self._transactions = transactions
        self._access = access
        self._limits = limits

    @dispatcher.expose
    def tag_add(self, context: RequestContext, image_id: str, tag: str) -> None:
        """A tag that is there already changes nothing."""
        fields.tags([tag])

        def work(tx: Transaction) -> None:
            image = self._changeable(tx, context, image_id)
            before = image["tags"]
            if tag not in before:
                self._limits.check_tags(len(before), len(before) + 1)
                images.save(tx, image, {}, image["properties"], [*before, tag])

        self._transactions.write(context, "tag_add", work)

    @dispatcher.expose
    def tag_delete(self, context: RequestContext, image_id: str, tag: str) -> None:
        def work(tx: Transaction) -> None:
            image = self._changeable(tx, context, image_id)
            if tag not in image["tags"]:
                raise exception.TagNotFound(image_id=image_id, tag=f"{tag!s:.255}")
            images.save(tx, image, {}, image["properties"], [other for other in image["tags"] if other != tag])

        self._transactions.write(context, "tag_delete", work)

    def _changeable(self, tx: Transaction, context: RequestContext, image_id: str) -> dict[str, Any]:
        """The image, locked, if the caller may change it."""
        record = self._access.load(tx, context, image_id, lock=True)
        self._access.require_change(context, "modify_image", record)
        return record.image
