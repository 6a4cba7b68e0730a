import pytest

from imagesvc.registry import metadef_fields
from imagesvc.registry.db import metadef_catalogue
from imagesvc.registry.db.metadef_catalogue import Mode
from tests.fixtures.metadefs import ADMIN, SCHEMA, empty_namespace, make_namespace
from tests.fixtures.registry import in_transaction, make_registry


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _load(registry, values, mode=Mode.KEEP):
    fields, content = metadef_fields.namespace(values, "admin"), metadef_fields.content(values)
    return in_transaction(registry, metadef_catalogue.load, fields, content, mode)


def _exported(registry):
    [namespace] = registry.transactions.read(metadef_catalogue.export)
    names = {
        key: [item["name"] for item in namespace[key]]
        for key in ("resource_type_associations", "properties", "objects", "tags")
    }
    return namespace["display_name"], names


_NEW = make_namespace(
    display_name="new",
    resource_type_associations=[{"name": "OS::Glance::Image"}, {"name": "OS::Nova::Flavor"}],
    properties=[{"name": "bus", "schema": {"title": "New"}}, {"name": "size", "schema": SCHEMA}],
    objects=[],
    tags=[{"name": "slow"}],
)


def test_a_namespace_is_loaded_once(registry):
    assert _load(registry, make_namespace())
    assert not _load(registry, _NEW)
    display_name, names = _exported(registry)
    assert display_name is None
    assert names["tags"] == ["fast"]


@pytest.mark.parametrize(
    ("mode", "display_name", "title", "prefix", "objects", "tags"),
    [
        (Mode.ADD, None, "Bus", "hw_", ["disk"], {"fast", "slow"}),
        (Mode.UPDATE, "new", "New", None, ["disk"], {"fast", "slow"}),
        (Mode.OVERWRITE, "new", "New", None, [], {"slow"}),
    ],
)
def test_modes(registry, mode, display_name, title, prefix, objects, tags):
    _load(registry, make_namespace())
    for _ in range(2):
        assert not _load(registry, _NEW, mode)
        found, names = _exported(registry)
        assert (found, names["objects"], set(names["tags"])) == (display_name, objects, tags)
        assert names["properties"] == ["bus", "size"]
        assert sorted(names["resource_type_associations"]) == ["OS::Glance::Image", "OS::Nova::Flavor"]
    assert registry.api.metadef_property_get(ADMIN, "N", "bus")["schema"]["title"] == title
    ties = {tie["name"]: tie["prefix"] for tie in registry.api.metadef_association_list(ADMIN, "N")}
    assert ties["OS::Glance::Image"] == prefix


def test_unload(registry):
    _load(registry, make_namespace())
    _load(registry, empty_namespace("M"))
    assert in_transaction(registry, metadef_catalogue.unload) == 2
    assert registry.transactions.read(metadef_catalogue.export) == []
    assert registry.api.metadef_resource_type_list(ADMIN) == []
