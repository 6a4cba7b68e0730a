import pytest

from imagesvc import exception
from tests.fixtures.metadefs import ADMIN, MEMBER, OTHER, READER, STRANGER, empty_namespace, is_mysql
from tests.fixtures.registry import make_registry


@pytest.fixture
def registry(tmp_path):
    registry = make_registry(tmp_path / "state")
    registry.api.metadef_namespace_create(ADMIN, empty_namespace("N"))
    registry.api.metadef_namespace_create(ADMIN, {"namespace": "P"})
    return registry


def _tied(registry, namespace="N"):
    return [item["name"] for item in registry.api.metadef_association_list(ADMIN, namespace)]


def _known(registry, context=READER):
    return [item["name"] for item in registry.api.metadef_resource_type_list(context)]


def test_an_association_makes_its_resource_type_known(registry):
    wanted = {"name": "OS::Cinder::Volume", "prefix": "hw_", "properties_target": "image"}
    created = registry.api.metadef_association_create(ADMIN, "N", wanted)
    assert {name: created[name] for name in wanted} == wanted
    assert registry.api.metadef_association_list(MEMBER, "N") == [created]
    assert _known(registry) == ["OS::Cinder::Volume"]
    registry.api.metadef_association_create(ADMIN, "P", {"name": "OS::Cinder::Volume"})
    assert _known(registry) == ["OS::Cinder::Volume"]


def test_an_association_is_made_once(registry):
    registry.api.metadef_association_create(ADMIN, "N", {"name": "A"})
    with pytest.raises(exception.MetadefExists):
        registry.api.metadef_association_create(ADMIN, "N", {"name": "A", "prefix": "x"})


def test_delete_keeps_the_resource_type(registry):
    registry.api.metadef_association_create(ADMIN, "N", {"name": "A"})
    registry.api.metadef_association_create(ADMIN, "P", {"name": "A"})
    registry.api.metadef_association_delete(ADMIN, "N", "A")
    assert (_tied(registry), _tied(registry, "P"), _known(registry)) == ([], ["A"], ["A"])
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_association_delete(ADMIN, "N", "A")


def test_a_protected_namespace_keeps_its_associations(registry):
    registry.api.metadef_association_create(ADMIN, "N", {"name": "A"})
    registry.api.metadef_namespace_update(ADMIN, "N", empty_namespace("N", protected=True))
    with pytest.raises(exception.MetadefProtected):
        registry.api.metadef_association_delete(ADMIN, "N", "A")
    assert _tied(registry) == ["A"]


def test_a_resource_type_in_other_letters(registry):
    registry.api.metadef_association_create(ADMIN, "N", {"name": "A"})
    registry.api.metadef_association_create(ADMIN, "P", {"name": "a"})
    assert _known(registry) == (["A"] if is_mysql(registry) else ["A", "a"])


def test_characters_the_database_has_no_room_for(registry):
    if is_mysql(registry):
        with pytest.raises(exception.Invalid):
            registry.api.metadef_association_create(ADMIN, "N", {"name": "\U0001f600"})
    else:
        registry.api.metadef_association_create(ADMIN, "N", {"name": "\U0001f600"})
    assert _known(registry) == ([] if is_mysql(registry) else ["\U0001f600"])


def test_who_may(registry):
    registry.api.metadef_association_create(ADMIN, "N", {"name": "A"})
    with pytest.raises(exception.Forbidden):
        registry.api.metadef_association_create(MEMBER, "N", {"name": "B"})
    with pytest.raises(exception.Forbidden):
        registry.api.metadef_association_delete(MEMBER, "N", "A")
    with pytest.raises(exception.MetadefNotFound):
        registry.api.metadef_association_list(OTHER, "P")
    with pytest.raises(exception.NotFound):
        _known(registry, STRANGER)
