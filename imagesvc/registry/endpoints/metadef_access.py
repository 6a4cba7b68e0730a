"""Who may see and change which namespaces: visibility first, then policy, in the transaction that uses the row.

A namespace the caller may not see does not exist for him; one he sees but may not change is Forbidden.
"""

from collections.abc import Mapping
from typing import Any

from imagesvc import exception, policies
from imagesvc.context import RequestContext
from imagesvc.registry.db import metadef_namespaces
from imagesvc.registry.db.transaction import Transaction

Namespace = dict[str, Any]


class MetadefAccess:
    """Decisions about namespaces and what is in them, by one policy."""

    def __init__(self, enforcer: policies.Enforcer) -> None:
        self._enforcer = enforcer
        self.is_admin = enforcer.is_admin

    def viewer(self, context: RequestContext) -> metadef_namespaces.Viewer:
        return metadef_namespaces.Viewer(context.project_id, self.is_admin(context))

    def readable(self, tx: Transaction, context: RequestContext, name: str, rule: str) -> Namespace:
        """The namespace, if ``rule`` lets the caller read this of it.

        :raises MetadefNotFound: there is none, or none for this caller.
        """
        namespace = self._visible(tx, context, name, lock=False)
        if not self.may_read(context, rule, namespace):
            raise _not_found(name)
        return namespace

    def writable(self, tx: Transaction, context: RequestContext, name: str, *rules: str) -> Namespace:
        """The namespace, locked, if all ``rules`` let the caller do this to it.

        :raises MetadefNotFound: there is none, or none for this caller.
        :raises Forbidden: the caller sees it and may not do this.
        """
        namespace = self._visible(tx, context, name, lock=True)
        for rule in rules:
            self.require_change(context, rule, namespace)
        return namespace

    def require_change(self, context: RequestContext, rule: str, namespace: Mapping[str, Any]) -> None:
        """Raise Forbidden unless ``rule`` lets the caller do this, and only to what is his where rules name no roles."""
        self._enforcer.authorize(context, rule, _target(namespace))
        if self._enforcer.ownership_in_code and not self._owns(context, namespace):
            raise exception.Forbidden(action=rule)

    def require_owner(self, context: RequestContext, rule: str, namespace: Mapping[str, Any]) -> None:
        """Raise Forbidden if the caller gives a namespace to a project that is not his."""
        if not self._owns(context, namespace):
            raise exception.Forbidden(action=rule)

    def require_reading(self, context: RequestContext, rule: str, target: Mapping[str, Any]) -> None:
        """Raise NotFound unless ``rule`` lets the caller read what belongs to no namespace."""
        if not self._enforcer.allows(context, rule, target):
            raise exception.NotFound

    def may_read(self, context: RequestContext, rule: str, namespace: Mapping[str, Any]) -> bool:
        return self._enforcer.allows(context, rule, _target(namespace))

    def _owns(self, context: RequestContext, namespace: Mapping[str, Any]) -> bool:
        return self.is_admin(context) or namespace["owner"] == context.project_id

    def _visible(self, tx: Transaction, context: RequestContext, name: str, *, lock: bool) -> Namespace:
        found = metadef_namespaces.get(tx, name, lock=lock)
        if found is None or not (found["visibility"] == "public" or self._owns(context, found)):
            raise _not_found(name)
        return found


def _target(namespace: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: namespace[name] for name in metadef_namespaces.FIELDS if namespace.get(name) is not None}
    return {**fields, "project_id": namespace["owner"]}


def _not_found(name: str) -> exception.MetadefNotFound:
    return exception.MetadefNotFound(kind="namespace", name=name)
