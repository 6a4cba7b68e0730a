import pytest

from tests.fixtures import api


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return api.make_service(tmp_path_factory.mktemp("schemas") / "state")


def test_schemas_are_served(service):
    image = service.request("GET", "/v2/schemas/image")
    assert (image.status_int, image.content_type, image.json["name"]) == (200, "application/json", "image")
    images = service.request("GET", "/v2/schemas/images").json
    assert images["properties"]["images"]["items"] == image.json


@pytest.mark.parametrize("noun", ["member", "task"])
def test_a_noun_and_its_collection(service, noun):
    one, several = (service.request("GET", f"/v2/schemas/{name}").json for name in (noun, f"{noun}s"))
    assert (one["name"], several["name"]) == (noun, f"{noun}s")
    listed = several["properties"][f"{noun}s"]["items"]
    assert listed["properties"].items() <= one["properties"].items()


@pytest.mark.parametrize(("path", "status"), [("/v2/schemas", 404), ("/v2/schemas/", 404), ("/v2/schemas/x", 404)])
def test_what_there_is_not(service, path, status):
    assert service.request("GET", path).status_int == status
