import dataclasses
import json

import pytest

from imagesvc import objects
from imagesvc.api.v2 import views

PLAIN = views.ImageView(direct_url=False, locations=False, stores=False)
OPEN = views.ImageView(direct_url=True, locations=True, stores=True)
FAST = objects.Location("file:///a", {"store": "fast"})
CHEAP = objects.Location("rbd://b", {"store": "cheap", "x": "y"})


def image(**fields) -> objects.Image:
    known = {"id": "1", "created_at": "2026-11-21T01:10:00", "updated_at": "2026-11-21T01:10:00.123456"}
    return objects.Image(**{**known, **fields})


def test_times_have_whole_seconds_and_a_zone():
    shown = PLAIN.show(image())
    assert (shown["created_at"], shown["updated_at"]) == ("2026-11-21T01:10:00Z", "2026-11-21T01:10:00Z")


def test_custom_properties_stand_at_the_top_and_null_is_empty():
    shown = PLAIN.show(image(properties={"foo": "bar", "none": None, "os_glance_import_task": "t"}))
    assert list(shown)[:3] == ["foo", "none", "os_glance_import_task"]
    assert shown["none"] == ""


@pytest.mark.parametrize("name", ["os_glance_stage_host", "os_glance_hash_op_host"])
def test_what_no_client_sees(name):
    assert name not in PLAIN.show(image(properties={name: "host"}))


def test_a_property_cannot_pass_for_an_attribute():
    assert PLAIN.show(image(properties={"status": "active"}))["status"] == "queued"


def test_locations_are_hidden_unless_configured():
    shown = PLAIN.show(image(locations=(FAST, CHEAP)))
    assert not {"locations", "direct_url", "stores"} & set(shown)
    assert "file:///a" not in json.dumps(shown)


def test_locations_where_they_are_shown():
    shown = OPEN.show(image(locations=(FAST, CHEAP)))
    assert shown["locations"] == [
        {"url": "file:///a", "metadata": {"store": "fast"}},
        {"url": "rbd://b", "metadata": {"store": "cheap", "x": "y"}},
    ]
    assert shown["direct_url"] == "file:///a"
    assert shown["stores"] == "fast,cheap"


def test_stores_are_shown_to_who_may_not_know_locations():
    shown = OPEN.show(image(stores=("fast", "cheap")))
    assert (shown["stores"], shown["locations"]) == ("fast,cheap", [])
    assert "direct_url" not in shown


def test_stores_are_named_by_weight():
    view = views.ImageView(direct_url=False, locations=False, stores=True, weights={"cheap": 5, "fast": 0})
    assert view.show(image(locations=(FAST, CHEAP)))["stores"] == "cheap,fast"
    assert view.show(image(stores=("unknown", "fast", "cheap")))["stores"] == "cheap,unknown,fast"


def test_an_image_without_locations():
    shown = OPEN.show(image())
    assert shown["locations"] == []
    assert not {"direct_url", "stores"} & set(shown)


def test_links_of_a_page_repeat_its_query():
    query = [("name", "ä b"), ("tag", "x"), ("tag", "y"), ("marker", "0"), ("limit", "1")]
    page = PLAIN.page(objects.ImagePage((image(),), "1"), query)
    assert page["first"] == "/v2/images?name=%C3%A4+b&tag=x&tag=y&limit=1"
    assert page["next"] == "/v2/images?name=%C3%A4+b&tag=x&tag=y&limit=1&marker=1"


def test_the_last_page_has_no_next():
    assert PLAIN.page(objects.ImagePage(()), []) == {
        "images": [],
        "first": "/v2/images",
        "schema": "/v2/schemas/images",
    }


def test_json_goes_out_unescaped():
    assert views.dump({"name": "Bär 😀"}) == '{"name": "Bär 😀"}'.encode()


TASK = objects.Task(
    "t1",
    "location_import",
    "success",
    "p1",
    "2026-01-01T00:00:00.123456",
    "2026-01-01T00:00:01",
    image_id="i1",
    expires_at="2026-01-03T00:00:01",
    input={"a": 1},
    result={"b": 2},
)


def test_a_task_has_what_is_known_of_it():
    assert views.task(TASK) == {
        "id": "t1",
        "type": "location_import",
        "status": "success",
        "owner": "p1",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:01Z",
        "expires_at": "2026-01-03T00:00:01Z",
        "image_id": "i1",
        "input": {"a": 1},
        "result": {"b": 2},
        "message": "",
        "self": "/v2/tasks/t1",
        "schema": "/v2/schemas/task",
    }


def test_a_task_of_an_image_looks_like_its_row():
    row = views.task_row(TASK)
    assert row.keys() == {field.name for field in dataclasses.fields(objects.Task)}
    assert (row["created_at"], row["deleted"], row["user_id"]) == ("2026-01-01T00:00:00.123456", False, None)


def test_locations_in_stores_of_more_weight_come_first():
    view = views.ImageView(direct_url=True, locations=True, stores=True, weights={"cheap": 5, "fast": 0})
    where = [objects.Location(f"file:///{store}", {"store": store}) for store in ("fast", "cheap", "other")]
    shown = view.show(objects.Image(id="i", locations=(*where, objects.Location("http://web/x", {"store": ["odd"]}))))
    urls = [location["url"] for location in shown["locations"]]
    assert urls == ["file:///cheap", "file:///fast", "file:///other", "http://web/x"]
    assert (shown["direct_url"], shown["stores"]) == ("file:///cheap", "cheap,fast,other")
