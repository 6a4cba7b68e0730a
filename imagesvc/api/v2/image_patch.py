"""The two JSON patch forms of the Images API, turned into the changes that the registry applies to the locked row.

Beyond the Images API, the newer form knows the operation ``test`` of RFC 6902, and a patch may name with ``If-Match`` the versions
of the image it is meant for.
"""

import re
from typing import Any

from imagesvc import exception
from imagesvc.api.v2.image_schema import TESTABLE, ImageSchema

V20 = "application/openstack-images-v2.0-json-patch"
V21 = "application/openstack-images-v2.1-json-patch"
MEDIA_TYPES = (V20, V21)

#: More would keep everybody else waiting; no client needs them.
MAX_OPERATIONS = 1000

_OPS = ("add", "remove", "replace")
_V21_OPS = (*_OPS, "test")
_ENTITY_TAG = re.compile(r'"(\d{1,10})"')
_BAD_ESCAPE = re.compile("~(?![01])")


def parse(document: Any, media_type: str, schema: ImageSchema, *, locations: bool = False) -> list[dict[str, Any]]:
    """The changes, validated, as :meth:`imagesvc.rpc.rpcapi.RegistryAPI.image_patch` takes them.

    :param document: parsed JSON of the body.
    :param locations: whether clients may change locations; :class:`imagesvc.data.locations.Examiner` completes such changes.
    :raises Invalid: the patch or a value is malformed.
    :raises Forbidden: it is about a field that is not the client's to change.
    """
    if not isinstance(document, list):
        raise exception.InvalidPatch(reason="Request body must be a JSON array of operation objects.")
    if len(document) > MAX_OPERATIONS:
        raise exception.LimitExceeded(reason=f"A patch may have at most {MAX_OPERATIONS} operations.")
    strict = media_type == V20
    read = _read_v20 if strict else _read_v21
    changes = []
    for operation in document:
        if not isinstance(operation, dict):
            raise exception.InvalidPatch(reason="Operations must be JSON objects.")
        op, pointer = read(operation)
        path = _split(pointer)
        if locations and path[0] == "locations" and op in _OPS:
            changes.append(_location_change(op, path, operation, schema))
        else:
            changes.append(_change(op, path, operation, schema, strict=strict))
    return changes


def entity_tag(version: int) -> str:
    """What ``ETag`` says of an image that was written ``version`` times."""
    return f'"{version}"'


def precondition(if_match: str | None) -> list[dict[str, Any]]:
    """What ``If-Match`` asks, as a change to put before the others."""
    if if_match is None or if_match.strip() == "*":
        return []
    found = (_ENTITY_TAG.fullmatch(tag.strip()) for tag in if_match.split(","))
    # Tags that are none of ours match nothing, but whether there is such an image is for the registry to say first.
    return [{"op": "match", "versions": [int(tag[1]) for tag in found if tag]}]


def _read_v21(operation: dict[str, Any]) -> tuple[str, str]:
    op, pointer = operation.get("op"), operation.get("path")
    if op not in _V21_OPS:
        given = f", not '{op[:40]}'" if isinstance(op, str) else ""
        raise exception.InvalidPatch(reason=f"'op' must be one of {', '.join(_V21_OPS)}{given}.")
    if not isinstance(pointer, str):
        raise exception.InvalidPatch(reason="'path' must be a string.")
    return op, pointer


def _read_v20(operation: dict[str, Any]) -> tuple[str, str]:
    named = [op for op in _OPS if op in operation]
    if len(named) != 1:
        raise exception.InvalidPatch(reason=f"Operations must have exactly one of {', '.join(_OPS)}.")
    pointer = operation[named[0]]
    if not isinstance(pointer, str):
        raise exception.InvalidPatch(reason=f"'{named[0]}' must be a string.")
    return named[0], pointer


def _location_change(op: str, path: list[str], operation: dict[str, Any], schema: ImageSchema) -> dict[str, Any]:
    """A change of an image's locations: they are added and removed one by one, and replaced all together."""
    if len(path) != (1 if op == "replace" else 2):
        raise exception.InvalidPatch(
            reason="Locations are added as /locations/-, removed by their position, and replaced all together."
        )
    change: dict[str, Any] = {"op": op, "path": path}
    if op == "remove":
        return change
    value = operation.get("value")
    if not isinstance(value, list if op == "replace" else dict):
        raise exception.InvalidParameter(name="locations", reason="a location is an object, and locations are a list")
    for location in value if op == "replace" else [value]:
        schema.check_location(location)
    return {**change, "value": value}


def _change(
    op: str, path: list[str], operation: dict[str, Any], schema: ImageSchema, *, strict: bool
) -> dict[str, Any]:
    name = path[0]
    if op != "test" or name not in TESTABLE:
        schema.check_writable(name)
    if len(path) != 1:
        raise exception.InvalidPatch(reason=f"Path '/{'/'.join(path)[:80]}' does not name an attribute of an image.")
    change = {"op": op, "path": path, "strict": strict}
    if op == "remove":
        if name in schema.base:
            raise exception.BasePropertyRemoval(name=name)
        return change
    if "value" not in operation:
        raise exception.InvalidPatch(reason=f"Operation '{op}' on '{name}' requires a member named 'value'.")
    if op != "test":
        schema.check(name, operation["value"])
    return {**change, "value": operation["value"]}


def _split(pointer: str) -> list[str]:
    """The segments of a JSON pointer, unescaped."""
    shown = pointer[:80]
    if not pointer.startswith("/"):
        raise exception.InvalidPatch(reason=f"Pointer '{shown}' does not start with '/'.")
    if pointer.endswith("/") or "//" in pointer:
        raise exception.InvalidPatch(reason=f"Pointer '{shown}' has an empty segment.")
    if _BAD_ESCAPE.search(pointer):
        raise exception.InvalidPatch(reason=f"Pointer '{shown}' contains '~' that begins no escape sequence.")
    return [segment.replace("~1", "/").replace("~0", "~") for segment in pointer[1:].split("/")]
