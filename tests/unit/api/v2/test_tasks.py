"""Tasks over HTTP: the whole stack down to the registry's tables, in one process."""

import re

import pytest

from tests.fixtures import api

ID = "11111111-1111-4111-8111-111111111111"
INPUT = {"import_from": "http://example.org/i", "import_from_format": "raw", "image_properties": {"name": "n"}}
NEW = {"type": "import", "input": INPUT}


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state")


def test_create_show_and_list(service):
    response = service.request("POST", "/v2/tasks", NEW)
    assert response.status_int == 201
    task = response.json
    assert response.headers["Location"] == task["self"] == f"/v2/tasks/{task['id']}"
    assert (task["type"], task["status"], task["input"], task["result"]) == ("import", "failure", INPUT, None)
    assert task["schema"] == "/v2/schemas/task"
    assert "image_id" not in task
    for name in ("created_at", "updated_at", "expires_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", task[name])
    assert service.request("GET", task["self"]).json == task
    listed = service.request("GET", "/v2/tasks").json
    content = {"input", "result", "message", "request_id", "user_id"}
    assert listed == {
        "tasks": [{name: value for name, value in task.items() if name not in content}],
        "first": "/v2/tasks",
        "schema": "/v2/schemas/tasks",
    }


def test_each_request_is_one_call(service):
    image, task = service.create()["self"], service.request("POST", "/v2/tasks", NEW).json["self"]
    assert service.calls
    for method, path, body, call in (
        ("POST", "/v2/tasks", NEW, "task_create"),
        ("GET", "/v2/tasks", None, "task_list"),
        ("GET", task, None, "task_get"),
        ("GET", f"{image}/tasks", None, "image_task_list"),
    ):
        assert service.request(method, path, body).status_int < 300
        assert service.calls == [call]


def test_pages_lead_to_all_tasks_in_order(service):
    created = sorted(service.request("POST", "/v2/tasks", NEW).json["id"] for _ in range(3))
    page = service.request("GET", "/v2/tasks?limit=2&sort_key=id&sort_dir=asc&status=failure").json
    assert page["first"] == "/v2/tasks?limit=2&sort_key=id&sort_dir=asc&status=failure"
    assert page["next"] == f"{page['first']}&marker={created[1]}"
    last = service.request("GET", page["next"]).json
    assert [task["id"] for task in [*page["tasks"], *last["tasks"]]] == created
    assert "next" not in last


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ([], "type"),
        ({}, "type"),
        ({"type": "import"}, "input"),
        ({"type": "import", "input": None}, "input"),
        ({"type": "import", "input": []}, "input"),
        ({"type": "export", "input": {}}, "type"),
        ({"type": 5, "input": {}}, "type"),
        ({"type": "api_image_import", "input": {}}, "type"),
        ({**NEW, "id": "x"}, "id"),
        ({**NEW, "foo": "x"}, "foo"),
        ({"type": "import", "input": {**INPUT, "import_from": ""}}, "input.import_from"),
        ({"type": "import", "input": {**INPUT, "import_from": None}}, "input.import_from"),
        ({"type": "import", "input": {**INPUT, "import_from_format": 5}}, "input.import_from_format"),
        ({"type": "import", "input": {**INPUT, "image_properties": "x"}}, "input.image_properties"),
    ],
)
def test_what_is_no_task_is_named(service, body, named):
    response = service.request("POST", "/v2/tasks", body)
    assert response.status_int == 400
    assert named in response.text
    assert service.request("GET", "/v2/tasks").json["tasks"] == []


@pytest.mark.parametrize(
    "query",
    ["type=foo", "status=foo", "sort_key=input", "sort_dir=x", "limit=-1", "limit=x", "marker=x", f"marker={ID}"],
)
def test_a_question_that_is_none(service, query):
    response = service.request("GET", f"/v2/tasks?{query}")
    assert response.status_int == 400
    assert query.partition("=")[0] in response.text.lower()


@pytest.mark.parametrize(
    "query", ["limit=0", "type=api_image_import", "owner=x", f"id={ID}", "image_id=x", "user_id=x"]
)
def test_a_question_without_an_answer(service, query):
    service.request("POST", "/v2/tasks", NEW)
    assert service.request("GET", f"/v2/tasks?{query}").json["tasks"] == []


def test_an_image_without_tasks(service):
    assert service.request("GET", f"{service.create()['self']}/tasks").json == {"tasks": []}


def test_errors_methods_and_bodies(service):
    assert service.request("GET", f"/v2/tasks/{ID}").status_int == 404
    assert ID in service.request("GET", f"/v2/tasks/{ID}").text
    assert service.request("GET", f"/v2/images/{ID}/tasks").status_int == 404
    for method, path, allowed in (
        ("DELETE", f"/v2/tasks/{ID}", "GET"),
        ("PUT", "/v2/tasks", "GET, POST"),
        ("POST", f"/v2/images/{ID}/tasks", "GET"),
    ):
        response = service.request(method, path)
        assert (response.status_int, response.headers["Allow"]) == (405, allowed)
    assert service.request("GET", f"/v2/tasks/{ID}", {}).status_int == 400
    assert service.request("GET", "/v2/tasks/").status_int == 404
