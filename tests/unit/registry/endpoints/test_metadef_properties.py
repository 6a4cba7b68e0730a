import pytest

from imagesvc import exception
from tests.fixtures.metadefs import ADMIN, MEMBER, OTHER, SCHEMA, empty_namespace
from tests.fixtures.registry import make_registry


@pytest.fixture
def registry(tmp_path):
    registry = make_registry(tmp_path / "state")
    ties = [{"name": "OS::Glance::Image", "prefix": "hw_"}, {"name": "OS::Cinder::Volume"}]
    registry.api.metadef_namespace_create(ADMIN, empty_namespace("N", resource_type_associations=ties))
    return registry


def _property(name, **fields):
    return {"name": name, "schema": {**SCHEMA, **fields}}


def test_create_and_get(registry):
    created = registry.api.metadef_property_create(ADMIN, "N", _property("bus", default=["é", 1.5, None]))
    assert created == registry.api.metadef_property_get(MEMBER, "N", "bus")
    assert created["schema"]["default"] == ["é", 1.5, None]
    with pytest.raises(exception.MetadefExists):
        registry.api.metadef_property_create(ADMIN, "N", _property("bus"))


def test_a_property_is_found_by_its_name_on_a_resource(registry):
    registry.api.metadef_property_create(ADMIN, "N", _property("bus"))
    found = registry.api.metadef_property_get(MEMBER, "N", "hw_bus", "OS::Glance::Image")
    assert found["name"] == "bus"
    assert registry.api.metadef_property_get(MEMBER, "N", "bus", "OS::Cinder::Volume") == found
    for name, resource_type in (("bus", "OS::Glance::Image"), ("hw_x", "OS::Glance::Image"), ("bus", "nope")):
        with pytest.raises(exception.MetadefNotFound):
            registry.api.metadef_property_get(MEMBER, "N", name, resource_type)


def test_all_are_listed_by_name(registry):
    for name in "bca":
        registry.api.metadef_property_create(ADMIN, "N", _property(name))
    assert [item["name"] for item in registry.api.metadef_property_list(MEMBER, "N")] == ["a", "b", "c"]


def test_update_renames(registry):
    registry.api.metadef_property_create(ADMIN, "N", _property("a"))
    registry.api.metadef_property_create(ADMIN, "N", _property("b"))
    with pytest.raises(exception.MetadefExists):
        registry.api.metadef_property_update(ADMIN, "N", "a", _property("b"))
    changed = registry.api.metadef_property_update(ADMIN, "N", "a", {"name": "c", "schema": {"type": "integer"}})
    assert (changed["name"], changed["schema"]) == ("c", {"type": "integer"})
    assert [item["name"] for item in registry.api.metadef_property_list(ADMIN, "N")] == ["b", "c"]


def test_delete_one_and_all(registry):
    for name in "abc":
        registry.api.metadef_property_create(ADMIN, "N", _property(name))
    registry.api.metadef_property_delete(ADMIN, "N", "a")
    assert len(registry.api.metadef_property_list(ADMIN, "N")) == 2
    registry.api.metadef_property_delete_all(ADMIN, "N")
    assert registry.api.metadef_property_list(ADMIN, "N") == []


def test_members_write_nothing(registry):
    registry.api.metadef_property_create(ADMIN, "N", _property("a"))
    refused = [
        (registry.api.metadef_property_create, (_property("b"),), "add_metadef_property"),
        (registry.api.metadef_property_update, ("a", _property("b")), "modify_metadef_property"),
        (registry.api.metadef_property_delete, ("a",), "remove_metadef_property"),
        (registry.api.metadef_property_delete_all, (), "delete_metadef_namespace"),
    ]
    for call, arguments, rule in refused:
        with pytest.raises(exception.Forbidden) as caught:
            call(OTHER, "N", *arguments)
        assert caught.value.kwargs == {"action": rule}


def test_a_schema_that_no_column_can_hold_is_refused(registry):
    with pytest.raises(exception.InvalidParameter):
        registry.api.metadef_property_create(ADMIN, "N", _property("a", description="x" * 65_536))
    with pytest.raises(exception.InvalidParameter):
        registry.api.metadef_property_create(ADMIN, "N", {"name": "a", "schema": []})
