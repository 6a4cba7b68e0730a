"""Images whose data is on somebody else's web server."""

import hashlib
import json

import pytest

from tests.fixtures import web
from tests.fixtures.cli import CommandLine
from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, noise

DATA = noise(300_000)
HASHES = {
    "checksum": hashlib.md5(DATA, usedforsecurity=False).hexdigest(),
    "os_hash_algo": "sha512",
    "os_hash_value": hashlib.sha512(DATA).hexdigest(),
}


@pytest.fixture(scope="module")
def site():
    with web.Web().serving() as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory, site):
    place = tmp_path_factory.mktemp("locations")
    with deployed(place, web.options(place, site)) as deployment:
        yield deployment


@pytest.fixture
def api(service):
    return ImageClient(service.url)


@pytest.fixture
def cli(service):
    return CommandLine(service.url)


def _add(url, **more):
    return {"op": "add", "path": "/locations/-", "value": {"url": url, "metadata": {}, **more}}


def _location(url, **metadata):
    return {"url": url, "metadata": {**metadata, "store": "web"}}


def test_a_location_is_an_images_data(api, site):
    image_id, url = api.created(), site.put("image", DATA)
    image = api.patch(image_id, _add(url, validation_data=HASHES)).json()
    assert (image["status"], image["size"]) == ("active", len(DATA))
    assert image["locations"] == [_location(url)]
    assert (image["direct_url"], image["stores"]) == (url, "web")
    assert {name: image[name] for name in HASHES} == HASHES
    assert api.download(image_id).content == DATA
    assert api.download(image_id, Range="bytes=10-19").content == DATA[10:20]


def test_data_on_a_web_server_stays_there(api, site, service):
    image_id, url = api.created(), site.put("theirs", DATA)
    api.patch(image_id, _add(url))
    assert api.delete(image_id).status_code == 204
    wait_for("settled location", lambda: f"image {image_id}" in service.log("glance-api"))
    assert {method for method, path in site.requests if path == "/theirs"} == {"HEAD"}


def test_the_older_client_adds_updates_and_removes_locations(cli, api, site):
    image_id = api.created()
    first, second = site.put("first", DATA), site.put("second", DATA)
    cli.glance("location-add", "--url", first, "--metadata", json.dumps({"a": "b"}), image_id)
    cli.glance("location-add", "--url", second, image_id)
    assert api.show(image_id).json()["locations"] == [_location(first, a="b"), _location(second)]
    cli.glance("location-update", "--url", second, "--metadata", json.dumps({"c": "d"}), image_id)
    assert _location(second, c="d") in api.show(image_id).json()["locations"]
    cli.glance("location-delete", "--url", first, image_id)
    assert [location["url"] for location in api.show(image_id).json()["locations"]] == [second]


def test_what_cannot_be_read_is_no_location(api, site):
    image_id = api.created()
    for url in (f"http://127.0.0.1:{site.port}/nothing", "file:///etc/passwd", "FILE:///etc/passwd", "rbd://a/b/c/d"):
        assert api.patch(image_id, _add(url)).status_code == 400
    assert (api.status(image_id), api.show(image_id).json()["locations"]) == ("queued", [])


def test_the_last_location_and_the_data_stay(api, site):
    image_id = api.uploaded(DATA)
    before = api.show(image_id).json()
    remove, empty = {"op": "remove", "path": "/locations/0"}, {"op": "replace", "path": "/locations", "value": []}
    for operation in (remove, empty):
        assert api.patch(image_id, operation).status_code == 403
    other = site.put("other", noise(len(DATA), 7))
    assert api.patch(image_id, _add(other)).status_code == 409
    wrong = {**HASHES, "os_hash_value": "0" * 128}
    assert api.patch(image_id, _add(other, validation_data=wrong)).status_code == 409
    assert api.show(image_id).json() == before
    assert api.download(image_id).content == DATA


# -- the locations API -------------------------------------------------------------------------------

SHA256 = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(DATA).hexdigest()}


def _post(api, image_id, url, **said):
    body = {"url": url, "validation_data": said} if said else {"url": url}
    return api.request("POST", f"/v2/images/{image_id}/locations", json=body)


def _settled(api, image_id, *statuses):
    return wait_for(f"{statuses} image", lambda: api.status(image_id) in statuses and api.show(image_id).json())


def _hashed(api, image_id):
    return wait_for("hash", lambda: api.show(image_id).json()["os_hash_value"] and api.show(image_id).json())


def _task(api, image_id):
    [task] = api.request("GET", f"/v2/images/{image_id}/tasks").json()["tasks"]
    return task


def test_an_added_location_is_read_for_its_hash(api, site):
    image_id, url = api.created(), site.put("added", DATA)
    answer = _post(api, image_id, url)
    assert (answer.status_code, answer.content) == (202, b"")
    image = _hashed(api, image_id)
    assert (image["status"], image["size"]) == ("active", len(DATA))
    assert {name: image[name] for name in HASHES} == HASHES
    found = api.request("GET", f"/v2/images/{image_id}/locations")
    assert (found.status_code, found.json()) == (200, [_location(url)])
    task = wait_for("ended task", lambda: _task(api, image_id)["status"] != "processing" and _task(api, image_id))
    assert (task["type"], task["status"], task["result"]) == ("location_import", "success", {"image_id": image_id})
    assert api.download(image_id).content == DATA


def test_what_was_said_is_compared_before_the_image_is_active(api, site):
    image_id, url = api.created(), site.put("said", DATA)
    assert _post(api, image_id, url, **SHA256).status_code == 202
    image = _settled(api, image_id, "active")
    assert (image["checksum"], image["os_hash_value"]) == (HASHES["checksum"], SHA256["os_hash_value"])
    other = api.created()
    assert _post(api, other, url, **{**SHA256, "os_hash_value": "0" * 64}).status_code == 202
    image = _settled(api, other, "queued")
    assert (image["locations"], image["size"]) == ([], None)
    assert (_task(api, other)["status"], "sha256" in _task(api, other)["message"]) == ("failure", True)
    assert _post(api, other, url, **SHA256).status_code == 202
    _settled(api, other, "active")


def test_a_location_without_data_is_told_by_the_task(api, site):
    image_id = api.created()
    assert _post(api, image_id, f"http://127.0.0.1:{site.port}/nowhere").status_code == 202
    _settled(api, image_id, "queued")
    assert _task(api, image_id)["status"] == "failure"


def test_the_older_client_adds_a_location(cli, api, site):
    image_id, url = api.created(), site.put("client", DATA)
    cli.glance("add-location", "--url", url, "--validation-data", json.dumps(SHA256), image_id)
    assert _settled(api, image_id, "active")["locations"] == [_location(url)]


def test_deleting_an_image_stops_the_reading_of_its_data(api, site):
    image_id, url = api.created(), site.put("slow", noise(64 * 1024) * 100)
    site.pace = 0.2
    try:
        assert _post(api, image_id, url, **SHA256).status_code == 202
        wait_for("reading", lambda: ("GET", "/slow") in site.requests)
        assert _post(api, image_id, url).status_code == 409
        assert api.delete(image_id).status_code == 204
        wait_for("end of reading", lambda: "/slow" in site.interrupted)
    finally:
        site.pace = 0.0
    assert api.status(image_id) == "gone"
