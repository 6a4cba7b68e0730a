"""The guides' commands with the real clients."""

import hashlib
import re
import subprocess

import pytest

from tests.fixtures.images import noise, qcow2_image


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk.qcow2"
    path.write_bytes(qcow2_image(tmp_path, virtual_size=8 << 20, content=noise(1 << 20)))
    return path


def test_openstack_uploads_shows_changes_downloads_and_deletes(cli, disk, tmp_path):
    created = cli.openstack_json(
        "image", "create", "--disk-format", "qcow2", "--container-format", "bare", "--file", str(disk), "--progress", "cli"
    )  # fmt: skip
    image_id = created["id"]
    shown = cli.openstack_json("image", "show", image_id)
    digest = hashlib.sha512(disk.read_bytes()).hexdigest()
    assert shown["status"] == "active"
    assert shown["size"] == disk.stat().st_size
    assert shown["virtual_size"] == 8 << 20
    assert shown["checksum"] == hashlib.md5(disk.read_bytes()).hexdigest()  # noqa: S324 -- the Images API's checksum
    assert shown["properties"]["os_hash_algo"] == "sha512"
    assert shown["properties"]["os_hash_value"] == digest

    assert image_id in {row["ID"] for row in cli.openstack_json("image", "list")}

    cli.openstack("image", "set", "--property", "hw_disk_bus=scsi", "--name", "renamed", image_id)
    changed = cli.openstack_json("image", "show", "renamed")
    assert changed["properties"]["hw_disk_bus"] == "scsi"

    copy = tmp_path / "copy"
    cli.openstack("image", "save", "--file", str(copy), image_id)
    assert hashlib.sha512(copy.read_bytes()).hexdigest() == digest

    cli.openstack("image", "delete", image_id)
    assert image_id not in {row["ID"] for row in cli.openstack_json("image", "list")}


def test_openstack_uploads_from_a_pipe(cli, api):
    size = 3_000_000
    command = ["image", "create", "--disk-format", "raw", "--container-format", "bare", "piped"]
    with subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE) as pipe:
        created = cli.openstack_json(*command, stdin=pipe.stdout)
    image = api.show(created["id"]).json()
    assert (image["status"], image["size"]) == ("active", size)
    assert image["os_hash_value"] == hashlib.sha512(bytes(size)).hexdigest()


def test_openstack_shows_the_table_of_the_guides(cli):
    table = cli.openstack("image", "create", "--disk-format", "raw", "--container-format", "bare", "--public", "table")
    fields = re.findall(r"^\| (\w+) +\|", table, re.MULTILINE)
    assert fields[0] == "Field"
    assert {"container_format", "created_at", "disk_format", "id", "min_disk", "min_ram", "name", "protected"} < set(
        fields
    )
    assert re.search(r"^\| visibility +\| public", table, re.MULTILINE)


def test_glance_uploads_lists_downloads_and_deletes(cli, disk, tmp_path):
    table = cli.glance(
        "image-create", "--name", "legacy", "--disk-format", "qcow2", "--container-format", "bare", "--file", str(disk)
    )
    image_id = re.search(r"^\| id +\| (\S+)", table, re.MULTILINE)[1]
    assert re.search(r"^\| status +\| active", table, re.MULTILINE)
    assert image_id in cli.glance("image-list")
    copy = tmp_path / "copy"
    cli.glance("image-download", "--file", str(copy), image_id)
    assert copy.read_bytes() == disk.read_bytes()
    cli.glance("image-update", "--property", "os_distro=debian", image_id)
    assert re.search(r"^\| os_distro +\| debian", cli.glance("image-show", image_id), re.MULTILINE)
    cli.glance("image-delete", image_id)
    assert image_id not in cli.glance("image-list")


def test_clients_share_an_image(cli, api):
    image_id = api.created(name="shared", visibility="shared")
    assert re.search(r"p-invited +\| pending", cli.glance("member-create", image_id, "p-invited"))
    assert re.search(r"p-invited +\| accepted", cli.glance("member-update", image_id, "p-invited", "accepted"))
    (listed,) = cli.openstack_json("image", "member", "list", image_id)
    assert (listed["Member ID"], listed["Status"]) == ("p-invited", "accepted")
    cli.glance("member-delete", image_id, "p-invited")
    assert "p-invited" not in cli.glance("member-list", "--image-id", image_id)


def test_clients_tag_an_image(cli, api):
    image_id = api.created(name="tagged")
    cli.openstack("image", "set", "--tag", "web", "--tag", "db", image_id)
    cli.glance("image-tag-update", image_id, "cache")
    cli.openstack("image", "unset", "--tag", "db", image_id)
    assert sorted(api.show(image_id).json()["tags"]) == ["cache", "web"]
    cli.glance("image-tag-delete", image_id, "cache")
    assert api.show(image_id).json()["tags"] == ["web"]


def test_clients_withhold_data(cli, api):
    image_id = api.uploaded(b"data", name="withheld")
    cli.openstack("image", "set", "--deactivate", image_id)
    assert api.status(image_id) == "deactivated"
    cli.glance("image-reactivate", image_id)
    assert api.status(image_id) == "active"
