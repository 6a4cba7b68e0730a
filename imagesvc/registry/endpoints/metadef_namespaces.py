"""Namespaces of metadata definitions."""

from collections.abc import Mapping
from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import metadef_fields
from imagesvc.registry.db import metadef_content, metadef_namespaces, metadef_resource_types
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.metadef_access import MetadefAccess
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.rpc import dispatcher

Namespace = dict[str, Any]

#: Owner of what is created where callers have no project.
_NOBODY = "admin"


class MetadefNamespaceEndpoint:
    """Show, list, create, change and delete."""

    def __init__(self, transactions: Transactions, access: MetadefAccess) -> None:
        self._transactions = transactions
        self._access = access

    @dispatcher.expose
    def metadef_namespace_list(self, context: RequestContext, query: Mapping[str, Any]) -> dict[str, Any]:
        """A page for a primitive of :class:`imagesvc.objects.MetadefQuery`."""
        wanted = metadef_fields.query(query)
        project = {"project_id": context.project_id} if context.project_id else {}
        self._access.require_reading(context, "get_metadef_namespaces", project)

        def work(tx: Transaction) -> dict[str, Any]:
            page, marker = metadef_namespaces.page(tx, wanted, self._access.viewer(context))
            seen = [item for item in page if self._access.may_read(context, "get_metadef_namespace", item)]
            associations = metadef_resource_types.associations(tx, [item["id"] for item in seen])
            shown = [{**item, metadef_content.ASSOCIATIONS: associations[item["id"]]} for item in seen]
            return {"namespaces": shown, "next_marker": marker}

        return self._transactions.read(work)

    @dispatcher.expose
    def metadef_namespace_get(self, context: RequestContext, namespace: str) -> Namespace:
        """With everything in it."""

        def work(tx: Transaction) -> Namespace:
            found = self._access.readable(tx, context, namespace, "get_metadef_namespace")
            return metadef_content.read(tx, found)

        return self._transactions.read(work)

    @dispatcher.expose
    def metadef_namespace_create(self, context: RequestContext, values: Mapping[str, Any]) -> Namespace:
        """With everything that ``values`` say is in it; answers without that."""
        columns = metadef_fields.namespace(values, context.owner or _NOBODY)
        content = metadef_fields.content(values)
        self._access.require_change(context, "add_metadef_namespace", columns)
        self._access.require_owner(context, "add_metadef_namespace", columns)

        def work(tx: Transaction) -> Namespace:
            created = metadef_namespaces.create(tx, columns)
            metadef_content.add(tx, created["id"], content)
            return created

        result: Namespace = self._transactions.write(context, "metadef_namespace_create", work)
        return result

    @dispatcher.expose
    def metadef_namespace_update(self, context: RequestContext, namespace: str, values: Mapping[str, Any]) -> Namespace:
        """Replaces all fields of the namespace itself; what is in it stays."""
        columns = metadef_fields.namespace(values, context.owner or _NOBODY)

        def work(tx: Transaction) -> Namespace:
            found = self._access.writable(tx, context, namespace, "modify_metadef_namespace")
            if columns["owner"] != found["owner"]:
                self._access.require_owner(context, "modify_metadef_namespace", columns)
            return metadef_namespaces.save(tx, found, columns)

        result: Namespace = self._transactions.write(context, "metadef_namespace_update", work)
        return result

    @dispatcher.expose
    def metadef_namespace_delete(self, context: RequestContext, namespace: str) -> None:
        """With everything in it."""

        def work(tx: Transaction) -> None:
            found = self._access.writable(tx, context, namespace, "delete_metadef_namespace")
            if found["protected"]:
                raise exception.MetadefProtected(kind="namespace", name=namespace)
            metadef_content.remove(tx, found["id"])

        self._transactions.write(context, "metadef_namespace_delete", work)
