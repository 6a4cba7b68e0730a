"""flavor = keystone with a real Keystone: who may do what with which token, and what a client cannot pretend."""

import concurrent.futures
import dataclasses

import pytest
import requests

from tests.fixtures.cli import CommandLine
from tests.fixtures.images import ImageClient, noise

SPOOFED = {
    "X-Identity-Status": "Confirmed",
    "X-Service-Identity-Status": "Confirmed",
    "X-Roles": "admin,member,reader,service",
    "X-Role": "admin",
    "X-Service-Roles": "service,admin",
    "X-Is-Admin-Project": "True",
    "X-User": "spoofed",
    "X-User-Id": "spoofed",
    "X-User-Name": "spoofed",
    "X-Tenant": "spoofed",
    "X-Tenant-Id": "spoofed",
    "X-Project-Id": "spoofed",
    "X-Domain-Id": "default",
    "OpenStack-System-Scope": "all",
}


def spelled(headers):
    """The same names as CGI and careless proxies write them."""
    return {name.replace("-", "_"): value for name, value in headers.items()}


# -- the real client, one walk per role --------------------------------------------------------------


@pytest.fixture
def openstack(identified, keystone, people):
    return lambda name: CommandLine(identified.url, keystone.environment(people[name]))


def test_a_member_works_with_images_of_his_project(openstack, people, tmp_path):
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(noise(100_000))
    arguments = ["--disk-format", "raw", "--container-format", "bare", "--file", str(source), "of-alice"]
    member = openstack("member")
    made = member.openstack_json("image", "create", *arguments)
    assert made["owner"] == people["member"].project_id
    assert made["status"] == "active"
    member.openstack("image", "save", "--file", str(copy), "of-alice")
    assert copy.read_bytes() == source.read_bytes()
    assert openstack("reader").openstack_json("image", "show", made["id"])["name"] == "of-alice"
    assert "403" in openstack("reader").fails("image", "set", "--name", "of-rita", made["id"])
    assert "403" in openstack("member").fails("image", "set", "--public", made["id"])
    assert "No Image found" in openstack("stranger").fails("image", "show", made["id"])
    openstack("admin").openstack("image", "set", "--public", made["id"])
    assert openstack("stranger").openstack_json("image", "show", made["id"])["visibility"] == "public"


# -- roles -------------------------------------------------------------------------------------------


def test_what_each_role_may_do(client_of):
    member, reader, guest, admin = (client_of(name) for name in ("member", "reader", "guest", "admin"))
    image_id = member.uploaded(noise(1000), visibility="private")
    assert {client.show(image_id).status_code for client in (member, reader, admin)} == {200}
    assert [client.download(image_id).status_code for client in (member, admin, reader)] == [200, 200, 403]
    assert [client.create().status_code for client in (member, admin, reader, guest)] == [201, 201, 403, 403]
    rename = {"op": "replace", "path": "/name", "value": "renamed"}
    assert [client.patch(image_id, rename).status_code for client in (reader, member, admin)] == [403, 200, 200]
    assert guest.show(image_id).status_code == 404
    assert guest.list().status_code == 403
    assert [client.delete(image_id).status_code for client in (reader, guest, admin)] == [403, 404, 204]


def test_an_administrators_image_belongs_to_his_project(client_of, people, keystone):
    image = client_of("admin").create().json()
    assert image["owner"] == keystone.admin.project_id
    assert (
        client_of("admin").create(owner=people["stranger"].project_id).json()["owner"] == people["stranger"].project_id
    )
    assert client_of("member").create(owner=people["stranger"].project_id).status_code == 403


@pytest.mark.parametrize("scope", ["unscoped", {"domain": {"id": "default"}}, {"system": {"all": True}}])
def test_a_token_of_another_scope_is_no_administrators(client_of, keystone, people, scope):
    boss = keystone.user("boss", "red", "reader")
    keystone.grant(boss, "admin", "/domains/default")
    keystone.grant(boss, "admin", "/system")
    people["boss"] = boss
    private = client_of("stranger").created(visibility="private")
    client = client_of("boss", scope=scope)
    assert client.show(private).status_code == 404
    assert client.delete(private).status_code == 404
    assert client.create(visibility="public").status_code == 403
    assert client.list().status_code == 403


# -- tokens ------------------------------------------------------------------------------------------


def test_without_a_good_token_there_is_nothing(identified, keystone, people):
    revoked = keystone.token(people["member"])
    keystone.revoke(revoked)
    tokens = [None, "", "garbage", "g" * 8000, "\xe9\xff", revoked, keystone.token(people["member"], expires_in=-1)]
    for token in tokens:
        answer = requests.get(
            f"{identified.url}/v2/images", headers={} if token is None else {"X-Auth-Token": token}, timeout=120
        )
        assert answer.status_code == 401, token
        assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{keystone.url}"'
        assert "images" not in answer.text
    # What tells clients that there is a service, and monitors that it works, needs no token.
    assert requests.get(f"{identified.url}/versions", timeout=120).status_code == 200
    assert requests.get(f"{identified.url}/healthcheck", timeout=120).status_code == 200


def test_the_older_header_carries_a_token_too(identified, keystone, people):
    headers = {"X-Storage-Token": keystone.token(people["member"])}
    assert requests.get(f"{identified.url}/v2/images", headers=headers, timeout=120).status_code == 200


def test_what_clients_say_about_themselves_is_not_believed(identified, client_of, people):
    secret = client_of("stranger").created(visibility="private")
    for spoofed in (SPOOFED, spelled(SPOOFED), SPOOFED | spelled(SPOOFED)):
        anonymous = ImageClient(identified.url)
        anonymous.session.headers.update(spoofed)
        assert anonymous.list().status_code == 401
        anonymous.session.headers["X-Auth-Token"] = "garbage"
        assert anonymous.show(secret).status_code == 401
        member = client_of("member")
        member.session.headers.update(spoofed)
        assert member.show(secret).status_code == 404
        assert member.create(visibility="public").status_code == 403
        assert member.create().json()["owner"] == people["member"].project_id


def test_many_callers_at_once_stay_themselves(identified, keystone):
    """64 callers with a token each, of 8 users in 8 projects, see the images of their project and no others."""
    users = [keystone.user(f"user-{number}", f"project-{number}", "reader") for number in range(8)]
    for user in users:
        keystone.grant(user, "member", "/OS-INHERIT/domains/default", "/inherited_to_projects")
    callers = [dataclasses.replace(user, project=place.project) for user in users for place in users]
    projects = [place.project_id for _ in users for place in users]
    clients = [ImageClient(identified.url, timeout=300) for _ in callers]
    for client, caller in zip(clients, callers, strict=True):
        client.session.headers["X-Auth-Token"] = keystone.token(caller)

    def work(client):
        made = client.create(visibility="private").json()
        pages = [client.list("?visibility=private&limit=100").json()["images"] for _ in range(4)]
        return made, pages

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        for project, (made, pages) in zip(projects, pool.map(work, clients), strict=True):
            assert made["owner"] == project
            for page in pages:
                assert {image["owner"] for image in page} == {project}
                assert made["id"] in {image["id"] for image in page}


def test_an_application_credential_reaches_what_its_rules_allow(identified, keystone, people):
    alice = people["member"]
    session = requests.Session()
    session.headers["X-Auth-Token"] = keystone.token(alice)
    rules = [{"path": "/v2/images", "method": "GET", "service": "image"}]
    made = session.post(
        f"{keystone.url}/v3/users/{alice.id}/application_credentials",
        json={"application_credential": {"name": "lister", "access_rules": rules}},
        timeout=120,
    ).json()["application_credential"]
    credential = {"id": made["id"], "secret": made["secret"]}
    token = keystone.authenticate(
        {"identity": {"methods": ["application_credential"], "application_credential": credential}}
    )
    client = ImageClient(identified.url)
    client.session.headers["X-Auth-Token"] = token
    assert client.list().status_code == 200
    assert client.create().status_code == 401
