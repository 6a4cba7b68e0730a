import types

import pytest

from imagesvc import exception
from imagesvc.api import app, faults, hooks, middleware
from imagesvc.api.v2.router import Body, Route, Router
from tests.fixtures.rpc import make_context

PATHS = {
    Body.NONE: "/none",
    Body.IGNORED: "/ignored",
    Body.JSON: "/json",
    Body.PATCH: "/patch",
    Body.OCTETS: "/octets",
}


def controller(): ...


@pytest.fixture
def hook():
    routes = [Route(method, path, controller, body) for body, path in PATHS.items() for method in ("GET", "PUT")]
    return hooks.RouteHook(Router([*routes, Route("GET", "/{x}/{y}", controller)]))


def run(hook, path, method="PUT", context=None, **environ):
    request = app.Request({"REQUEST_METHOD": method, "PATH_INFO": path, **environ})
    request.environ[middleware.CONTEXT] = context or make_context()
    request.pecan = {"content_type": None}
    hook.on_route(types.SimpleNamespace(request=request))
    return request


def refusal(hook, *args, **kwargs):
    with pytest.raises(faults.HTTPFault) as caught:
        run(hook, *args, **kwargs)
    return caught.value


def test_what_is_left_on_the_request(hook):
    context = make_context()
    request = run(hook, "/a/b", "GET", context)
    assert request.matched == (controller, ["a", "b"])
    assert request.context is context
    assert request.pecan["content_type"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (Body.JSON, "text/plain"),
        (Body.JSON, "multipart/form-data; boundary=x"),
        (Body.PATCH, ""),
        (Body.PATCH, "application/json"),
        (Body.OCTETS, ""),
        (Body.OCTETS, "application/json"),
    ],
)
def test_media_types_that_do_not_belong(hook, body, content_type):
    assert refusal(hook, PATHS[body], CONTENT_TYPE=content_type).status == 415


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (Body.JSON, ""),
        (Body.JSON, "application/json; charset=utf-8"),
        (Body.PATCH, "application/openstack-images-v2.0-json-patch"),
        (Body.OCTETS, "Application/Octet-Stream"),
        (Body.IGNORED, "text/plain"),
    ],
)
def test_media_types_that_do(hook, body, content_type):
    run(hook, PATHS[body], CONTENT_TYPE=content_type)


@pytest.mark.parametrize(
    ("method", "environ", "refused"),
    [
        ("GET", {"CONTENT_LENGTH": "1"}, True),
        ("GET", {"CONTENT_LENGTH": "0"}, False),
        ("GET", {"CONTENT_LENGTH": ""}, False),
        ("GET", {"HTTP_TRANSFER_ENCODING": "chunked"}, False),
        ("PUT", {"HTTP_TRANSFER_ENCODING": "chunked"}, True),
        ("PUT", {"CONTENT_LENGTH": "1"}, True),
        ("PUT", {}, False),
    ],
)
def test_bodies_where_none_belongs(hook, method, environ, refused):
    if refused:
        assert refusal(hook, "/none", method, **environ).status == 400
    else:
        run(hook, "/none", method, **environ)


def test_a_length_that_is_no_number(hook):
    with pytest.raises(exception.InvalidParameter):
        run(hook, "/none", "GET", CONTENT_LENGTH="x")


def test_without_identity_only_reading(hook):
    context = make_context(read_only=True)
    run(hook, "/none", "GET", context)
    assert refusal(hook, "/none", "PUT", context).status == 403


def test_errors_become_answers():
    state = types.SimpleNamespace(request=app.Request({"REQUEST_METHOD": "GET", "PATH_INFO": "/x"}))
    response = hooks.FaultHook().on_error(state, exception.ImageNotFound(image_id="x"))
    assert response.status_int == 404
