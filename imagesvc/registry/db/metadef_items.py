"""What a namespace consists of: objects, properties and tags, each a table of rows that have a name there.

Writers hold the lock of the namespace's row (:func:`imagesvc.registry.db.metadef_namespaces.get`), so that its content is one
thing.  MariaDB compares names without regard to case, so where ``Foo`` is, ``foo`` is taken.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oslo_db import exception as db_exc
from sqlalchemy import Select, Table, delete, func, select, update

from imagesvc import exception, objects
from imagesvc.registry.db import metadef_names, metadef_paging
from imagesvc.registry.db.transaction import Transaction, to_text

Primitive = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One noun.

    :param noun: as errors name it.
    :param read: the primitive of a row, given its columns but those of time and key.
    :param write: columns for a primitive, but those of time and key.
    :param newest_first: whether all of a namespace's are told in that order, and not by name.
    """

    noun: str
    table: Table
    read: Callable[[Any], Primitive]
    write: Callable[[Primitive], dict[str, Any]]
    newest_first: bool = False

    def primitive(self, row: Any) -> Primitive:
        created = to_text(row.created_at)
        return {**self.read(row), "created_at": created, "updated_at": to_text(row.updated_at) or created}


def all_of(tx: Transaction, kind: Kind, namespace_id: int) -> list[Primitive]:
    """Everything of a kind in a namespace, by name or newest first."""
    columns = kind.table.c
    order = [columns.created_at.desc(), columns.id.desc()] if kind.newest_first else [columns.name, columns.id]
    statement = _select(kind, namespace_id).order_by(*order)
    return [kind.primitive(row) for row in tx.connection.execute(statement)]


def page(
    tx: Transaction, kind: Kind, namespace_id: int, query: objects.MetadefQuery
) -> tuple[list[Primitive], str | None]:
    """One page, and the name to continue after if there is more.

    :raises MetadefNotFound: the marker is not there.
    """
    statement = _select(kind, namespace_id)
    keys = _keys(kind.table)
    marked = statement.where(kind.table.c.name == query.marker)
    marker = metadef_paging.marker(tx, marked, keys, query, kind.noun)
    rows, more = metadef_paging.rows(tx, statement, keys, query, marker)
    items = [kind.primitive(row) for row in rows]
    return items, items[-1]["name"] if more and items else None


def get(tx: Transaction, kind: Kind, namespace_id: int, name: str) -> tuple[int, Primitive]:
    """The row's id and the primitive.

    :raises MetadefNotFound: there is none of that name.
    """
    named = _select(kind, namespace_id).where(kind.table.c.name == name)
    row = tx.connection.execute(named).one_or_none() if metadef_names.is_possible(tx, name) else None
    if row is None:
        raise exception.MetadefNotFound(kind=kind.noun, name=name)
    return row.id, kind.primitive(row)


def add(tx: Transaction, kind: Kind, namespace_id: int, items: Sequence[Primitive]) -> list[Primitive]:
    """Insert items; their primitives.

    :raises MetadefExists: a name is there, or among them twice.
    """
    if not items:
        return []
    _check_repeated(kind, items)
    stamps = {"namespace_id": namespace_id, "created_at": tx.now, "updated_at": tx.now}
    try:
        tx.connection.execute(kind.table.insert(), [{**kind.write(item), **stamps} for item in items])
    except db_exc.DBDuplicateEntry:
        raise _exists(kind, items) from None
    now = to_text(tx.now)
    return [{**item, "created_at": now, "updated_at": now} for item in items]


def replace(tx: Transaction, kind: Kind, row_id: int, before: Primitive, item: Primitive) -> Primitive:
    """Make the row ``item``, whose name may be another one.

    :raises MetadefExists: the new name is in use.
    """
    statement = update(kind.table).where(kind.table.c.id == row_id)
    try:
        tx.connection.execute(statement.values(**kind.write(item), updated_at=tx.now))
    except db_exc.DBDuplicateEntry:
        raise _exists(kind, [item]) from None
    return {**item, "created_at": before["created_at"], "updated_at": to_text(tx.now)}


def remove(tx: Transaction, kind: Kind, row_id: int) -> None:
    tx.connection.execute(delete(kind.table).where(kind.table.c.id == row_id))


def remove_all(tx: Transaction, kind: Kind, namespace_id: int) -> None:
    tx.connection.execute(delete(kind.table).where(kind.table.c.namespace_id == namespace_id))


def _select(kind: Kind, namespace_id: int) -> Select[Any]:
    return select(kind.table).where(kind.table.c.namespace_id == namespace_id)


def _keys(table: Table) -> Mapping[str, Any]:
    updated = func.coalesce(table.c.updated_at, table.c.created_at)
    return {"name": table.c.name, "created_at": table.c.created_at, "updated_at": updated, "id": table.c.id}


def _check_repeated(kind: Kind, items: Sequence[Primitive]) -> None:
    seen: set[str] = set()
    for item in items:
        if item["name"] in seen:
            raise exception.MetadefExists(kind=kind.noun, name=item["name"])
        seen.add(item["name"])


def _exists(kind: Kind, items: Sequence[Primitive]) -> exception.MetadefExists:
    """The error; of several names the database does not say which one it was."""
    names = ", ".join(item["name"] for item in items[:5])
    return exception.MetadefExists(kind=kind.noun, name=f"{names}, ..." if len(items) > 5 else names)
