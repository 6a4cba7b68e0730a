"""Metadata definitions with the real clients: every command of theirs, and every option."""

import json

import pytest

_NAMESPACE = {
    "namespace": "OS::Imported",
    "visibility": "public",
    "properties": {"size": {"title": "Size", "type": "integer", "default": 3}},
    "objects": [{"name": "disk", "properties": {"bus": {"title": "Bus", "type": "string"}}}],
    "tags": [{"name": "one"}, {"name": "two"}],
    "resource_type_associations": [{"name": "OS::Nova::Flavor", "prefix": "hw:"}],
}


@pytest.fixture
def openstack(cli):
    def run(*arguments):
        return cli.openstack("image", "metadef", *arguments)

    return run


def _show(openstack, *arguments):
    return json.loads(openstack(*arguments, "-f", "json"))


def test_openstack_namespaces(openstack):
    name = "OS::Openstack"
    options = ("--display-name", "Disks", "--description", "about disks", "--public", "--protected")
    created = _show(openstack, "namespace", "create", *options, name)
    assert (created["namespace"], created["visibility"], created["protected"]) == (name, "public", True)
    assert (created["display_name"], created["description"]) == ("Disks", "about disks")
    listed = _show(openstack, "namespace", "list", "--visibility", "public")
    assert name in {row["namespace"] for row in listed}
    changes = ("--display-name", "Drives", "--private", "--unprotected", "--tag", "fast", "--tag", "slow")
    openstack("namespace", "set", *changes, name)
    shown = _show(openstack, "namespace", "show", name)
    assert (shown["display_name"], shown["visibility"], shown["protected"]) == ("Drives", "private", False)
    assert sorted(tag["name"] for tag in shown["tags"]) == ["fast", "slow"]
    openstack("namespace", "unset", "--tag", "fast", name)
    assert [tag["name"] for tag in _show(openstack, "namespace", "show", name)["tags"]] == ["slow"]
    openstack("namespace", "delete", name)
    assert name not in {row["namespace"] for row in _show(openstack, "namespace", "list")}


def test_openstack_objects_and_properties(openstack):
    name = "OS::Content"
    openstack("namespace", "create", name)
    openstack("object", "create", "--namespace", name, "disk")
    openstack("object", "update", "--name", "drive", name, "disk")
    assert _show(openstack, "object", "show", name, "drive")["name"] == "drive"
    assert [row["name"] for row in _show(openstack, "object", "list", name)] == ["drive"]
    openstack("object", "delete", name, "drive")

    schema = ("--type", "string", "--schema", '{"enum": ["scsi", "virtio"], "default": "virtio"}')
    created = _show(openstack, "property", "create", "--name", "bus", "--title", "Bus", *schema, name)
    assert (created["title"], created["enum"]) == ("Bus", ["scsi", "virtio"])
    openstack("property", "set", "--name", "hw_bus", "--title", "The bus", "--type", "string", name, "bus")
    assert _show(openstack, "property", "show", name, "hw_bus")["title"] == "The bus"
    assert [row["name"] for row in _show(openstack, "property", "list", name)] == ["hw_bus"]
    openstack("property", "delete", name, "hw_bus")
    assert _show(openstack, "property", "list", name) == []
    openstack("namespace", "delete", name)


def test_openstack_resource_types(openstack):
    name = "OS::Types"
    openstack("namespace", "create", name)
    association = ("resource", "type", "association")
    created = _show(openstack, *association, "create", "--properties-target", "image", name, "OS::Cinder::Volume")
    assert (created["name"], created["properties_target"]) == ("OS::Cinder::Volume", "image")
    assert [row["Name"] for row in _show(openstack, *association, "list", name)] == ["OS::Cinder::Volume"]
    found = _show(openstack, "namespace", "list", "--resource-types", "OS::Cinder::Volume")
    assert [row["namespace"] for row in found] == [name]
    openstack(*association, "delete", name, "OS::Cinder::Volume")
    assert "OS::Cinder::Volume" in {row["Name"] for row in _show(openstack, "resource", "type", "list")}
    openstack("namespace", "delete", name)


def test_openstack_shows_a_property_of_an_object(openstack, api):
    api.request("POST", "/v2/metadefs/namespaces", json={**_NAMESPACE, "namespace": "OS::Shown"})
    assert _show(openstack, "object", "property", "show", "OS::Shown", "disk", "bus")["title"] == "Bus"
    openstack("namespace", "delete", "OS::Shown")


def test_glance_namespaces(cli, tmp_path):
    name = "OS::Glance"
    options = (
        "--display-name",
        "Disks",
        "--description",
        "about disks",
        "--visibility",
        "public",
        "--protected",
        "True",
    )
    assert "about disks" in cli.glance("md-namespace-create", *options, "--owner", "somebody", name)
    assert name in cli.glance("md-namespace-list", "--visibility", "public", "--page-size", "1")
    changes = ("--visibility", "private", "--protected", "False", "--description", "changed", "--owner", "other")
    changed = cli.glance("md-namespace-update", *changes, "--display-name", "d", "--namespace", "OS::Renamed", name)
    assert "OS::Renamed" in changed
    assert "other" in cli.glance("md-namespace-show", "--max-column-width", "80", "OS::Renamed")
    cli.glance("md-namespace-delete", "OS::Renamed")

    file = tmp_path / "namespace.json"
    file.write_text(json.dumps(_NAMESPACE))
    cli.glance("md-namespace-import", "--file", str(file))
    shown = cli.glance("md-namespace-show", "--resource-type", "OS::Nova::Flavor", "OS::Imported")
    assert "hw:size" in shown
    assert "OS::Imported" in cli.glance("md-namespace-list", "--resource-types", "OS::Nova::Flavor")
    cli.glance("md-namespace-objects-delete", "OS::Imported")
    cli.glance("md-namespace-properties-delete", "OS::Imported")
    cli.glance("md-namespace-tags-delete", "OS::Imported")
    assert not {"disk", "size", "two"} & set(cli.glance("md-namespace-show", "OS::Imported").split())
    cli.glance("md-namespace-delete", "OS::Imported")


def test_glance_objects_properties_and_resource_types(cli):
    name = "OS::GlanceContent"
    cli.glance("md-namespace-create", name)
    schema = json.dumps({"description": "d", "properties": {"bus": {"title": "Bus", "type": "string"}}})
    cli.glance("md-object-create", "--name", "disk", "--schema", schema, name)
    assert "Bus" in cli.glance("md-object-property-show", name, "disk", "bus")
    cli.glance("md-object-update", "--name", "drive", "--schema", '{"description": "changed"}', name, "disk")
    assert "changed" in cli.glance("md-object-show", name, "drive")
    assert "drive" in cli.glance("md-object-list", name)
    cli.glance("md-object-delete", name, "drive")

    schema = '{"enum": ["scsi"]}'
    cli.glance("md-property-create", "--name", "bus", "--title", "Bus", "--type", "string", "--schema", schema, name)
    changes = ("--name", "drive_bus", "--title", "The bus", "--schema", '{"type": "string", "enum": ["virtio"]}')
    cli.glance("md-property-update", *changes, name, "bus")
    assert "virtio" in cli.glance("md-property-show", name, "drive_bus")
    assert "drive_bus" in cli.glance("md-property-list", name)
    cli.glance("md-property-delete", name, "drive_bus")

    tie = ("--name", "OS::Cinder::Volume", "--prefix", "hw_", "--properties-target", "image")
    assert "hw_" in cli.glance("md-resource-type-associate", *tie, name)
    assert "OS::Cinder::Volume" in cli.glance("md-namespace-resource-type-list", name)
    cli.glance("md-resource-type-deassociate", name, "OS::Cinder::Volume")
    assert "OS::Cinder::Volume" in cli.glance("md-resource-type-list")
    cli.glance("md-namespace-delete", name)


def test_glance_tags(cli):
    name = "OS::GlanceTags"
    cli.glance("md-namespace-create", name)
    cli.glance("md-tag-create", "--name", "single", name)
    cli.glance("md-tag-create-multiple", "--names", "one:two", "--delim", ":", name)
    listed = cli.glance("md-tag-list", name).split()
    assert {"one", "two"} < set(listed)
    assert "single" not in listed
    # Its --append fails in the client, before any request.
    cli.glance("md-tag-update", "--name", "drei", name, "two")
    assert "drei" in cli.glance("md-tag-show", name, "drei")
    cli.glance("md-tag-delete", name, "drei")
    assert "drei" not in cli.glance("md-tag-list", name).split()
    cli.glance("md-namespace-delete", name)


def test_explain_knows_the_schemas(cli):
    assert "display_name" in cli.glance("explain", "metadefs/namespace")
