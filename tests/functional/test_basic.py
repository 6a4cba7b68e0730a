"""flavor = basic, with the real clients: names and passwords from files."""

import bcrypt
import pytest

from tests.fixtures.cli import CommandLine
from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, noise


def hashed(password):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    place = tmp_path_factory.mktemp("basic")
    people = {"alice": "red:member", "bob": "blue:member", "root": "ops:admin"}
    (place / "htpasswd").write_text("".join(f"{name}:{hashed(f'canary-{name}')}\n" for name in people))
    (place / "users").write_text("".join(f"{name}:{what}\n" for name, what in people.items()))
    files = {"htpasswd_file": place / "htpasswd", "users_file": place / "users"}
    options = {"DEFAULT": {"debug": True}, "paste_deploy": {"flavor": "basic"}, "basic_auth": files}
    with deployed(place, options) as deployment:
        yield deployment


@pytest.fixture
def openstack(service):
    def command(name):
        # Without Keystone's catalog the client takes the endpoint as it is.
        endpoint = f"{service.url}/v2"
        variables = {"AUTH_TYPE": "http_basic", "ENDPOINT": endpoint, "USERNAME": name, "PASSWORD": f"canary-{name}"}
        return CommandLine(service.url, {f"OS_{key}": value for key, value in variables.items()})

    return command


@pytest.fixture
def client_of(service):
    def make(name, password=None):
        client = ImageClient(service.url)
        client.session.auth = (name, password or f"canary-{name}")
        return client

    return make


def test_the_openstack_client_works_with_names_and_passwords(openstack, tmp_path):
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(noise(100_000))
    arguments = ["--disk-format", "raw", "--container-format", "bare", "--file", str(source), "of-alice"]
    made = openstack("alice").openstack_json("image", "create", *arguments)
    assert (made["owner"], made["status"]) == ("red", "active")
    openstack("alice").openstack("image", "save", "--file", str(copy), "of-alice")
    assert copy.read_bytes() == source.read_bytes()
    assert "No Image found" in openstack("bob").fails("image", "show", made["id"])
    assert "401" in openstack("mallory").fails("image", "list")


def test_projects_are_kept_apart(client_of):
    alice, bob, root = (client_of(name) for name in ("alice", "bob", "root"))
    private = alice.created(visibility="private")
    assert [client.show(private).status_code for client in (alice, bob, root)] == [200, 404, 200]
    assert bob.delete(private).status_code == 404
    assert alice.create(visibility="public").status_code == 403
    public = root.created(visibility="public")
    assert [client.show(public).status_code for client in (alice, bob)] == [200, 200]
    assert bob.delete(public).status_code == 403


def test_a_removed_line_ends_access_at_once(service, client_of):
    htpasswd = service.directory / "htpasswd"
    before = htpasswd.read_text()
    htpasswd.write_text(f"{before}eve:{hashed('canary-eve')}\n")
    (service.directory / "users").write_text((service.directory / "users").read_text() + "eve:red:reader\n")
    eve = client_of("eve")
    # Two workers look at the files, each at its own time.
    wait_for("eve", lambda: all(eve.list().status_code == 200 for _ in range(10)))
    htpasswd.write_text(before)
    wait_for("no eve", lambda: all(eve.list().status_code == 401 for _ in range(10)))
    assert client_of("alice").list().status_code == 200


def test_no_password_is_in_the_logs(service, client_of):
    assert client_of("alice", "canary-of-a-typo").list().status_code == 401
    logs = service.log("glance-api") + service.log("glance-registry")
    assert "'alice'" in logs
    assert "canary" not in logs


def test_monitors_and_discovery_need_no_name(service):
    anonymous = ImageClient(service.url)
    assert anonymous.request("GET", "/healthcheck").status_code == 200
    assert anonymous.request("GET", "/versions").status_code == 200
    assert anonymous.list().status_code == 401
