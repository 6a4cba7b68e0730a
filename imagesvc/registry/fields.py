"""What an image's fields may hold, and who may write them.  Pure.

glance-api has judged a request by its JSON Schema before; this is the registry's own word, for whoever speaks on the bus.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from imagesvc import exception

#: Longest custom property value in bytes, and most bytes of all of an image's together.
MOST_VALUE_BYTES = 65_535
MOST_PROPERTY_BYTES = 2 * 1024 * 1024

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_INT = 2**31 - 1
_VISIBILITIES = ("private", "public", "shared", "community")

#: Attributes that only the service writes.
READ_ONLY = frozenset(
    {
        "id",
        "status",
        "size",
        "virtual_size",
        "checksum",
        "os_hash_algo",
        "os_hash_value",
        "created_at",
        "updated_at",
    }
)
#: Names that are none of an image's properties and must not become one.
RESERVED = frozenset(
    {
        "deleted",
        "deleted_at",
        "direct_url",
        "file",
        "location",
        "locations",
        "schema",
        "self",
        "stores",
    }
)
_RESERVED_PREFIX = "os_glance"


def is_reserved(name: str) -> bool:
    """Whether ``name`` is kept for the service, which also excludes it from quotas.

    In any letters: some databases find the one by the other.
    """
    return name in RESERVED or name.lower().startswith(_RESERVED_PREFIX)


# -- values ------------------------------------------------------------------------------------------


def text(name: str, value: Any, longest: int) -> str:
    """``value`` if it is storable text of at most ``longest`` characters.

    :raises InvalidParameter: naming the field.
    """
    if not isinstance(value, str):
        raise exception.InvalidParameter(name=name, reason="a string is needed")
    _check_characters(name, value)
    if len(value) > longest:
        raise exception.InvalidParameter(name=name, reason=f"it is longer than {longest} characters")
    return value


def _check_characters(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise exception.InvalidParameter(name=name, reason="it is not valid Unicode") from None
    if "\0" in value:
        raise exception.InvalidParameter(name=name, reason="it contains a null character")


def _optional_text(longest: int) -> Callable[[str, Any], str | None]:
    return lambda name, value: None if value is None else text(name, value, longest)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise exception.InvalidParameter(name=name, reason="true or false is needed")
    return value


def number(name: str, value: Any, most: int = _MOST_INT) -> int:
    """``value`` if it is a whole number from 0 to ``most``."""
    if type(value) is not int or not 0 <= value <= most:
        raise exception.InvalidParameter(name=name, reason=f"a whole number from 0 to {most} is needed")
    return value


def _visibility(name: str, value: Any) -> str:
    if value not in _VISIBILITIES:
        raise exception.InvalidParameter(name=name, reason=f"it must be one of {', '.join(_VISIBILITIES)}")
    return str(value)


#: How each attribute that callers may write is checked.
WRITABLE: Mapping[str, Callable[[str, Any], Any]] = {
    "name": _optional_text(255),
    "owner": _optional_text(255),
    "visibility": _visibility,
    "disk_format": _optional_text(20),
    "container_format": _optional_text(20),
    "min_disk": number,
    "min_ram": number,
    "protected": _flag,
    "os_hidden": _flag,
}

#: What a new image has unless its creator says otherwise.
DEFAULTS: Mapping[str, Any] = {
    "name": None,
    "owner": None,
    "visibility": "shared",
    "disk_format": None,
    "container_format": None,
    "min_disk": 0,
    "min_ram": 0,
    "protected": False,
    "os_hidden": False,
}


def tags(value: Any) -> list[str]:
    """``value`` as a list of tags without repetitions, in order."""
    if not isinstance(value, list | tuple):
        raise exception.InvalidParameter(name="tags", reason="a list of strings is needed")
    return list(dict.fromkeys(text("tags", tag, 255) for tag in value))


def property_name(name: Any) -> str:
    """``name`` if callers may write something of that name.

    :raises ReadOnlyProperty: the service alone writes it.
    :raises ReservedProperty: it must not become a property.
    """
    if not isinstance(name, str) or not name:
        raise exception.InvalidParameter(name="properties", reason="a property's name must be a string and not empty")
    _check_characters("properties", name)
    if len(name) > 255:
        raise exception.InvalidParameter(name=f"{name:.32}...", reason="a name has at most 255 characters")
    if name in READ_ONLY:
        raise exception.ReadOnlyProperty(name=name)
    if is_reserved(name):
        raise exception.ReservedProperty(name=name)
    return name


def property_value(name: str, value: Any) -> str | None:
    """``value`` if custom property ``name`` may have it."""
    if value is None:
        return None
    content = text(name, value, MOST_VALUE_BYTES)
    if len(content.encode()) > MOST_VALUE_BYTES:
        raise exception.InvalidParameter(name=name, reason=f"it is longer than {MOST_VALUE_BYTES} bytes")
    return content


def custom_properties(value: Any) -> dict[str, str | None]:
    """``value`` if it is a mapping of custom properties that callers may write."""
    if not isinstance(value, Mapping):
        raise exception.InvalidParameter(name="properties", reason="an object is needed")
    return {_custom_name(name): property_value(name, content) for name, content in value.items()}


def _custom_name(name: Any) -> str:
    if property_name(name) in WRITABLE or name == "tags":
        raise exception.InvalidParameter(name=name, reason="it is an attribute, not a custom property")
    return str(name)


def counted(names: Iterable[str]) -> int:
    """How many of these properties count against the quota."""
    return sum(1 for name in names if not is_reserved(name))


def check_total(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> None:
    """Refuse properties that together outgrow what one reply of the registry may hold; shrinking is allowed."""
    size = _total(after)
    if size > MOST_PROPERTY_BYTES and size > _total(before):
        raise exception.LimitExceeded(
            reason=f"The custom properties of an image may have {MOST_PROPERTY_BYTES} bytes together. Attempted: {size}"
        )


def _total(properties: Mapping[str, str | None]) -> int:
    return sum(len(name.encode()) + len((value or "").encode()) for name, value in properties.items())


def check_formats(image: Mapping[str, Any]) -> None:
    """Refuse to give data to an image of which nobody has said what the data is.

    :raises FormatsNotSet: naming what is missing.
    """
    if missing := [name for name in ("container_format", "disk_format") if not image[name]]:
        raise exception.FormatsNotSet(missing=", ".join(missing))


def image_id(value: Any) -> str:
    """``value`` if it is a UUID in its usual form."""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise exception.InvalidParameter(name="id", reason="a UUID is needed")
    return value


def new_image(image: Mapping[str, Any]) -> dict[str, Any]:
    """The writable columns of a new image, checked, with defaults.

    :param image: what the caller wants; ``id``, ``properties`` and ``tags`` are not looked at.
    """
    columns = dict(DEFAULTS)
    for name, value in image.items():
        if name in {"id", "properties", "tags"}:
            continue
        check = WRITABLE.get(property_name(name))
        if check is None:
            raise exception.InvalidParameter(name=name, reason="there is no such attribute")
        columns[name] = check(name, value)
    return columns
