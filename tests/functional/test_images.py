"""Metadata over HTTP, as clients that are not ours see it: statuses, headers, bodies."""

import uuid

import pytest

from tests.fixtures.images import PATCH_TYPE


def test_versions_are_offered_with_300_and_listed_with_200(api):
    choices = api.request("GET", "/", allow_redirects=False)
    listed = api.request("GET", "/versions")
    assert (choices.status_code, listed.status_code) == (300, 200)
    assert choices.json() == listed.json()
    first, *others = choices.json()["versions"]
    assert {version["id"] for version in [first, *others]} >= {f"v2.{minor}" for minor in range(8)}
    assert all(version["links"][0]["href"] == f"{api.url}/v2/" for version in [first, *others])
    assert api.request("GET", "/v9/images", allow_redirects=False).status_code == 300


def test_create_answers_201_with_a_relative_location(api):
    response = api.create(name="naïve 雲", tags=["a", "b"], hw_disk_bus="scsi", min_ram=64)
    image = response.json()
    assert response.status_code == 201
    assert response.headers["Location"].endswith(f"/v2/images/{image['id']}")
    assert response.headers["Content-Type"] == "application/json"
    assert image["name"] == "naïve 雲"
    assert "naïve 雲".encode() in response.content
    assert (image["status"], image["visibility"], image["min_ram"]) == ("queued", "shared", 64)
    assert (image["size"], image["checksum"], image["os_hash_value"]) == (None, None, None)
    assert sorted(image["tags"]) == ["a", "b"]
    assert image["hw_disk_bus"] == "scsi"
    assert image["self"] == f"/v2/images/{image['id']}"
    assert image["file"] == f"/v2/images/{image['id']}/file"
    assert image["schema"] == "/v2/schemas/image"
    assert api.show(image["id"]).json() == image


def test_an_id_is_taken_once_and_for_ever(api):
    image_id = str(uuid.uuid4())
    assert api.create(id=image_id).status_code == 201
    assert api.create(id=image_id).status_code == 409
    assert api.delete(image_id).status_code == 204
    assert api.create(id=image_id).status_code == 409


@pytest.mark.parametrize(
    ("fields", "status", "named"),
    [
        ({"name": "x" * 256}, 400, "name"),
        ({"name": 7}, 400, "name"),
        ({"id": "not-a-uuid"}, 400, "id"),
        ({"visibility": "secret"}, 400, "visibility"),
        ({"min_ram": -1}, 400, "min_ram"),
        ({"min_disk": "1"}, 400, "min_disk"),
        ({"disk_format": "floppy"}, 400, "disk_format"),
        ({"tags": ["x" * 256]}, 400, "tags"),
        ({"tags": "one"}, 400, "tags"),
        ({"protected": "yes"}, 400, "protected"),
        ({"custom": 5}, 400, "custom"),
        ({"k" * 256: "v"}, 400, "k" * 20),
        ({"size": 5}, 403, "size"),
        ({"status": "active"}, 403, "status"),
        ({"checksum": "0" * 32}, 403, "checksum"),
        ({"os_glance_import_task": "x"}, 403, "os_glance_import_task"),
        ({"locations": []}, 403, "locations"),
        ({"deleted": False}, 403, "deleted"),
        ({"self": "/x"}, 403, "self"),
    ],
)
def test_bad_fields_are_refused_by_name_and_nothing_is_created(api, fields, status, named):
    before = api.ids()
    response = api.create(**fields)
    assert response.status_code == status, response.text
    assert named in response.text
    assert api.ids() == before


@pytest.mark.parametrize("body", [b"{", b"[1", b"\xff\xfe", b'"text"', b"5", b""])
def test_a_malformed_body_is_400(api, body):
    response = api.request("POST", "/v2/images", data=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400


@pytest.mark.parametrize("path", ["/v2/images/", "/v2/nothing", "/v2/images/not-an-id", f"/v2/images/{uuid.uuid4()}"])
def test_unknown_paths_and_ids_are_404(api, path):
    assert api.request("GET", path).status_code == 404


def test_a_wrong_method_is_405_with_allow(api):
    response = api.request("PUT", "/v2/images")
    assert response.status_code == 405
    assert {"GET", "POST"} <= {method.strip() for method in response.headers["Allow"].split(",")}


def test_an_unknown_method_is_501(api):
    assert api.request("BREW", "/v2/images").status_code == 501


def test_a_body_where_none_belongs_is_400(api):
    image_id = api.created()
    assert api.request("GET", f"/v2/images/{image_id}", data=b"x").status_code == 400
    assert api.request("DELETE", f"/v2/images/{image_id}", data=b"x").status_code == 400
    assert api.show(image_id).status_code == 200


def test_errors_are_json_text_or_html_as_accepted(api):
    path = f"/v2/images/{uuid.uuid4()}"
    as_json = api.request("GET", path, headers={"Accept": "application/json"})
    assert as_json.json()["code"].startswith("404")
    assert path.rpartition("/")[2] in as_json.json()["message"]
    assert api.request("GET", path, headers={"Accept": "text/plain"}).headers["Content-Type"].startswith("text/plain")
    assert api.request("GET", path, headers={"Accept": "text/html"}).headers["Content-Type"].startswith("text/html")


def test_patch_changes_all_or_nothing(api):
    image_id = api.created(color="red")
    changed = api.patch(
        image_id,
        {"op": "replace", "path": "/name", "value": "patched"},
        {"op": "add", "path": "/shape", "value": "round"},
        {"op": "remove", "path": "/color"},
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["name"], changed.json()["shape"]) == ("patched", "round")
    assert "color" not in changed.json()
    refused = api.patch(
        image_id,
        {"op": "replace", "path": "/name", "value": "half"},
        {"op": "remove", "path": "/no_such_property"},
    )
    assert refused.status_code == 409
    assert api.show(image_id).json() == changed.json()


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"op": "move", "path": "/a", "from": "/b"}, 400),
        ({"op": "add", "path": "/a"}, 400),
        ({"op": "add", "path": "a", "value": "x"}, 400),
        ({"op": "add", "path": "/a/b", "value": "x"}, 400),
        ({"op": "add", "path": "/a~2", "value": "x"}, 400),
        ({"op": "replace", "path": "/status", "value": "active"}, 403),
        ({"op": "replace", "path": "/id", "value": str(uuid.UUID(int=1))}, 403),
        ({"op": "replace", "path": "/size", "value": 1}, 403),
        ({"op": "add", "path": "/os_glance_x", "value": "y"}, 403),
        ({"op": "remove", "path": "/name"}, 403),
        ({"op": "replace", "path": "/missing", "value": "x"}, 409),
        ({"op": "replace", "path": "/min_ram", "value": -1}, 400),
        ({"op": "replace", "path": "/visibility", "value": "secret"}, 400),
    ],
)
def test_bad_patches_change_nothing(api, operation, status):
    image_id = api.created()
    before = api.show(image_id).json()
    response = api.patch(image_id, operation)
    assert response.status_code == status, response.text
    assert api.show(image_id).json() == before


def test_a_patch_of_another_media_type_is_415_and_names_the_right_ones(api):
    image_id = api.created()
    response = api.request("PATCH", f"/v2/images/{image_id}", data=b"[]", headers={"Content-Type": "application/json"})
    assert response.status_code == 415
    assert PATCH_TYPE in response.headers["Accept-Patch"]


def test_a_protected_image_is_not_deleted(api):
    image_id = api.created(protected=True)
    assert api.delete(image_id).status_code == 403
    assert api.patch(image_id, {"op": "replace", "path": "/protected", "value": False}).status_code == 200
    assert api.delete(image_id).status_code == 204
    assert api.delete(image_id).status_code == 404


def test_a_listing_is_paged_sorted_and_filtered(api):
    mark = uuid.uuid4().hex
    made = [api.created(name=f"{mark}-{n}", batch=mark, min_disk=n) for n in range(5)]
    page = api.list(f"?batch={mark}&limit=2&sort=name:asc").json()
    assert [image["id"] for image in page["images"]] == made[:2]
    assert page["first"].startswith("/v2/images?")
    assert page["schema"] == "/v2/schemas/images"
    following = api.request("GET", page["next"]).json()
    assert [image["id"] for image in following["images"]] == made[2:4]
    last = api.request("GET", following["next"]).json()
    assert [image["id"] for image in last["images"]] == made[4:]
    assert "next" not in last
    newest_first = api.list(f"?batch={mark}").json()["images"]
    assert {image["id"] for image in newest_first} == set(made)
    assert [i["id"] for i in api.list(f"?name=in:{mark}-1,{mark}-3&sort=name:desc").json()["images"]] == [
        made[3],
        made[1],
    ]
    assert [i["id"] for i in api.list(f"?batch={mark}&min_disk=4").json()["images"]] == [made[4]]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        (f"marker={uuid.uuid4()}", "marker"),
        ("sort_key=nothing", "sort"),
        ("sort_dir=sideways", "sort"),
        ("sort=name:up", "sort"),
        ("sort=name&sort_key=id", "sort"),
        ("visibility=secret", "visibility"),
        ("member_status=maybe", "member_status"),
        ("created_at=gt:yesterday", "created_at"),
        ("updated_at=like:2020-01-01", "updated_at"),
        ("size_min=big", "size_min"),
        ("os_hidden=perhaps", "os_hidden"),
        ('name=in:"open', "name"),
        ("changes-since=2020-01-01", "changes-since"),
    ],
)
def test_bad_listing_parameters_are_400_by_name(api, query, named):
    response = api.list(f"?{query}")
    assert response.status_code == 400, response.text
    assert named in response.text.lower()


def test_the_schemas_describe_what_is_served(api):
    image = api.show(api.created()).json()
    schema = api.request("GET", "/v2/schemas/image").json()
    assert schema["name"] == "image"
    assert set(image) <= set(schema["properties"])
    assert api.request("GET", "/v2/schemas/images").json()["name"] == "images"
