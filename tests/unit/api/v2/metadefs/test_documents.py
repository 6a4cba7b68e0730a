import jsonschema
import pytest

from imagesvc import exception
from imagesvc.api.v2.metadefs import documents

_PROPERTY = {"name": "p", "title": "P", "type": "string"}


@pytest.mark.parametrize("schema", documents.SERVED.values(), ids=documents.SERVED.keys())
def test_every_document_is_a_schema(schema):
    jsonschema.Draft4Validator.check_schema(schema)
    assert {"name", "properties"} <= set(schema)


def test_what_a_page_has_is_described():
    assert set(documents.SERVED["namespaces"]["properties"]) == {"namespaces", "first", "next", "schema"}
    assert documents.SERVED["properties"]["properties"]["properties"]["type"] == "object"


@pytest.mark.parametrize(
    "value",
    [
        {"namespace": "N"},
        {"namespace": "x" * 80, "description": "x" * 500, "owner": "x" * 255, "protected": True},
        {"namespace": "N", "properties": {"p": {"title": "t", "type": "integer", "enum": [1, 2], "minimum": 0.5}}},
        {"namespace": "N", "objects": [{"name": "o", "created_at": "x"}], "tags": [{"name": "t"}]},
    ],
)
def test_namespaces(value):
    assert documents.NAMESPACE.check(value) is value


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({}, "namespace"),
        ({"namespace": ""}, "namespace"),
        ({"namespace": "a/b"}, "namespace"),
        ({"namespace": 5}, "namespace"),
        ({"namespace": "N", "foo": 1}, "foo"),
        ({"namespace": "N", "visibility": "shared"}, "visibility"),
        ({"namespace": "N", "display_name": None}, "display_name"),
        ({"namespace": "N", "description": "x" * 501}, "description"),
        ({"namespace": "N", "properties": {"p": {}}}, "properties.p"),
        ({"namespace": "N", "properties": {"p": {"title": "t", "type": "string", "foo": 1}}}, "foo"),
        ({"namespace": "N", "objects": [{}]}, "objects.0"),
        ({"namespace": "N", "objects": [{"name": "o", "foo": 1}]}, "foo"),
        ({"namespace": "N", "resource_type_associations": [{"name": "r", "foo": 1}]}, "foo"),
        ({"namespace": "N", "tags": [{"name": "x" * 81}]}, "tags.0.name"),
        ({"namespace": "N", "resource_type_associations": [{}]}, "resource_type_associations.0"),
        ([], "object"),
    ],
)
def test_a_bad_namespace_is_refused_by_name(value, named):
    with pytest.raises(exception.Invalid) as caught:
        documents.NAMESPACE.check(value)
    assert named in caught.value.msg


@pytest.mark.parametrize("field", ["created_at", "updated_at", "self", "schema"])
def test_read_only_fields(field):
    with pytest.raises(exception.ReadOnlyProperty):
        documents.NAMESPACE.check({"namespace": "N", field: "x"})


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "nope"},
        {"type": ["string"]},
        {"title": 5},
        {"minLength": -1},
        {"minimum": "1"},
        {"operators": "x"},
        {"items": {"type": "nope"}},
        {"required": ["a", "a"]},
        {"confidential": True},
    ],
)
def test_bad_properties(fields):
    documents.PROPERTY.check(_PROPERTY)
    with pytest.raises(exception.Invalid):
        documents.PROPERTY.check({**_PROPERTY, **fields})


@pytest.mark.parametrize("missing", sorted(_PROPERTY))
def test_a_property_has_a_name_a_title_and_a_type(missing):
    with pytest.raises(exception.Invalid) as caught:
        documents.PROPERTY.check({name: value for name, value in _PROPERTY.items() if name != missing})
    assert missing in caught.value.msg


@pytest.mark.parametrize("value", [{}, {"tags": "x"}, {"tags": [{}]}, {"tags": [{"name": 5}]}, {"tags": [], "foo": 1}])
def test_bad_tags(value):
    with pytest.raises(exception.Invalid):
        documents.TAGS_GIVEN.check(value)
