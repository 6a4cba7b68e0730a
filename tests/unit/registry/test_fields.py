import pytest

from imagesvc import exception
from imagesvc.registry import fields


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "x" * 255),
        ("name", None),
        ("owner", "p"),
        ("visibility", "community"),
        ("disk_format", "x" * 20),
        ("container_format", None),
        ("min_disk", 0),
        ("min_ram", 2**31 - 1),
        ("protected", True),
        ("os_hidden", False),
    ],
)
def test_good_values_stay_as_they_are(name, value):
    assert fields.WRITABLE[name](name, value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "x" * 256),
        ("name", 5),
        ("name", "a\0b"),
        ("name", "\ud800"),
        ("owner", ["p"]),
        ("visibility", "secret"),
        ("visibility", None),
        ("visibility", ["public"]),
        ("disk_format", "x" * 21),
        ("min_disk", -1),
        ("min_disk", 2**31),
        ("min_disk", True),
        ("min_disk", 1.0),
        ("min_ram", "1"),
        ("min_ram", None),
        ("protected", 1),
        ("os_hidden", None),
    ],
)
def test_bad_values_name_the_field(name, value):
    with pytest.raises(exception.InvalidParameter) as caught:
        fields.WRITABLE[name](name, value)
    assert caught.value.kwargs["name"] == name


@pytest.mark.parametrize(
    "name",
    [
        *("id", "status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"),
        *("created_at", "updated_at"),
    ],
)
def test_attributes_of_the_service_are_read_only(name):
    with pytest.raises(exception.ReadOnlyProperty) as caught:
        fields.property_name(name)
    assert caught.value.kwargs == {"name": name}


@pytest.mark.parametrize(
    "name",
    [
        *("deleted", "deleted_at", "direct_url", "file", "location", "locations", "schema", "self", "stores"),
        *("os_glance_import_task", "os_glance", "OS_GLANCE_x"),
    ],
)
def test_names_of_the_service_are_reserved(name):
    with pytest.raises(exception.ReservedProperty):
        fields.property_name(name)


@pytest.mark.parametrize("name", ["", 5, None, "x" * 256, "a\0", "\ud800"])
def test_bad_names(name):
    with pytest.raises(exception.InvalidParameter):
        fields.property_name(name)


def test_custom_properties():
    assert fields.custom_properties({"a": "1", "kernel_id": None}) == {"a": "1", "kernel_id": None}
    for bad in ([], {"name": "x"}, {"tags": "x"}, {"a": 1}, {"a": "x" * 65_536}, {"a": "ä" * 40_000}):
        with pytest.raises(exception.InvalidParameter):
            fields.custom_properties(bad)


def test_tags_are_unique_and_keep_their_order():
    assert fields.tags(["b", "a", "b"]) == ["b", "a"]
    for bad in ("ab", None, [1], ["x" * 256]):
        with pytest.raises(exception.InvalidParameter):
            fields.tags(bad)


def test_reserved_properties_do_not_count():
    assert fields.counted(["a", "os_glance_import_task", "b"]) == 2


def test_total_of_properties_is_bounded_but_may_shrink():
    value = "x" * 60_000
    many = {f"p{i}": value for i in range(40)}
    fields.check_total({}, {"a": value})
    fields.check_total({**many, "more": value}, many)
    with pytest.raises(exception.LimitExceeded):
        fields.check_total({}, many)


def test_image_id():
    good = "DEADBEEF-0000-4000-8000-0123456789ab"
    assert fields.image_id(good) == good
    for bad in (None, 5, "x", good + "0", good.replace("-", ""), good[:-1] + "g", good + "\n"):
        with pytest.raises(exception.InvalidParameter) as caught:
            fields.image_id(bad)
        assert caught.value.kwargs["name"] == "id"


@pytest.mark.parametrize("name", ["version", "members", "properties"])
def test_what_the_api_has_no_attribute_for_is_a_property_like_any_other(name):
    assert fields.property_name(name) == name


def test_new_image_has_defaults_and_refuses_what_it_does_not_know():
    columns = fields.new_image({"id": "ignored", "properties": {}, "tags": [], "name": "n"})
    assert columns == {**fields.DEFAULTS, "name": "n"}
    with pytest.raises(exception.InvalidParameter) as caught:
        fields.new_image({"colour": "red"})
    assert caught.value.kwargs["name"] == "colour"
    with pytest.raises(exception.ReadOnlyProperty):
        fields.new_image({"status": "active"})


def test_formats_are_needed_before_data():
    fields.check_formats({"container_format": "bare", "disk_format": "raw"})
    with pytest.raises(exception.FormatsNotSet) as caught:
        fields.check_formats({"container_format": None, "disk_format": ""})
    assert caught.value.kwargs == {"missing": "container_format, disk_format"}
