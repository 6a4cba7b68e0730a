import pytest
from keystoneauth1 import exceptions as ksa_exceptions
from keystonemiddleware.auth_token import _exceptions as ksm_exceptions
from oslo_config import cfg

from imagesvc import conf as options
from imagesvc import exception
from imagesvc.api import identity
from tests.fixtures import api

GOOD = "[keystone_authtoken]\nauth_type = password\nauth_url = http://keystone:5000\nusername = glance\npassword = canary\n"
TOKEN = {
    "token": {
        "methods": ["password"],
        "user": {"id": "u", "name": "alice", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": "red", "name": "Red", "domain": {"id": "default", "name": "Default"}},
        "roles": [{"id": "1", "name": "member"}, {"id": "2", "name": "reader"}],
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "expires_at": "2126-01-01T00:00:00.000000Z",
    }
}


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state", GOOD, paste_deploy__flavor="keystone")


@pytest.fixture
def answers(monkeypatch):
    """What Keystone answers, one entry per question; an exception is raised."""
    queue = []

    def verify(_self, _token, **_kwargs):
        answer = queue.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("keystonemiddleware.auth_token._identity.IdentityServer.verify_token", verify)
    return queue


def ask(service):
    return service.request("GET", "/v2/images", headers={"X-Auth-Token": "token"})


def test_a_token_is_asked_for_once(service, answers):
    answers.append(TOKEN)
    assert [ask(service).status_int for _ in range(3)] == [200, 200, 200]
    assert answers == []


def test_without_memory_and_cache_it_is_asked_for_each_time(tmp_path, answers):
    text = GOOD + "token_memory_time = 0\ntoken_cache_time = -1\n"
    service = api.make_service(tmp_path / "state", text, paste_deploy__flavor="keystone")
    answers += [TOKEN, TOKEN]
    assert [ask(service).status_int for _ in range(2)] == [200, 200]
    assert answers == []


def test_an_unknown_token_is_a_401_each_time(service, answers):
    answers += [ksm_exceptions.InvalidToken("no")] * 2
    for _ in range(2):
        response = ask(service)
        assert response.status_int == 401
        assert response.headers["WWW-Authenticate"] == 'Keystone uri="http://keystone:5000"'
    assert answers == []


@pytest.mark.parametrize(
    "error",
    [
        ksa_exceptions.ConnectFailure("refused"),
        ksa_exceptions.RequestTimeout(),
        ksa_exceptions.DiscoveryFailure("no versions"),
        ksa_exceptions.EndpointNotFound(),
        ksm_exceptions.ServiceError("it rejected our own password"),
    ],
)
def test_a_keystone_that_is_away_is_not_an_invalid_token(service, answers, caplog, error):
    answers += [error, TOKEN]
    response = ask(service)
    assert response.status_int == 503
    assert "Retry-After" in response.headers
    assert "identity service is unavailable" in response.text
    assert "cannot be asked" in caplog.text
    assert ask(service).status_int == 200


def test_an_expired_token_is_refused_however_well_it_is_remembered(service, answers):
    answers.append({"token": TOKEN["token"] | {"expires_at": "2026-01-02T00:00:00.000000Z"}})
    assert [ask(service).status_int for _ in range(2)] == [401, 401]


def test_spoofed_headers_do_not_survive(service, answers):
    answers.append(TOKEN)
    spoofed = {
        "X-Roles": "admin",
        "X-Project-Id": "blue",
        "OpenStack-System-Scope": "all",
        "X-Service-Roles": "service",
    }
    image = service.request("POST", "/v2/images", {}, headers={"X-Auth-Token": "token", **spoofed}).json
    assert image["owner"] == "red"
    body = {"visibility": "public"}
    assert service.request("POST", "/v2/images", body, headers={"X-Auth-Token": "token", **spoofed}).status_int == 403


def test_a_token_of_a_domain_is_no_administrators(service, answers):
    fields = {name: value for name, value in TOKEN["token"].items() if name != "project"}
    roles = [{"id": "1", "name": name} for name in ("admin", "member", "reader")]
    answers.append({"token": fields | {"roles": roles, "domain": {"id": "default", "name": "Default"}}})
    assert ask(service).status_int == 403


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 401)])
def test_access_rules_need_no_catalog(service, answers, method, status):
    rules = [{"path": "/v2/images", "method": "GET", "service": "image"}]
    credential = {"application_credential": {"id": "c", "restricted": True, "access_rules": rules}}
    answers.append({"token": TOKEN["token"] | credential})
    body = {} if method == "POST" else None
    assert service.request(method, "/v2/images", body, headers={"X-Auth-Token": "token"}).status_int == status


# -- configuration -----------------------------------------------------------------------------------


@pytest.fixture
def make_conf(tmp_path):
    def make(text):
        path = tmp_path / "glance-api.conf"
        path.write_text(text)
        conf = cfg.ConfigOpts()
        options.parse_args(conf, ["--config-file", str(path)], "glance-api")
        return conf

    return make


@pytest.fixture
def settings(make_conf):
    def make(text):
        conf = make_conf(f"[keystone_authtoken]\n{text}")
        identity.set_up(conf)
        return conf.keystone_authtoken

    return make


def test_new_names_stay_as_they_are(settings):
    values = settings(
        "auth_type = password\nauth_url = http://k:5000\nusername = glance\npassword = p\nadmin_user = old\n"
    )
    assert (values.auth_type, values.username) == ("password", "glance")
    assert values.www_authenticate_uri == "http://k:5000"
    assert (values.include_service_catalog, values.service_type) == (False, "image")


def test_names_of_2015(settings):
    values = settings(
        "auth_uri = http://k:5000\nauth_url = http://k:35357\nauth_plugin = password\nusername = glance\n"
    )
    assert (values.auth_type, values.auth_url) == ("password", "http://k:35357")
    assert values.www_authenticate_uri == "http://k:5000"


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("auth_host = k\nauth_protocol = http\n", "http://k:35357"),
        ("auth_host = ::1\nauth_port = 5000\nauth_admin_prefix = /identity/\n", "https://[::1]:5000/identity"),
        ("identity_uri = http://k/identity\n", "http://k/identity"),
        ("auth_uri = http://k:5000/v2.0\n", "http://k:5000/v2.0"),
    ],
)
def test_names_of_2014(settings, place, url, caplog):
    values = settings(f"{place}admin_user = glance\nadmin_password = canary\nadmin_tenant_name = services\n")
    assert (values.auth_type, values.auth_url) == ("password", url)
    assert (values.username, values.password, values.project_name) == ("glance", "canary", "services")
    assert (values.user_domain_id, values.project_domain_id) == ("default", "default")
    assert "please rename" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize("text", ["", "admin_token = canary\n", "admin_user = glance\nadmin_password = canary\n"])
def test_a_service_that_could_ask_nobody_does_not_start(tmp_path, text):
    with pytest.raises(exception.ConfigurationError) as caught:
        api.make_service(tmp_path / "state", f"[keystone_authtoken]\n{text}", paste_deploy__flavor="keystone")
    assert "auth_type" in caught.value.msg
    assert "canary" not in caught.value.msg


def test_a_flavor_in_the_wrong_section_counts(make_conf):
    assert make_conf("[keystone_authtoken]\nflavor = keystone\n").paste_deploy.flavor == "keystone"
    both = "[keystone_authtoken]\nflavor = keystone\n[paste_deploy]\nflavor = trusted-auth\n"
    assert make_conf(both).paste_deploy.flavor == "trusted-auth"
