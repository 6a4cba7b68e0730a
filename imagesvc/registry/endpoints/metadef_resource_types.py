"""Resource types, and which namespaces are for them."""

from collections.abc import Mapping
from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import metadef_fields
from imagesvc.registry.db import metadef_content, metadef_resource_types
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.metadef_access import MetadefAccess
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.rpc import dispatcher

Association = dict[str, Any]


class MetadefResourceTypeEndpoint:
    """List resource types; list, create and delete a namespace's associations with them."""

    def __init__(self, transactions: Transactions, access: MetadefAccess) -> None:
        self._transactions = transactions
        self._access = access

    @dispatcher.expose
    def metadef_resource_type_list(self, context: RequestContext) -> list[dict[str, Any]]:
        # A resource type has no owner; its name is everybody's to know.
        self._access.require_reading(context, "list_metadef_resource_types", {"visibility": "public"})
        return self._transactions.read(metadef_resource_types.all_types)

    @dispatcher.expose
    def metadef_association_list(self, context: RequestContext, namespace: str) -> list[Association]:
        def work(tx: Transaction) -> list[Association]:
            found = self._access.readable(tx, context, namespace, "get_metadef_resource_type")
            return metadef_resource_types.associations(tx, [found["id"]])[found["id"]]

        return self._transactions.read(work)

    @dispatcher.expose
    def metadef_association_create(
        self, context: RequestContext, namespace: str, values: Mapping[str, Any]
    ) -> Association:
        """The resource type becomes known if it is not yet."""
        wanted = metadef_fields.association(values)

        def work(tx: Transaction) -> Association:
            found = self._access.writable(tx, context, namespace, "add_metadef_resource_type_association")
            [created] = metadef_resource_types.associate(tx, found["id"], [wanted])
            metadef_content.check_size(tx, found["id"])
            return created

        result: Association = self._transactions.write(context, "metadef_association_create", work)
        return result

    @dispatcher.expose
    def metadef_association_delete(self, context: RequestContext, namespace: str, name: str) -> None:
        """The resource type stays known."""

        def work(tx: Transaction) -> None:
            found = self._access.writable(tx, context, namespace, "remove_metadef_resource_type_association")
            type_id, _ = metadef_resource_types.association(tx, found["id"], name)
            if found["protected"]:
                raise exception.MetadefProtected(kind="resource type association", name=name)
            metadef_resource_types.dissociate(tx, found["id"], type_id)

        self._transactions.write(context, "metadef_association_delete", work)
