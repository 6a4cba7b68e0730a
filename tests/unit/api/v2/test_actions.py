"""Actions over HTTP: the whole stack down to the registry's tables, in one process."""

import pytest

from tests.fixtures import api


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state")


def test_deactivate_and_reactivate(service):
    image = service.create_active()["self"]
    assert service.calls
    for action, status in (("deactivate", "deactivated"), ("reactivate", "active")):
        for _ in range(2):
            response = service.request("POST", f"{image}/actions/{action}")
            assert (response.status_int, response.body, service.calls) == (204, b"", [f"image_{action}"])
        assert service.request("GET", image).json["status"] == status
        assert service.calls


def test_an_image_without_data(service):
    image = service.create()["self"]
    for action in ("deactivate", "reactivate"):
        response = service.request("POST", f"{image}/actions/{action}")
        assert response.status_int == 403
        assert "queued" in response.text


def test_methods_bodies_and_paths(service):
    actions = f"{service.create_active()['self']}/actions"
    response = service.request("GET", f"{actions}/deactivate")
    assert (response.status_int, response.headers["Allow"]) == (405, "POST")
    assert service.request("POST", f"{actions}/deactivate", {}).status_int == 400
    assert service.request("POST", f"{actions}/explode").status_int == 404
    assert service.request("POST", actions).status_int == 404
