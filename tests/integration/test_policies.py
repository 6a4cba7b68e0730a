"""One policy file for both daemons: it counts at once, and half of one never does."""

import os
import subprocess

import pytest

from tests.fixtures.daemons import BIN, deployed, wait_for
from tests.fixtures.images import ImageClient

BROKEN = '"get_images": "@"\n"delete_image": "role:member and ("\n'


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("policies")


@pytest.fixture(scope="module")
def service(place):
    (place / "policy.yaml").write_text('"publicize_image": "role:librarian"\n')
    options = {
        "DEFAULT": {"enabled_backends": "near:file"},
        "glance_store": {"default_backend": "near"},
        "near": {"filesystem_store_datadir": place / "state" / "images"},
        "paste_deploy": {"flavor": "trusted-auth"},
        "oslo_policy": {"policy_file": place / "policy.yaml"},
    }
    with deployed(place, options) as deployment:
        yield deployment


@pytest.fixture
def client_with(service):
    def make(roles):
        client = ImageClient(service.url)
        identity = {"Identity-Status": "Confirmed", "Roles": roles, "Project-Id": "red", "User-Id": "alice"}
        client.session.headers.update({f"X-{name}": value for name, value in identity.items()})
        return client

    return make


def write(place, text):
    """Replace the file, as editors do."""
    draft = place / "draft"
    draft.write_text(text)
    draft.replace(place / "policy.yaml")


def test_rules_of_the_operator_count(client_with):
    assert client_with("member,librarian").create(visibility="public").status_code == 201
    assert client_with("admin,member,reader").create(visibility="public").status_code == 403


def test_a_change_counts_in_both_daemons_without_a_signal(place, service, client_with):
    member = client_with("member,reader")
    stores = f"{service.url}/v2/info/stores/detail"
    assert member.list().status_code == 200
    assert member.session.get(stores, timeout=60).status_code == 403
    write(place, '"get_images": "!"\n"stores_info_detail": "role:member"\n')
    # glance-registry judges lists, glance-api judges stores, in two workers.
    wait_for("closed lists", lambda: all(member.list().status_code == 403 for _ in range(5)))
    wait_for("open stores", lambda: all(member.session.get(stores, timeout=60).status_code == 200 for _ in range(5)))


def test_half_a_file_changes_nothing_and_is_complained_about(place, service, client_with):
    member = client_with("member,reader")
    write(place, '"get_images": "!"\n')
    wait_for("closed lists", lambda: all(member.list().status_code == 403 for _ in range(5)))
    write(place, BROKEN)

    def complaint():
        member.list()
        return "line 2: the rule delete_image cannot be understood" in service.log("glance-registry")

    wait_for("complaint", complaint)
    assert member.list().status_code == 403
    write(place, "")
    wait_for("open lists", lambda: member.list().status_code == 200)


@pytest.mark.parametrize("name", ["glance-api", "glance-registry"])
def test_neither_daemon_starts_with_half_a_file(tmp_path, service, name):
    (tmp_path / "policy.yaml").write_text(BROKEN)
    own = tmp_path / "own.conf"
    own.write_text(
        f"[DEFAULT]\nbind_port = 0\nstate_path = {tmp_path}/state\nworkers = 1\n[registry]\nbind_port = 0\n"
        f"[oslo_policy]\npolicy_file = {tmp_path}/policy.yaml\n"
    )
    command = [BIN / name, "--config-file", service.config, "--config-file", own]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{tmp_path}/policy.yaml, line 2: the rule delete_image cannot be understood" in done.stdout + done.stderr
