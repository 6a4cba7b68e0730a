import pytest

from imagesvc import exception
from imagesvc.registry import metadef_fields


@pytest.mark.parametrize("value", [None, 5, "", "a/b", "x" * 81, "a\0b", "\ud800"])
def test_names_that_nothing_can_have(value):
    with pytest.raises(exception.InvalidParameter):
        metadef_fields.name(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("namespace", None),
        ("display_name", "x" * 81),
        ("description", 5),
        ("visibility", "shared"),
        ("protected", "yes"),
        ("owner", None),
        ("owner", "x" * 256),
    ],
)
def test_a_bad_field_of_a_namespace_is_named(field, value):
    with pytest.raises(exception.InvalidParameter) as caught:
        metadef_fields.namespace({"namespace": "N", field: value}, "p1")
    assert caught.value.kwargs["name"] == field


def test_a_namespace_has_defaults():
    assert metadef_fields.namespace({"namespace": "N", "objects": "ignored"}, "p1") == {
        "namespace": "N",
        "display_name": None,
        "description": None,
        "visibility": "private",
        "protected": False,
        "owner": "p1",
    }


@pytest.mark.parametrize(
    "values",
    [
        {"objects": "x"},
        {"objects": ["x"]},
        {"objects": [{"name": "o", "required": "a"}]},
        {"objects": [{"name": "o", "required": [5]}]},
        {"objects": [{"name": "o", "description": "é" * 33_000}]},
        {"objects": [{"name": "o", "properties": {"a": "x" * 70_000}}]},
        {"properties": [{"name": "p"}]},
        {"tags": [{}]},
        {"resource_type_associations": [{"name": "r", "prefix": 5}]},
        {"resource_type_associations": [{"name": "r", "properties_target": "x" * 81}]},
    ],
)
def test_bad_content(values):
    with pytest.raises(exception.InvalidParameter):
        metadef_fields.content(values)


@pytest.mark.parametrize(
    "primitive",
    [
        5,
        {},
        {"sort_key": "name"},
        {"sort_key": "name", "sort_dir": "asc", "limit": "5"},
        {"sort_key": "name", "sort_dir": "asc", "marker": 5},
        {"sort_key": "name", "sort_dir": "asc", "resource_types": [5]},
        {"sort_key": "name", "sort_dir": "asc", "resource_types": 5},
    ],
)
def test_bad_queries(primitive):
    with pytest.raises(exception.InvalidParameter):
        metadef_fields.query(primitive)
