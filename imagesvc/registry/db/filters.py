"""Filters of a listing: ``[name, operator, value]`` triples become conditions on ``images``.

Names and operators make the statement, values are its parameters, so that alike listings share one statement.
"""

import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import LargeBinary, Select, String, Table, Text, any_, bindparam, cast, false, func, select
from sqlalchemy.sql.elements import ColumnElement

from imagesvc import exception
from imagesvc.registry.db import models
from imagesvc.registry.db.transaction import Transaction, from_text

_images = models.images.c

#: (name, operator) of each filter.
Shape = tuple[tuple[str, str], ...]
#: A statement that counts, and the names of its parameters.
Probe = tuple[Select[Any], tuple[str, ...]]

_TEXT = {
    "id",
    "name",
    "status",
    "container_format",
    "disk_format",
    "owner",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
}
_NUMBER = {"size", "virtual_size", "min_disk", "min_ram"}
_FLAG = {"protected"}
_TIME = {"created_at", "updated_at"}

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_MOST_NUMBER = 2**63 - 1
_MOST_ALTERNATIVES = 1000
#: Values of one filter each of which gets a query of its own.
_MOST_QUERIES = 5
#: What the name of a filter by a custom property begins with; in a shape it is all of it.
PROPERTY = "property:"
#: Filters by what is in other tables.
ELSEWHERE = {"tag", PROPERTY}
#: Databases to which names that differ in letters' case or accents are one.
_ALIKE = ("mysql", "mariadb")
#: Images that are looked at one by one rather than searched for in a list.
FEW = 1000
#: Index by column in which the images that pass a filter of it stand together.
INDEXES = {key: f"imagesvc_images_by_{key}" for key in models.SORT_KEYS if key != "id"} | {
    "protected": "imagesvc_images_by_protected"
}
_SEARCHED = {"eq", "gt", "gte", "lt", "lte"}


def checked(filters: Sequence[Sequence[Any]]) -> tuple[Shape, dict[str, Any]]:
    """(what :func:`conditions` makes a statement from, the values that the statement is run with).

    :raises InvalidParameter: naming the filter, for an unknown name or operator or a value of a wrong kind.
    """
    shape: list[tuple[str, str]] = []
    arguments: dict[str, Any] = {}
    for number, triple in enumerate(filters):
        if len(triple) != 3 or not isinstance(triple[0], str) or not isinstance(triple[1], str):
            raise exception.InvalidParameter(name="filters", reason="a filter is a name, an operator and a value")
        name, op, value = triple
        if name.startswith(PROPERTY):
            arguments[f"property{number}"] = _text("property", name.removeprefix(PROPERTY))
            arguments[f"filter{number}"] = _text(name, value)
            shape.append((PROPERTY, "eq"))
        else:
            arguments[f"filter{number}"] = wanted = _value(name, op, value)
            if op == "in" and len(wanted) == 1:
                arguments[f"filter{number}"], op = wanted[0], "eq"
            shape.append((name, op))
    return tuple(shape), arguments


def _value(name: str, op: str, value: Any) -> Any:
    if name == "tag":
        return _text(name, value)
    read = _reader(name)
    if op == "in":
        if not isinstance(value, list | tuple) or len(value) > _MOST_ALTERNATIVES:
            raise _bad(name, f"a list of at most {_MOST_ALTERNATIVES} values is needed")
        return list(dict.fromkeys(read(name, item) for item in value))
    if op not in _OPERATORS:
        raise _bad(name, f"operator {op!s:.16} is not one of in, {', '.join(_OPERATORS)}")
    return read(name, value)


def measured(tx: Transaction, shape: Shape, arguments: Mapping[str, Any], key: str) -> Shape:
    """The shape with ``few`` before the operators of filters that no more than :data:`FEW` images pass.

    Whether to look through these images, or through the list for images that are among them, makes a difference of minutes, and
    is more than a database's statistics can tell.  One owner's images are looked through.

    :param key: the column by whose index the page is read; a filter of that column is served by it.
    """
    found = {}
    for number, (name, op) in enumerate(shape):
        if name in ELSEWHERE:
            found[number] = _are_few(tx, *_probe_having(name, number, tx.connection.dialect.name), arguments)
        elif name in INDEXES and name != key and op in _SEARCHED and ("owner", "eq") not in shape:
            found[number] = _are_few(tx, *_probe_passing(name, shape), arguments)
    return tuple((name, f"few {op}" if found.get(number) else op) for number, (name, op) in enumerate(shape))


@functools.lru_cache(maxsize=256)
def _probe_having(name: str, number: int, dialect: str) -> Probe:
    return _probe(_having(name, number, dialect))


@functools.lru_cache(maxsize=256)
def _probe_passing(name: str, shape: Shape) -> Probe:
    return _probe(_passing(name, shape))


def _probe(images: Select[Any]) -> Probe:
    """Counts what ``images`` selects, as far as it matters; making it costs more than running it."""
    counted = select(func.count()).select_from(images.limit(FEW + 1).subquery())
    return counted, tuple(images.compile().params)


def _are_few(tx: Transaction, counted: Select[Any], needed: Sequence[str], arguments: Mapping[str, Any]) -> bool:
    values = {name: arguments[name] for name in needed if name in arguments}
    return int(tx.connection.execute(counted, values).scalar_one()) <= FEW


def _passing(name: str, shape: Shape) -> Select[Any]:
    """SELECT of the ids of images that pass all filters of a column that has an index."""
    passes = [
        _OPERATORS[plain(op)](_images[name], bindparam(f"filter{number}"))
        for number, (other, op) in enumerate(shape)
        if other == name and plain(op) in _SEARCHED
    ]
    statement = select(_images.id).where(
        _images.deleted == false(), _images.os_hidden == bindparam("os_hidden"), *passes
    )
    for dialect in _ALIKE:
        statement = statement.with_hint(models.images, f"FORCE INDEX ({INDEXES[name]})", dialect)
    return statement


def plain(op: str) -> str:
    """The operator without ``few``."""
    return op.removeprefix("few ")


def are_few(op: str) -> bool:
    return op.startswith("few ")


def alternatives(shape: Shape, arguments: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """(number, how many values) of the filters with a few values in a column that has an index."""
    for number, (name, op) in enumerate(shape):
        if op == "in" and name in INDEXES and 1 < len(arguments[f"filter{number}"]) <= _MOST_QUERIES:
            yield number, len(arguments[f"filter{number}"])


def conditions(shape: Shape, dialect: str, split: tuple[int, int] | None = None) -> list[list[ColumnElement[bool]]]:
    """Lists of conditions all of which must hold; values are parameters.

    There is one list, or one for each value of the filter that ``split`` names by its number, with the number of values.
    """
    whole = [_condition(shape, number, dialect) for number in range(len(shape))]
    if split is None:
        return [whole]
    number, count = split
    column = _images[shape[number][0]]
    values: list[Any] = [bindparam(f"filter{number}_{place}") for place in range(count)]
    return [[*whole[:number], column == value, *whole[number + 1 :]] for value in values]


def _condition(shape: Shape, number: int, dialect: str) -> ColumnElement[bool]:
    name, op = shape[number]
    if name in ELSEWHERE:
        having = _having(name, number, dialect)
        return _among(having) if are_few(op) and dialect == "postgresql" else _images.id.in_(having)
    if are_few(op) and dialect == "postgresql":
        return _among(_passing(name, shape))
    column = _images[name]
    if op == "in":
        return column.in_(bindparam(f"filter{number}", expanding=True))
    condition: ColumnElement[bool] = _OPERATORS[plain(op)](column, bindparam(f"filter{number}"))
    return condition


def _among(few: Select[Any]) -> ColumnElement[bool]:
    """As an array they are there before images are looked for; as a subquery PostgreSQL may turn it round again."""
    condition: ColumnElement[bool] = _images.id == any_(func.array(few.scalar_subquery()))
    return condition


def _having(name: str, number: int, dialect: str) -> Select[Any]:
    """SELECT of the ids of images with a tag or property."""
    table, wanted = _rows(name, number, dialect)
    return select(table.c.image_id).where(*wanted)


def rows_having(name: str, number: int, dialect: str) -> tuple[Table, list[ColumnElement[bool]]]:
    """The table whose rows are tags or properties, and what is true of those that the filter asks for."""
    return _rows(name, number, dialect, is_read_in_order=True)


def _rows(
    name: str, number: int, dialect: str, *, is_read_in_order: bool = False
) -> tuple[Table, list[ColumnElement[bool]]]:
    value: Any = bindparam(f"filter{number}", type_=Text)
    if name == "tag":
        tags = models.image_tags.c
        return models.image_tags, [tags.value == value, tags.deleted == false()]
    properties = models.image_properties.c
    named = bindparam(f"property{number}", type_=String)
    equal: ColumnElement[bool] = properties.value == value
    if dialect == "postgresql" and is_read_in_order:
        # It would take this and the beginning for two chances, expect a single row and rather sort.
        equal = func.coalesce(equal, false())
    wanted = [properties.name == named, equal, properties.deleted == false()]
    if dialect in _ALIKE:
        # Who may ask for a property is decided by its name: in other letters it must not be found.
        wanted.append(cast(properties.name, LargeBinary) == cast(named, LargeBinary))
    if dialect == "postgresql":
        # Its index has the beginning of the value, for the whole may be too long, and must be asked for it.
        wanted.append(
            func.left(properties.value, models.INDEXED_CHARACTERS) == func.left(value, models.INDEXED_CHARACTERS)
        )
    return models.image_properties, wanted


def _reader(name: str) -> Callable[[str, Any], Any]:
    for names, read in ((_TEXT, _text), (_NUMBER, _number), (_FLAG, _flag), (_TIME, _time)):
        if name in names:
            return read
    raise _bad(f"{name:.64}", "there is no such filter")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise _bad(name, "text is needed")
    return value


def _number(name: str, value: Any) -> int:
    if type(value) is not int or abs(value) > _MOST_NUMBER:
        raise _bad(name, "a whole number is needed")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _bad(name, "true or false is needed")
    return value


def _time(name: str, value: Any) -> Any:
    try:
        return from_text(_text(name, value))
    except ValueError:
        raise _bad(name, "an ISO 8601 time is needed") from None


def _bad(name: str, reason: str) -> exception.InvalidParameter:
    return exception.InvalidParameter(name=f"{name:.300}", reason=reason)
