import pytest


def _names(page):
    return [item["name"] for item in page["objects"]]


def test_life(ask, namespace):
    path = f"{namespace}/objects"
    properties = {"bus": {"title": "Bus", "type": "array", "default": ["scsi"]}}
    created = ask("POST", path, {"name": "disk", "description": "d", "required": ["bus"], "properties": properties})
    assert created.status_int == 201
    assert "Location" not in created.headers
    assert created.json == ask("GET", f"{path}/disk").json
    assert created.json["properties"] == properties
    assert created.json["self"] == f"{path}/disk"
    changed = ask("PUT", f"{path}/disk", {"name": "drive"})
    assert changed.status_int == 200
    assert not {"description", "required", "properties"} & set(changed.json)
    shown = ask("GET", f"{path}/drive").json
    assert (shown["required"], shown["properties"]) == ([], {})
    assert ask("DELETE", f"{path}/drive").status_int == 204
    assert ask("GET", f"{path}/drive").status_int == 404


def test_list(ask, namespace):
    path = f"{namespace}/objects"
    for name in "cab":
        ask("POST", path, {"name": name})
    everything = ask("GET", path).json
    assert (_names(everything), everything["schema"]) == (["a", "b", "c"], "v2/schemas/metadefs/objects")
    page = ask("GET", f"{path}?limit=2&sort_dir=desc&sort_key=name").json
    assert (_names(page), page["next"]) == (["c", "b"], f"{path}?limit=2&sort_dir=desc&sort_key=name&marker=b")
    assert _names(ask("GET", page["next"]).json) == ["a"]
    assert ask("DELETE", path).status_int == 204
    assert _names(ask("GET", path).json) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"name": "o"}, 409),
        ("POST", "", {}, 400),
        ("POST", "", {"name": "p", "self": "x"}, 403),
        ("POST", "", {"name": "p", "properties": {"a": {"title": "t", "type": "nope"}}}, 400),
        ("PUT", "/o", {"description": "no name"}, 400),
        ("PUT", "/nope", {"name": "x"}, 404),
        ("DELETE", "/nope", None, 404),
        ("GET", "?limit=0", None, 400),
        ("PUT", "", {"name": "o"}, 405),
        ("POST", "/o", {"name": "o"}, 405),
        ("DELETE", "/o", {"name": "o"}, 400),
    ],
)
def test_errors(ask, namespace, method, path, body, status):
    ask("POST", f"{namespace}/objects", {"name": "o"})
    assert ask(method, f"{namespace}/objects{path}", body).status_int == status
    assert _names(ask("GET", f"{namespace}/objects").json) == ["o"]
