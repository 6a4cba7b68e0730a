"""Members over HTTP: the whole stack down to the registry's tables, in one process."""

import re

import pytest

from tests.fixtures import api

ID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state")


@pytest.fixture
def members(service):
    return f"{service.create()['self']}/members"


def test_invite_answer_list_and_remove(service, members):
    response = service.request("POST", members, {"member": "p2"})
    assert response.status_int == 200
    member = response.json
    assert list(member) == ["member_id", "image_id", "status", "created_at", "updated_at", "schema"]
    assert (member["member_id"], member["status"], member["schema"]) == ("p2", "pending", "/v2/schemas/member")
    assert members == f"/v2/images/{member['image_id']}/members"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", member["created_at"])
    assert service.request("GET", f"{members}/p2").json == member
    listed = service.request("GET", members)
    assert listed.json == {"members": [member], "schema": "/v2/schemas/members"}
    accepted = service.request("PUT", f"{members}/p2", {"status": "accepted"})
    assert (accepted.status_int, accepted.json["status"]) == (200, "accepted")
    deleted = service.request("DELETE", f"{members}/p2")
    assert (deleted.status_int, deleted.body) == (204, b"")
    assert service.request("DELETE", f"{members}/p2").status_int == 404


def test_each_request_is_one_call(service, members):
    assert service.calls
    for method, path, body, call in (
        ("POST", members, {"member": "p2"}, "member_add"),
        ("GET", members, None, "member_list"),
        ("GET", f"{members}/p2", None, "member_get"),
        ("PUT", f"{members}/p2", {"status": "rejected"}, "member_update"),
        ("DELETE", f"{members}/p2", None, "member_delete"),
    ):
        assert service.request(method, path, body).status_int < 300
        assert service.calls == [call]


def test_a_project_may_have_any_letters(service, members):
    service.request("POST", members, {"member": "né a"})
    assert service.request("GET", f"{members}/n%C3%A9%20a").json["member_id"] == "né a"


@pytest.mark.parametrize(
    "body", [{}, {"member": ""}, {"member": None}, {"member": 5}, {"member": ["a"]}, {"member_id": "a"}, [], ["a"], {"member": "m" * 256}]
)  # fmt: skip
def test_what_is_no_project_is_named_and_costs_no_call(service, members, body):
    assert service.calls
    response = service.request("POST", members, body)
    assert response.status_int == 400
    assert "member" in response.text
    assert service.calls == []


@pytest.mark.parametrize("body", [{}, {"status": "good"}, {"status": None}, {"status": ["accepted"]}, ["accepted"]])
def test_what_is_no_answer_is_named_and_costs_no_call(service, members, body):
    service.request("POST", members, {"member": "p2"})
    assert service.calls
    response = service.request("PUT", f"{members}/p2", body)
    assert response.status_int == 400
    assert "status" in response.text
    assert service.calls == []


def test_errors_have_their_statuses(service, members):
    service.request("POST", members, {"member": "p2"})
    assert service.request("POST", members, {"member": "p2"}).status_int == 409
    assert service.request("GET", f"/v2/images/{ID}/members").status_int == 404
    private = service.create(visibility="private")["self"]
    assert service.request("POST", f"{private}/members", {"member": "p2"}).status_int == 403
    assert service.request("GET", f"{private}/members").status_int == 403


def test_methods_bodies_and_paths(service, members):
    response = service.request("PATCH", members)
    assert (response.status_int, response.headers["Allow"]) == (405, "GET, POST")
    response = service.request("POST", f"{members}/p2")
    assert (response.status_int, response.headers["Allow"]) == (405, "DELETE, GET, PUT")
    assert service.request("GET", f"{members}/").status_int == 404
    assert service.request("DELETE", f"{members}/p2", {}).status_int == 400
    assert service.request("POST", members).status_int == 400
