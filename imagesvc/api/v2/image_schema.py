"""The JSON Schemas of images: the same objects are served to clients and enforced on what they send."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
from oslo_config import cfg

from imagesvc import exception
from imagesvc.api import files
from imagesvc.api.v2 import location_schema, violations

Schema = dict[str, Any]

#: ``locations`` is no custom property even where locations are not shown.
RESERVED = frozenset({"location", "deleted", "deleted_at"})
RESERVED_PREFIX = "os_glance"
#: What a client may set besides custom properties; all other base attributes are read-only.
WRITABLE = frozenset(
    {
        "name",
        "visibility",
        "protected",
        "os_hidden",
        "owner",
        "container_format",
        "disk_format",
        "tags",
        "min_ram",
        "min_disk",
    }
)
#: Base attributes that ``test`` may look at, beside custom properties.
TESTABLE = WRITABLE | {"id", "status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"}

UUID_PATTERN = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
_STATUSES = (
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "uploading",
    "importing",
    "pending_delete",
    "deactivated",
)
_MAX_INT = 2**31 - 1
_MAX_PROPERTY_NAME = 255
#: Quotas are the registry's; this only keeps one request from holding up all others.
_MAX_ITEMS = 10_000
#: What a MySQL TEXT column holds.
_MAX_PROPERTY_BYTES = 65535


def _text(description: str, limit: int | None = None, *, null: bool = True, **more: Any) -> Schema:
    schema: Schema = {"type": ["null", "string"] if null else "string", "description": description, **more}
    return schema if limit is None else {**schema, "maxLength": limit}


def base_properties(container_formats: list[str], disk_formats: list[str]) -> dict[str, Schema]:
    """Schemas of the base attributes by name."""
    return {
        "id": _text("Identifier of the image.", null=False, pattern=UUID_PATTERN),
        "name": _text("Name of the image, for people to read.", 255),
        "status": _text("Status of the image.", null=False, readOnly=True, enum=list(_STATUSES)),
        "visibility": _text("Who can use the image.", null=False, enum=["community", "public", "private", "shared"]),
        "protected": {"type": "boolean", "description": "Whether the image is protected from deletion."},
        "os_hidden": {"type": "boolean", "description": "Whether the image is left out of the default list."},
        "checksum": _text("MD5 of the image's data.", 32, readOnly=True),
        "os_hash_algo": _text("Algorithm of os_hash_value.", 64, readOnly=True),
        "os_hash_value": _text("Hash of the image's data, in hexadecimal digits.", 128, readOnly=True),
        "owner": _text("Project that owns the image.", 255),
        "size": {"type": ["null", "integer"], "readOnly": True, "description": "Bytes of the image's data."},
        "virtual_size": {
            "type": ["null", "integer"],
            "readOnly": True,
            "description": "Bytes of the disk that the image's data describes.",
        },
        "container_format": _text("Format of the container around the disk.", enum=[None, *container_formats]),
        "disk_format": _text("Format of the disk.", enum=[None, *disk_formats]),
        "created_at": _text("When the image was created.", null=False, readOnly=True),
        "updated_at": _text("When the image was last changed.", null=False, readOnly=True),
        "tags": {
            "type": "array",
            "description": "Words that images can be found by.",
            "items": {"type": "string", "maxLength": 255},
        },
        "direct_url": _text("URL of the image's data in its store.", null=False, readOnly=True),
        "min_ram": _count("Megabytes of memory that a server needs to boot the image."),
        "min_disk": _count("Gigabytes of disk that a server needs to boot the image."),
        "self": _text("URL of the image.", null=False, readOnly=True),
        "file": _text("URL of the image's data.", null=False, readOnly=True),
        "stores": _text("Stores that hold the image's data, separated by commas.", null=False, readOnly=True),
        "schema": _text("URL of this schema.", null=False, readOnly=True),
        "locations": _locations(),
    }


def _count(description: str) -> Schema:
    return {"type": "integer", "description": description, "minimum": 0, "maximum": _MAX_INT}


def _locations() -> Schema:
    validation = {
        "type": "object",
        "description": "What the data must be; becomes the image's own checksum and hash.",
        "writeOnly": True,
        "additionalProperties": False,
        "properties": {
            "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
            "os_hash_algo": {"type": "string", "maxLength": 64},
            "os_hash_value": {"type": "string", "maxLength": 128},
        },
        "required": ["os_hash_algo", "os_hash_value"],
    }
    return {
        "type": "array",
        "description": "Where the image's data is in its stores.",
        "items": {
            "type": "object",
            "properties": {
                "url": {"type": "string", "maxLength": 255},
                "metadata": {"type": "object"},
                "validation_data": validation,
            },
            "required": ["url", "metadata"],
        },
    }


class ImageSchema:
    """The schema of an image, compiled once.

    :param base: from :func:`base_properties`.
    :param custom: schemas of the custom properties that the operator has described, by name.
    :param required: custom properties without which no image may be created.
    """

    def __init__(
        self, base: Mapping[str, Schema], custom: Mapping[str, Schema], required: tuple[str, ...] = ()
    ) -> None:
        others = {name: {**schema, "is_base": False} for name, schema in custom.items() if name not in base}
        self.base = frozenset(base)
        self.document: Schema = {
            "name": "image",
            "properties": {**base, **others},
            "additionalProperties": {"type": "string"},
            "links": [
                {"rel": "self", "href": "{self}"},
                {"rel": "enclosure", "href": "{file}"},
                {"rel": "describedby", "href": "{schema}"},
            ],
        }
        self._required = required
        if required:
            self.document["required"] = list(required)
        self._validators = {name: _compile(schema) for name, schema in self.document["properties"].items()}
        self._location = _compile(self.document["properties"]["locations"]["items"])
        self._additional = _compile(self.document["additionalProperties"])

    def collection(self) -> Schema:
        """The schema of a page of images."""
        return {
            "name": "images",
            "properties": {
                "images": {"type": "array", "items": self.document},
                "first": {"type": "string"},
                "next": {"type": "string"},
                "schema": {"type": "string"},
            },
            "links": [
                {"rel": "first", "href": "{first}"},
                {"rel": "next", "href": "{next}"},
                {"rel": "describedby", "href": "{schema}"},
            ],
        }

    def check(self, name: str, value: Any) -> None:
        """Refuse a value that an attribute or custom property cannot have.

        :raises InvalidParameter: naming it.
        :raises LimitExceeded: it is a list that would take too long to look at.
        """
        if isinstance(value, list) and len(value) > _MAX_ITEMS:
            raise exception.LimitExceeded(reason=f"'{name}' has more than {_MAX_ITEMS} items.")
        error = violations.worst(self._validators.get(name, self._additional), value)
        if error is not None:
            raise exception.InvalidParameter(name=name[:_MAX_PROPERTY_NAME], reason=violations.reason(error))
        if name not in self.base:
            _check_custom(name, value)

    def check_location(self, location: Any) -> None:
        """Refuse what a client cannot say of one location.

        :raises InvalidParameter: naming the part; it does not repeat the location, which may hold a password.
        """
        location_schema.check(self._location, "locations", location)
        location_schema.check_keys(location, self._location.schema["properties"])

    def check_new(self, fields: Mapping[str, Any]) -> None:
        """Refuse what a new image cannot have.

        :raises InvalidParameter: naming the first wrong or missing field.
        :raises ReservedProperty, ReadOnlyProperty: for fields that are not the client's to set.
        """
        for name, value in fields.items():
            if name != "id":
                self.check_writable(name)
            self.check(name, value)
        for name in self._required:
            if name not in fields:
                raise exception.InvalidParameter(name=name, reason="it is required")

    def check_writable(self, name: str) -> None:
        """Refuse a field that is not the client's to set.

        :raises ReservedProperty, ReadOnlyProperty: naming it.
        """
        # In any letters: some databases find the one by the other.
        if name in RESERVED or name == "locations" or name.lower().startswith(RESERVED_PREFIX):
            raise exception.ReservedProperty(name=name)
        if name in self.base and name not in WRITABLE:
            raise exception.ReadOnlyProperty(name=name)


def _check_custom(name: str, value: Any) -> None:
    if not name or len(name) > _MAX_PROPERTY_NAME:
        raise exception.InvalidParameter(
            name=name[:40], reason=f"the name of a property must have between 1 and {_MAX_PROPERTY_NAME} characters"
        )
    if isinstance(value, str) and len(value.encode()) > _MAX_PROPERTY_BYTES:
        raise exception.InvalidParameter(name=name, reason=f"it is longer than {_MAX_PROPERTY_BYTES} bytes")


def _compile(schema: Schema) -> Any:
    # Draft 4 does not take 5.0 for an integer; the databases would not either.
    return jsonschema.Draft4Validator(schema)


def load(conf: cfg.ConfigOpts) -> ImageSchema:
    """The schema for this configuration and its schema-image.json.

    :raises ConfigurationError: schema-image.json cannot be used.
    """
    base = base_properties(conf.image_format.container_formats, conf.image_format.disk_formats)
    path = files.find(conf, ["schema-image.json"], "schema-image.json")
    custom, required = _read_custom(path) if path else ({}, ())
    return ImageSchema(base, custom, required)


def _read_custom(path: Path) -> tuple[dict[str, Schema], tuple[str, ...]]:
    """Both shapes of the file: properties by name, or these as ``properties`` beside ``required``."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        properties, names = document, []
        own = document.get("properties")
        # In the older shape it is a property of that name, whose schema has a type.
        if isinstance(own, dict) and not isinstance(own.get("type"), str | list):
            properties, names = own, document.get("required", [])
        required = _names(names)
        for schema in properties.values():
            jsonschema.Draft4Validator.check_schema(schema)
    except (OSError, ValueError, AttributeError, jsonschema.SchemaError) as error:
        raise exception.ConfigurationError(reason=f"{path} cannot be used: {error}") from error
    return dict(properties), required


def _names(required: Any) -> tuple[str, ...]:
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise ValueError("'required' is not a list of names")
    return tuple(required)
