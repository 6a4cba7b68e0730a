"""Several stores, chosen by header, as guide c configures them."""

import pytest

from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, noise

DATA = noise(200_000)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(scope="module")
def service(place):
    options = {
        "DEFAULT": {"enabled_backends": "fast:file,cheap:file,web:http"},
        "glance_store": {"default_backend": "cheap"},
        "fast": {"filesystem_store_datadir": place / "fast"},
        "cheap": {"filesystem_store_datadir": place / "cheap"},
    }
    with deployed(place, options) as deployment:
        yield deployment


@pytest.fixture
def api(service):
    return ImageClient(service.url)


def test_data_goes_to_the_default_store(api, place):
    image_id = api.uploaded(DATA)
    assert (place / "cheap" / image_id).read_bytes() == DATA
    assert api.show(image_id).json()["stores"] == "cheap"


def test_a_header_chooses_the_store(api, place):
    image_id = api.created()
    assert api.upload(image_id, DATA, headers={"x-image-meta-store": "fast"}).status_code == 204
    assert (place / "fast" / image_id).read_bytes() == DATA
    assert api.show(image_id).json()["stores"] == "fast"
    assert api.download(image_id).content == DATA
    assert api.delete(image_id).status_code == 204
    wait_for("removed blob", lambda: not (place / "fast" / image_id).exists())


@pytest.mark.parametrize("store", ["nowhere", "os_glance_staging_store"])
def test_an_unknown_store_is_400_and_nothing_changes(api, store):
    image_id = api.created()
    response = api.upload(image_id, DATA, headers={"x-image-meta-store": store})
    assert response.status_code == 400
    assert store in response.text
    assert api.status(image_id) == "queued"


def test_create_names_the_stores(api):
    ids = api.create().headers["OpenStack-image-store-ids"].split(",")
    assert {"fast", "cheap"} <= set(ids)


def test_the_versions_are_those_of_several_stores(api):
    ids = {version["id"] for version in api.request("GET", "/versions").json()["versions"]}
    assert "v2.13" in ids
