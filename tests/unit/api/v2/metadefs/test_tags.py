import pytest


def _names(ask, path):
    return [tag["name"] for tag in ask("GET", path).json["tags"]]


def _given(*names):
    return {"tags": [{"name": name} for name in names]}


def test_life(ask, namespace):
    path = f"{namespace}/tags"
    created = ask("POST", f"{path}/fast")
    assert created.status_int == 201
    assert set(created.json) == {"name", "created_at", "updated_at"}
    assert ask("GET", f"{path}/fast").json == created.json
    changed = ask("PUT", f"{path}/fast", {"name": "slow"})
    assert (changed.status_int, changed.json["name"]) == (200, "slow")
    assert ask("DELETE", f"{path}/slow").status_int == 204
    assert ask("GET", f"{path}/slow").status_int == 404


@pytest.mark.parametrize(("header", "names"), [("True", ["c", "b", "a"]), ("false", ["c"]), ("", ["c"])])
def test_several_replace_or_are_appended(ask, namespace, header, names):
    path = f"{namespace}/tags"
    created = ask("POST", path, _given("a", "b"))
    assert (created.status_int, created.json) == (201, _given("a", "b"))
    again = ask("POST", path, _given("c"), headers={"X-Openstack-Append": header} if header else {})
    assert (again.status_int, again.json) == (201, _given("c"))
    assert _names(ask, path) == names


def test_list(ask, namespace):
    path = f"{namespace}/tags"
    ask("POST", path, _given("b", "c", "a"))
    assert ask("GET", path).json == _given("a", "c", "b")
    page = ask("GET", f"{path}?limit=2").json
    assert page == {**_given("a", "c"), "next": f"{path}?limit=2&marker=c"}
    assert ask("GET", page["next"]).json == _given("b")
    assert _names(ask, f"{path}?sort_key=name&sort_dir=asc") == ["a", "b", "c"]
    assert ask("DELETE", path).status_int == 204
    assert _names(ask, path) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/a", None, 409),
        ("POST", "/b", {"name": "b"}, 400),
        ("POST", f"/{'x' * 81}", None, 400),
        ("POST", "", _given("b", "b"), 409),
        ("POST", "", {}, 400),
        ("POST", "", _given("x" * 81), 400),
        ("PUT", "/a", {}, 400),
        ("PUT", "/a", {"name": "b", "created_at": "x"}, 403),
        ("PUT", "/nope", {"name": "b"}, 404),
        ("GET", "?limit=x", None, 400),
        ("GET", "?marker=nope", None, 404),
    ],
)
def test_errors(ask, namespace, method, path, body, status):
    ask("POST", f"{namespace}/tags/a")
    assert ask(method, f"{namespace}/tags{path}", body).status_int == status
    assert _names(ask, f"{namespace}/tags") == ["a"]
