"""Resource types, and which namespaces are for them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oslo_db import exception as db_exc
from sqlalchemy import Select, delete, select

from imagesvc import exception
from imagesvc.registry.db import metadef_names, models
from imagesvc.registry.db.transaction import Transaction, to_text

Primitive = dict[str, Any]

_types = models.metadef_resource_types
_links = models.metadef_namespace_resource_types


def all_types(tx: Transaction) -> list[Primitive]:
    """Every resource type, in the order they became known."""
    statement = select(_types.c.name, _types.c.protected, _types.c.created_at, _types.c.updated_at).order_by(
        _types.c.id
    )
    return [
        {"name": row.name, "protected": bool(row.protected), **_times(row)} for row in tx.connection.execute(statement)
    ]


def associations(tx: Transaction, namespace_ids: Iterable[int]) -> dict[int, list[Primitive]]:
    """The associations of each namespace, by its id."""
    found: dict[int, list[Primitive]] = {namespace_id: [] for namespace_id in namespace_ids}
    statement = _associations().where(_links.c.namespace_id.in_(found)).order_by(_types.c.id)
    for row in tx.connection.execute(statement) if found else ():
        found[row.namespace_id].append(_to_primitive(row))
    return found


def associate(tx: Transaction, namespace_id: int, wanted: Sequence[Mapping[str, Any]]) -> list[Primitive]:
    """Say that a locked namespace is for resource types, which are made known if they are not yet.

    :param wanted: ``name``, ``prefix`` and ``properties_target`` each.
    :raises MetadefExists: it is for one of them already.
    """
    if not wanted:
        return []
    names = [item["name"] for item in wanted]
    repeated = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if repeated is not None:
        raise _exists([repeated])
    ids = _ids(tx, names)
    stamps = {"namespace_id": namespace_id, "created_at": tx.now, "updated_at": tx.now}
    columns = ("prefix", "properties_target")
    rows = [
        {"resource_type_id": ids[item["name"]], **{name: item.get(name) for name in columns}, **stamps}
        for item in wanted
    ]
    try:
        tx.connection.execute(_links.insert(), rows)
    except db_exc.DBDuplicateEntry:
        raise _exists(names) from None
    now = to_text(tx.now)
    return [
        {"name": item["name"], **{name: item.get(name) for name in columns}, "created_at": now, "updated_at": now}
        for item in wanted
    ]


def dissociate(tx: Transaction, namespace_id: int, type_id: int) -> None:
    tx.connection.execute(
        delete(_links).where(_links.c.namespace_id == namespace_id, _links.c.resource_type_id == type_id)
    )


def dissociate_all(tx: Transaction, namespace_id: int) -> None:
    tx.connection.execute(delete(_links).where(_links.c.namespace_id == namespace_id))


def association(tx: Transaction, namespace_id: int, name: str) -> tuple[int, Primitive]:
    """The resource type's id, and what ties the namespace to it.

    :raises MetadefNotFound: the namespace is not for such a resource type.
    """
    statement = _associations().where(_links.c.namespace_id == namespace_id, _types.c.name == name)
    row = tx.connection.execute(statement).one_or_none() if metadef_names.is_possible(tx, name) else None
    if row is None:
        raise exception.MetadefNotFound(kind="resource type association", name=name)
    return row.resource_type_id, _to_primitive(row)


def _associations() -> Select[Any]:
    return select(_links, _types.c.name).join(_types, _types.c.id == _links.c.resource_type_id)


def _to_primitive(row: Any) -> Primitive:
    return {"name": row.name, "prefix": row.prefix, "properties_target": row.properties_target, **_times(row)}


def _times(row: Any) -> Primitive:
    created = to_text(row.created_at)
    return {"created_at": created, "updated_at": to_text(row.updated_at) or created}


def _ids(tx: Transaction, names: Sequence[str]) -> dict[str, int]:
    """Ids of resource types by the names asked for."""
    known = _known(tx, names)
    missing = [name for name in names if name not in known]
    for name in missing:
        tx.insert_absent(_types, {"name": name, "protected": False, "created_at": tx.now, "updated_at": tx.now})
    return _complete(tx, names) if missing else known


def _complete(tx: Transaction, names: Sequence[str]) -> dict[str, int]:
    known = _known(tx, names)
    for name in names:
        if name not in known:
            # MySQL, told to ignore rows that are there, also ignores characters it has no room for.
            raise exception.InvalidParameter(name="name", reason="the database has no room for one of its characters")
    return known


def _known(tx: Transaction, names: Sequence[str]) -> dict[str, int]:
    rows = tx.connection.execute(select(_types.c.name, _types.c.id).where(_types.c.name.in_(names))).all()
    known = {row.name: row.id for row in rows}
    if tx.is_mysql:
        without_case = {row.name.casefold(): row.id for row in rows}
        return {name: without_case[name.casefold()] for name in names if name.casefold() in without_case}
    return known


def _exists(names: Sequence[str]) -> exception.MetadefExists:
    return exception.MetadefExists(kind="resource type association", name=", ".join(names[:5]))
