"""What a PATCH does to an image: operations applied in order, all or none.  Pure."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from imagesvc import exception
from imagesvc.registry import fields, states

_OPERATIONS = ("add", "replace", "remove")
_FORMATS = ("disk_format", "container_format")


@dataclasses.dataclass(slots=True)
class Draft:
    """An image as it shall become.

    :param columns: attributes that operations have set, to whatever value.
    """

    columns: dict[str, Any]
    properties: dict[str, str | None]
    tags: list[str]


def apply(image: Mapping[str, Any], changes: Sequence[Any]) -> Draft:
    """What ``changes`` make of ``image``.

    :param image: primitive of :class:`imagesvc.objects.Image`.
    :param changes: ``{"op": add|remove|replace, "path": [name], "value": ..., "strict": bool}`` each.
    :raises ImageServiceError: the first operation that must not be done, says why.
    """
    draft = Draft({}, dict(image["properties"]), list(image["tags"]))
    for change in changes:
        op, name = _checked(change)
        if name == "tags":
            _change_tags(draft, op, change)
        elif name in fields.WRITABLE:
            _change_attribute(draft, image["status"], op, name, change)
        else:
            _change_property(draft, op, name, change)
    return draft


def _checked(change: Any) -> tuple[str, str]:
    """(operation, name) of a well-formed change to something that callers may write."""
    if not isinstance(change, Mapping) or change.get("op") not in _OPERATIONS:
        raise exception.InvalidPatch(reason="an operation is one of add, replace and remove")
    path = change.get("path")
    if not isinstance(path, list | tuple) or not path:
        raise exception.InvalidPatch(reason="an operation has no path")
    name = fields.property_name(path[0])
    if len(path) > 1:
        raise exception.InvalidPatch(reason=f"'{name}' has no parts that could be changed")
    if change["op"] != "remove" and "value" not in change:
        raise exception.InvalidPatch(reason=f"the operation on '{name}' has no value")
    return change["op"], name


def _refuse_to_add_or_remove(op: str, name: str, change: Mapping[str, Any]) -> None:
    """Attributes are always there: they can neither be removed nor, strictly, be added."""
    if op == "remove":
        raise exception.BasePropertyRemoval(name=name)
    if op == "add" and change.get("strict"):
        raise exception.PropertyExists(name=name)


def _change_tags(draft: Draft, op: str, change: Mapping[str, Any]) -> None:
    _refuse_to_add_or_remove(op, "tags", change)
    draft.tags = fields.tags(change["value"])


def _change_attribute(draft: Draft, status: str, op: str, name: str, change: Mapping[str, Any]) -> None:
    _refuse_to_add_or_remove(op, name, change)
    if name in _FORMATS and status not in states.FORMATS_OPEN:
        raise exception.FormatLocked(name=name)
    draft.columns[name] = fields.WRITABLE[name](name, change["value"])


def _change_property(draft: Draft, op: str, name: str, change: Mapping[str, Any]) -> None:
    if op == "add":
        if change.get("strict") and name in draft.properties:
            raise exception.PropertyExists(name=name)
    elif name not in draft.properties:
        raise exception.PropertyMissing(name=name)
    if op == "remove":
        del draft.properties[name]
    else:
        draft.properties[name] = fields.property_value(name, change["value"])
