import pytest
import webob

from imagesvc.api import versions


def document(app, path="/", **kwargs):
    return webob.Request.blank(path, **kwargs).get_response(app)


def test_the_list_as_clients_know_it():
    assert versions.minors(cache=False, multi_store=False) == [
        ("2.15", "SUPPORTED"),
        ("2.9", "SUPPORTED"),
        ("2.17", "CURRENT"),
        *[(f"2.{minor}", "SUPPORTED") for minor in range(7, -1, -1)],
    ]
    assert [minor for minor, _ in versions.minors(cache=False, multi_store=True)] == [
        "2.15", "2.13", "2.12", "2.11", "2.10", "2.9", "2.8", "2.17",
        "2.7", "2.6", "2.5", "2.4", "2.3", "2.2", "2.1", "2.0",
    ]  # fmt: skip
    cached = versions.minors(cache=True, multi_store=True)
    assert [minor for minor, _ in cached] == [f"2.{minor}" for minor in range(18, -1, -1)]
    assert [minor for minor, status in cached if status == "CURRENT"] == ["2.18"]


@pytest.mark.parametrize(("path", "status"), [("/", 300), ("/versions", 200), ("/v9/images", 300), ("/nothing", 300)])
def test_the_document(path, status):
    app = versions.VersionsApp([("2.17", "CURRENT")], None)
    response = document(app, path, base_url="http://glance:9292")
    assert (response.status_int, response.content_type) == (status, "application/json")
    assert response.json == {
        "versions": [{"id": "v2.17", "status": "CURRENT", "links": [{"rel": "self", "href": "http://glance:9292/v2/"}]}]
    }


@pytest.mark.parametrize("endpoint", ["https://images.example.com/image", "https://images.example.com/image/"])
def test_the_public_endpoint_is_shown(endpoint):
    response = document(versions.VersionsApp([("2.17", "CURRENT")], endpoint))
    assert response.json["versions"][0]["links"][0]["href"] == "https://images.example.com/image/v2/"


@pytest.fixture
def negotiation():
    def app(environ, start_response):
        return webob.Response(text=environ["PATH_INFO"])(environ, start_response)

    offered = versions.minors(cache=False, multi_store=False)
    return versions.VersionNegotiation(app, versions.VersionsApp(offered, None), offered)


@pytest.mark.parametrize(
    ("path", "accept", "reached"),
    [
        ("/v2/images", None, "/v2/images"),
        ("/v2.0/images", None, "/v2/images"),
        ("/v2.17/images/1/file", None, "/v2/images/1/file"),
        ("/v2", None, "/v2"),
        ("/v2/", None, "/v2/"),
        ("/images", "application/vnd.openstack.images-v2", "/v2/images"),
        ("/images", "application/vnd.openstack.images-v2.7", "/v2/images"),
        ("/v2/images", "application/vnd.openstack.images-v9", "/v2/images"),
    ],
)
def test_every_accepted_minor_means_v2(negotiation, path, accept, reached):
    headers = {"Accept": accept} if accept else {}
    assert document(negotiation, path, headers=headers).text == reached


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/", None, 300),
        ("", None, 300),
        ("/versions", None, 200),
        ("/versions/", None, 200),
        ("/versions/1", None, 200),
        ("/versionsx", None, 300),
        ("/v1/images", None, 300),
        ("/v2.8/images", None, 300),
        ("/v2.99/images", None, 300),
        ("/v9/images", None, 300),
        ("/nothing", None, 300),
        ("/v2x/images", None, 300),
        ("/images", "application/vnd.openstack.images-v9", 300),
        ("/", "application/vnd.openstack.images-v2", 300),
        ("/versions", "application/vnd.openstack.images-v2", 200),
    ],
)
def test_everything_else_gets_the_list(negotiation, path, accept, status):
    headers = {"Accept": accept} if accept else {}
    response = document(negotiation, path, headers=headers)
    assert (response.status_int, "versions" in response.json) == (status, True)
