"""Objects of namespaces."""

from collections.abc import Mapping
from typing import Any

from imagesvc.context import RequestContext
from imagesvc.registry import metadef_fields
from imagesvc.registry.db import metadef_objects
from imagesvc.registry.endpoints.metadef_access import MetadefAccess
from imagesvc.registry.endpoints.metadef_items import Item, Items, Noun
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.rpc import dispatcher

_NOUN = Noun(
    metadef_objects.KIND,
    metadef_fields.metadef_object,
    add="add_metadef_object",
    modify="modify_metadef_object",
    delete="delete_metadef_object",
    show="get_metadef_object",
    list="get_metadef_objects",
    delete_all=("delete_metadef_namespace",),
)


class MetadefObjectEndpoint:
    """Show, list, create, change and delete."""

    def __init__(self, transactions: Transactions, access: MetadefAccess) -> None:
        self._items = Items(transactions, access, _NOUN)

    @dispatcher.expose
    def metadef_object_list(self, context: RequestContext, namespace: str, query: Mapping[str, Any]) -> dict[str, Any]:
        return self._items.page(context, namespace, query)

    @dispatcher.expose
    def metadef_object_get(self, context: RequestContext, namespace: str, name: str) -> Item:
        return self._items.get(context, namespace, name)

    @dispatcher.expose
    def metadef_object_create(self, context: RequestContext, namespace: str, values: Mapping[str, Any]) -> Item:
        return self._items.create(context, "metadef_object_create", namespace, values)

    @dispatcher.expose
    def metadef_object_update(
        self, context: RequestContext, namespace: str, name: str, values: Mapping[str, Any]
    ) -> Item:
        return self._items.update(context, "metadef_object_update", namespace, name, values)

    @dispatcher.expose
    def metadef_object_delete(self, context: RequestContext, namespace: str, name: str) -> None:
        self._items.delete(context, "metadef_object_delete", namespace, name)

    @dispatcher.expose
    def metadef_object_delete_all(self, context: RequestContext, namespace: str) -> None:
        self._items.delete_all(context, "metadef_object_delete_all", namespace)
