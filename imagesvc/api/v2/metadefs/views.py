"""Metadata definitions as clients see them."""

import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Metadef = Mapping[str, Any]
Document = dict[str, Any]

NAMESPACES = "/v2/metadefs/namespaces"
_SCHEMAS = "/v2/schemas/metadefs"

_NAMESPACE_FIELDS = ("namespace", "display_name", "description", "visibility", "protected", "owner")
#: The parts of a namespace's content, and what its creator says of each.
_CONTENT: Mapping[str, Sequence[str]] = {
    "resource_type_associations": ("name", "prefix", "properties_target"),
    "properties": (),
    "objects": ("name", "description", "required", "properties"),
    "tags": ("name",),
}


def url(*names: str) -> str:
    """The URL of something below all namespaces."""
    return "/".join([NAMESPACES, *(urllib.parse.quote(name, safe=":") for name in names)])


def namespace(found: Metadef, prefix: str = "") -> Document:
    """A namespace with as much of its content as came along.

    :param prefix: put before the names of all properties.
    """
    content = {
        "resource_type_associations": [association(item) for item in found.get("resource_type_associations", ())],
        "properties": {prefix + item["name"]: item["schema"] for item in found.get("properties", ())},
        "objects": [metadef_object(item, found["namespace"], prefix) for item in found.get("objects", ())],
        "tags": [{"name": item["name"]} for item in found.get("tags", ())],
    }
    return _namespace(found, {key: value for key, value in content.items() if value})


def new_namespace(created: Metadef, given: Metadef) -> Document:
    """A namespace that was just created, with the content its creator gave it."""
    return _namespace(created, {key: _content(key, given[key]) for key in _CONTENT if key in given})


def namespaces(page: Metadef, given: Sequence[tuple[str, str]]) -> Document:
    """A page with links to the first and the next one.

    :param given: the request's parameters, which the links repeat.
    """
    rest = [(name, value) for name, value in given if name != "marker"]
    document: Document = {"namespaces": [namespace(item) for item in page["namespaces"]]}
    if page["next_marker"] is not None:
        document["next"] = _link(NAMESPACES, [*rest, ("marker", page["next_marker"])])
    return {**document, "schema": f"{_SCHEMAS}/namespaces", "first": _link(NAMESPACES, rest)}


def association(found: Metadef) -> Document:
    fields = {name: found[name] for name in ("name", "prefix", "properties_target")}
    return {**_given(fields), **_times(found)}


def resource_type(found: Metadef) -> Document:
    return {"name": found["name"], **_times(found)}


def metadef_property(found: Metadef) -> Document:
    return {**found["schema"], "name": found["name"]}


def properties(found: Iterable[Metadef]) -> Document:
    return {"properties": {item["name"]: item["schema"] for item in found}}


def metadef_object(found: Metadef, namespace_name: str, prefix: str = "") -> Document:
    """An object; ``prefix`` as of :func:`namespace`."""
    return {
        **_given({"name": found["name"], "description": found["description"]}),
        "required": [prefix + name for name in found["required"]],
        "properties": {prefix + name: schema for name, schema in found["properties"].items()},
        **_times(found),
        "self": url(namespace_name, "objects", found["name"]),
        "schema": f"{_SCHEMAS}/object",
    }


def changed_object(found: Metadef, namespace_name: str) -> Document:
    """An object that was just written, without what it does not have."""
    document = metadef_object(found, namespace_name)
    return {name: value for name, value in document.items() if value not in ([], {})}


def objects(page: Metadef, namespace_name: str, given: Sequence[tuple[str, str]]) -> Document:
    """A page of objects."""
    shown = [metadef_object(item, namespace_name) for item in page["items"]]
    # Glance's own spelling, without a slash in front.
    return {"objects": shown, **_next(page, url(namespace_name, "objects"), given), "schema": f"{_SCHEMAS}/objects"[1:]}


def tag(found: Metadef) -> Document:
    return {"name": found["name"], **_times(found)}


def tags(page: Metadef, namespace_name: str, given: Sequence[tuple[str, str]]) -> Document:
    """A page of tags."""
    shown = [{"name": item["name"]} for item in page["items"]]
    return {"tags": shown, **_next(page, url(namespace_name, "tags"), given)}


def _namespace(found: Metadef, content: Metadef) -> Document:
    return {
        **_given({name: found[name] for name in _NAMESPACE_FIELDS}),
        **_times(found),
        **content,
        "self": url(found["namespace"]),
        "schema": f"{_SCHEMAS}/namespace",
    }


def _content(key: str, given: Any) -> Any:
    """A part of a new namespace without what was not its creator's to say."""
    if isinstance(given, Mapping):
        return given
    return [{name: item[name] for name in _CONTENT[key] if name in item} for item in given]


def _given(fields: Metadef) -> Document:
    return {name: value for name, value in fields.items() if value is not None}


def _times(found: Metadef) -> Document:
    return {name: f"{found[name][:19]}Z" for name in ("created_at", "updated_at")}


def _next(page: Metadef, path: str, given: Sequence[tuple[str, str]]) -> Document:
    if page["next_marker"] is None:
        return {}
    rest = [(name, value) for name, value in given if name != "marker"]
    return {"next": _link(path, [*rest, ("marker", page["next_marker"])])}


def _link(path: str, given: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urllib.parse.urlencode(given)}" if given else path
