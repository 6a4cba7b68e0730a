"""R04 for data on web servers: what reads it dies, or its server does."""

import hashlib
import os
import signal

import pytest

from tests.fixtures import web
from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, noise

DATA = noise(64 * 1024) * 40
SAID = {"os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(DATA).hexdigest()}


@pytest.fixture(scope="module")
def site():
    with web.Web().serving() as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory, site):
    place = tmp_path_factory.mktemp("locations")
    with deployed(place, web.options(place, site, http_retries=1)) as deployment:
        yield deployment


@pytest.fixture
def api(service):
    return ImageClient(service.url)


def _added(api, site, name, **said):
    """An image whose data is being read, slowly."""
    url = site.put(name, DATA)
    image_id = api.created()
    site.pace = 0.1
    body = {"url": url, "validation_data": said}
    assert api.request("POST", f"/v2/images/{image_id}/locations", json=body).status_code == 202
    wait_for("reading", lambda: ("GET", f"/{name}") in site.requests)
    return image_id


@pytest.mark.parametrize(
    ("victim", "said"), [("worker", SAID), ("worker", {}), ("glance-api", {})], ids=["importing", "hashing", "all"]
)
def test_r04_somebody_else_goes_on(service, api, site, victim, said):
    name = f"{victim}-{len(said)}"
    image_id = _added(api, site, name, **said)
    if victim == "worker":
        os.kill(service.worker_serving(site.port), signal.SIGKILL)
    else:
        wait_for("active image", lambda: api.status(image_id) == "active")
        service.kill("glance-api")
        service.start_api()
    site.pace = 0.0
    wait_for("hash", lambda: api.status(image_id) == "active" and api.show(image_id).json()["os_hash_value"], 60)
    assert api.show(image_id).json()["os_hash_value"] == SAID["os_hash_value"]
    assert site.requests.count(("GET", f"/{name}")) == 2
    [task] = api.request("GET", f"/v2/images/{image_id}/tasks").json()["tasks"]
    assert task["status"] == "success"


def test_data_that_is_gone_leaves_a_queued_image(service, api, site):
    image_id = _added(api, site, "gone", **SAID)
    del site.files["/gone"]
    os.kill(service.worker_serving(site.port), signal.SIGKILL)
    site.pace = 0.0
    wait_for("queued image", lambda: api.status(image_id) == "queued", 60)
    assert api.upload(image_id, DATA).status_code == 204


def test_r04_nobody_goes_on_in_time(service, api, site):
    image_id = _added(api, site, "late", **SAID)
    service.kill("glance-api")
    given_up = "Gave up 1 locations"
    before = service.log("glance-registry").count(given_up)
    wait_for("end of patience", lambda: service.log("glance-registry").count(given_up) > before)
    service.start_api()
    site.pace = 0.0
    assert api.status(image_id) == "queued"
    assert api.upload(image_id, DATA).status_code == 204
