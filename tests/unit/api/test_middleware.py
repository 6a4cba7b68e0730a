import re

import pytest
import webob

from imagesvc import exception
from imagesvc.api import middleware


def answer(environ, start_response):
    """Shows the context's fields."""
    context = environ[middleware.CONTEXT]
    fields = {name: getattr(context, name) for name in ("user_id", "project_id", "roles", "read_only", "request_id")}
    return webob.Response(json=fields)(environ, start_response)


def get(app, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return webob.Request.blank("/x", headers=names).get_response(middleware.Outermost(app, 64))


# -- the request's id --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "adopted"),
    [
        ("req-abc", "req-abc"),
        ("abc", "req-abc"),
        ("x" * 64, "req-" + "x" * 64),
        ("a b;c\x7f<script>", "req-a_b_c__script_"),
        ("ä", "req-_"),
    ],
)
def test_a_clients_request_id_is_adopted(given, adopted):
    response = get(middleware.UnauthenticatedContext(answer), X_Openstack_Request_ID=given)
    assert response.headers["x-openstack-request-id"] == adopted
    assert response.json["request_id"] == adopted


@pytest.mark.parametrize("headers", [{}, {"X_Openstack_Request_ID": ""}])
def test_every_request_gets_an_id(headers):
    first, second = (get(middleware.UnauthenticatedContext(answer), **headers) for _ in range(2))
    assert re.fullmatch(r"req-[0-9a-f-]{36}", first.headers["x-openstack-request-id"])
    assert first.headers["x-openstack-request-id"] != second.headers["x-openstack-request-id"]


def test_a_request_id_that_is_too_long_is_refused():
    response = get(answer, X_Openstack_Request_ID="x" * 65)
    assert response.status_int == 431
    assert re.fullmatch(r"req-[0-9a-f-]{36}", response.headers["x-openstack-request-id"])


# -- the last word on errors -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"), [(exception.ImageNotFound(image_id="x"), 404), (RuntimeError("canary"), 500)]
)
def test_whatever_goes_wrong_is_answered(error, status):
    def fail(_environ, _start_response):
        raise error

    response = get(fail)
    assert response.status_int == status
    assert "canary" not in response.text
    assert "x-openstack-request-id" in response.headers


# -- identity ----------------------------------------------------------------------------------------


def test_where_nobody_is_asked_everybody_is_an_administrator():
    response = get(middleware.UnauthenticatedContext(answer), X_Roles="nothing", X_Project_Id="spoofed")
    assert response.json["roles"] == ["admin", "member", "reader"]
    assert (response.json["project_id"], response.json["user_id"]) == (None, None)


def test_identity_comes_from_the_headers():
    response = get(
        middleware.IdentityContext(answer, allow_anonymous=False),
        X_Identity_Status="Confirmed",
        X_User_Id="u",
        X_Project_Id="p",
        X_Roles="Member, reader,",
    )
    assert response.json["roles"] == ["member", "reader"]
    assert (response.json["user_id"], response.json["project_id"], response.json["read_only"]) == ("u", "p", False)


def test_older_names_of_the_headers():
    headers = {"X_Identity_Status": "Confirmed", "X_User": "u", "X_Tenant_Id": "p", "X_Role": "admin"}
    response = get(middleware.IdentityContext(answer, allow_anonymous=False), **headers)
    assert (response.json["user_id"], response.json["project_id"], response.json["roles"]) == ("u", "p", ["admin"])


@pytest.mark.parametrize("headers", [{}, {"X_Identity_Status": "Invalid"}, {"X_Identity_Status": "confirmed"}])
def test_without_a_confirmed_identity(headers):
    spoofed = {"X_Roles": "admin", "X_Project_Id": "p", "X_User_Id": "u", **headers}
    assert get(middleware.IdentityContext(answer, allow_anonymous=False), **spoofed).status_int == 401
    response = get(middleware.IdentityContext(answer, allow_anonymous=True), **spoofed)
    assert response.status_int == 200
    assert response.json["read_only"] is True
    assert response.json["roles"] == ["reader"]
    assert (response.json["user_id"], response.json["project_id"]) == (None, None)
