"""Keystone's unified limits, as the installation guides configure them."""

import concurrent.futures
import contextlib

import pytest

from tests.fixtures import cli
from tests.fixtures import keystone as identities
from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, noise

MIB = 2**20
NAMES = ("image_size_total", "image_stage_total", "image_count_total", "image_count_uploading")


class Cloud:
    """Keystone's limits and the service that is limited by them."""

    def __init__(self, keystone, url):
        self.keystone = keystone
        self.url = url
        self.service_id = keystone.call("GET", "/services?type=image")["services"][0]["id"]

    def client(self, user):
        client = ImageClient(self.url)
        client.session.headers["X-Auth-Token"] = self.keystone.token(user)
        return client

    def give(self, *, project_id=None, domain_id=None, **limits):
        """Limits of a project's own, or of a domain's."""
        whose = {"project_id": project_id} if project_id else {"domain_id": domain_id}
        where = {"service_id": self.service_id, "region_id": "RegionOne", **whose}
        listed = [{**where, "resource_name": name, "resource_limit": value} for name, value in limits.items()]
        self.keystone.call("POST", "/limits", limits=listed)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with limited(tmp_path_factory.mktemp("limited")) as cloud:
        yield cloud


@contextlib.contextmanager
def limited(directory, config=""):
    """A cloud with its own Keystone: others' tests have no limits, and one of these takes it away.

    :param config: further lines of keystone.conf.
    """
    with identities.running(config) as keystone:
        keystone.publish("http://127.0.0.1:9292")
        keystone.grant(keystone.glance, "reader", "/system")
        (endpoint,) = keystone.call("GET", "/endpoints?interface=public&service_id=" + service_of(keystone))[
            "endpoints"
        ]
        register(keystone, image_size_total=10, image_count_total=20, image_count_uploading=3)
        options = {
            "DEFAULT": {"use_keystone_limits": True, "user_storage_quota": "1B"},
            "paste_deploy": {"flavor": "keystone"},
            "keystone_authtoken": {**keystone.options(), "token_memory_time": 300},
            "oslo_limit": {
                "auth_url": keystone.url,
                "auth_type": "password",
                "user_domain_id": "default",
                "username": "glance",
                "system_scope": "all",
                "password": keystone.glance.password,
                "endpoint_id": endpoint["id"],
                "region_name": "RegionOne",
            },
        }
        with deployed(directory, options) as deployment:
            yield Cloud(keystone, deployment.url)


def service_of(keystone):
    return keystone.call("GET", "/services?type=image")["services"][0]["id"]


def register(keystone, **limits):
    where = {"service_id": service_of(keystone), "region_id": "RegionOne"}
    listed = [{**where, "resource_name": name, "default_limit": value} for name, value in limits.items()]
    keystone.call("POST", "/registered_limits", registered_limits=listed)


def new(client):
    answer = client.request("POST", "/v2/images", json={"disk_format": "raw", "container_format": "bare"})
    return answer.status_code, answer.json().get("id")


def test_usage_and_limits_of_a_project(cloud):
    user = cloud.keystone.user("ursula", "usage", "member")
    cloud.give(project_id=user.project_id, image_count_total=7)
    client = cloud.client(user)
    assert client.upload(new(client)[1], noise(MIB + 1)).status_code == 204
    usage = client.request("GET", "/v2/info/usage").json()["usage"]
    assert {name: (usage[name]["usage"], usage[name]["limit"]) for name in NAMES} == {
        "image_size_total": (1, 10),
        # Nothing is registered under this name, so nothing is allowed.
        "image_stage_total": (0, 0),
        "image_count_total": (1, 7),
        "image_count_uploading": (0, 3),
    }
    table = cli.CommandLine(cloud.url, cloud.keystone.environment(user)).glance("--os-image-url", cloud.url, "usage")
    assert "image_count_total" in table


def test_images_and_bytes_end_at_the_limit(cloud):
    user = cloud.keystone.user("lea", "little", "member")
    cloud.give(project_id=user.project_id, image_size_total=1, image_count_total=2)
    client = cloud.client(user)
    first, second = (new(client)[1] for _ in range(2))
    refused = client.request("POST", "/v2/images", json={})
    assert refused.status_code == 413
    assert "image_count_total" in refused.text
    assert client.upload(first, noise(MIB + 1)).status_code == 413
    assert client.upload(first, iter([noise(MIB), b"x"])).status_code == 413
    wait_for("room after a refused upload", lambda: client.upload(first, noise(MIB)).status_code == 204, 60)
    assert client.upload(second, b"x").status_code == 413
    assert client.delete(first).status_code == 204
    assert client.upload(second, iter([noise(MIB)])).status_code == 204


def test_uploads_at_once_fill_the_limit_and_no_more(cloud):
    user = cloud.keystone.user("mel", "many", "member")
    cloud.give(project_id=user.project_id, image_size_total=4, image_count_uploading=20)
    image_ids = [new(cloud.client(user))[1] for _ in range(8)]

    def upload(image_id):
        return cloud.client(user).upload(image_id, noise(MIB)).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(upload, image_ids))
    assert statuses == [204] * 4 + [413] * 4


def test_without_keystone_nothing_is_free(cloud):
    user = cloud.keystone.user("nina", "nowhere", "member")
    client = cloud.client(user)
    image_id = new(client)[1]
    assert client.show(image_id).status_code == 200
    fresh = cloud.keystone.user("otto", "other", "member")
    unknown = cloud.client(fresh)
    assert unknown.request("GET", "/v2/images").status_code == 200
    with cloud.keystone.down():
        answer = unknown.request("POST", "/v2/images", json={})
        assert (answer.status_code, bool(answer.headers.get("Retry-After"))) == (503, True)
        assert "limits" in answer.text
        assert client.show(image_id).status_code == 200
    wait_for("limits again", lambda: new(cloud.client(fresh))[0] == 201, 60)


def test_projects_of_a_domain_stay_below_its_limit_together(tmp_path):
    with limited(tmp_path, "[unified_limit]\nenforcement_model = strict_two_level\n") as cloud:
        cloud.give(domain_id="default", image_count_total=3, image_size_total=2)
        anna, bert = (cloud.client(cloud.keystone.user(name, name, "member")) for name in ("anna", "bert"))
        first, second = (new(anna)[1] for _ in range(2))
        third = new(bert)[1]
        for client in (anna, bert):
            refused = client.request("POST", "/v2/images", json={})
            assert refused.status_code == 413
            assert "image_count_total" in refused.text
        assert anna.upload(first, noise(MIB)).status_code == 204
        assert bert.upload(third, noise(MIB)).status_code == 204
        assert anna.upload(second, b"x").status_code == 413
        usage = bert.request("GET", "/v2/info/usage").json()["usage"]["image_count_total"]
        assert usage == {"limit": 20, "usage": 1}, "a project's own limit and usage are what it is shown"
        assert anna.delete(first).status_code == 204
        assert bert.upload(new(bert)[1], noise(MIB)).status_code == 204
