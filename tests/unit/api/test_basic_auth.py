import base64

import bcrypt
import pytest

from imagesvc import exception
from tests.fixtures import api

PASSWORD = "pässword:with colon"
LONG = "x" * 80


@pytest.fixture
def place(tmp_path):
    def hashed(password):
        return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()

    htpasswd = tmp_path / "htpasswd"
    htpasswd.write_text(f"alice:{hashed(PASSWORD)}\nroot:{hashed('canary')}\nlong:{hashed(LONG)}\nlost:{hashed('x')}\n")
    (tmp_path / "users").write_text("alice:red:member\nroot:ops:admin\nlong:red:reader\n")
    return tmp_path


@pytest.fixture
def make(place):
    def make_service(**options):
        text = f"[basic_auth]\nhtpasswd_file = {place}/htpasswd\nusers_file = {place}/users\n"
        return api.make_service(place / "state", text, paste_deploy__flavor="basic", **options)

    return make_service


@pytest.fixture
def checks(monkeypatch):
    """How often a password was tried against a hash."""
    made = []
    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *arguments: made.append(arguments) or check(*arguments))
    return made


def credentials(name, password, scheme="Basic"):
    return {"Authorization": f"{scheme} {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


def ask(service, headers, method="GET", path="/v2/images", body=None):
    return service.request(method, path, body, headers=headers)


def test_a_name_and_its_password_are_an_identity(make):
    service = make()
    image = ask(service, credentials("alice", PASSWORD), "POST", body={}).json
    assert image["owner"] == "red"
    assert ask(service, credentials("alice", PASSWORD), "POST", body={"visibility": "public"}).status_int == 403
    assert ask(service, credentials("root", "canary"), "POST", body={"visibility": "public"}).json["owner"] == "ops"
    assert ask(service, credentials("long", LONG), path=image["self"]).status_int == 200
    assert ask(service, credentials("long", LONG), "DELETE", image["self"]).status_int == 403
    assert ask(service, credentials("alice", PASSWORD, "BASIC")).status_int == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic YQ=="},
        {"Authorization": "Basic /zrG"},
        credentials("alice", "wrong"),
        credentials("alice", ""),
        credentials("alice", "a\0b"),
        credentials("alice", "w" * 5000),
        credentials("bob", PASSWORD),
        credentials("bob", "canary"),
        credentials("lost", "x"),
        credentials("", ""),
        {"X-Identity-Status": "Confirmed", "X-Roles": "admin", "X-Project-Id": "red", "X-User-Id": "root"},
    ],
)
def test_anything_else_is_not(make, headers):
    service = make()
    for _ in range(2):
        response = ask(service, headers)
        assert response.status_int in {400, 401}
        if response.status_int == 401:
            assert response.headers["WWW-Authenticate"] == 'Basic realm="Images", charset="UTF-8"'
    assert service.calls == []


def test_headers_of_identity_are_not_believed(make):
    spoofed = {"X-Identity-Status": "Confirmed", "X-Roles": "admin", "X-Project-Id": "ops", "X-User-Id": "root"}
    headers = credentials("alice", PASSWORD) | spoofed
    service = make()
    assert ask(service, headers, "POST", body={}).json["owner"] == "red"
    assert ask(service, headers, "POST", body={"visibility": "public"}).status_int == 403


def test_a_password_is_tried_once(make, checks):
    service = make()
    for _ in range(3):
        assert ask(service, credentials("alice", PASSWORD)).status_int == 200
        assert ask(service, credentials("alice", "wrong")).status_int == 401
        assert ask(service, credentials("bob", PASSWORD)).status_int == 401
    assert len(checks) == 3


def test_memory_can_be_turned_off(make, checks):
    service = make(basic_auth__password_memory_time=0)
    assert [ask(service, credentials("alice", PASSWORD)).status_int for _ in range(3)] == [200, 200, 200]
    assert len(checks) == 3


def test_somebody_unknown_takes_as_long_as_somebody_known(make, checks):
    ask(make(), credentials("bob", "x"))
    assert len(checks) == 1


def test_reading_without_a_name_where_it_is_allowed(make):
    service = make(allow_anonymous_access=True)
    public = ask(service, credentials("root", "canary"), "POST", body={"visibility": "public"}).json
    assert ask(service, {}, path=public["self"]).status_int == 200
    assert ask(service, {}, "DELETE", public["self"]).status_int == 403
    assert ask(service, credentials("alice", "wrong"), path=public["self"]).status_int == 401


def test_a_realm_cannot_add_headers(make):
    response = ask(make(basic_auth__realm='a"b\\c\r\nX-Evil: 1'), {})
    assert response.headers["WWW-Authenticate"] == 'Basic realm="abcX-Evil: 1", charset="UTF-8"'


def test_passwords_are_not_logged(make, caplog):
    caplog.set_level("DEBUG")
    service = make()
    ask(service, credentials("root", "canary"))
    ask(service, credentials("alice", "canary-wrong"))
    assert "'alice'" in caplog.text
    assert "canary" not in caplog.text
    assert credentials("root", "canary")["Authorization"].split()[1] not in caplog.text


def test_without_files_the_service_does_not_start(place, make):
    (place / "users").unlink()
    with pytest.raises(exception.ConfigurationError, match="users cannot be read"):
        make()
