import pytest

from imagesvc import exception
from imagesvc.api import filters
from tests.fixtures import api

SITE = "https://dashboard.example.com"


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state", f"[cors]\nallowed_origin = {SITE}\n")


def test_another_site_may_ask_with_the_headers_of_the_images_api(service):
    preflight = {
        "Origin": SITE,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "X-Auth-Token,X-OpenStack-Request-ID",
    }
    response = service.request("OPTIONS", "/v2/images", headers=preflight)
    assert response.status_int == 200
    assert response.headers["Access-Control-Allow-Origin"] == SITE
    assert response.headers["Access-Control-Allow-Methods"] == "PATCH"
    response = service.request("GET", "/v2/images", headers={"Origin": SITE})
    assert response.headers["Access-Control-Allow-Origin"] == SITE
    assert "X-OpenStack-Request-ID" in response.headers["Access-Control-Expose-Headers"]


def test_sites_that_are_not_allowed_get_no_leave(service):
    response = service.request("GET", "/v2/images", headers={"Origin": "https://evil.example.com"})
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("enabled", [True, False])
def test_a_proxys_headers_count_where_they_are_trusted(tmp_path, enabled):
    text = f"[oslo_middleware]\nenable_proxy_headers_parsing = {enabled}\n"
    service = api.make_service(tmp_path / "state", text)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "images.example.com", "X-Forwarded-Prefix": "/image"}
    href = service.request("GET", "/", headers=headers).json["versions"][0]["links"][0]["href"]
    assert href == ("https://images.example.com/image/v2/" if enabled else "http://localhost/v2/")


def test_versions_follow_the_configuration(tmp_path):
    service = api.make_service(tmp_path / "state", api.MULTI_STORE.format(path=tmp_path))
    assert "v2.13" in [version["id"] for version in service.request("GET", "/versions").json["versions"]]
    service = api.make_service(tmp_path / "other", public_endpoint="https://images.example.com")
    document = service.request("GET", "/versions").json["versions"]
    assert document[0]["links"][0]["href"] == "https://images.example.com/v2/"
    assert "v2.13" not in [version["id"] for version in document]


def test_without_a_token_keystones_flavor_says_where_to_get_one(tmp_path):
    text = "[keystone_authtoken]\nwww_authenticate_uri = http://keystone:5000\nauth_type = none\n"
    service = api.make_service(tmp_path / "state", text, paste_deploy__flavor="keystone")
    spoofed = {"X-Identity-Status": "Confirmed", "X-Roles": "admin", "X-Project-Id": "p", "X-User-Id": "u"}
    response = service.request("GET", "/v2/images", headers=spoofed)
    assert response.status_int == 401
    assert "http://keystone:5000" in response.headers["WWW-Authenticate"]
    assert service.calls == []


def test_anonymous_reading_where_it_is_allowed(tmp_path):
    service = api.make_service(tmp_path / "state", paste_deploy__flavor="trusted-auth", allow_anonymous_access=True)
    admin = {"X-Identity-Status": "Confirmed", "X-Roles": "admin,member,reader", "X-Project-Id": "p", "X-User-Id": "u"}
    public = service.request("POST", "/v2/images", {"visibility": "public"}, headers=admin).json
    private = service.request("POST", "/v2/images", {}, headers=admin).json
    assert service.request("GET", public["self"]).status_int == 200
    assert service.request("GET", private["self"]).status_int == 404
    assert service.request("DELETE", public["self"]).status_int == 403
    assert service.request("POST", "/v2/images", {}).status_int == 403


def test_identities_do_not_mix(tmp_path):
    service = api.make_service(tmp_path / "state", paste_deploy__flavor="trusted-auth")
    mine, theirs = (
        {"X-Identity-Status": "Confirmed", "X-Roles": "member,reader", "X-Project-Id": project, "X-User-Id": project}
        for project in ("mine", "theirs")
    )
    image = service.request("POST", "/v2/images", {}, headers=mine).json
    assert image["owner"] == "mine"
    assert service.request("GET", image["self"], headers=theirs).status_int == 404
    assert service.request("GET", "/v2/images", headers=theirs).json["images"] == []
    assert service.request("DELETE", image["self"], headers=theirs).status_int == 404
    assert service.request("GET", image["self"], headers=mine).status_int == 200
    assert service.request("POST", "/v2/images", {"owner": "theirs"}, headers=mine).status_int == 403
    assert service.request("POST", "/v2/images", {"visibility": "public"}, headers=mine).status_int == 403


def test_tracing_only_where_it_is_enabled(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(filters.initializer, "init_from_conf", lambda *_args, **kwargs: started.append(kwargs))
    api.make_service(tmp_path / "off")
    assert started == []
    service = api.make_service(tmp_path / "on", "[profiler]\nenabled = true\nhmac_keys = key\n")
    assert started[0]["host"] == "host-1"
    assert service.request("GET", "/v2/images").status_int == 200


@pytest.mark.parametrize("factory", [filters.cache, filters.gzip])
def test_what_is_not_there_says_so(factory):
    with pytest.raises(exception.ConfigurationError, match="not part of this release"):
        factory({})
