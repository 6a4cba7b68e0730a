"""The JSON Schemas of metadata definitions: the same objects are served to clients and enforced on what they send."""

from collections.abc import Mapping
from typing import Any

import jsonschema

from imagesvc import exception
from imagesvc.api.v2 import violations

Schema = dict[str, Any]

_MOST_NAME = 80
#: Nobody but the service says these of anything.
_TIMES = ("created_at", "updated_at")
_NAME_PATTERN = "^[^/]+$"
#: Beside being one of these a type is a string, so null never is one; Glance's schema has it all the same.
_TYPES = ("array", "boolean", "integer", "number", "object", "string", None)

_DEFINITIONS: Schema = {
    "positiveInteger": {"type": "integer", "minimum": 0},
    "positiveIntegerDefault0": {"allOf": [{"$ref": "#/definitions/positiveInteger"}, {"default": 0}]},
    "stringArray": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
}
_STRINGS = {"$ref": "#/definitions/stringArray"}
_COUNT = {"$ref": "#/definitions/positiveInteger"}
_COUNT_OR_0 = {"$ref": "#/definitions/positiveIntegerDefault0"}
_PROPERTIES = {"$ref": "#/definitions/property"}

#: What says which values a property can have.
_PROPERTY_FIELDS: Schema = {
    "name": {"type": "string", "maxLength": _MOST_NAME},
    "title": {"type": "string", "description": "Name of the property, for people to read."},
    "description": {"type": "string", "description": "What the property does."},
    "operators": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Operators that may stand before a value in the extra specs of a flavor.",
    },
    "type": {"type": "string", "enum": list(_TYPES)},
    "required": _STRINGS,
    "minimum": {"type": "number"},
    "maximum": {"type": "number"},
    "maxLength": _COUNT,
    "minLength": _COUNT_OR_0,
    "pattern": {"type": "string", "format": "regex"},
    "enum": {"type": "array"},
    "readonly": {"type": "boolean"},
    "default": {},
    "items": {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": list(_TYPES)}, "enum": {"type": "array"}},
    },
    "maxItems": _COUNT,
    "minItems": _COUNT_OR_0,
    "uniqueItems": {"type": "boolean", "default": False},
    "additionalItems": {"type": "boolean"},
}
_WITH_PROPERTY: Schema = {
    **_DEFINITIONS,
    "property": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "required": ["title", "type"],
            "properties": _PROPERTY_FIELDS,
            "additionalProperties": False,
        },
    },
}


def _text(description: str, longest: int | None = None, **more: Any) -> Schema:
    schema: Schema = {"type": "string", "description": description, **more}
    return schema if longest is None else {**schema, "maxLength": longest}


def _name(description: str) -> Schema:
    return _text(description, _MOST_NAME, pattern=_NAME_PATTERN)


def _read_only(description: str, **more: Any) -> Schema:
    return _text(description, None, readOnly=True, **more)


def _times(noun: str) -> Schema:
    return {
        "created_at": _read_only(f"When the {noun} was created.", format="date-time"),
        "updated_at": _read_only(f"When the {noun} was last changed.", format="date-time"),
    }


def _listed(fields: Schema) -> Schema:
    """A list of objects that have a name."""
    item = {"type": "object", "properties": fields, "required": ["name"], "additionalProperties": False}
    return {"type": "array", "items": item}


_LINKS: Schema = {
    "schema": _read_only("URL of this schema."),
    "self": _read_only("URL of this definition."),
}
_ASSOCIATION_FIELDS: Schema = {
    "name": _name("Name of a resource type, by convention that of a Heat resource type."),
    "prefix": _text(
        "What the names of properties begin with on resources of this type, its separator included.", _MOST_NAME
    ),
    "properties_target": _text(
        "Which of several sets of properties of such a resource is meant: volumes have their own and their image's.",
        _MOST_NAME,
    ),
}
_OBJECT_FIELDS: Schema = {
    "name": _name("Name of the object."),
    "description": _text("What the properties of the object have in common."),
    "required": _STRINGS,
    "properties": _PROPERTIES,
}
_TAG_FIELDS: Schema = {"name": _name("The tag.")}
_NAMESPACE_FIELDS: Schema = {
    "namespace": _name("Name of the namespace, unlike that of any other."),
    "display_name": _text("Name of the namespace, for people to read.", _MOST_NAME),
    "description": _text("What the namespace is about.", 500),
    "visibility": _text("Who can use the namespace.", enum=["public", "private"]),
    "protected": {"type": "boolean", "description": "Whether the namespace is protected from deletion."},
    "owner": _text("Project that owns the namespace.", 255),
    **_times("namespace"),
    **_LINKS,
    # What a namespace shows of its content can be sent back as it is; only what is the client's to say counts.
    "resource_type_associations": _listed({**_ASSOCIATION_FIELDS, **_times("association")}),
    "properties": _PROPERTIES,
    "objects": _listed({**_OBJECT_FIELDS, **_LINKS, **_times("object")}),
    "tags": _listed({**_TAG_FIELDS, **_times("tag")}),
}


class Document:
    """A schema that is served, and enforced."""

    def __init__(self, name: str, fields: Schema, required: list[str], definitions: Schema | None = None) -> None:
        self.schema: Schema = {
            "name": name,
            "properties": fields,
            "additionalProperties": False,
            **({"definitions": definitions} if definitions else {}),
            "required": required,
        }
        read_only = [field for field, schema in fields.items() if schema.get("readOnly")]
        self._read_only = dict.fromkeys((*_TIMES, *read_only))
        self._validator = jsonschema.Draft4Validator(self.schema)

    def check(self, value: Any) -> dict[str, Any]:
        """``value`` if a client may send it.

        :raises Invalid: it is no object, or a field of it is wrong, missing or unknown.
        :raises ReadOnlyProperty: for fields that are not the client's to set.
        """
        if not isinstance(value, dict):
            raise exception.Invalid(reason="The body of this request must be a JSON object.")
        for field in self._read_only:
            if field in value:
                raise exception.ReadOnlyProperty(name=field)
        check(self._validator, value)
        return value


def check(validator: Any, value: Any) -> None:
    """Refuse what the schema does not allow.

    :raises Invalid: naming the place.
    """
    error = violations.worst(validator, value)
    if error is None:
        return
    place = ".".join(str(part) for part in error.absolute_path)
    if place:
        raise exception.InvalidParameter(name=place[:200], reason=violations.reason(error))
    raise exception.InvalidParameter(name="body", reason=violations.reason(error))


NAMESPACE = Document("namespace", _NAMESPACE_FIELDS, ["namespace"], _WITH_PROPERTY)
ASSOCIATION = Document("resource_type_association", {**_ASSOCIATION_FIELDS, **_times("association")}, ["name"])
PROPERTY = Document(
    "property",
    {**_PROPERTY_FIELDS, "name": _name("Name of the property.")},
    ["type", "title", "name"],
    {**_DEFINITIONS, "stringArray": {**_DEFINITIONS["stringArray"], "minItems": 1}},
)
OBJECT = Document("object", {**_OBJECT_FIELDS, **_LINKS, **_times("object")}, ["name"], _WITH_PROPERTY)
TAG = Document("tag", {**_TAG_FIELDS, **_times("tag")}, ["name"])

#: What a request to create several tags brings.
TAGS_GIVEN = Document("tags", {"tags": _listed(_TAG_FIELDS)}, ["tags"])


def _collection(name: str, items: Schema) -> Schema:
    """The schema of a page."""
    definitions = {"definitions": items["definitions"]} if "definitions" in items else {}
    return {
        "name": name,
        "properties": {
            name: {"type": "array", "items": _without_definitions(items)},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
        **definitions,
    }


def _properties() -> Schema:
    """The schema of a namespace's properties, which are an object and not a list."""
    item = {**_without_definitions(PROPERTY.schema), "required": ["type", "title"]}
    schema = _collection("properties", PROPERTY.schema)
    schema["properties"]["properties"] = {"type": "object", "additionalProperties": item}
    return schema


def _without_definitions(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "definitions"}


#: All schemas by the last part of their URL.
SERVED: Mapping[str, Schema] = {
    "namespace": NAMESPACE.schema,
    "namespaces": _collection("namespaces", NAMESPACE.schema),
    "resource_type": ASSOCIATION.schema,
    "resource_types": _collection("resource_type_associations", ASSOCIATION.schema),
    "property": PROPERTY.schema,
    "properties": _properties(),
    "object": OBJECT.schema,
    "objects": _collection("objects", OBJECT.schema),
    "tag": TAG.schema,
    "tags": _collection("tags", TAG.schema),
}
