"""The query string of a list of tasks, validated."""

from collections.abc import Sequence

from imagesvc import exception, objects
from imagesvc.api.v2 import image_query, task_schema

#: Parameters that ask for a value, and which values there are; None for any.
_FILTERS = {
    "type": task_schema.TYPES,
    "status": task_schema.STATUSES,
    "id": None,
    "owner": None,
    "image_id": None,
    "request_id": None,
    "user_id": None,
}
_SORT_KEYS = (*_FILTERS, "created_at", "updated_at", "expires_at")
_SORT_DIRS = ("asc", "desc")


def parse(given: image_query.Pairs, default_limit: int, max_limit: int) -> objects.TaskQuery:
    """The question to the registry; of a repeated parameter the last value counts, unknown ones say nothing.

    :param given: from :func:`imagesvc.api.v2.image_query.pairs`.
    :raises InvalidParameter: naming the parameter.
    """
    single = dict(given)
    for name, allowed in _FILTERS.items():
        if allowed is not None and name in single:
            _one_of(name, single[name], allowed)
    return objects.TaskQuery(
        filters={name: single[name] for name in _FILTERS if name in single},
        sort_key=_one_of("sort_key", single.get("sort_key", "created_at"), _SORT_KEYS),
        sort_dir=_one_of("sort_dir", single.get("sort_dir", "desc"), _SORT_DIRS),
        limit=image_query.limit(single, default_limit, max_limit),
        marker=single.get("marker"),
    )


def _one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise exception.InvalidParameter(name=name, reason=f"'{value[:64]}' is not one of {', '.join(allowed)}")
    return value
