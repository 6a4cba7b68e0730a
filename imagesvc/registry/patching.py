"""What a PATCH does to an image: operations applied in order, all or none.  Pure."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagesvc import exception
from imagesvc.registry import fields, locations, states

_OPERATIONS = ("add", "replace", "remove")
_FORMATS = ("disk_format", "container_format")


#: Asked before a custom property changes: (create, update or delete, its name); raises unless it may.
Guard = Callable[[str, str], None]


@dataclasses.dataclass(slots=True)
class Draft:
    """An image as it shall become.

    :param columns: attributes that operations have set, to whatever value; with a first location come those of its data.
    :param locations: primitives of :class:`imagesvc.objects.Location`; new ones have no id.
    :param guard: None where all properties are everybody's.
    :param is_changed: whether there was an operation that does not only look.
    """

    columns: dict[str, Any]
    properties: dict[str, str | None]
    tags: list[str]
    locations: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    guard: Guard | None = None
    is_changed: bool = False


def apply(image: Mapping[str, Any], changes: Sequence[Any], guard: Guard | None = None) -> Draft:
    """What ``changes`` make of ``image``.

    :param image: primitive of :class:`imagesvc.objects.Image`.
    :param changes: ``{"op": add|remove|replace|test, "path": [name], "value": ..., "strict": bool}``, what
        :func:`imagesvc.registry.locations.apply` takes, or ``{"op": "match", "versions": [...]}`` each.
    :raises ImageServiceError: the first operation that must not be done, says why.
    """
    draft = Draft({}, dict(image["properties"]), list(image["tags"]), list(image.get("locations", ())), guard)
    for change in changes:
        op = change.get("op") if isinstance(change, Mapping) else None
        look = _LOOKS.get(op) if isinstance(op, str) else None
        if look is None:
            _apply(image, draft, change)
        else:
            look(image, draft, change)
    return draft


def _apply(image: Mapping[str, Any], draft: Draft, change: Any) -> None:
    draft.is_changed = True
    if locations.is_change(change):
        locations.apply(image, draft, change)
        return
    op, name = _checked(change)
    if name == "tags":
        _change_tags(draft, op, change)
    elif name in fields.WRITABLE:
        _change_attribute(draft, image["status"], op, name, change)
    else:
        _change_property(draft, op, name, change)


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
    if draft.guard is not None:
        draft.guard("delete" if op == "remove" else "update" if name in draft.properties else "create", name)
    if op == "remove":
        del draft.properties[name]
    else:
        draft.properties[name] = fields.property_value(name, change["value"])


# -- operations that only look -----------------------------------------------------------------------


def _match(image: Mapping[str, Any], _draft: Draft, change: Mapping[str, Any]) -> None:
    """The image must have one of these versions."""
    versions = change.get("versions")
    if not isinstance(versions, list | tuple):
        raise exception.InvalidPatch(reason="the versions to match are not a list")
    if image["version"] not in versions:
        raise exception.VersionMismatch(image_id=image["id"])


def _test(image: Mapping[str, Any], draft: Draft, change: Mapping[str, Any]) -> None:
    """What is there, as clients see it and with the operations before this one, must be equal."""
    path = change.get("path")
    if not isinstance(path, list | tuple) or len(path) != 1 or not isinstance(path[0], str) or "value" not in change:
        raise exception.InvalidPatch(reason="a test needs a path of one part and a value")
    name, wanted = path[0], change["value"]
    if name == "tags":
        is_equal = isinstance(wanted, list) and sorted(map(str, wanted)) == sorted(draft.tags)
    else:
        found, value = _look_up(image, draft, name)
        # In JSON 1 is not true.
        is_equal = found and isinstance(value, bool) is isinstance(wanted, bool) and value == wanted
    if not is_equal:
        raise exception.PatchTestFailed(name=name)


def _look_up(image: Mapping[str, Any], draft: Draft, name: str) -> tuple[bool, Any]:
    """(whether there is such an attribute or property, its value)."""
    if name in fields.WRITABLE or name in fields.READ_ONLY:
        return True, draft.columns.get(name, image.get(name))
    if name in draft.properties:
        return True, draft.properties[name] or ""
    return False, None


_LOOKS: Mapping[str, Callable[[Mapping[str, Any], Draft, Mapping[str, Any]], None]] = {"match": _match, "test": _test}
