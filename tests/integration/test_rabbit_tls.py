"""TLS to the broker: the right one is reached, any other is refused, and the log says why."""

import pytest

from imagesvc import exception
from imagesvc.rpc import keys, transport
from tests.contract.conftest import Registries
from tests.fixtures import certificates, rabbit
from tests.fixtures.rpc import make_conf, make_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("ca"), "ours")


@pytest.fixture(scope="module")
def broker(authority):
    """One whose certificate is for ``localhost``."""
    with rabbit.running(authority.issue("localhost"), vhosts=5) as started:
        yield started


@pytest.fixture
def registries(tmp_path):
    keys.create(tmp_path / "keys")
    made = Registries(tmp_path)
    yield made
    made.close()


def test_calls_cross_by_tls(broker, registries, authority, tmp_path):
    rabbit.write_bus(tmp_path, broker.url(broker.vhost(), host="localhost"), ssl=True, ssl_ca_file=authority.ca)
    registries.start()
    assert registries.caller().read(make_context(), "echo", "1.0", value=1)["value"] == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [("ca", "certificate verify failed"), ("name", "IP address mismatch"), ("plain", "Connection failed")],
)
def test_a_wrong_broker_is_refused_and_the_log_says_why(broker, registries, authority, tmp_path, caplog, fault, words):
    ca = certificates.Authority(tmp_path, "theirs").ca if fault == "ca" else authority.ca
    options = {} if fault == "plain" else {"ssl": True, "ssl_ca_file": ca}
    vhost = broker.vhost()
    url = broker.url(vhost, host="127.0.0.1" if fault == "name" else "localhost")
    rabbit.write_bus(tmp_path, url, **options)
    caller = registries.caller(try_timeout=2, metadata_deadline=4)
    with pytest.raises(exception.RegistryUnavailable):
        caller.read(make_context(), "echo", "1.0", value=1)
    assert words in caplog.text
    assert "canary" not in caplog.text
    assert f"access to vhost '{vhost}'" not in broker.log


def test_an_expired_certificate_is_refused_and_the_log_says_why(registries, authority, tmp_path, caplog):
    with rabbit.running(authority.issue("localhost", expired=True), vhosts=1) as broker:
        rabbit.write_bus(tmp_path, broker.url("v0", host="localhost"), ssl=True, ssl_ca_file=authority.ca)
        caller = registries.caller(try_timeout=2, metadata_deadline=4)
        with pytest.raises(exception.RegistryUnavailable):
            caller.read(make_context(), "echo", "1.0", value=1)
        assert "certificate has expired" in caplog.text
        assert "authenticated" not in broker.log


def test_tls_without_a_ca_is_refused_at_start(registries, tmp_path):
    rabbit.write_bus(tmp_path, "rabbit://u:canary@localhost:1/v", ssl=True)
    for opened in (transport.get_caller, lambda conf: transport.get_server(conf, [], "s")):
        with pytest.raises(exception.ConfigurationError, match="ssl_ca_file") as refusal:
            opened(make_conf(tmp_path))
        assert "canary" not in refusal.value.msg
