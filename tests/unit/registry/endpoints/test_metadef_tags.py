import pytest

from imagesvc import exception, objects
from tests.fixtures.metadefs import ADMIN, MEMBER, empty_namespace, is_mysql
from tests.fixtures.registry import make_registry


@pytest.fixture
def registry(tmp_path):
    registry = make_registry(tmp_path / "state")
    registry.api.metadef_namespace_create(ADMIN, empty_namespace("N"))
    return registry


def _names(registry, **fields):
    query = objects.MetadefQuery(**{"sort_key": "created_at", "sort_dir": "desc", **fields})
    return [item["name"] for item in registry.api.metadef_tag_list(MEMBER, "N", query)["items"]]


def test_create_get_rename_delete(registry):
    created = registry.api.metadef_tag_create(ADMIN, "N", "fast")
    assert created == registry.api.metadef_tag_get(MEMBER, "N", "fast")
    with pytest.raises(exception.MetadefExists):
        registry.api.metadef_tag_create(ADMIN, "N", "fast")
    registry.api.metadef_tag_create(ADMIN, "N", "slow")
    with pytest.raises(exception.MetadefExists):
        registry.api.metadef_tag_update(ADMIN, "N", "slow", "fast")
    assert registry.api.metadef_tag_update(ADMIN, "N", "slow", "Slow")["name"] == "Slow"
    registry.api.metadef_tag_delete(ADMIN, "N", "fast")
    assert _names(registry) == ["Slow"]
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_tag_get(ADMIN, "N", "fast")


def test_several_take_the_place_of_all_or_are_appended(registry):
    registry.api.metadef_tag_create_all(ADMIN, "N", ["a", "b"])
    assert _names(registry) == ["b", "a"]
    registry.api.metadef_tag_create_all(ADMIN, "N", ["c", "b"])
    assert _names(registry) == ["b", "c"]
    registry.api.metadef_tag_create_all(ADMIN, "N", ["a"], append=True)
    assert _names(registry) == ["a", "b", "c"]
    shown = registry.api.metadef_namespace_get(ADMIN, "N")["tags"]
    assert [item["name"] for item in shown] == ["a", "b", "c"]
    registry.api.metadef_tag_create_all(ADMIN, "N", [])
    assert _names(registry) == ["a", "b", "c"]


def test_several_are_all_created_or_none(registry):
    registry.api.metadef_tag_create_all(ADMIN, "N", ["a", "b"])
    for names, append in ((["c", "a"], True), (["c", "c"], False), (["c", ""], False)):
        with pytest.raises((exception.MetadefExists, exception.InvalidParameter)):
            registry.api.metadef_tag_create_all(ADMIN, "N", names, append=append)
        assert _names(registry) == ["b", "a"]


def test_names_that_the_server_takes_for_the_same_are_refused(registry):
    registry.api.metadef_tag_create(ADMIN, "N", "fast")
    mysql = is_mysql(registry)
    if mysql:
        with pytest.raises(exception.MetadefExists):
            registry.api.metadef_tag_create(ADMIN, "N", "Fast")
        with pytest.raises(exception.MetadefExists):
            registry.api.metadef_tag_create_all(ADMIN, "N", ["x", "X"])
        with pytest.raises(exception.MetadefExists):
            registry.api.metadef_namespace_create(ADMIN, empty_namespace("n"))
    else:
        registry.api.metadef_tag_create(ADMIN, "N", "Fast")
    assert _names(registry) == (["fast"] if mysql else ["Fast", "fast"])


def test_delete_all_asks_both_rules(registry, tmp_path):
    policy = tmp_path / "policy.yaml"
    for rule in ("delete_metadef_namespace", "delete_metadef_tags"):
        policy.write_text(f"{rule}: '!'\n")
        strict = make_registry(tmp_path / rule, oslo_policy__policy_file=str(policy))
        strict.api.metadef_namespace_create(ADMIN, empty_namespace("N", tags=[{"name": "a"}]))
        with pytest.raises(exception.Forbidden) as caught:
            strict.api.metadef_tag_delete_all(ADMIN, "N")
        assert caught.value.kwargs == {"action": rule}
    registry.api.metadef_tag_create(ADMIN, "N", "a")
    registry.api.metadef_tag_delete_all(ADMIN, "N")
    assert _names(registry) == []


def test_members_write_nothing(registry):
    registry.api.metadef_tag_create(ADMIN, "N", "a")
    refused = [
        (registry.api.metadef_tag_create, ("b",), "add_metadef_tag"),
        (registry.api.metadef_tag_create_all, (["b"],), "add_metadef_tags"),
        (registry.api.metadef_tag_update, ("a", "b"), "modify_metadef_tag"),
        (registry.api.metadef_tag_delete, ("a",), "delete_metadef_tag"),
    ]
    for call, arguments, rule in refused:
        with pytest.raises(exception.Forbidden) as caught:
            call(MEMBER, "N", *arguments)
        assert caught.value.kwargs == {"action": rule}


@pytest.mark.parametrize("name", ["\U0001f600", "x" * 81, "a\0b"])
def test_impossible_names_are_not_found_or_refused(registry, name):
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_tag_get(ADMIN, "N", name)
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_namespace_get(ADMIN, name)
    if len(name) > 1 or is_mysql(registry):
        with pytest.raises(exception.Invalid):
            registry.api.metadef_tag_create(ADMIN, "N", name)
        assert _names(registry) == []
