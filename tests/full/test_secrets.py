"""R67: 10,000 requests of every kind, everything logged at DEBUG, and no canary where others could see it.

Callers bring canaries in their headers, the configuration has them, and services name locations with credentials in their URLs.
"""

import concurrent.futures
import json
import os

import psutil
import pytest

from tests.fixtures import traffic, web
from tests.fixtures.daemons import deployed, free_port, wait_for
from tests.fixtures.failpoints import Failpoints
from tests.fixtures.images import ImageClient

pytestmark = pytest.mark.timeout(3600)

CANARY = "kanarienvogel"
#: What stands in the database, encrypted.
PLACE = "kanarienort"
COUNT = int(os.environ.get("IMAGESVC_REQUESTS", "10000"))
CALLERS = 4


@pytest.fixture(scope="module")
def site():
    with web.Web().serving() as running:
        yield running


@pytest.fixture(scope="module")
def spy(tmp_path_factory):
    """Hears the local bus."""
    spy = Failpoints(tmp_path_factory.mktemp("spy") / "switches")
    spy.hear()
    return spy


@pytest.fixture(scope="module")
def service(tmp_path_factory, site, spy):
    place = tmp_path_factory.mktemp("secrets")
    (place / "logs").mkdir(mode=0o750)
    nobody = f"http://127.0.0.1:{free_port()}"
    options = {
        "DEFAULT": {
            "debug": True,
            "default_log_levels": "imagesvc=DEBUG",  # instead of the list that keeps libraries quiet
            "log_dir": place / "logs",
            "image_size_cap": 1 << 20,
            "enabled_backends": "near:file,web:http,far:s3,cloud:swift",
            "metadata_encryption_key": f"{CANARY}-16",
            "show_multiple_locations": True,
            "show_image_direct_url": True,
            "http_retries": 1,
        },
        "paste_deploy": {"flavor": "trusted-auth"},
        "keystone_authtoken": {"password": f"{CANARY}-password", "memcache_secret_key": f"{CANARY}-memcache"},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": site.port},
        "glance_store": {"default_backend": "near"},
        "near": {"filesystem_store_datadir": place / "state" / "images"},
        "far": {
            "s3_store_host": nobody,
            "s3_store_access_key": f"{CANARY}-access",
            "s3_store_secret_key": f"{CANARY}-secret",
            "s3_store_bucket": "images",
            "s3_store_bucket_url_format": "path",
        },
        "cloud": {
            "swift_store_auth_address": f"{nobody}/v3",
            "swift_store_auth_version": 3,
            "swift_store_user": "account:user",
            "swift_store_key": f"{CANARY}-swift",
            "swift_store_container": "images",
        },
    }
    with deployed(place, options, environment=spy.environment) as deployment:
        yield deployment


def caller(service, project, roles):
    client = ImageClient(service.url)
    client.session.headers.update(
        {
            "X-Identity-Status": "Confirmed",
            "X-Roles": roles,
            "X-Project-Id": project,
            "X-User-Id": f"user of {project}",
            "X-Auth-Token": f"{CANARY}-token",
            "X-Service-Token": f"{CANARY}-service-token",
            "Authorization": f"Basic {CANARY}",
        }
    )
    return client


def leaks(answers, *canaries):
    """Answers that show a canary."""
    found = [answer for answer in answers for canary in canaries if canary in answer.text + str(answer.headers)]
    return [f"{answer.request.method} {answer.request.url}: {answer.text[:300]}" for answer in found]


@pytest.fixture(scope="module")
def statuses(service):
    """What :data:`COUNT` requests of callers full of secrets were answered; a registry dies among them."""
    met = set()

    def one(number):
        client = caller(service, f"project {number}", "admin,member,reader" if number % 2 else "member,reader")
        asked = 0
        while asked < COUNT / CALLERS:
            answers = traffic.mixed(client)
            assert leaks(answers, CANARY) == []
            met.update(answer.status_code for answer in answers)
            asked += len(answers)

    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(one, range(CALLERS)))
    client = caller(service, "project", "member,reader")
    service.kill("glance-registry")
    answers = [client.list()]
    service.start_registry()
    assert leaks(answers, CANARY) == []
    return met | {answer.status_code for answer in answers}


def test_answers_to_requests_of_every_kind_hold_no_secret(statuses):
    assert statuses >= {200, 201, 204, 400, 404, 409, 413, 503}


@pytest.fixture(scope="module")
def urls(site):
    """Locations with credentials: those that are refused, and those that services may name."""
    here = f"127.0.0.1:{free_port()}"
    web_url = site.put("image", b"data").removeprefix("http://")
    refused = [
        f"http://user:{PLACE}@{web_url}",
        f"ftp://user:{PLACE}@here/x",
        f"swift+config://{PLACE}/images/x",
        f"vsphere://user:{PLACE}@here/folder/x?dcPath=a&dsName=b",
        f"file:///{PLACE}",
        f"{PLACE}",
    ]
    taken = [
        f"s3://access:{PLACE}@{here}/images/x",
        f"swift+https://account%3Auser:{PLACE}@{here}/v1/images/x",
        f"swift+http://account%3Auser:{PLACE}@{here}/v1/images/x",
    ]
    # A signed URL: anybody may name one, and whoever sees it may use it.
    return refused, taken, f"http://{web_url}?X-Amz-Signature={PLACE}&sig={PLACE}"


def has_ended(client, image):
    [task] = client.request("GET", f"/v2/images/{image}/tasks").json()["tasks"]
    return task["status"] in {"success", "failure"}


@pytest.fixture(scope="module")
def told(service, urls):
    """What everybody is told of images whose locations have credentials, and the image that shows its owner one."""
    owner, other = caller(service, "red", "member,reader"), caller(service, "blue", "member,reader")
    nova, admin = caller(service, "red", "member,reader,service"), caller(service, "ops", "admin,member,reader")
    refused, taken, signed = urls
    told, images = [], []
    for url in [*refused, *taken, signed]:
        change = {"op": "add", "path": "/locations/-", "value": {"url": url, "metadata": {}}}
        image = owner.created(visibility="community")
        told += [owner.patch(image, change), admin.patch(image, change)]
        for client in (owner, nova):
            image = owner.created(visibility="community")
            told.append(client.request("POST", f"/v2/images/{image}/locations", json={"url": url}))
            if told[-1].status_code == 202:
                assert url in [*taken, signed]
                images.append(image)
    assert len(images) == len(taken) + 2
    for image in images:
        wait_for("end of the task", lambda at=image: has_ended(admin, at), 120)
        for client in (owner, other, nova, admin):
            paths = (f"/v2/images/{image}/tasks", f"/v2/images/{image}/file", "/v2/tasks", "/v2/images?limit=100")
            told += [client.request("GET", path) for path in paths]
        told += [other.request("GET", f"/v2/images/{image}"), owner.request("DELETE", f"/v2/images/{image}")]
    return told


def test_credentials_of_locations_are_told_nobody(told):
    assert {answer.status_code for answer in told} >= {200, 202, 400, 403}
    assert leaks(told, PLACE, CANARY) == []


def test_logs(service, statuses, told):
    logs = [path.read_text() for path in (service.directory / "logs").iterdir()]
    everything = "\n".join([*logs, service.log("glance-api"), service.log("glance-registry")])
    for word in (" DEBUG ", "Traceback", "botocore"):
        assert word in everything, f"{word} did not speak"
    for canary in (CANARY, PLACE):
        assert [line[:400] for line in everything.splitlines() if canary in line] == []


def test_the_bus(statuses, spy):
    heard = spy.heard()
    assert b'"method":"image_create"' in heard.replace(b" ", b"")
    assert CANARY.encode() not in heard


def test_rows(service, statuses, told):
    """URLs are encrypted."""
    files = [path.read_bytes() for path in service.state.glob("glance.sqlite*")]
    assert any(b"location_import" in data for data in files)
    for canary in (CANARY, PLACE):
        assert not [data[data.index(canary.encode()) - 200 :][:300] for data in files if canary.encode() in data]


def test_arguments_and_environments_of_processes(service, statuses):
    for name in ("glance-api", "glance-registry"):
        for process in service.processes_of(name):
            seen = psutil.Process(process.pid)
            assert CANARY not in " ".join(seen.cmdline()) + json.dumps(seen.environ())
