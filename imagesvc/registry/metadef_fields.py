"""What metadata definitions may hold.  Pure.

glance-api has judged a request by its JSON Schema before; this is the registry's own word, for whoever speaks on the bus.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from imagesvc import exception, objects
from imagesvc.registry import fields

Primitive = dict[str, Any]

_MOST_NAME = 80
#: What a TEXT column of MySQL holds.
_MOST_TEXT_BYTES = 65_535
_VISIBILITIES = ("public", "private")
#: Most items on a page, whatever glance-api is configured to ask.
_LONGEST_PAGE = 10_000


def name(value: Any, field: str = "name") -> str:
    """``value`` if something can be called so and found again by its URL.

    :raises InvalidParameter: naming the field.
    """
    text = fields.text(field, value, _MOST_NAME)
    if not text or "/" in text:
        raise exception.InvalidParameter(name=field, reason="a name must not be empty and must not contain a slash")
    return text


def namespace(values: Mapping[str, Any], owner: str) -> Primitive:
    """The columns of a namespace, with defaults for what is not given.

    :param owner: who owns it unless ``values`` say otherwise.
    """
    _check_object(values, "namespace")
    visibility = values.get("visibility", "private")
    if visibility not in _VISIBILITIES:
        raise exception.InvalidParameter(name="visibility", reason="it must be public or private")
    protected = values.get("protected", False)
    if not isinstance(protected, bool):
        raise exception.InvalidParameter(name="protected", reason="true or false is needed")
    return {
        "namespace": name(values.get("namespace"), "namespace"),
        "display_name": _optional("display_name", values.get("display_name"), _MOST_NAME),
        "description": _optional("description", values.get("description"), _MOST_TEXT_BYTES),
        "visibility": visibility,
        "protected": protected,
        "owner": fields.text("owner", values.get("owner", owner), 255),
    }


def metadef_object(values: Mapping[str, Any]) -> Primitive:
    """An object, with defaults for what is not given."""
    _check_object(values, "object")
    required, properties = values.get("required", []), values.get("properties", {})
    if not isinstance(required, list) or any(not isinstance(item, str) or "," in item for item in required):
        raise exception.InvalidParameter(name="required", reason="a list of names without commas is needed")
    _check_object(properties, "properties")
    _check_json("properties", properties)
    return {
        "name": name(values.get("name")),
        "description": _optional("description", values.get("description"), _MOST_TEXT_BYTES),
        "required": [fields.text("required", item, _MOST_TEXT_BYTES) for item in required],
        "properties": dict(properties),
    }


def metadef_property(values: Mapping[str, Any]) -> Primitive:
    """A property: ``name``, and ``schema`` that says what values it can have."""
    _check_object(values, "property")
    schema = values.get("schema")
    _check_object(schema, "schema")
    _check_json("schema", schema)
    return {"name": name(values.get("name")), "schema": dict(schema or {})}


def tag(values: Mapping[str, Any]) -> Primitive:
    _check_object(values, "tag")
    return {"name": name(values.get("name"))}


def association(values: Mapping[str, Any]) -> Primitive:
    """What ties a namespace to a resource type."""
    _check_object(values, "resource type association")
    return {
        "name": name(values.get("name")),
        "prefix": _optional("prefix", values.get("prefix"), _MOST_NAME),
        "properties_target": _optional("properties_target", values.get("properties_target"), _MOST_NAME),
    }


_CONTENT: Mapping[str, Callable[[Mapping[str, Any]], Primitive]] = {
    "resource_type_associations": association,
    "properties": metadef_property,
    "objects": metadef_object,
    "tags": tag,
}


def content(values: Mapping[str, Any]) -> dict[str, list[Primitive]]:
    """What ``values`` say is in a namespace, kind by kind."""
    return {kind: items(kind, values.get(kind, [])) for kind in _CONTENT}


def items(kind: str, values: Any) -> list[Primitive]:
    """Several of a kind: resource_type_associations, properties, objects or tags."""
    if not isinstance(values, list):
        raise exception.InvalidParameter(name=kind, reason="a list is needed")
    return [_CONTENT[kind](item) for item in values]


def query(primitive: Mapping[str, Any]) -> objects.MetadefQuery:
    """The query, if its parts have the kinds they should.

    :raises InvalidParameter: naming the part.
    """
    try:
        wanted = objects.MetadefQuery.from_primitive(primitive)
    except (AttributeError, TypeError, ValueError):
        raise exception.InvalidParameter(name="query", reason="it is malformed") from None
    if wanted.limit is not None:
        fields.number("limit", wanted.limit, _LONGEST_PAGE)
    if wanted.marker is not None:
        fields.text("marker", wanted.marker, 255)
    for resource_type in wanted.resource_types or ():
        fields.text("resource_types", resource_type, 255)
    return wanted


def _optional(field: str, value: Any, longest: int) -> str | None:
    if value is None:
        return None
    text = fields.text(field, value, longest)
    _check_bytes(field, text)
    return text


def _check_object(value: Any, field: str) -> None:
    if not isinstance(value, Mapping):
        raise exception.InvalidParameter(name=field, reason="an object is needed")


def _check_json(field: str, value: Any) -> None:
    _check_bytes(field, json.dumps(value, ensure_ascii=False))


def _check_bytes(field: str, text: str) -> None:
    if len(text.encode("utf-8", "surrogatepass")) > _MOST_TEXT_BYTES:
        raise exception.InvalidParameter(name=field, reason=f"it is longer than {_MOST_TEXT_BYTES} bytes")
