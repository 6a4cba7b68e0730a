"""Tokens that end, services that vouch for them, and a Keystone that is away."""

import pytest

from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, RawUpload, noise


def client_with(url, token, service_token=None):
    client = ImageClient(url)
    client.session.headers["X-Auth-Token"] = token
    if service_token:
        client.session.headers["X-Service-Token"] = service_token
    return client


# -- transfers that take longer than their token ------------------------------------------------------


@pytest.fixture
def begun(identified, keystone, people, client_of):
    """An upload under way whose token has expired meanwhile: the image, the upload, a client with the token."""

    def begin(seconds):
        image, token = owner.created(), keystone.token(people["member"], expires_in=seconds)
        upload = RawUpload(identified.url, image, 1000, headers={"X-Auth-Token": token})
        upload.send(noise(500))
        late = client_with(identified.url, token)
        wait_for("upload or expiry", lambda: owner.status(image) == "saving" or late.list().status_code == 401, 200)
        if owner.status(image) != "saving":
            upload.abandon()
            return None
        wait_for("expiry", lambda: late.list().status_code == 401, 200)
        return image, upload, late

    owner = client_of("member")
    # As long as it takes to begin on a busy machine.
    return next(filter(None, map(begin, (5, 15, 45, 135))))


def test_an_upload_ends_well_without_its_token(begun, client_of, people):
    image, upload, late = begun
    assert late.show(image).status_code == 401
    upload.send(noise(1000)[500:])
    status, text = upload.finish()
    assert status == 204, text
    found = client_of("member").show(image).json()
    assert (found["status"], found["size"], found["owner"]) == ("active", 1000, people["member"].project_id)


def test_an_upload_cleans_up_without_its_token(begun, identified, client_of):
    image, upload, _ = begun
    assert client_of("member").delete(image).status_code == 204
    upload.send(noise(1000)[500:])
    assert upload.finish()[0] in {404, 410}
    wait_for("cleaned staging", lambda: not list(identified.staging.iterdir()))
    assert not (identified.images / image).exists()


# -- service tokens ----------------------------------------------------------------------------------


def test_a_service_vouches_for_a_token_that_has_expired(identified, keystone, people, client_of):
    image = client_of("member").uploaded(noise(1000))
    expired = keystone.token(people["reader"], expires_in=-10)
    service = keystone.token(people["service"])
    assert client_with(identified.url, expired).show(image).status_code == 401
    vouched = client_with(identified.url, expired, service)
    assert vouched.show(image).status_code == 200
    # It is the reader who acts, not the service, which is an administrator.
    assert vouched.delete(image).status_code == 403
    assert vouched.create(visibility="public").status_code == 403
    # What the service vouched for is not remembered as valid.
    assert client_with(identified.url, expired).show(image).status_code == 401


def test_only_services_vouch(identified, keystone, people):
    expired = keystone.token(people["member"], expires_in=-10)
    good = keystone.token(people["member"])
    for other in (keystone.token(people["stranger"]), "garbage", keystone.token(people["service"], expires_in=-10)):
        assert client_with(identified.url, expired, other).list().status_code == 401
        # Beside a good token it neither harms nor helps.
        assert client_with(identified.url, good, other).list().status_code == 200
        assert client_with(identified.url, good, other).create(visibility="public").status_code == 403
    alone = ImageClient(identified.url)
    alone.session.headers["X-Service-Token"] = keystone.token(people["service"])
    assert alone.list().status_code == 401


# -- Keystone changes its mind, or is away -----------------------------------------------------------


@pytest.fixture(scope="module")
def forgetful(keystone, memcached, tmp_path_factory):
    """A service that remembers tokens for a second or two, and writes down whatever it does."""
    times = {"token_cache_time": 1, "token_memory_time": 1, "http_request_max_retries": 0}
    options = {
        "DEFAULT": {"debug": True, "default_log_levels": "imagesvc=DEBUG"},  # libraries too
        "paste_deploy": {"flavor": "keystone"},
        "keystone_authtoken": keystone.options(memcached) | times,
    }
    with deployed(tmp_path_factory.mktemp("forgetful"), options) as deployment:
        yield deployment


def test_a_revoked_token_ends_when_it_is_forgotten(forgetful, keystone, people):
    token = keystone.token(people["member"])
    client = client_with(forgetful.url, token)
    assert client.list().status_code == 200
    keystone.revoke(token)
    wait_for("revocation", lambda: client.list().status_code == 401)
    assert [client.list().status_code for _ in range(5)] == [401] * 5


def test_while_keystone_is_away_clients_are_told_to_come_back(forgetful, identified, keystone, people):
    remembered, new = keystone.token(people["member"]), keystone.token(people["member"])
    known = client_with(identified.url, remembered)
    assert known.list().status_code == 200
    with keystone.down():
        assert known.list().status_code == 200
        answer = client_with(forgetful.url, new).list()
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
        assert "WWW-Authenticate" not in answer.headers
    assert client_with(forgetful.url, new).list().status_code == 200


def test_nothing_of_this_is_in_the_logs(forgetful, identified, keystone):
    for service in (forgetful, identified):
        logs = service.log("glance-api") + service.log("glance-registry")
        assert "canary" not in logs
        assert "gAAAAA" not in logs
    assert " DEBUG keystoneauth" in forgetful.log("glance-api")
