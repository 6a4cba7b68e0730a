import sqlite3

import pytest

from imagesvc.data.location_jobs import LocationRunner
from tests.fixtures import api

URL = "http://web/x"


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setattr(LocationRunner, "run", lambda *_arguments: None)
    return api.make_service(tmp_path)


@pytest.fixture
def image(service):
    return service.create(disk_format="raw", container_format="bare")


def test_an_addition_costs_one_call(service, image):
    assert service.calls == ["image_create"]
    response = service.request("POST", f"{image['self']}/locations", {"url": URL})
    assert (response.status_int, response.body, response.content_type) == (202, b"", "text/html")
    assert service.calls == ["location_add"]
    assert service.request("GET", image["self"]).json["status"] == "importing"
    assert service.request("POST", f"{image['self']}/locations", {"url": URL}).status_int == 409


def test_a_listing_costs_one_call(service, image):
    active = service.create_active()
    assert service.calls[-1] == "image_get"
    response = service.request("GET", f"{active['self']}/locations")
    assert (response.status_int, service.calls) == (200, ["location_list"])
    [location] = response.json
    assert location["url"].startswith("file://")
    assert location["metadata"] == {}
    assert service.request("GET", f"{image['self']}/locations").json == []


def test_the_store_of_most_weight_comes_first(tmp_path):
    """As in the image, and with Glance."""
    text = "[DEFAULT]\nenabled_backends = a:file,b:file,c:file\n[glance_store]\ndefault_backend = a\n"
    for name, weight in (("a", 0), ("b", 100), ("c", 200)):
        text += f"[{name}]\nfilesystem_store_datadir = {tmp_path}/{name}\nweight = {weight}\n"
    service = api.make_service(tmp_path, text, show_multiple_locations=True)
    active = service.create_active()
    with sqlite3.connect(tmp_path / "glance.sqlite") as connection:
        for name in ("b", "c"):
            connection.execute(
                "INSERT INTO image_locations (image_id, value, meta_data, status, created_at, deleted) "
                "SELECT image_id, ?, ?, status, created_at, deleted FROM image_locations WHERE id = 1",
                (f"file:///{name}", f'{{"store": "{name}"}}'),
            )
    listed = [place["metadata"]["store"] for place in service.request("GET", f"{active['self']}/locations").json]
    assert listed == ["c", "b", "a"]
    shown = service.request("GET", active["self"]).json
    assert [place["metadata"]["store"] for place in shown["locations"]] == listed
    assert shown["stores"] == "c,b,a"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"url": 5}, 400),
        ({"url": URL, "validation_data": {"os_hash_algo": "sha512"}}, 400),
        ({"url": "rbd://a/b/c/d"}, 403),
        ({"url": "file:///etc/passwd"}, 403),
    ],
)
def test_what_is_refused_changes_nothing(service, image, body, status):
    assert service.request("POST", f"{image['self']}/locations", body).status_int == status
    assert service.request("GET", image["self"]).json["status"] == "queued"
