import pytest


def test_life(ask, namespace):
    path = f"{namespace}/resource_types"
    wanted = {"name": "OS::Cinder::Volume", "prefix": "hw_", "properties_target": "image"}
    created = ask("POST", path, wanted)
    assert created.status_int == 201
    assert set(created.json) == {*wanted, "created_at", "updated_at"}
    assert ask("GET", path).json == {"resource_type_associations": [created.json]}
    assert set(ask("POST", path, {"name": "R"}).json) == {"name", "created_at", "updated_at"}
    assert ask("DELETE", f"{path}/OS::Cinder::Volume").status_int == 204
    assert [item["name"] for item in ask("GET", path).json["resource_type_associations"]] == ["R"]
    known = ask("GET", "/v2/metadefs/resource_types").json["resource_types"]
    assert [item["name"] for item in known] == ["OS::Cinder::Volume", "R"]
    assert set(known[0]) == {"name", "created_at", "updated_at"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"name": "R"}, 409),
        ("POST", "", {"name": "S", "prefix": None}, 400),
        ("POST", "", {"name": "S", "updated_at": "x"}, 403),
        ("POST", "", {}, 400),
        ("DELETE", "/S", None, 404),
        ("GET", "/R", None, 405),
        ("GET", "", {"a": 1}, 400),
    ],
)
def test_errors(ask, namespace, method, path, body, status):
    ask("POST", f"{namespace}/resource_types", {"name": "R"})
    assert ask(method, f"{namespace}/resource_types{path}", body).status_int == status
    assert len(ask("GET", f"{namespace}/resource_types").json["resource_type_associations"]) == 1
