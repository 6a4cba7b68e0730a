"""Namespaces: the rows, pages of them, and who sees which."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from oslo_db import exception as db_exc
from sqlalchemy import Select, and_, case, delete, func, or_, select, true, update

from imagesvc import exception, objects
from imagesvc.registry.db import metadef_names, metadef_paging, models
from imagesvc.registry.db.transaction import Transaction, to_text

Primitive = dict[str, Any]

_namespaces = models.metadef_namespaces
_links = models.metadef_namespace_resource_types
_types = models.metadef_resource_types

#: Columns that writers give.
FIELDS = ("namespace", "display_name", "description", "visibility", "protected", "owner")
_VISIBILITIES = ("public", "private")


@dataclasses.dataclass(frozen=True, slots=True)
class Viewer:
    """Whose list it is."""

    project_id: str | None
    is_admin: bool


def _keys() -> Mapping[str, Any]:
    columns = _namespaces.c
    return {
        "created_at": columns.created_at,
        "updated_at": func.coalesce(columns.updated_at, columns.created_at),
        "namespace": columns.namespace,
        "display_name": func.coalesce(columns.display_name, ""),
        "description": func.coalesce(columns.description, ""),
        "visibility": func.coalesce(columns.visibility, ""),
        "protected": case((columns.protected == true(), 1), else_=0),
        "owner": columns.owner,
        "id": columns.id,
    }


_KEYS = _keys()


def page(tx: Transaction, query: objects.MetadefQuery, viewer: Viewer) -> tuple[list[Primitive], str | None]:
    """The namespaces of one page, and the name to continue after if there are more.

    :raises MetadefNotFound: the marker is not there, or not for this viewer.
    """
    seen = select(_namespaces).where(_visible(viewer))
    marked = seen.where(_namespaces.c.namespace == query.marker)
    marker = metadef_paging.marker(tx, marked, _KEYS, query, "namespace")
    rows, more = metadef_paging.rows(tx, _filtered(tx, seen, query), _KEYS, query, marker)
    found = [_to_primitive(row) for row in rows]
    return found, found[-1]["namespace"] if more and found else None


def get(tx: Transaction, name: str, *, lock: bool = False) -> Primitive | None:
    """The namespace of that name, or None.

    :param lock: keep everybody else from writing it, or anything in it, until the transaction ends.
    """
    if not metadef_names.is_possible(tx, name):
        return None
    statement = select(_namespaces).where(_namespaces.c.namespace == name)
    row = tx.connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else _to_primitive(row)


def create(tx: Transaction, fields: Mapping[str, Any]) -> Primitive:
    """Insert a namespace.

    :param fields: all of :data:`FIELDS`.
    :raises MetadefExists: there is one of that name.
    """
    values = {**fields, "created_at": tx.now, "updated_at": tx.now}
    try:
        result = tx.connection.execute(_namespaces.insert(), values)
        key: Any = result.inserted_primary_key
    except db_exc.DBDuplicateEntry:
        raise exception.MetadefExists(kind="namespace", name=fields["namespace"]) from None
    now = to_text(tx.now)
    return {**fields, "id": key[0], "created_at": now, "updated_at": now}


def save(tx: Transaction, namespace: Primitive, fields: Mapping[str, Any]) -> Primitive:
    """Give a locked namespace other fields, its name among them.

    :raises MetadefExists: another one has that name.
    """
    statement = update(_namespaces).where(_namespaces.c.id == namespace["id"])
    try:
        tx.connection.execute(statement.values(**fields, updated_at=tx.now))
    except db_exc.DBDuplicateEntry:
        raise exception.MetadefExists(kind="namespace", name=fields["namespace"]) from None
    return {**namespace, **fields, "updated_at": to_text(tx.now)}


def remove(tx: Transaction, namespace_id: int) -> None:
    """Delete the row of a namespace that has nothing left in it."""
    tx.connection.execute(delete(_namespaces).where(_namespaces.c.id == namespace_id))


def all_names(tx: Transaction) -> list[str]:
    """Names of all namespaces, in order."""
    return list(tx.connection.execute(select(_namespaces.c.namespace).order_by(_namespaces.c.namespace)).scalars())


def _to_primitive(row: Any) -> Primitive:
    namespace = {name: getattr(row, name) for name in ("id", *FIELDS)}
    namespace["visibility"] = row.visibility or "private"
    namespace["protected"] = bool(row.protected)
    created = to_text(row.created_at)
    return {**namespace, "created_at": created, "updated_at": to_text(row.updated_at) or created}


def _visible(viewer: Viewer) -> Any:
    if viewer.is_admin:
        return true()
    public = _namespaces.c.visibility == "public"
    return public if viewer.project_id is None else or_(public, _namespaces.c.owner == viewer.project_id)


def _filtered(tx: Transaction, statement: Select[Any], query: objects.MetadefQuery) -> Select[Any]:
    if query.visibility is not None:
        if query.visibility not in _VISIBILITIES:
            raise exception.InvalidParameter(name="visibility", reason="it must be public or private")
        statement = statement.where(func.coalesce(_namespaces.c.visibility, "private") == query.visibility)
    if query.resource_types is not None:
        names = [name for name in query.resource_types if metadef_names.is_possible(tx, name)]
        link = and_(_links.c.resource_type_id == _types.c.id, _types.c.name.in_(names))
        statement = statement.where(_namespaces.c.id.in_(select(_links.c.namespace_id).join(_types, link)))
    return statement
