import re

import pytest

from imagesvc.rpc import metadefs as rpc

NAMESPACES = "/v2/metadefs/namespaces"
PROPERTY = {"title": "Bus", "type": "string", "default": "virtio"}
CONTENT = {
    "resource_type_associations": [{"name": "OS::Glance::Image", "prefix": "hw_"}],
    "properties": {"bus": PROPERTY},
    "objects": [{"name": "disk", "required": ["bus"], "properties": {"bus": PROPERTY}}],
    "tags": [{"name": "fast"}],
}


def _without_times(value):
    if isinstance(value, dict):
        return {name: _without_times(item) for name, item in value.items() if not name.endswith("_at")}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def test_create_answers_with_what_was_given(ask):
    response = ask("POST", NAMESPACES, {"namespace": "OS::Disk", "owner": "p1", **CONTENT})
    assert response.status_int == 201
    assert response.headers["Location"] == f"{NAMESPACES}/OS::Disk"
    assert response.headers["Content-Type"] == "application/json"
    document = response.json
    assert {name: document[name] for name in CONTENT} == CONTENT
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["created_at"])
    assert (document["visibility"], document["protected"], document["owner"]) == ("private", False, "p1")
    assert document["self"] == f"{NAMESPACES}/OS::Disk"
    assert document["schema"] == "/v2/schemas/metadefs/namespace"
    assert not {"display_name", "description"} & set(document)


def test_what_is_shown_can_be_sent_again(ask):
    ask("POST", NAMESPACES, {"namespace": "N", **CONTENT})
    shown = ask("GET", f"{NAMESPACES}/N").json
    again = {"namespace": "M", **{name: shown[name] for name in CONTENT}}
    created = ask("POST", NAMESPACES, again)
    assert created.status_int == 201
    assert {name: created.json[name] for name in CONTENT} == CONTENT
    copied = ask("GET", f"{NAMESPACES}/M").json
    assert copied["objects"][0]["self"] == f"{NAMESPACES}/M/objects/disk"
    empty = ask("POST", NAMESPACES, {"namespace": "O", "tags": [], "properties": {}}).json
    assert (empty["tags"], empty["properties"]) == ([], {})


def test_show_has_everything_in_one_call(ask):
    ask("POST", NAMESPACES, {"namespace": "N", **CONTENT})
    assert ask.calls == ["metadef_namespace_create"]
    shown = _without_times(ask("GET", f"{NAMESPACES}/N").json)
    assert ask.calls == ["metadef_namespace_get"]
    assert shown["properties"] == CONTENT["properties"]
    assert shown["tags"] == CONTENT["tags"]
    assert shown["resource_type_associations"] == CONTENT["resource_type_associations"]
    links = {"self": f"{NAMESPACES}/N/objects/disk", "schema": "/v2/schemas/metadefs/object"}
    assert shown["objects"] == [{**CONTENT["objects"][0], **links}]


def test_for_a_resource_type_names_have_its_prefix(ask):
    ask("POST", NAMESPACES, {"namespace": "N", **CONTENT})
    shown = ask("GET", f"{NAMESPACES}/N?resource_type=OS::Glance::Image").json
    assert list(shown["properties"]) == ["hw_bus"]
    assert shown["objects"][0]["required"] == list(shown["objects"][0]["properties"]) == ["hw_bus"]
    other = ask("GET", f"{NAMESPACES}/N?resource_type=OS::Nova::Flavor").json
    assert list(other["properties"]) == ["bus"]


def test_update_and_delete(ask, namespace):
    changed = ask("PUT", namespace, {"namespace": "M", "display_name": "d", "tags": [{"name": "ignored"}]})
    assert changed.status_int == 200
    assert (changed.json["namespace"], changed.json["display_name"]) == ("M", "d")
    assert changed.json["visibility"] == "private"
    assert "tags" not in ask("GET", f"{NAMESPACES}/M").json
    deleted = ask("DELETE", f"{NAMESPACES}/M")
    assert (deleted.status_int, deleted.body) == (204, b"")
    assert ask("GET", f"{NAMESPACES}/M").status_int == 404
    assert ask.calls == [f"metadef_namespace_{verb}" for verb in ("update", "get", "delete", "get")]


def test_pages_are_linked(ask):
    for name in ("a", "b", "c&d"):
        ask("POST", NAMESPACES, {"namespace": name, "visibility": "public"})
    page = ask("GET", f"{NAMESPACES}?limit=2&sort_key=namespace&sort_dir=desc&visibility=public").json
    assert [item["namespace"] for item in page["namespaces"]] == ["c&d", "b"]
    assert page["first"] == f"{NAMESPACES}?limit=2&sort_key=namespace&sort_dir=desc&visibility=public"
    assert page["next"] == f"{page['first']}&marker=b"
    assert page["schema"] == "/v2/schemas/metadefs/namespaces"
    last = ask("GET", page["next"]).json
    assert ([item["namespace"] for item in last["namespaces"]], "next" in last) == (["a"], False)
    assert last["first"] == page["first"]
    assert ask("GET", NAMESPACES).json["first"] == NAMESPACES


def test_names_that_must_be_quoted(ask):
    created = ask("POST", NAMESPACES, {"namespace": "ä b?"})
    assert created.headers["Location"] == created.json["self"] == f"{NAMESPACES}/%C3%A4%20b%3F"
    assert ask("GET", created.json["self"]).json["namespace"] == "ä b?"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"namespace": "N"}, 409),
        ("POST", "", {"namespace": "M", "created_at": "x"}, 403),
        ("POST", "", {"namespace": "a/b"}, 400),
        ("POST", "", [], 400),
        ("PUT", "/N", {}, 400),
        ("PUT", "/nope", {"namespace": "N"}, 404),
        ("DELETE", "/nope", None, 404),
        ("GET", "/%00", None, 404),
        ("GET", f"/{'x' * 300}", None, 404),
        ("GET", "?limit=x", None, 400),
        ("GET", "?marker=nope", None, 404),
        ("GET", "/", None, 404),
        ("PATCH", "/N", None, 405),
        ("GET", "/N", {"a": 1}, 400),
    ],
)
def test_errors(ask, namespace, method, path, body, status):
    assert ask(method, f"{NAMESPACES}{path}", body).status_int == status
    assert ask("GET", namespace).status_int == 200


def test_every_method_of_the_seam_is_used_by_a_route(ask, namespace):
    item = {"name": "x", "title": "t", "type": "string"}
    for noun in ("objects", "properties"):
        body = {"name": "x"} if noun == "objects" else item
        assert ask("POST", f"{namespace}/{noun}", body).status_int == 201
        assert ask("GET", f"{namespace}/{noun}").status_int == 200
        assert ask("GET", f"{namespace}/{noun}/x").status_int == 200
        assert ask("PUT", f"{namespace}/{noun}/x", body).status_int == 200
        assert ask("DELETE", f"{namespace}/{noun}/x").status_int == 204
        assert ask("DELETE", f"{namespace}/{noun}").status_int == 204
    assert ask("POST", f"{namespace}/tags", {"tags": [{"name": "y"}]}).status_int == 201
    assert ask("POST", f"{namespace}/tags/x").status_int == 201
    assert ask("GET", f"{namespace}/tags").status_int == 200
    assert ask("GET", f"{namespace}/tags/x").status_int == 200
    assert ask("PUT", f"{namespace}/tags/x", {"name": "z"}).status_int == 200
    assert ask("DELETE", f"{namespace}/tags/z").status_int == 204
    assert ask("DELETE", f"{namespace}/tags").status_int == 204
    assert ask("POST", f"{namespace}/resource_types", {"name": "R"}).status_int == 201
    assert ask("GET", f"{namespace}/resource_types").status_int == 200
    assert ask("DELETE", f"{namespace}/resource_types/R").status_int == 204
    assert ask("GET", "/v2/metadefs/resource_types").status_int == 200
    assert ask("GET", NAMESPACES).status_int == 200
    assert ask("GET", namespace).status_int == 200
    assert ask("PUT", namespace, {"namespace": "N"}).status_int == 200
    assert ask("DELETE", namespace).status_int == 204
    calls = ask.calls
    every = {name for name in vars(rpc.MetadefAPI) if not name.startswith("_")}
    assert len(calls) == len(set(calls))
    assert set(calls) | {"metadef_namespace_create"} == every
