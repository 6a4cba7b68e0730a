"""Filters of a listing: ``[name, operator, value]`` triples become conditions on ``images``.

Names and operators make the statement, values are its parameters, so that alike listings share one statement.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Text, any_, bindparam, false, func, select
from sqlalchemy.sql.elements import ColumnElement

from imagesvc import exception
from imagesvc.registry.db import models
from imagesvc.registry.db.transaction import Transaction, from_text

_images = models.images.c

#: (name, operator) of each filter.
Shape = tuple[tuple[str, str], ...]

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
#: What the name of a filter by a custom property begins with; in a shape it is all of it.
PROPERTY = "property:"
#: Filters by what is in other tables.
_ELSEWHERE = {"tag", PROPERTY}
#: Images that are looked at one by one rather than searched for in a list.
FEW = 1000


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
            arguments[f"filter{number}"] = _value(name, op, value)
            shape.append((name, op))
    return tuple(shape), arguments


def _value(name: str, op: str, value: Any) -> Any:
    if name == "tag":
        return _text(name, value)
    read = _reader(name)
    if op == "in":
        if not isinstance(value, list | tuple) or len(value) > _MOST_ALTERNATIVES:
            raise _bad(name, f"a list of at most {_MOST_ALTERNATIVES} values is needed")
        return [read(name, item) for item in value]
    if op not in _OPERATORS:
        raise _bad(name, f"operator {op!s:.16} is not one of in, {', '.join(_OPERATORS)}")
    return read(name, value)


def measured(tx: Transaction, shape: Shape, arguments: Mapping[str, Any]) -> Shape:
    """The shape with the operator ``few`` for tags and properties that no more than :data:`FEW` images have.

    Whether to look through these images, or through the list for images that are among them, makes a difference of minutes, and
    is more than a database's statistics can tell.
    """
    return tuple(
        (name, "few") if name in _ELSEWHERE and _are_few(tx, name, number, arguments) else (name, op)
        for number, (name, op) in enumerate(shape)
    )


def _are_few(tx: Transaction, name: str, number: int, arguments: Mapping[str, Any]) -> bool:
    probe = _having(name, number, tx.connection.dialect.name).limit(FEW + 1)
    values = {key: arguments[key] for key in (f"property{number}", f"filter{number}") if key in arguments}
    return len(tx.connection.execute(probe, values).all()) <= FEW


def conditions(shape: Shape, dialect: str) -> list[ColumnElement[bool]]:
    """One condition per filter, all of which must hold; values are parameters."""
    return [_condition(name, op, number, dialect) for number, (name, op) in enumerate(shape)]


def _condition(name: str, op: str, number: int, dialect: str) -> ColumnElement[bool]:
    if name in _ELSEWHERE:
        having = _having(name, number, dialect)
        if op == "few" and dialect == "postgresql":
            # As an array it is there before images are looked for; as a subquery PostgreSQL may turn it round again.
            return _images.id == any_(func.array(having.scalar_subquery()))
        return _images.id.in_(having)
    column = _images[name]
    if op == "in":
        return column.in_(bindparam(f"filter{number}", expanding=True))
    condition: ColumnElement[bool] = _OPERATORS[op](column, bindparam(f"filter{number}"))
    return condition


def _having(name: str, number: int, dialect: str) -> Select[Any]:
    """SELECT of the ids of images with a tag or property."""
    value: Any = bindparam(f"filter{number}", type_=Text)
    if name == "tag":
        tags = models.image_tags.c
        return select(tags.image_id).where(tags.value == value, tags.deleted == false())
    properties = models.image_properties.c
    wanted = [properties.name == bindparam(f"property{number}"), properties.value == value]
    if dialect == "postgresql":
        # Its index has the beginning of the value, for the whole may be too long, and must be asked for it.
        wanted.append(
            func.left(properties.value, models.INDEXED_CHARACTERS) == func.left(value, models.INDEXED_CHARACTERS)
        )
    return select(properties.image_id).where(*wanted, properties.deleted == false())


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
