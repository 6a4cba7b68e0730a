import json

import pytest

from imagesvc import exception
from imagesvc.api import faults
from imagesvc.api.v2 import image_patch
from imagesvc.api.v2.image_schema import ImageSchema, base_properties
from tests.fixtures import api


@pytest.fixture(scope="module")
def schema():
    return ImageSchema(base_properties(["bare"], ["raw", "qcow2"]), {})


def test_both_forms_become_the_same_changes(schema):
    v21 = [
        {"op": "add", "path": "/a~1b", "value": "x"},
        {"op": "replace", "path": "/name", "value": None},
        {"op": "remove", "path": "/foo"},
    ]
    v20 = [{"add": "/a~1b", "value": "x"}, {"replace": "/name", "value": None}, {"remove": "/foo"}]
    expected = [
        {"op": "add", "path": ["a/b"], "value": "x"},
        {"op": "replace", "path": ["name"], "value": None},
        {"op": "remove", "path": ["foo"]},
    ]
    assert image_patch.parse(v21, image_patch.V21, schema) == [{**change, "strict": False} for change in expected]
    assert image_patch.parse(v20, image_patch.V20, schema) == [{**change, "strict": True} for change in expected]


@pytest.mark.parametrize(
    ("patch", "status", "named"),
    [
        ({}, 400, "array"),
        ("x", 400, "array"),
        ([1], 400, "objects"),
        ([[]], 400, "objects"),
        ([{}], 400, "op"),
        ([{"op": "move", "from": "/a", "path": "/b"}], 400, "move"),
        ([{"op": "copy", "from": "/a", "path": "/b"}], 400, "copy"),
        ([{"op": "test", "path": "/b"}], 400, "b"),
        ([{"op": "test", "path": "/b/c", "value": "x"}], 400, "/b/c"),
        ([{"op": "test", "path": "/self", "value": "x"}], 403, "self"),
        ([{"op": "test", "path": "/os_glance_x", "value": "x"}], 403, "os_glance_x"),
        ([{"op": ["add"], "path": "/b", "value": "x"}], 400, "op"),
        ([{"op": "add", "value": "x"}], 400, "path"),
        ([{"op": "add", "path": 5, "value": "x"}], 400, "path"),
        ([{"op": "add", "path": "/foo"}], 400, "foo"),
        ([{"op": "replace", "path": "/foo"}], 400, "foo"),
        ([{"op": "add", "path": "", "value": "x"}], 400, "''"),
        ([{"op": "add", "path": "/", "value": "x"}], 400, "'/'"),
        ([{"op": "add", "path": "foo", "value": "x"}], 400, "foo"),
        ([{"op": "add", "path": "/foo/", "value": "x"}], 400, "/foo/"),
        ([{"op": "add", "path": "//foo", "value": "x"}], 400, "//foo"),
        ([{"op": "add", "path": "/foo~", "value": "x"}], 400, "/foo~"),
        ([{"op": "add", "path": "/foo~2", "value": "x"}], 400, "/foo~2"),
        ([{"op": "add", "path": "/foo/bar", "value": "x"}], 400, "/foo/bar"),
        ([{"op": "add", "path": "/tags/-", "value": "x"}], 400, "/tags/-"),
        ([{"op": "add", "path": "/foo", "value": 5}], 400, "foo"),
        ([{"op": "add", "path": "/foo", "value": None}], 400, "foo"),
        ([{"op": "add", "path": f"/{'p' * 256}", "value": "x"}], 400, "ppp"),
        ([{"op": "replace", "path": "/name", "value": 5}], 400, "name"),
        ([{"op": "replace", "path": "/min_ram", "value": -1}], 400, "min_ram"),
        ([{"op": "replace", "path": "/disk_format", "value": "floppy"}], 400, "disk_format"),
        ([{"op": "replace", "path": "/visibility", "value": None}], 400, "visibility"),
        ([{"op": "remove", "path": "/name"}], 403, "name"),
        ([{"op": "remove", "path": "/tags"}], 403, "tags"),
        ([{"op": "replace", "path": "/id", "value": "x"}], 403, "id"),
        ([{"op": "replace", "path": "/status", "value": "active"}], 403, "status"),
        ([{"op": "remove", "path": "/status"}], 403, "status"),
        ([{"op": "replace", "path": "/size", "value": 5}], 403, "size"),
        ([{"op": "add", "path": "/self", "value": "x"}], 403, "self"),
        ([{"op": "add", "path": "/stores", "value": "x"}], 403, "stores"),
        ([{"op": "add", "path": "/deleted", "value": "x"}], 403, "deleted"),
        ([{"op": "add", "path": "/location", "value": "x"}], 403, "location"),
        ([{"op": "add", "path": "/os_glance_x", "value": "x"}], 403, "os_glance_x"),
        ([{"op": "replace", "path": "/locations", "value": []}], 403, "locations"),
        ([{"op": "add", "path": "/locations/-", "value": {}}], 403, "locations"),
        ([{"op": "remove", "path": "/foo"}] * 1001, 413, "1000"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_bad_patches_are_refused_by_name(schema, patch, status, named):
    with pytest.raises(exception.ImageServiceError) as caught:
        image_patch.parse(patch, image_patch.V21, schema)
    assert faults.status_of(caught.value) == status
    assert named in caught.value.msg


@pytest.mark.parametrize(
    "operation",
    [
        {"add": "/foo", "remove": "/foo", "value": "x"},
        {"value": "x"},
        {"op": "add", "path": "/foo", "value": "x"},
        {"add": ["/foo"], "value": "x"},
        {"add": "/foo"},
    ],
)
def test_bad_operations_of_the_old_form(schema, operation):
    with pytest.raises(exception.Invalid):
        image_patch.parse([operation], image_patch.V20, schema)


def test_names_of_unbounded_length_do_not_come_back(schema):
    with pytest.raises(exception.Invalid) as caught:
        image_patch.parse([{"op": "x" * 10_000, "path": "/a"}], image_patch.V21, schema)
    assert len(caught.value.msg) < 500


def test_tests_may_look_at_what_clients_do_not_write(schema):
    patch = [{"op": "test", "path": f"/{name}", "value": 5} for name in ("status", "size", "name", "foo")]
    changes = image_patch.parse(patch, image_patch.V21, schema)
    assert [(change["op"], change["path"], change["value"]) for change in changes] == [
        ("test", [name], 5) for name in ("status", "size", "name", "foo")
    ]


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ('"3"', [3]),
        (' "3" , "12"', [3, 12]),
        ('W/"3"', []),
        ("3", []),
        ("", []),
        ('"abc", "7"', [7]),
        (f'"{"9" * 11}"', []),
    ],
)
def test_if_match_names_versions(header, versions):
    assert image_patch.precondition(header) == [{"op": "match", "versions": versions}]


@pytest.mark.parametrize("header", [None, "*", " * "])
def test_if_match_that_asks_nothing(header):
    assert image_patch.precondition(header) == []


# -- tests and versions ------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state")


def test_a_patch_for_one_version(service):
    created = service.request("POST", "/v2/images", {"a": "1"})
    image, tag = created.json, created.headers["ETag"]
    assert service.request("GET", image["self"]).headers["ETag"] == tag
    body = json.dumps([{"op": "replace", "path": "/a", "value": "2"}]).encode()

    def patch(if_match):
        headers = {"If-Match": if_match}
        return service.request("PATCH", image["self"], body, content_type=api.V21, headers=headers)

    first = patch(f'"99", {tag}')
    assert (first.status_int, first.json["a"]) == (200, "2")
    assert first.headers["ETag"] != tag
    assert service.calls
    refused = patch(tag)
    assert (refused.status_int, service.calls) == (412, ["image_patch"])
    assert service.request("GET", image["self"]).headers["ETag"] == first.headers["ETag"]
    assert patch("*").status_int == 200
    assert patch("nonsense").status_int == 412
    assert (
        service.request(
            "PATCH",
            "/v2/images/11111111-1111-4111-8111-111111111111",
            body,
            content_type=api.V21,
            headers={"If-Match": "x"},
        ).status_int
        == 404
    )


def test_a_patch_that_tests_first(service):
    image = service.create(a="1")
    change = {"op": "replace", "path": "/a", "value": "2"}
    refused = service.patch(image, [change, {"op": "test", "path": "/a", "value": "1"}])
    assert refused.status_int == 409
    assert "another value" in refused.text
    changed = service.patch(image, [{"op": "test", "path": "/status", "value": "queued"}, change])
    assert (changed.status_int, changed.json["a"]) == (200, "2")
    looked = service.patch(image, [{"op": "test", "path": "/a", "value": "2"}])
    assert (looked.status_int, looked.headers["ETag"]) == (200, changed.headers["ETag"])
