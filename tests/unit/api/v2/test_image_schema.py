import json

import jsonschema
import pytest

from imagesvc import exception
from imagesvc.api.v2 import image_schema
from tests.fixtures import api


@pytest.fixture(scope="module")
def schema():
    base = image_schema.base_properties(["bare", "ova"], ["raw", "qcow2"])
    return image_schema.ImageSchema(base, {"kernel_id": {"type": ["null", "string"]}}, ("kernel_id",))


def test_the_documents_are_schemas(schema):
    jsonschema.Draft4Validator.check_schema(schema.document)
    jsonschema.Draft4Validator.check_schema(schema.collection())


def test_clients_find_what_they_look_for(schema):
    document = schema.document
    assert document["name"] == "image"
    assert document["additionalProperties"] == {"type": "string"}
    assert document["properties"]["disk_format"]["enum"] == [None, "raw", "qcow2"]
    assert document["properties"]["kernel_id"]["is_base"] is False
    assert "is_base" not in document["properties"]["name"]
    assert {link["rel"] for link in document["links"]} == {"self", "enclosure", "describedby"}
    assert schema.collection()["properties"]["images"]["items"] is document
    assert schema.collection()["name"] == "images"


def test_what_is_served_is_what_is_enforced(schema):
    """The fields one by one and the whole document by an independent reading come to the same verdict."""
    whole = jsonschema.Draft4Validator(schema.document)
    for fields in (
        {"kernel_id": None},
        {"kernel_id": "x", "name": "n", "min_ram": 5, "tags": ["a"], "foo": "bar"},
        {"kernel_id": "x", "name": "n" * 256},
        {"kernel_id": "x", "foo": 5},
        {"kernel_id": 5},
        {"name": "n"},
        {"kernel_id": "x", "disk_format": "floppy"},
    ):
        if whole.is_valid(fields):
            schema.check_new(fields)
        else:
            with pytest.raises(exception.InvalidParameter):
                schema.check_new(fields)


def test_a_required_property_is_missed_by_name(schema):
    with pytest.raises(exception.InvalidParameter, match="kernel_id"):
        schema.check_new({})


def test_messages_are_of_bounded_length(schema):
    with pytest.raises(exception.InvalidParameter) as caught:
        schema.check("name", "n" * 1_000_000)
    assert len(caught.value.msg) < 1000


def test_endless_lists_are_not_looked_at(schema):
    with pytest.raises(exception.LimitExceeded, match="tags"):
        schema.check("tags", ["t"] * 10_001)


def test_a_base_attribute_cannot_be_redefined():
    base = image_schema.base_properties(["bare"], ["raw"])
    schema = image_schema.ImageSchema(base, {"status": {"type": "integer"}})
    assert schema.document["properties"]["status"]["readOnly"] is True


def test_locations_are_described_and_not_to_be_written_like_others():
    base = image_schema.base_properties(["bare"], ["raw"])
    assert base["locations"]["items"]["required"] == ["url", "metadata"]
    with pytest.raises(exception.ReservedProperty):
        image_schema.ImageSchema(base, {}).check_writable("locations")


# -- schema-image.json -------------------------------------------------------------------------------


def load(path, document=None, text=None, **options):
    if document is not None or text is not None:
        path.mkdir()
        (path / "schema-image.json").write_text(json.dumps(document) if text is None else text)
    return image_schema.load(api.make_conf(path, "[DEFAULT]\n", **options))


def test_the_file_that_came_with_the_service(tmp_path):
    properties = load(tmp_path / "state").document["properties"]
    custom = {name for name, property_schema in properties.items() if "is_base" in property_schema}
    assert custom == {
        "kernel_id",
        "ramdisk_id",
        "instance_uuid",
        "architecture",
        "os_distro",
        "os_version",
        "description",
        "cinder_encryption_key_id",
        "cinder_encryption_key_deletion_policy",
    }
    assert properties["kernel_id"]["type"] == ["null", "string"]


def test_the_operators_own_file(tmp_path):
    schema = load(tmp_path / "state", {"color": {"type": "string", "enum": ["red"]}})
    assert "kernel_id" not in schema.document["properties"]
    assert schema.document["properties"]["color"]["is_base"] is False
    with pytest.raises(exception.InvalidParameter, match="color"):
        schema.check("color", "blue")


def test_the_newer_shape_of_the_file(tmp_path):
    schema = load(tmp_path / "state", {"properties": {"color": {"type": "string"}}, "required": ["color"]})
    assert schema.document["required"] == ["color"]
    with pytest.raises(exception.InvalidParameter, match="color"):
        schema.check_new({})
    schema.check_new({"color": "red"})


def test_both_shapes_may_have_properties_of_odd_names(tmp_path):
    newer = load(tmp_path / "a", {"properties": {"type": {"type": "string", "enum": ["a"]}}})
    older = load(tmp_path / "b", {"properties": {"type": "string", "enum": ["a"]}})
    for schema, name in ((newer, "type"), (older, "properties")):
        with pytest.raises(exception.InvalidParameter, match=name):
            schema.check(name, "b")


def test_required_names_may_be_attributes_or_described_nowhere(tmp_path):
    schema = load(tmp_path / "state", {"properties": {}, "required": ["name", "cost_center"]})
    assert "kernel_id" not in schema.document["properties"]
    schema.check_new({"name": None, "cost_center": "1"})
    for given, missed in (({"name": "n"}, "cost_center"), ({"cost_center": "1"}, "name")):
        with pytest.raises(exception.InvalidParameter, match=missed):
            schema.check_new(given)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"color": "red"}',
        '{"color": {"type": "colour"}}',
        '{"color": {"pattern": "("}}',
        '{"properties": {}, "required": "color"}',
        '{"properties": {}, "required": [5]}',
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path, text):
    with pytest.raises(exception.ConfigurationError, match=r"schema-image\.json"):
        load(tmp_path / "state", text=text)


def test_formats_are_configured(tmp_path):
    schema = load(tmp_path / "state", image_format__disk_formats=["raw", "ploop.root-tar"])
    assert schema.document["properties"]["disk_format"]["enum"] == [None, "raw", "ploop.root-tar"]
