"""Tags of namespaces."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagesvc.context import RequestContext
from imagesvc.registry import metadef_fields
from imagesvc.registry.db import metadef_content, metadef_items, metadef_tags
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.metadef_access import MetadefAccess
from imagesvc.registry.endpoints.metadef_items import Item, Items, Noun
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.rpc import dispatcher

_NOUN = Noun(
    metadef_tags.KIND,
    metadef_fields.tag,
    add="add_metadef_tag",
    modify="modify_metadef_tag",
    delete="delete_metadef_tag",
    show="get_metadef_tag",
    list="get_metadef_tags",
    delete_all=("delete_metadef_namespace", "delete_metadef_tags"),
)


class MetadefTagEndpoint:
    """Show, list, create one or several, rename and delete."""

    def __init__(self, transactions: Transactions, access: MetadefAccess) -> None:
        self._transactions = transactions
        self._access = access
        self._items = Items(transactions, access, _NOUN)

    @dispatcher.expose
    def metadef_tag_list(self, context: RequestContext, namespace: str, query: Mapping[str, Any]) -> dict[str, Any]:
        return self._items.page(context, namespace, query)

    @dispatcher.expose
    def metadef_tag_get(self, context: RequestContext, namespace: str, name: str) -> Item:
        return self._items.get(context, namespace, name)

    @dispatcher.expose
    def metadef_tag_create(self, context: RequestContext, namespace: str, name: str) -> Item:
        return self._items.create(context, "metadef_tag_create", namespace, {"name": name})

    @dispatcher.expose
    def metadef_tag_create_all(
        self, context: RequestContext, namespace: str, names: Sequence[str], append: bool = False
    ) -> None:
        """Give the namespace these tags.

        :param append: in addition to those it has, instead of in their place.
        """
        tags = metadef_fields.items("tags", [{"name": name} for name in names])

        def work(tx: Transaction) -> None:
            found = self._access.writable(tx, context, namespace, "add_metadef_tags")
            if tags and not append:
                metadef_items.remove_all(tx, metadef_tags.KIND, found["id"])
            metadef_items.add(tx, metadef_tags.KIND, found["id"], tags)
            metadef_content.check_size(tx, found["id"])

        self._transactions.write(context, "metadef_tag_create_all", work)

    @dispatcher.expose
    def metadef_tag_update(self, context: RequestContext, namespace: str, name: str, new_name: str) -> Item:
        return self._items.update(context, "metadef_tag_update", namespace, name, {"name": new_name})

    @dispatcher.expose
    def metadef_tag_delete(self, context: RequestContext, namespace: str, name: str) -> None:
        self._items.delete(context, "metadef_tag_delete", namespace, name)

    @dispatcher.expose
    def metadef_tag_delete_all(self, context: RequestContext, namespace: str) -> None:
        self._items.delete_all(context, "metadef_tag_delete_all", namespace)
