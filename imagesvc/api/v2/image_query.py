"""The query string of a list request, validated and turned into the question the registry is asked."""

import datetime as dt
import re
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any

from oslo_utils import timeutils

from imagesvc import exception, objects

Pairs = Sequence[tuple[str, str]]
Filter = tuple[str, str, Any]

_VISIBILITIES = ("public", "private", "shared", "community", "all")
_MEMBER_STATUSES = ("accepted", "pending", "rejected", "all")
_SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
_SORT_DIRS = ("asc", "desc")

#: Parameters that are no filters of the image itself.
_NO_FILTERS = frozenset(
    {"limit", "marker", "sort", "sort_key", "sort_dir", "visibility", "member_status", "os_hidden", "deleted"}
)
_TEXT = frozenset({"owner", "checksum", "os_hash_value", "os_hash_algo"})
#: Text that may be asked for as ``in:a,b`` and ``eq:a``.
_LISTABLE = frozenset({"id", "name", "status", "container_format", "disk_format"})
_NUMBERS = frozenset({"size", "virtual_size", "min_disk", "min_ram"})
_TIMES = frozenset({"created_at", "updated_at"})
_TIME_OPERATORS = frozenset({"gt", "gte", "lt", "lte", "eq", "neq"})
_BOUNDS = {"_min": "gte", "_max": "lte"}
_BIGGEST = 2**63 - 1
_MOST_DIGITS = 100
_MOST_PARAMETERS = 1000
#: One of the values after ``in:``: double quotes protect commas, a backslash between them protects what follows it.
_ALTERNATIVE = r'(?:\s*+"(?:[^"\\]|\\.)*+"|[^",]*+)'
_ALTERNATIVES = re.compile(f"{_ALTERNATIVE}(?:,{_ALTERNATIVE})*+", re.DOTALL)
_EACH_ALTERNATIVE = re.compile(f",({_ALTERNATIVE})", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def pairs(query_string: str) -> list[tuple[str, str]]:
    """Names and values in their order.

    :raises InvalidParameter: the query is not valid UTF-8 or has NUL characters.
    """
    if query_string.count("&") >= _MOST_PARAMETERS:
        raise exception.InvalidParameter(name="query", reason=f"it has more than {_MOST_PARAMETERS} parameters")
    try:
        decoded = urllib.parse.parse_qsl(query_string, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise exception.InvalidParameter(name="query", reason="it is not valid UTF-8") from error
    for name, value in decoded:
        if "\0" in name or "\0" in value:
            raise exception.InvalidParameter(name=name.replace("\0", "?"), reason="it has a NUL character")
    return decoded


def parse(given: Pairs, default_limit: int, max_limit: int) -> objects.ImageQuery:
    """The question to the registry.

    :param given: from :func:`pairs`; of a repeated name the last value counts, except for tags and sort keys.
    :raises InvalidParameter: naming the parameter.
    """
    single = dict(given)
    if "changes-since" in single:
        raise exception.InvalidParameter(name="changes-since", reason="it belongs to v1; use updated_at=gte:TIME")
    return objects.ImageQuery(
        filters=_filters(given, single),
        sort=_sort(given, single),
        limit=limit(single, default_limit, max_limit),
        marker=single.get("marker"),
        visibility=_one_of(single, "visibility", _VISIBILITIES, None),
        member_status=_one_of(single, "member_status", _MEMBER_STATUSES, "accepted") or "accepted",
        os_hidden=_boolean("os_hidden", single.get("os_hidden", "false")),
    )


def limit(single: dict[str, str], default: int, maximum: int) -> int:
    """The most items that a page shall have."""
    if "limit" not in single:
        return min(default, maximum)
    return min(_number("limit", single["limit"]), maximum)


def _one_of(single: dict[str, str], name: str, allowed: Sequence[str], default: str | None) -> str | None:
    value = single.get(name, default)
    if value is not default and value not in allowed:
        raise exception.InvalidParameter(name=name, reason=f"it must be one of {', '.join(allowed)}")
    return value


def _boolean(name: str, value: str) -> bool:
    if value.lower() not in {"true", "false"}:
        raise exception.InvalidParameter(name=name, reason="it must be true or false")
    return value.lower() == "true"


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
        raise exception.InvalidParameter(name=name, reason="it must be an integer that is not negative")
    return min(int(value), _BIGGEST)


# -- order -------------------------------------------------------------------------------------------


def _sort(given: Pairs, single: dict[str, str]) -> tuple[tuple[str, str], ...]:
    keys = [value for name, value in given if name == "sort_key"]
    directions = [value for name, value in given if name == "sort_dir"]
    if "sort" in single:
        if keys or directions:
            raise exception.InvalidParameter(name="sort", reason="it cannot stand beside sort_key and sort_dir")
        return _with_ties([_sort_item(item) for item in single["sort"].split(",")])
    if len(directions) > 1 and len(directions) != len(keys):
        raise exception.InvalidParameter(name="sort_dir", reason="there must be one for all sort_key, or one for each")
    for_all = directions[0] if directions else "desc"
    matched = directions if len(directions) > 1 else [for_all] * len(keys)
    if not keys:
        return (_checked("created_at", for_all),)
    order = [_checked(key, direction) for key, direction in zip(keys, matched, strict=True)]
    return _with_ties(order) if len(directions) > 1 else tuple(order)


def _with_ties(order: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The order with what comes of equals: the newest first where there are several directions, else in the one there is."""
    keys = {key for key, _ in order}
    ties = [(key, "desc") for key in ("created_at", "id") if key not in keys]
    return (*order, *ties) if len(order) > 1 else tuple(order)


def _sort_item(item: str) -> tuple[str, str]:
    key, _, direction = item.strip().partition(":")
    return _checked(key.strip(), direction.strip() or "desc")


def _checked(key: str, direction: str) -> tuple[str, str]:
    if key not in _SORT_KEYS:
        raise exception.InvalidParameter(name="sort_key", reason=f"'{key[:64]}' is not one of {', '.join(_SORT_KEYS)}")
    if direction not in _SORT_DIRS:
        raise exception.InvalidParameter(name="sort_dir", reason=f"'{direction[:64]}' is neither asc nor desc")
    return key, direction


# -- filters -----------------------------------------------------------------------------------------


def _filters(given: Pairs, single: dict[str, str]) -> tuple[Filter, ...]:
    filters: list[Filter] = [("tag", "eq", value) for name, value in given if name == "tag"]
    filters += [_filter(name, value) for name, value in single.items() if name not in _NO_FILTERS and name != "tag"]
    return tuple(filters)


def _filter(name: str, value: str) -> Filter:
    for names, read in _READERS:
        if name in names:
            return read(name, value)
    column, operator = name[:-4], _BOUNDS.get(name[-4:])
    if operator and column in _NUMBERS:
        negative = value.startswith("-")
        return column, operator, -_number(name, value[1:]) if negative else _number(name, value)
    return f"property:{name}", "eq", value


def _text(name: str, value: str) -> Filter:
    return name, "eq", value


def _flag(name: str, value: str) -> Filter:
    return name, "eq", _boolean(name, value)


def _count(name: str, value: str) -> Filter:
    return name, "eq", _number(name, value)


def _listable(name: str, value: str) -> Filter:
    """``in:`` and ``eq:`` are operators; any other colon belongs to the value."""
    operator, colon, operand = value.partition(":")
    if colon and operator == "in":
        return name, "in", _alternatives(name, operand)
    if colon and operator == "eq":
        return name, "eq", operand
    return name, "eq", value


def _alternatives(name: str, text: str) -> list[str]:
    """The values of ``a,b,"c,d"``."""
    if not text:
        return []
    if not _ALTERNATIVES.fullmatch(text):
        raise exception.InvalidParameter(name=name, reason="the list is not quoted rightly")
    return [_unquoted(value.lstrip()) for value in _EACH_ALTERNATIVE.findall(f",{text}")]


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def _time(name: str, value: str) -> Filter:
    """A time may have colons itself, so only a known word before the first one is an operator."""
    operator, colon, operand = value.partition(":")
    if not (colon and operator in _TIME_OPERATORS):
        if colon and operator.isalpha():
            raise exception.InvalidParameter(
                name=name, reason=f"operator '{operator[:16]}' is not one of {', '.join(sorted(_TIME_OPERATORS))}"
            )
        operator, operand = "eq", value
    return name, operator, _utc(name, operand)


def _utc(name: str, value: str) -> str:
    try:
        # In a query string an unescaped plus sign, as in +02:00, has become a space.
        parsed = timeutils.parse_isotime(value.replace(" ", "+"))
        moment = parsed.astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise exception.InvalidParameter(name=name, reason=f"'{value[:64]}' is not an ISO 8601 time") from error
    return moment.isoformat(timespec="seconds" if not moment.microsecond else "microseconds")


_READERS: tuple[tuple[frozenset[str], Callable[[str, str], Filter]], ...] = (
    (_LISTABLE, _listable),
    (_TEXT, _text),
    (_NUMBERS, _count),
    (_TIMES, _time),
    (frozenset({"protected"}), _flag),
)
