"""What holds for all routes."""

import pytest

from tests.fixtures import api


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return api.make_service(tmp_path_factory.mktemp("application") / "state")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", "/v2/images", 405, "GET, POST"),
        ("HEAD", "/v2/images", 405, "GET, POST"),
        ("POST", "/v2/images/x", 405, "DELETE, GET, PATCH"),
        ("HEAD", "/v2/images/x", 405, "DELETE, GET, PATCH"),
        ("POST", "/v2/images/x/file", 405, "GET, PUT"),
        ("POST", "/v2/schemas/image", 405, "GET"),
        ("TRACE", "/v2/images", 405, "GET, POST"),
        ("FROB", "/v2/images", 501, None),
        ("GET", "/v2", 404, None),
        ("GET", "/v2/", 404, None),
        ("GET", "/v2/images/", 404, None),
        ("DELETE", "/v2/images/", 404, None),
        ("GET", "/v2/images/x/", 404, None),
        ("GET", "/v2/nothing", 404, None),
        ("GET", "/v2/images/x/file/more", 404, None),
        ("GET", "/v2/images/%ff", 400, None),
    ],
)
def test_where_there_is_no_route(service, method, path, status, allow):
    response = service.request(method, path)
    assert (response.status_int, response.headers.get("Allow")) == (status, allow)
    assert "x-openstack-request-id" in response.headers


def test_accept_never_refuses_a_success(service):
    for accept in ("text/html", "image/png", "", "application/json;q=0"):
        response = service.request("GET", "/v2/images", headers={"Accept": accept})
        assert (response.status_int, response.content_type) == (200, "application/json")


@pytest.mark.parametrize("accept", ["application/json", "text/plain", "text/html"])
def test_errors_come_in_the_form_that_is_accepted(service, accept):
    response = service.request("GET", "/v2/images/x", headers={"Accept": accept})
    assert (response.status_int, response.content_type) == (404, accept)


def test_a_query_does_not_fill_in_a_controllers_arguments(service):
    assert service.request("GET", "/v2/images/x?image_id=y&request=z").status_int == 404
