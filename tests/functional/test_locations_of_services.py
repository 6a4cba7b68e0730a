"""Locations as other services use them: Nova and Cinder by glanceclient's library, newer ones by openstacksdk's."""

import hashlib
import json

import pytest

from tests.fixtures import web
from tests.fixtures.cli import library
from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, noise

DATA = noise(100_000)
SAID = {"os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(DATA).hexdigest()}

#: What each program has: its client, and what it was told.
GLANCECLIENT = """
import hashlib, json, sys
import glanceclient
url, told = sys.argv[1], json.loads(sys.argv[2])
images = glanceclient.Client("2", endpoint=url, token="none").images
"""
SDK = """
import json, sys
import openstack
url, told = sys.argv[1], json.loads(sys.argv[2])
image = openstack.connection.Connection(auth_type="none", endpoint=url).image
"""
#: A volume that a store shows already is given to an image, which is then looked at.
REGISTERS = """
made = images.create(name="snapshot", disk_format="raw", container_format="bare", **{"hw_disk_bus": "virtio"})
images.{call}
print(json.dumps(made["id"]))
"""
#: How who has a way of his own to the data looks for it, and gets it from the API where he has none.
LOOKS = """
shown = images.get(told["id"])
found = {
    "direct_url": shown.get("direct_url"),
    "locations": shown.get("locations"),
    "asked": [dict(one) for one in images.get_image_locations(told["id"])],
    "sum": hashlib.sha512(b"".join(images.data(told["id"]))).hexdigest(),
}
print(json.dumps(found))
"""


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


def _run(service, program, **told):
    return json.loads(library(program, service.url, json.dumps(told)))


def _active(api, image_id):
    return wait_for("active image", lambda: api.status(image_id) == "active" and api.show(image_id).json())


@pytest.mark.parametrize(
    "call",
    [
        'add_location(made["id"], told["url"], {})',
        'add_image_location(made["id"], told["url"], told["said"])',
    ],
)
def test_what_nova_and_cinder_register_is_found_by_them(service, api, site, call):
    url = site.put(f"volume-{abs(hash(call))}", DATA)
    image_id = _run(service, GLANCECLIENT + REGISTERS.replace("{call}", call), url=url, said=SAID)
    image = _active(api, image_id)
    assert (image["size"], image["hw_disk_bus"]) == (len(DATA), "virtio")
    place = {"url": url, "metadata": {"store": "web"}}
    found = _run(service, GLANCECLIENT + LOOKS, id=image_id)
    assert found == {"direct_url": url, "locations": [place], "asked": [place], "sum": SAID["os_hash_value"]}


def test_files_of_the_service_are_found_by_them(service, api):
    image_id = api.uploaded(DATA)
    found = _run(service, GLANCECLIENT + LOOKS, id=image_id)
    assert found["direct_url"].startswith("file://")
    assert found["locations"] == found["asked"] == [{"url": found["direct_url"], "metadata": {"store": "fs"}}]
    assert found["sum"] == SAID["os_hash_value"]


def test_openstacksdk_adds_and_lists(service, api, site):
    image_id, url = api.created(), site.put("sdk", DATA)
    program = """
image.add_image_location(told["id"], told["url"])
print("null")
"""
    _run(service, SDK + program, id=image_id, url=url)
    assert _active(api, image_id)["size"] == len(DATA)
    program = """
found = [(one.url, one.metadata) for one in image.image_locations(told["id"])]
print(json.dumps(found))
"""
    assert _run(service, SDK + program, id=image_id) == [[url, {"store": "web"}]]
