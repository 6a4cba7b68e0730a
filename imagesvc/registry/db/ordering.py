"""The order of a listing, and the rows behind a marker in it: paging by key.

A page starts behind the values of the image that the page before ended with, so the last page costs what the first does.
Null is less than everything.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, or_, tuple_
from sqlalchemy.sql.elements import ColumnElement

from imagesvc import exception
from imagesvc.registry.db import models

_images = models.images
_DIRECTIONS = {"asc", "desc"}

#: Keys of an order and whether they ascend, most significant first.
Sort = tuple[tuple[str, bool], ...]
Columns = Mapping[str, Any] | None


def checked(wanted: Sequence[tuple[str, str]]) -> Sort:
    """The order asked for, made total by created_at and id in the direction of its last key."""
    order: dict[str, str] = {}
    for key, direction in wanted:
        if key not in models.SORT_KEYS:
            raise exception.InvalidParameter(name="sort_key", reason=f"{key!s:.64} is not one of {models.SORT_KEYS}")
        if direction not in _DIRECTIONS:
            raise exception.InvalidParameter(name="sort_dir", reason="it must be asc or desc")
        order.setdefault(key, direction)
    last = [*order.values()][-1] if order else "desc"
    for key in ("created_at", "id"):
        order.setdefault(key, last)
    keys = [*order]
    return tuple((key, order[key] == "asc") for key in keys[: keys.index("id") + 1])


def order_by(sort: Sort, dialect: str, columns: Columns = None) -> list[Any]:
    """ORDER BY with null below everything, which is what SQLite and MySQL do by themselves.

    :param columns: those of another table that have the keys' values, and never null.
    """
    ordered = []
    for key, ascending in sort:
        column = (columns or _images.c)[key]
        term = column.asc() if ascending else column.desc()
        if dialect == "postgresql" and _images.c[key].nullable:
            term = term.nulls_first() if ascending else term.nulls_last()
        ordered.append(term)
    return ordered


def segments(
    sort: Sort, marker: Sequence[bool] | None, dialect: str, columns: Columns = None
) -> list[ColumnElement[bool]]:
    """Conditions one of which, and only one, holds for every row behind the marker.

    Each is one range of the order's index, which SQLite and PostgreSQL see in a comparison of rows, and not in what that is
    short for.  MySQL does it the other way round.  PostgreSQL judges a comparison of rows by the first of their columns, so that
    one is compared apart, or where it says little all images would be looked at.

    :param marker: per key, whether the marker's value is null; None on the first page.
    :param columns: as for :func:`order_by`.
    """
    if marker is None:
        return [_images.c.id.is_not(None)]
    if columns is not None:
        return _segments_of(sort, dialect, columns)
    (key, ascending), *rest = sort
    is_one_way = all(other == ascending for _, other in rest)
    if dialect == "mysql" or not is_one_way or any(_images.c[name].nullable for name, _ in rest):
        return [_behind(sort, marker)]
    column = _images.c[key]
    if marker[0]:
        equal = and_(column.is_(None), _row_beyond(sort, 1))
        return [equal, column.is_not(None)] if ascending else [equal]
    found = [_row_beyond(sort, 0)]
    if dialect == "postgresql" and rest:
        found = [
            and_(column == _marker_value(sort, 0), _row_beyond(sort, 1)),
            _row_beyond(sort[:1], 0),
        ]
    return [*found, column.is_(None)] if column.nullable and not ascending else found


def _segments_of(sort: Sort, dialect: str, columns: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """The same where keys have one direction, and no value is null."""
    names = [key for key, _ in sort]
    values = [_marker_value(sort, number) for number in range(len(sort))]
    row, ascending = [columns[name] for name in names], sort[0][1]
    if dialect == "sqlite":
        return [_beyond_all(row, values, ascending)]
    further = row[0] > values[0] if ascending else row[0] < values[0]
    beyond = and_(row[0] == values[0], _beyond_all(row[1:], values[1:], ascending))
    if dialect == "postgresql":
        return [beyond, further]
    return [and_(or_(further, beyond), row[0] >= values[0] if ascending else row[0] <= values[0])]


def _beyond_all(row: Sequence[Any], values: Sequence[Any], ascending: bool) -> ColumnElement[bool]:
    beyond: ColumnElement[bool] = tuple_(*row) > tuple_(*values) if ascending else tuple_(*row) < tuple_(*values)
    return beyond


def _row_beyond(sort: Sort, start: int) -> ColumnElement[bool]:
    """Comparison with the marker of the row of all keys from the one numbered ``start``."""
    numbers = range(start, len(sort))
    row = tuple_(*[_images.c[sort[number][0]] for number in numbers])
    values = tuple_(*[_marker_value(sort, number) for number in numbers])
    beyond: ColumnElement[bool] = row > values if sort[start][1] else row < values
    return beyond


def _behind(sort: Sort, nulls: Sequence[bool]) -> ColumnElement[bool]:
    """Rows that follow the marker's."""
    alternatives: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for number, ((key, ascending), is_null) in enumerate(zip(sort, nulls, strict=True)):
        column, value = _images.c[key], _marker_value(sort, number)
        beyond = _beyond(column, ascending, is_null, value)
        if beyond is not None:
            alternatives.append(and_(*equal, beyond))
        equal.append(column.is_(None) if is_null else column == value)
    return and_(or_(*alternatives), *_bound(sort[0], nulls[0]))


def _marker_value(sort: Sort, number: int) -> Any:
    return bindparam(f"marker{number}", type_=_images.c[sort[number][0]].type)


def _beyond(column: Any, ascending: bool, is_null: bool, value: Any) -> ColumnElement[bool] | None:
    if is_null:
        return column.is_not(None) if ascending else None
    if ascending:
        above: ColumnElement[bool] = column > value
        return above
    return or_(column < value, column.is_(None)) if column.nullable else column < value


def _bound(key: tuple[str, bool], is_null: bool) -> list[ColumnElement[bool]]:
    """A condition on the first key alone, from which the database sees where in its index to start."""
    column, ascending = _images.c[key[0]], key[1]
    if is_null or (column.nullable and not ascending):
        return []
    value = _marker_value((key,), 0)
    return [column >= value if ascending else column <= value]
