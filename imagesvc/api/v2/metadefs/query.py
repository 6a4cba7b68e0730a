"""The query strings of requests for metadata definitions, validated."""

from collections.abc import Mapping, Sequence

from imagesvc import exception, objects
from imagesvc.api.app import Request
from imagesvc.api.v2 import image_query

Pairs = Sequence[tuple[str, str]]

_VISIBILITIES = ("public", "private")
_DIRECTIONS = ("asc", "desc")
_DIGITS = 9

#: What lists can be sorted by.
NAMESPACE_KEYS = (
    "created_at",
    "updated_at",
    "namespace",
    "display_name",
    "description",
    "visibility",
    "protected",
    "owner",
    "id",
)
ITEM_KEYS = ("created_at", "updated_at", "name", "id")


def pairs(request: Request) -> list[tuple[str, str]]:
    """Names and values in their order."""
    return image_query.pairs(request.environ.get("QUERY_STRING", ""))


def namespaces(given: Pairs, default_limit: int, max_limit: int) -> objects.MetadefQuery:
    """A question for namespaces.

    :raises InvalidParameter: naming the parameter.
    """
    single = dict(given)
    visibility = single.get("visibility")
    if visibility is not None and visibility not in _VISIBILITIES:
        raise exception.InvalidParameter(name="visibility", reason="it must be public or private")
    types = single.get("resource_types")
    limit = _limit(single, 0)
    return objects.MetadefQuery(
        sort_key=_one_of(single, "sort_key", NAMESPACE_KEYS, "created_at"),
        sort_dir=_one_of(single, "sort_dir", _DIRECTIONS, "desc"),
        limit=min(default_limit if limit is None else limit, max_limit),
        marker=single.get("marker"),
        visibility=visibility,
        resource_types=None if types is None else tuple(types.split(",")),
    )


def items(given: Pairs, max_limit: int, sort_key: str, sort_dir: str) -> objects.MetadefQuery:
    """A question for what is in a namespace, all of it unless a limit is asked for.

    :param sort_key: used when none is given, and so is ``sort_dir``.
    :raises InvalidParameter: naming the parameter.
    """
    single = dict(given)
    limit = _limit(single, 1)
    return objects.MetadefQuery(
        sort_key=_one_of(single, "sort_key", ITEM_KEYS, sort_key),
        sort_dir=_one_of(single, "sort_dir", _DIRECTIONS, sort_dir),
        limit=None if limit is None else min(limit, max_limit),
        marker=single.get("marker"),
    )


def _limit(single: Mapping[str, str], least: int) -> int | None:
    value = single.get("limit")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()) or int(value[:_DIGITS]) < least:
        raise exception.InvalidParameter(name="limit", reason=f"it must be an integer that is not less than {least}")
    return int(value) if len(value) <= _DIGITS else 10**_DIGITS


def _one_of(single: Mapping[str, str], name: str, allowed: Sequence[str], default: str) -> str:
    value = single.get(name, default)
    if value not in allowed:
        raise exception.InvalidParameter(name=name, reason=f"'{value[:64]}' is not one of {', '.join(allowed)}")
    return value
