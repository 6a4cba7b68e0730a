"""Images over HTTP: the whole stack down to the registry's tables, in one process."""

import json
import re

import pytest

from imagesvc import exception
from imagesvc.rpc.rpcapi import RegistryAPI
from tests.fixtures import api

ID = "11111111-1111-4111-8111-111111111111"
BASE = [
    "name",
    "disk_format",
    "container_format",
    "visibility",
    "size",
    "virtual_size",
    "status",
    "checksum",
    "protected",
    "min_ram",
    "min_disk",
    "owner",
    "os_hidden",
    "os_hash_algo",
    "os_hash_value",
    "id",
    "created_at",
    "updated_at",
    "tags",
    "self",
    "file",
    "schema",
]


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state")


def documents(service):
    return service.request("GET", "/v2/images?limit=1000").json["images"]


# -- create ------------------------------------------------------------------------------------------


def test_create(service):
    response = service.request("POST", "/v2/images", {"name": "Bär", "foo": "bar", "tags": ["a", "b", "a"]})
    assert response.status_int == 201
    assert response.headers["Content-Type"] == "application/json"
    image = response.json
    assert list(image) == ["foo", *BASE]
    assert image["status"] == "queued"
    assert image["visibility"] == "shared"
    assert image["owner"] is None
    assert sorted(image["tags"]) == ["a", "b"]
    assert image["self"] == f"/v2/images/{image['id']}"
    assert image["file"] == f"/v2/images/{image['id']}/file"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", image["created_at"])
    assert response.headers["Location"] == image["self"]
    assert response.headers["OpenStack-image-import-methods"] == "glance-direct,web-download,copy-image"
    assert "OpenStack-image-store-ids" not in response.headers
    assert "Bär".encode() in response.body
    assert service.request("GET", image["self"]).json == image


def test_create_with_everything_a_client_may_say(service):
    wanted = {
        "id": ID,
        "name": "n" * 255,
        "visibility": "public",
        "protected": True,
        "os_hidden": True,
        "owner": "somebody",
        "disk_format": "qcow2",
        "container_format": "bare",
        "min_ram": 2**31 - 1,
        "min_disk": 0,
        "kernel_id": None,
        "owner_specified.openstack.md5": "",
        "p" * 255: "v",
        "a/b~c": "😀",
    }
    image = service.create(**wanted)
    assert {name: image[name] for name in wanted} == {**wanted, "kernel_id": ""}


def test_what_is_said_of_signatures_and_keys_is_kept(service):
    said = {
        "img_signature": "A" * 684,
        "img_signature_hash_method": "SHA-256",
        "img_signature_key_type": "RSA-PSS",
        "img_signature_certificate_uuid": ID,
        "cinder_encryption_key_id": ID,
        "cinder_encryption_key_deletion_policy": "on_image_deletion",
    }
    image = service.request("POST", "/v2/images", said).json
    assert image == service.request("GET", image["self"]).json
    assert {name: image[name] for name in said} == said
    described = service.request("GET", "/v2/schemas/image").json["properties"]
    assert described["cinder_encryption_key_id"]["is_base"] is False
    assert described["cinder_encryption_key_deletion_policy"]["is_base"] is False


@pytest.mark.parametrize("methods", [["[glance-direct", "web-download]"], ["glance-direct", "web-download"]])
def test_creators_are_told_the_import_methods_and_stores(tmp_path, methods):
    multi_store = api.MULTI_STORE.format(path=tmp_path)
    service = api.make_service(tmp_path / "state", multi_store, enabled_import_methods=methods)
    response = service.request("POST", "/v2/images", {})
    assert response.headers["OpenStack-image-import-methods"] == "glance-direct,web-download"
    assert response.headers["OpenStack-image-store-ids"] == "fast,cheap"


def test_no_import_method_no_header(tmp_path):
    service = api.make_service(tmp_path / "state", enabled_import_methods=["[]"])
    assert "OpenStack-image-import-methods" not in service.request("POST", "/v2/images", {}).headers


BAD_IMAGES = [
    ({"name": 5}, 400, "name"),
    ({"name": "n" * 256}, 400, "name"),
    ({"id": "abc"}, 400, "id"),
    ({"id": None}, 400, "id"),
    ({"id": f"{ID}\n"}, 400, "id"),
    ({"visibility": "everybody"}, 400, "visibility"),
    ({"visibility": None}, 400, "visibility"),
    ({"protected": "true"}, 400, "protected"),
    ({"os_hidden": 1}, 400, "os_hidden"),
    ({"owner": "o" * 256}, 400, "owner"),
    ({"disk_format": "floppy"}, 400, "disk_format"),
    ({"container_format": "barrel"}, 400, "container_format"),
    ({"min_ram": -1}, 400, "min_ram"),
    ({"min_ram": 2**31}, 400, "min_ram"),
    ({"min_ram": 10**400}, 400, "min_ram"),
    ({"min_ram": 5.0}, 400, "min_ram"),
    ({"min_ram": True}, 400, "min_ram"),
    ({"min_disk": "5"}, 400, "min_disk"),
    ({"tags": "a"}, 400, "tags"),
    ({"tags": [5]}, 400, "tags"),
    ({"tags": ["t" * 256]}, 400, "tags"),
    ({"nope": 5}, 400, "nope"),
    ({"nope": None}, 400, "nope"),
    ({"nope": {"a": "b"}}, 400, "nope"),
    ({"nope": "v" * 65536}, 400, "nope"),
    ({"": "v"}, 400, "''"),
    ({"p" * 256: "v"}, 400, "pppp"),
    ({"kernel_id": "vmlinuz"}, 400, "kernel_id"),
    ({"size": "abc"}, 403, "size"),
    ({"status": "active"}, 403, "status"),
    ({"size": 5}, 403, "size"),
    ({"virtual_size": 5}, 403, "virtual_size"),
    ({"checksum": "c"}, 403, "checksum"),
    ({"os_hash_algo": "md5"}, 403, "os_hash_algo"),
    ({"os_hash_value": "c"}, 403, "os_hash_value"),
    ({"created_at": "now"}, 403, "created_at"),
    ({"updated_at": "now"}, 403, "updated_at"),
    ({"direct_url": "x"}, 403, "direct_url"),
    ({"self": "x"}, 403, "self"),
    ({"file": "x"}, 403, "file"),
    ({"schema": "x"}, 403, "schema"),
    ({"stores": "x"}, 403, "stores"),
    ({"location": "x"}, 403, "location"),
    ({"deleted": "x"}, 403, "deleted"),
    ({"deleted_at": "x"}, 403, "deleted_at"),
    ({"locations": "x"}, 403, "locations"),
    ({"os_glance_x": "x"}, 403, "os_glance_x"),
    ({"OS_Glance_import_task": "x"}, 403, "OS_Glance_import_task"),
    ({"tags": [str(number) for number in range(129)]}, 413, "tags"),
    ({f"p{number}": "x" for number in range(129)}, 413, "properties"),
]


@pytest.mark.parametrize(("fields", "status", "named"), BAD_IMAGES, ids=lambda value: str(value)[:40])
def test_bad_images_are_refused_by_name(service, fields, status, named):
    response = service.request("POST", "/v2/images", fields, headers={"Accept": "application/json"})
    assert response.status_int == status
    assert named in response.json["message"]
    assert documents(service) == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"x"', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b'{"name": "\\u0000"}', "application/json", 400),
        (b"[" * 10_000, "application/json", 400),
        (b'{"name": "' + b"x" * (1 << 20) + b'"}', "application/json", 413),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_bodies_are_refused(service, body, content_type, status):
    response = service.request("POST", "/v2/images", body, content_type=content_type)
    assert response.status_int == status
    assert service.calls == []


def test_json_without_content_type_is_taken(service):
    response = service.request("POST", "/v2/images", b'{"name": "x"}', content_type="")
    assert (response.status_int, response.json["name"]) == (201, "x")


def test_an_id_is_used_once_even_after_its_image(service):
    service.create(id=ID)
    assert service.request("POST", "/v2/images", {"id": ID}).status_int == 409
    service.request("DELETE", f"/v2/images/{ID}")
    assert service.request("POST", "/v2/images", {"id": ID}).status_int == 409


# -- show, delete ------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_id", [ID, "nope", "x" * 3000, "%00", "%0A", "%C3%A9", "..", "a%20b"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_no_such_image(service, method, image_id):
    body, content_type = (b"[]", api.V21) if method == "PATCH" else (None, None)
    response = service.request(method, f"/v2/images/{image_id}", body, content_type=content_type)
    assert response.status_int == 404


def test_delete(service):
    image = service.create()
    response = service.request("DELETE", image["self"])
    assert (response.status_int, response.body, "Content-Type" in response.headers) == (204, b"", False)
    assert service.request("GET", image["self"]).status_int == 404
    assert service.request("DELETE", image["self"]).status_int == 404


def test_a_protected_image_stays(service):
    image = service.create(protected=True)
    assert service.request("DELETE", image["self"]).status_int == 403
    assert service.request("GET", image["self"]).status_int == 200


# -- patch -------------------------------------------------------------------------------------------


def test_patch_v21(service):
    image = service.create(foo="old", gone="x", name="old")
    response = service.patch(
        image,
        [
            {"op": "replace", "path": "/name", "value": "new"},
            {"op": "add", "path": "/foo", "value": "new"},
            {"op": "remove", "path": "/gone"},
            {"op": "add", "path": "/a~1b~0c", "value": "escaped"},
            {"op": "replace", "path": "/tags", "value": ["x"]},
        ],
    )
    assert response.status_int == 200, response.text
    changed = response.json
    assert (changed["name"], changed["foo"], changed["a/b~c"], changed["tags"]) == ("new", "new", "escaped", ["x"])
    assert "gone" not in changed
    assert service.request("GET", image["self"]).json == changed


def test_patch_v20(service):
    image = service.create(foo="old")
    assert service.patch(image, [{"replace": "/foo", "value": "new"}], api.V20).json["foo"] == "new"
    assert service.patch(image, [{"add": "/foo", "value": "newer"}], api.V20).status_int == 409
    assert "foo" not in service.patch(image, [{"remove": "/foo"}], api.V20).json


def test_an_empty_patch_changes_nothing(service):
    image = service.create()
    response = service.patch(image, [])
    assert (response.status_int, response.json) == (200, image)


def test_a_patch_is_all_or_nothing(service):
    image = service.create(foo="old")
    patch = [{"op": "replace", "path": "/foo", "value": "new"}, {"op": "remove", "path": "/missing"}]
    assert service.patch(image, patch).status_int == 409
    assert service.request("GET", image["self"]).json == image


def test_formats_are_locked_once_there_is_data(service):
    image = service.create_active()
    assert service.patch(image, [{"op": "replace", "path": "/disk_format", "value": "qcow2"}]).status_int == 403


@pytest.mark.parametrize("content_type", ["application/json", "application/json-patch+json", None])
def test_other_patch_types_are_told_the_right_ones(service, content_type):
    image = service.create()
    response = service.request("PATCH", image["self"], b"[]" if content_type else None, content_type=content_type)
    assert response.status_int == 415
    assert response.headers["Accept-Patch"] == f"{api.V20}, {api.V21}"


def test_the_patch_type_may_have_parameters_and_capitals(service):
    image = service.create()
    assert service.patch(image, [], api.V21.upper() + "; charset=UTF-8").status_int == 200


# -- list --------------------------------------------------------------------------------------------


def test_pages_follow_each_other(service):
    ids = [service.create(name=f"image {number}", foo="yes")["id"] for number in range(5)]
    service.create(name="other")
    path, seen = "/v2/images?foo=yes&limit=2&sort=name:asc", []
    first = "/v2/images?foo=yes&limit=2&sort=name%3Aasc"
    while path:
        page = service.request("GET", path).json
        assert page["first"] == first
        assert page["schema"] == "/v2/schemas/images"
        seen += [image["id"] for image in page["images"]]
        path = page.get("next")
    assert seen == ids


def test_an_empty_page(service):
    assert service.request("GET", "/v2/images").json == {
        "images": [],
        "first": "/v2/images",
        "schema": "/v2/schemas/images",
    }
    service.create()
    assert service.request("GET", "/v2/images?limit=0").json["images"] == []


def test_the_limit_is_capped(tmp_path):
    service = api.make_service(tmp_path / "state", limit_param_default=2, api_limit_max=3)
    for _ in range(4):
        service.create()
    assert len(service.request("GET", "/v2/images").json["images"]) == 2
    assert len(service.request("GET", "/v2/images?limit=1000000").json["images"]) == 3


def test_filters_find(service):
    image = service.create(name="a:b", tags=["x", "y"], min_ram=5, os_distro="fedora", protected=True)
    service.create(name="in", tags=["x"], os_hidden=True)
    service.create(name="c,d", tags=["x"])
    for query in [
        "name=a:b",
        "name=eq:a:b",
        "name=in:zzz,a:b",
        "tag=x&tag=y",
        "min_ram=5",
        "min_ram_min=5&min_ram_max=5",
        "os_distro=fedora",
        "protected=TRUE",
        f"id={image['id']}",
        f"id=in:{image['id']},{ID}",
        "updated_at=gte:2020-01-01T00:00:00Z&protected=true",
    ]:
        found = service.request("GET", f"/v2/images?{query}").json["images"]
        assert [item["id"] for item in found] == [image["id"]], query
    assert [item["name"] for item in service.request("GET", '/v2/images?name=in:"c,d"').json["images"]] == ["c,d"]
    assert [item["name"] for item in service.request("GET", "/v2/images?os_hidden=True").json["images"]] == ["in"]
    assert service.request("GET", "/v2/images?status=active").json["images"] == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("marker=nope", "nope"),
        (f"marker={ID}", ID),
        ("limit=abc", "limit"),
        ("name=%ff", "query"),
        ("name=%00", "name"),
        ("visibility=x", "visibility"),
    ],
)
def test_bad_queries_are_refused_by_name(service, query, named):
    response = service.request("GET", f"/v2/images?{query}", headers={"Accept": "application/json"})
    assert response.status_int == 400
    assert named in response.json["message"]


# -- what it costs -----------------------------------------------------------------------------------


def test_every_metadata_request_is_one_call(service):
    image = service.create(foo="bar")
    assert service.calls == ["image_create"]
    for method, path, call in [
        ("GET", image["self"], "image_get"),
        ("GET", "/v2/images", "image_list"),
        ("DELETE", image["self"], "image_delete"),
    ]:
        if method == "DELETE":
            service.patch(image, [{"op": "replace", "path": "/foo", "value": "new"}])
            assert service.calls == ["image_patch"]
        service.request(method, path)
        assert service.calls == [call]


def test_what_needs_no_registry_asks_none(service):
    for path in ("/", "/versions", "/v2/schemas/image", "/v2/schemas/images", "/v2/nothing", "/v9/images"):
        service.request("GET", path)
    service.request("PUT", "/v2/images")
    assert service.calls == []


# -- when the registry is away -----------------------------------------------------------------------


def test_without_registry_503_that_says_when_to_come_back(service, monkeypatch):
    def away(*_args, **_kwargs):
        raise exception.RegistryUnavailable

    monkeypatch.setattr(RegistryAPI, "image_get", away)
    response = service.request("GET", f"/v2/images/{ID}")
    assert response.status_int == 503
    assert "Retry-After" in response.headers
    assert service.request("GET", "/versions").status_int == 200


def test_a_list_of_a_thousand_images_is_valid_json(service):
    for number in range(30):
        service.create(name=f"Ä\u2028{number}")
    body = service.request("GET", "/v2/images?limit=1000").body
    assert len(json.loads(body.decode("utf-8"))["images"]) == 30
