"""Pages of metadata definitions: order, and the rows behind a marker in it.

No column of an order is null here: what is empty counts as the least of its kind.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, and_, or_
from sqlalchemy.engine import Row

from imagesvc import exception, objects
from imagesvc.registry.db import metadef_names
from imagesvc.registry.db.transaction import Transaction

Keys = Mapping[str, Any]


def rows(
    tx: Transaction, statement: Select[Any], keys: Keys, query: objects.MetadefQuery, marker: tuple[Any, int] | None
) -> tuple[list[Row[Any]], bool]:
    """The rows of one page, and whether more follow.

    :param keys: expressions that can be sorted by; ``id`` makes every order total.
    :param marker: from :func:`marker`.
    """
    key, is_ascending = _order(keys, query)
    for expression in dict.fromkeys((key, keys["id"])):
        statement = statement.order_by(expression.asc() if is_ascending else expression.desc())
    if marker is not None:
        value, row_id = marker
        statement = statement.where(_beyond(key, value, keys["id"], row_id, is_ascending))
    if query.limit is None:
        return list(tx.connection.execute(statement)), False
    found = list(tx.connection.execute(statement.limit(query.limit + 1)))
    return found[: query.limit], len(found) > query.limit


def marker(
    tx: Transaction, statement: Select[Any], keys: Keys, query: objects.MetadefQuery, kind: str
) -> tuple[Any, int] | None:
    """The marker's place in the order, None on the first page.

    :param statement: selects what the viewer may list and has the marker's name.
    :raises MetadefNotFound: there is none.
    """
    if query.marker is None:
        return None
    key, _ = _order(keys, query)
    place = statement.with_only_columns(key, keys["id"])
    row = tx.connection.execute(place).one_or_none() if metadef_names.is_possible(tx, query.marker) else None
    if row is None:
        raise exception.MetadefNotFound(kind=kind, name=query.marker)
    return row[0], row[1]


def _order(keys: Keys, query: objects.MetadefQuery) -> tuple[Any, bool]:
    if query.sort_key not in keys:
        raise exception.InvalidParameter(name="sort_key", reason=f"it must be one of {', '.join(keys)}")
    if query.sort_dir not in ("asc", "desc"):
        raise exception.InvalidParameter(name="sort_dir", reason="it must be asc or desc")
    return keys[query.sort_key], query.sort_dir == "asc"


def _beyond(key: Any, value: Any, row_id: Any, marker_id: int, is_ascending: bool) -> Any:
    if is_ascending:
        return or_(key > value, and_(key == value, row_id > marker_id))
    return or_(key < value, and_(key == value, row_id < marker_id))
