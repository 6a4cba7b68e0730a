import pytest

from imagesvc import exception, objects
from tests.fixtures.metadefs import ADMIN, MEMBER, OTHER, SCHEMA, STRANGER, empty_namespace
from tests.fixtures.registry import make_registry


@pytest.fixture
def registry(tmp_path):
    registry = make_registry(tmp_path / "state")
    registry.api.metadef_namespace_create(ADMIN, empty_namespace("N"))
    registry.api.metadef_namespace_create(ADMIN, {"namespace": "P"})
    return registry


def _page(registry, **fields):
    query = objects.MetadefQuery(**{"sort_key": "name", "sort_dir": "asc", **fields})
    page = registry.api.metadef_object_list(ADMIN, "N", query)
    return [item["name"] for item in page["items"]], page["next_marker"]


def test_create_and_get(registry):
    wanted = {"name": "disk", "description": "d", "required": ["bus", "x"], "properties": {"bus": SCHEMA}}
    created = registry.api.metadef_object_create(ADMIN, "N", wanted)
    assert created == registry.api.metadef_object_get(MEMBER, "N", "disk")
    assert {name: created[name] for name in wanted} == wanted
    bare = registry.api.metadef_object_create(ADMIN, "N", {"name": "bare"})
    assert (bare["description"], bare["required"], bare["properties"]) == (None, [], {})
    assert registry.api.metadef_object_get(ADMIN, "N", "bare") == bare


def test_names_are_used_once_in_a_namespace(registry):
    registry.api.metadef_object_create(ADMIN, "N", {"name": "o"})
    registry.api.metadef_object_create(ADMIN, "P", {"name": "o"})
    with pytest.raises(exception.MetadefExists) as caught:
        registry.api.metadef_object_create(ADMIN, "N", {"name": "o"})
    assert caught.value.kwargs == {"kind": "object", "name": "o"}


def test_an_object_belongs_to_its_namespace_alone(registry):
    registry.api.metadef_object_create(ADMIN, "P", {"name": "o"})
    for call in (registry.api.metadef_object_get, registry.api.metadef_object_delete):
        with pytest.raises(exception.MetadefNotFound):
            call(ADMIN, "N", "o")
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_object_update(ADMIN, "N", "o", {"name": "o"})


def test_update_replaces_everything_and_renames(registry):
    wanted = {"name": "disk", "description": "d", "required": ["bus"], "properties": {"bus": SCHEMA}}
    registry.api.metadef_object_create(ADMIN, "N", wanted)
    registry.api.metadef_object_create(ADMIN, "N", {"name": "other"})
    registry.clock.sleep(5)
    changed = registry.api.metadef_object_update(ADMIN, "N", "disk", {"name": "drive"})
    assert (changed["description"], changed["required"], changed["properties"]) == (None, [], {})
    assert (changed["created_at"], changed["updated_at"]) == ("2027-01-15T08:00:00", "2027-01-15T08:00:05")
    assert _page(registry) == (["drive", "other"], None)
    with pytest.raises(exception.MetadefExists):
        registry.api.metadef_object_update(ADMIN, "N", "drive", {"name": "other"})
    assert _page(registry) == (["drive", "other"], None)


def test_pages(registry):
    for name in "bca":
        registry.api.metadef_object_create(ADMIN, "N", {"name": name})
    assert _page(registry) == (["a", "b", "c"], None)
    assert _page(registry, limit=2) == (["a", "b"], "b")
    assert _page(registry, limit=2, marker="b") == (["c"], None)
    assert _page(registry, sort_key="created_at", sort_dir="desc") == (["a", "c", "b"], None)
    assert _page(registry, sort_key="updated_at", limit=1, marker="b") == (["c"], "c")
    with pytest.raises(exception.MetadefNotFound):
        _page(registry, marker="nope")


def test_delete_one_and_all(registry):
    for name in "abc":
        registry.api.metadef_object_create(ADMIN, "N", {"name": name})
    registry.api.metadef_object_create(ADMIN, "P", {"name": "kept"})
    registry.api.metadef_object_delete(ADMIN, "N", "b")
    assert _page(registry) == (["a", "c"], None)
    registry.api.metadef_object_delete_all(ADMIN, "N")
    registry.api.metadef_object_delete_all(ADMIN, "N")
    assert _page(registry) == ([], None)
    assert registry.api.metadef_object_get(ADMIN, "P", "kept")


def test_a_protected_namespace_keeps_its_objects_from_deletion_and_not_from_change(registry):
    registry.api.metadef_object_create(ADMIN, "N", {"name": "o"})
    registry.api.metadef_namespace_update(ADMIN, "N", empty_namespace("N", protected=True))
    with pytest.raises(exception.MetadefProtected):
        registry.api.metadef_object_delete(ADMIN, "N", "o")
    with pytest.raises(exception.MetadefProtected):
        registry.api.metadef_object_delete_all(ADMIN, "N")
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_object_delete(ADMIN, "N", "nope")
    registry.api.metadef_object_update(ADMIN, "N", "o", {"name": "oo"})
    assert _page(registry) == (["oo"], None)


def test_who_may(registry):
    registry.api.metadef_object_create(ADMIN, "N", {"name": "o"})
    refused = [
        (registry.api.metadef_object_create, ({"name": "p"},)),
        (registry.api.metadef_object_update, ("o", {"name": "p"})),
        (registry.api.metadef_object_delete, ("o",)),
        (registry.api.metadef_object_delete_all, ()),
    ]
    for call, arguments in refused:
        with pytest.raises(exception.Forbidden):
            call(MEMBER, "N", *arguments)
        with pytest.raises(exception.MetadefNotFound):
            call(OTHER, "P", *arguments)
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_object_get(STRANGER, "N", "o")
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_object_list(OTHER, "P", objects.MetadefQuery("name", "asc"))


def test_a_bad_object_is_refused(registry):
    for values in (
        {},
        {"name": ""},
        {"name": "a/b"},
        {"name": "o", "required": ["a,b"]},
        {"name": "o", "properties": 5},
    ):
        with pytest.raises(exception.InvalidParameter):
            registry.api.metadef_object_create(ADMIN, "N", values)
    assert _page(registry) == ([], None)
