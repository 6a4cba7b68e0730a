"""An account that the broker refuses stops the start with a clear message; a broker that is away does not."""

import pytest

from imagesvc import exception
from imagesvc.rpc import transport
from tests.fixtures.daemons import Deployment, wait_for
from tests.fixtures.images import ImageClient
from tests.fixtures.rpc import make_conf

pytest_plugins = ["tests.fixtures.rabbit_seam"]


def _configured(registries, url):
    bus = registries.callers / "bus.conf"
    bus.write_text(bus.read_text().replace(registries.broker.url(registries.vhost, "api"), url))
    return make_conf(registries.callers)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("password", "account 'api' .* ACCESS_REFUSED"),
        ("vhost", "virtual host 'nowhere': NOT_ALLOWED - vhost nowhere not found"),
    ],
)
def test_an_account_that_is_refused_is_found_out(broker, registries, wrong, words):
    good = broker.url(registries.vhost, "api")
    url = good.replace("canary", "canary-wrong") if wrong == "password" else broker.url("nowhere", "api")
    with pytest.raises(exception.ConfigurationError, match=words) as refusal:
        transport.check_account(_configured(registries, url))
    assert "canary" not in refusal.value.msg


def test_an_account_that_is_let_in_is_none_of_that(broker, registries):
    transport.check_account(_configured(registries, broker.url(registries.vhost, "api")))


def test_a_broker_that_is_not_there_is_none_of_that(broker, registries):
    transport.check_account(_configured(registries, "rabbit://api:canary@127.0.0.1:1/v"))


def test_an_account_without_permissions_is_refused_to_a_registry(broker, registries):
    conf = _configured(registries, broker.url(registries.vhost, "stranger"))
    server = transport.get_server(conf, [], "s")
    with pytest.raises(exception.ConfigurationError, match="ACCESS_REFUSED - access to exchange 'glance'") as refusal:
        server.start()
    assert "canary" not in refusal.value.msg


@pytest.mark.parametrize("daemon", ["glance-registry", "glance-api"])
def test_a_daemon_with_a_refused_account_does_not_start_and_says_why(broker, registries, tmp_path, daemon):
    url = broker.url(registries.vhost, "api").replace("canary", "canary-wrong")
    options = {"DEFAULT": {"transport_url": url}, "rpc": {"signing_key_file": tmp_path / "keys"}}
    deployment = Deployment(tmp_path / "host", options)
    deployment.directory.mkdir()
    deployment.configure()
    try:
        (deployment.start_registry if daemon == "glance-registry" else deployment.start_api)(wait=False)
        assert deployment.processes[daemon].wait(60) == 1
    finally:
        deployment.close()
    assert "the broker refuses the account 'api'" in deployment.log(daemon)
    assert "canary" not in deployment.log(daemon)


def test_daemons_wait_for_their_broker_and_then_serve(broker, registries, tmp_path):
    options = {
        "DEFAULT": {"transport_url": broker.url(registries.vhost)},
        "rpc": {"signing_key_file": tmp_path / "keys"},
    }
    deployment = Deployment(tmp_path / "host", options)
    deployment.directory.mkdir()
    broker.kill()
    try:
        deployment.prepare()
        deployment.start_registry(wait=False)
        deployment.start_api()
        api = ImageClient(deployment.url)
        assert api.create().status_code == 503
        broker.start()
        wait_for("service", lambda: api.create().status_code == 201, 90)
    finally:
        deployment.close()
