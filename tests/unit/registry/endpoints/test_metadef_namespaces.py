import pytest

from imagesvc import exception, objects
from tests.fixtures.metadefs import (
    ADMIN,
    MEMBER,
    NOAUTH,
    OTHER,
    READER,
    SCHEMA,
    STRANGER,
    empty_namespace,
    make_namespace,
)
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import lose_answer, make_context


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _names(registry, context=ADMIN, **fields):
    known = {"sort_key": "namespace", "sort_dir": "asc", "limit": 100, **fields}
    page = registry.api.metadef_namespace_list(context, objects.MetadefQuery(**known))
    return [item["namespace"] for item in page["namespaces"]], page["next_marker"]


# -- create and show ---------------------------------------------------------------------------------


def test_create_with_content_and_get(registry):
    wanted = make_namespace(display_name="Disks", description="d", protected=True, owner="p1")
    created = registry.api.metadef_namespace_create(ADMIN, wanted)
    found = registry.api.metadef_namespace_get(MEMBER, "N")
    assert {name: found[name] for name in created} == created
    assert (found["display_name"], found["description"], found["protected"]) == ("Disks", "d", True)
    assert (found["visibility"], found["owner"]) == ("public", "p1")
    assert found["created_at"] == found["updated_at"] == "2027-01-15T08:00:00"
    times = {"created_at": "2027-01-15T08:00:00", "updated_at": "2027-01-15T08:00:00"}
    tie = {"name": "OS::Glance::Image", "prefix": "hw_", "properties_target": None}
    assert found["resource_type_associations"] == [{**tie, **times}]
    assert found["properties"] == [{"name": "bus", "schema": SCHEMA, **times}]
    disk = {"name": "disk", "description": None, "required": ["bus"], "properties": {"bus": SCHEMA}}
    assert found["objects"] == [{**disk, **times}]
    assert found["tags"] == [{"name": "fast", **times}]


def test_a_namespace_is_private_and_its_creators_unless_said_otherwise(registry):
    created = registry.api.metadef_namespace_create(ADMIN, {"namespace": "N"})
    assert (created["visibility"], created["protected"], created["owner"]) == ("private", False, "p0")


def test_without_a_project_the_owner_is_called_admin(registry):
    assert registry.api.metadef_namespace_create(NOAUTH, {"namespace": "N"})["owner"] == "admin"


@pytest.mark.parametrize("part", ["properties", "objects", "tags", "resource_type_associations"])
def test_a_name_that_stands_twice_in_the_content_is_refused_and_nothing_is_left(registry, part):
    wanted = make_namespace()
    wanted[part] *= 2
    with pytest.raises(exception.MetadefExists):
        registry.api.metadef_namespace_create(ADMIN, wanted)
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_namespace_get(ADMIN, "N")
    assert registry.rows("SELECT count(*) FROM metadef_resource_types") == [(0,)]


def test_a_name_is_used_once_whoever_uses_it(registry):
    registry.api.metadef_namespace_create(ADMIN, {"namespace": "N", "owner": "p1"})
    with pytest.raises(exception.MetadefExists) as caught:
        registry.api.metadef_namespace_create(NOAUTH, {"namespace": "N"})
    assert caught.value.kwargs == {"kind": "namespace", "name": "N"}


def test_too_much_content_is_refused(registry):
    wanted = [{"name": f"p{number}", "schema": {"title": "x" * 60_000, "type": "string"}} for number in range(17)]
    registry.api.metadef_namespace_create(ADMIN, empty_namespace(properties=wanted))
    with pytest.raises(exception.LimitExceeded):
        registry.api.metadef_property_create(ADMIN, "N", {"name": "last", "schema": wanted[0]["schema"]})
    assert len(registry.api.metadef_property_list(ADMIN, "N")) == 17


def test_a_lost_answer_is_asked_for_again_and_creates_once(registry):
    registry.caller.pool.mishaps.append(lose_answer)
    assert registry.api.metadef_namespace_create(ADMIN, make_namespace())["namespace"] == "N"
    assert registry.rows("SELECT count(*) FROM metadef_namespaces") == [(1,)]


# -- who may ------------------------------------------------------------------------------------------


def test_private_namespaces_are_their_projects(registry):
    registry.api.metadef_namespace_create(ADMIN, {"namespace": "N", "owner": "p1"})
    assert registry.api.metadef_namespace_get(READER, "N")["owner"] == "p1"
    assert _names(registry, READER) == (["N"], None)
    for context in (OTHER, make_context(roles=["member", "reader"], project_id=None)):
        with pytest.raises(exception.MetadefNotFound):
            registry.api.metadef_namespace_get(context, "N")
    assert _names(registry, OTHER) == ([], None)


def test_who_has_no_role_finds_nothing(registry):
    registry.api.metadef_namespace_create(ADMIN, empty_namespace())
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_namespace_get(STRANGER, "N")
    with pytest.raises(exception.NotFound):
        _names(registry, STRANGER)


def test_members_change_nothing(registry):
    registry.api.metadef_namespace_create(ADMIN, empty_namespace(owner="p1"))
    with pytest.raises(exception.Forbidden) as caught:
        registry.api.metadef_namespace_create(MEMBER, {"namespace": "M"})
    assert caught.value.kwargs == {"action": "add_metadef_namespace"}
    with pytest.raises(exception.Forbidden):
        registry.api.metadef_namespace_update(MEMBER, "N", {"namespace": "M"})
    with pytest.raises(exception.Forbidden):
        registry.api.metadef_namespace_delete(MEMBER, "N")
    assert _names(registry) == (["N"], None)


def test_what_a_caller_may_not_see_he_may_not_find_by_changing_it(registry):
    registry.api.metadef_namespace_create(ADMIN, {"namespace": "N"})
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_namespace_update(MEMBER, "N", {"namespace": "N"})
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_namespace_delete(MEMBER, "N")


def test_a_policy_can_let_members_write_but_only_what_is_theirs(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("metadef_admin: role:member\n")
    registry = make_registry(tmp_path / "state", oslo_policy__policy_file=str(policy))
    registry.api.metadef_namespace_create(MEMBER, {"namespace": "N"})
    with pytest.raises(exception.Forbidden):
        registry.api.metadef_namespace_create(MEMBER, {"namespace": "M", "owner": "p2"})
    with pytest.raises(exception.Forbidden):
        registry.api.metadef_namespace_update(MEMBER, "N", {"namespace": "N", "owner": "p2"})
    assert registry.api.metadef_namespace_update(MEMBER, "N", {"namespace": "O"})["owner"] == "p1"


def test_with_the_old_rules_ownership_is_looked_at_in_code(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("metadef_admin: ''\n")
    options = {"oslo_policy__policy_file": str(policy), "oslo_policy__enforce_new_defaults": False}
    registry = make_registry(tmp_path / "state", **options)
    registry.api.metadef_namespace_create(ADMIN, empty_namespace())
    assert registry.api.metadef_namespace_get(STRANGER, "N")["namespace"] == "N"
    with pytest.raises(exception.Forbidden):
        registry.api.metadef_namespace_delete(MEMBER, "N")


# -- list ----------------------------------------------------------------------------------------------


def test_pages_follow_one_another(registry):
    for name in "cabed":
        registry.api.metadef_namespace_create(ADMIN, empty_namespace(name))
    assert _names(registry, limit=2) == (["a", "b"], "b")
    assert _names(registry, limit=2, marker="b") == (["c", "d"], "d")
    assert _names(registry, limit=2, marker="d") == (["e"], None)
    assert _names(registry, limit=5) == (list("abcde"), None)
    assert _names(registry, sort_dir="desc", limit=2, marker="d") == (["c", "b"], "b")
    assert _names(registry, limit=0) == ([], None)
    # All of one time: the order in which they were created decides.
    assert _names(registry, sort_key="created_at", sort_dir="desc") == (list("debac"), None)
    assert _names(registry, sort_key="created_at", sort_dir="asc", limit=2, marker="a") == (["b", "e"], "e")


@pytest.mark.parametrize(
    "key",
    ["display_name", "description", "visibility", "protected", "owner", "updated_at", "id"],
)
def test_every_key_gives_an_order_that_can_be_paged(registry, key):
    registry.api.metadef_namespace_create(ADMIN, empty_namespace("a", display_name="x", protected=True, owner="p9"))
    registry.api.metadef_namespace_create(ADMIN, empty_namespace("b", description="y"))
    registry.api.metadef_namespace_create(ADMIN, {"namespace": "c"})
    for direction in ("asc", "desc"):
        seen, marker = [], None
        while True:
            names, marker = _names(registry, sort_key=key, sort_dir=direction, limit=1, marker=marker)
            seen += names
            if marker is None:
                break
        assert sorted(seen) == ["a", "b", "c"]
        assert seen == _names(registry, sort_key=key, sort_dir=direction)[0]


def test_filters(registry):
    registry.api.metadef_namespace_create(ADMIN, make_namespace("image"))
    tie = [{"name": "OS::Nova::Flavor"}]
    registry.api.metadef_namespace_create(ADMIN, {"namespace": "flavor", "resource_type_associations": tie})
    assert _names(registry, visibility="public")[0] == ["image"]
    assert _names(registry, visibility="private")[0] == ["flavor"]
    assert _names(registry, resource_types=("OS::Nova::Flavor",))[0] == ["flavor"]
    assert _names(registry, resource_types=("OS::Nova::Flavor", "OS::Glance::Image", "x"))[0] == ["flavor", "image"]
    assert _names(registry, resource_types=("", "x" * 81, "\U0001f600"))[0] == []
    assert _names(registry, visibility="public", resource_types=("OS::Nova::Flavor",))[0] == []


def test_a_listed_namespace_brings_its_associations_and_nothing_else(registry):
    registry.api.metadef_namespace_create(ADMIN, make_namespace())
    page = registry.api.metadef_namespace_list(MEMBER, objects.MetadefQuery("created_at", "desc"))
    [found] = page["namespaces"]
    assert [tie["name"] for tie in found["resource_type_associations"]] == ["OS::Glance::Image"]
    assert not {"objects", "properties", "tags"} & set(found)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"marker": "nope"}, exception.MetadefNotFound),
        ({"marker": "\0"}, exception.InvalidParameter),
        ({"sort_key": "nope"}, exception.InvalidParameter),
        ({"sort_dir": "up"}, exception.InvalidParameter),
        ({"limit": -1}, exception.InvalidParameter),
        ({"visibility": "shared"}, exception.InvalidParameter),
    ],
)
def test_bad_queries(registry, fields, error):
    with pytest.raises(error):
        _names(registry, **fields)


def test_a_marker_must_be_visible(registry):
    registry.api.metadef_namespace_create(ADMIN, {"namespace": "N"})
    with pytest.raises(exception.MetadefNotFound):
        _names(registry, OTHER, marker="N")


# -- update and delete ---------------------------------------------------------------------------------


def test_update_replaces_the_fields_and_keeps_the_content(registry):
    registry.api.metadef_namespace_create(ADMIN, make_namespace(display_name="Disks", protected=True, owner="p1"))
    registry.clock.sleep(5)
    changed = registry.api.metadef_namespace_update(ADMIN, "N", {"namespace": "M"})
    assert (changed["namespace"], changed["display_name"], changed["protected"]) == ("M", None, False)
    assert (changed["visibility"], changed["owner"]) == ("private", "p0")
    assert (changed["created_at"], changed["updated_at"]) == ("2027-01-15T08:00:00", "2027-01-15T08:00:05")
    found = registry.api.metadef_namespace_get(ADMIN, "M")
    assert [item["name"] for item in found["tags"]] == ["fast"]


def test_update_cannot_take_a_name_in_use(registry):
    registry.api.metadef_namespace_create(ADMIN, empty_namespace("N"))
    registry.api.metadef_namespace_create(ADMIN, empty_namespace("M"))
    with pytest.raises(exception.MetadefExists):
        registry.api.metadef_namespace_update(ADMIN, "N", {"namespace": "M"})
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_namespace_update(ADMIN, "nope", {"namespace": "O"})


def test_delete_leaves_nothing_but_the_resource_types(registry):
    registry.api.metadef_namespace_create(ADMIN, make_namespace())
    registry.api.metadef_namespace_delete(ADMIN, "N")
    assert registry.rows("SELECT count(*) FROM metadef_namespaces") == [(0,)]
    assert registry.rows("SELECT count(*) FROM metadef_objects") == [(0,)]
    assert registry.rows("SELECT count(*) FROM metadef_properties") == [(0,)]
    assert registry.rows("SELECT count(*) FROM metadef_tags") == [(0,)]
    assert registry.rows("SELECT count(*) FROM metadef_namespace_resource_types") == [(0,)]
    assert [item["name"] for item in registry.api.metadef_resource_type_list(MEMBER)] == ["OS::Glance::Image"]


def test_a_protected_namespace_is_not_deleted(registry):
    registry.api.metadef_namespace_create(ADMIN, make_namespace(protected=True))
    with pytest.raises(exception.MetadefProtected):
        registry.api.metadef_namespace_delete(ADMIN, "N")
    assert registry.api.metadef_namespace_get(ADMIN, "N")["tags"]
