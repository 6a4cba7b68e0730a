"""Tags over HTTP: the whole stack down to the registry's tables, in one process."""

import pytest

from tests.fixtures import api


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state", image_tag_quota=3)


def test_put_and_delete(service):
    image = service.create(tags=["b"])["self"]
    assert service.calls
    for tag in ("B%C3%A4r", "B%C3%A4r", "a%20b:c"):
        response = service.request("PUT", f"{image}/tags/{tag}")
        assert (response.status_int, response.body, service.calls) == (204, b"", ["tag_add"])
    assert sorted(service.request("GET", image).json["tags"]) == ["Bär", "a b:c", "b"]
    assert service.calls
    response = service.request("DELETE", f"{image}/tags/b")
    assert (response.status_int, response.body, service.calls) == (204, b"", ["tag_delete"])
    assert service.request("DELETE", f"{image}/tags/b").status_int == 404


def test_what_is_no_tag(service):
    image = service.create()["self"]
    assert service.calls
    long = service.request("PUT", f"{image}/tags/{'t' * 256}")
    assert (long.status_int, service.calls) == (400, [])
    assert "tags" in long.text
    assert service.request("PUT", f"{image}/tags/%FF").status_int == 400
    for path in ("tags/", "tags", "tags/a/b", "tags/a%2Fb"):
        assert service.request("PUT", f"{image}/{path}").status_int == 404
    assert service.request("PUT", f"{image}/tags/a", {}).status_int == 400
    response = service.request("GET", f"{image}/tags/a")
    assert (response.status_int, response.headers["Allow"]) == (405, "DELETE, PUT")


def test_too_many(service):
    image = service.create(tags=["a", "b", "c"])["self"]
    assert service.request("PUT", f"{image}/tags/d").status_int == 413
    assert service.request("PUT", f"{image}/tags/a").status_int == 204
