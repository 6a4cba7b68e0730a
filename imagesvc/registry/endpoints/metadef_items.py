"""What the endpoints of objects, properties and tags have in common."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import metadef_fields
from imagesvc.registry.db import metadef_content, metadef_items
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.metadef_access import MetadefAccess, Namespace
from imagesvc.registry.endpoints.transactions import Transactions

Item = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Noun:
    """One of the three.

    :param check: makes a primitive of what a caller gives.
    :param add: rule for creating one; ``modify``, ``delete``, ``show`` and ``list`` likewise.
    :param delete_all: rules for deleting them all.
    """

    kind: metadef_items.Kind
    check: Callable[[Mapping[str, Any]], Item]
    add: str
    modify: str
    delete: str
    show: str
    list: str
    delete_all: Sequence[str]


class Items:
    """The work; ``method`` is the name of the call in the operation ledger."""

    def __init__(self, transactions: Transactions, access: MetadefAccess, noun: Noun) -> None:
        self._transactions = transactions
        self._access = access
        self._noun = noun
        self._kind = noun.kind

    def list(self, context: RequestContext, namespace: str) -> list[Item]:
        def work(tx: Transaction) -> list[Item]:
            found = self._access.readable(tx, context, namespace, self._noun.list)
            return metadef_items.all_of(tx, self._kind, found["id"])

        return self._transactions.read(work)

    def page(self, context: RequestContext, namespace: str, query: Mapping[str, Any]) -> dict[str, Any]:
        wanted = metadef_fields.query(query)

        def work(tx: Transaction) -> dict[str, Any]:
            found = self._access.readable(tx, context, namespace, self._noun.list)
            items, marker = metadef_items.page(tx, self._kind, found["id"], wanted)
            return {"items": items, "next_marker": marker}

        return self._transactions.read(work)

    def get(
        self,
        context: RequestContext,
        namespace: str,
        name: str,
        name_in: Callable[[Transaction, Namespace], str] | None = None,
    ) -> Item:
        """One item.

        :param name_in: says what it is called in the loaded namespace, where that may differ from ``name``.
        """

        def work(tx: Transaction) -> Item:
            found = self._access.readable(tx, context, namespace, self._noun.show)
            called = name_in(tx, found) if name_in else name
            return metadef_items.get(tx, self._kind, found["id"], called)[1]

        return self._transactions.read(work)

    def create(self, context: RequestContext, method: str, namespace: str, values: Mapping[str, Any]) -> Item:
        item = self._noun.check(values)

        def work(tx: Transaction) -> Item:
            found = self._access.writable(tx, context, namespace, self._noun.add)
            [created] = metadef_items.add(tx, self._kind, found["id"], [item])
            metadef_content.check_size(tx, found["id"])
            return created

        result: Item = self._transactions.write(context, method, work)
        return result

    def update(
        self, context: RequestContext, method: str, namespace: str, name: str, values: Mapping[str, Any]
    ) -> Item:
        """Replaces the whole item, its name included."""
        item = self._noun.check(values)

        def work(tx: Transaction) -> Item:
            found = self._access.writable(tx, context, namespace, self._noun.modify)
            row_id, before = metadef_items.get(tx, self._kind, found["id"], name)
            changed = metadef_items.replace(tx, self._kind, row_id, before, item)
            metadef_content.check_size(tx, found["id"])
            return changed

        result: Item = self._transactions.write(context, method, work)
        return result

    def delete(self, context: RequestContext, method: str, namespace: str, name: str) -> None:
        def work(tx: Transaction) -> None:
            found = self._access.writable(tx, context, namespace, self._noun.delete)
            row_id, _ = metadef_items.get(tx, self._kind, found["id"], name)
            if found["protected"]:
                raise exception.MetadefProtected(kind=self._kind.noun, name=name)
            metadef_items.remove(tx, self._kind, row_id)

        self._transactions.write(context, method, work)

    def delete_all(self, context: RequestContext, method: str, namespace: str) -> None:
        def work(tx: Transaction) -> None:
            found = self._access.writable(tx, context, namespace, *self._noun.delete_all)
            if found["protected"]:
                raise exception.MetadefProtected(kind="namespace", name=namespace)
            metadef_items.remove_all(tx, self._kind, found["id"])

        self._transactions.write(context, method, work)
