"""Properties of namespaces."""

from collections.abc import Mapping
from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import metadef_fields
from imagesvc.registry.db import metadef_properties, metadef_resource_types
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.metadef_access import MetadefAccess, Namespace
from imagesvc.registry.endpoints.metadef_items import Item, Items, Noun
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.rpc import dispatcher

_NOUN = Noun(
    metadef_properties.KIND,
    metadef_fields.metadef_property,
    add="add_metadef_property",
    modify="modify_metadef_property",
    delete="remove_metadef_property",
    show="get_metadef_property",
    list="get_metadef_properties",
    delete_all=("delete_metadef_namespace",),
)


class MetadefPropertyEndpoint:
    """Show, list, create, change and delete."""

    def __init__(self, transactions: Transactions, access: MetadefAccess) -> None:
        self._items = Items(transactions, access, _NOUN)

    @dispatcher.expose
    def metadef_property_list(self, context: RequestContext, namespace: str) -> list[Item]:
        return self._items.list(context, namespace)

    @dispatcher.expose
    def metadef_property_get(
        self, context: RequestContext, namespace: str, name: str, resource_type: str | None = None
    ) -> Item:
        """One property.

        :param resource_type: when given, ``name`` begins with the prefix that properties have there.
        """

        def unprefixed(tx: Transaction, found: Namespace) -> str:
            _, tie = metadef_resource_types.association(tx, found["id"], str(resource_type))
            prefix = tie["prefix"] or ""
            if not name.startswith(prefix):
                raise exception.MetadefNotFound(kind="property", name=name)
            return name.removeprefix(prefix)

        return self._items.get(context, namespace, name, None if resource_type is None else unprefixed)

    @dispatcher.expose
    def metadef_property_create(self, context: RequestContext, namespace: str, values: Mapping[str, Any]) -> Item:
        return self._items.create(context, "metadef_property_create", namespace, values)

    @dispatcher.expose
    def metadef_property_update(
        self, context: RequestContext, namespace: str, name: str, values: Mapping[str, Any]
    ) -> Item:
        return self._items.update(context, "metadef_property_update", namespace, name, values)

    @dispatcher.expose
    def metadef_property_delete(self, context: RequestContext, namespace: str, name: str) -> None:
        self._items.delete(context, "metadef_property_delete", namespace, name)

    @dispatcher.expose
    def metadef_property_delete_all(self, context: RequestContext, namespace: str) -> None:
        self._items.delete_all(context, "metadef_property_delete_all", namespace)
