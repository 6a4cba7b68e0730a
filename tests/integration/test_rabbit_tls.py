"""TLS to the broker: the right one is reached, any other is refused, and the log says why."""

import subprocess
import sys

import pytest

from imagesvc import exception
from imagesvc.rpc import transport
from tests.contract.conftest import _ROOT
from tests.fixtures import certificates, rabbit
from tests.fixtures.rpc import make_conf, make_context

pytest_plugins = ["tests.fixtures.rabbit_seam"]


def test_calls_cross_by_tls(broker, registries, authority):
    registries.meet(f"localhost:{broker.tls_port}", ssl=True, ssl_ca_file=authority.ca)
    registries.start()
    assert registries.caller().read(make_context(), "echo", "1.0", value=1)["value"] == 1


#: Many callers of one connection at a time, small and large answers.
_MANY = """
import eventlet
if sys.argv[1] == "green":
    eventlet.monkey_patch()
import threading
from pathlib import Path
from imagesvc.rpc import transport
from tests.fixtures.rpc import make_conf, make_context

caller = transport.get_caller(make_conf(Path(sys.argv[2])))
failed = []
def work(worker):
    try:
        for number in range(20):
            value = [worker, number]
            assert caller.mutate(make_context(), "apply", "1.0", value=value) == {"value": value}
        assert len(caller.read(make_context(), "pad", "1.0", size=1_000_000)) == 1_000_000
    except BaseException as error:
        failed.append(error)
        raise
threads = [threading.Thread(target=work, args=[worker]) for worker in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
caller.close()
assert not failed
"""


@pytest.mark.parametrize("threads", ["native", "green"])
def test_many_calls_share_a_connection_by_tls(broker, registries, authority, threads):
    registries.meet(f"localhost:{broker.tls_port}", ssl=True, ssl_ca_file=authority.ca)
    registries.start()
    command = [sys.executable, "-W", "ignore", "-c", "import sys\n" + _MANY, threads, str(registries.callers)]
    subprocess.run(command, cwd=_ROOT, check=True, timeout=120)
    assert sorted(registries.effects) == [[worker, number] for worker in range(8) for number in range(20)]


def _assert_refused(registries, caplog, words):
    """Nobody logs in, and nobody is told the password."""
    login = f"user 'api' authenticated and granted access to vhost '{registries.vhost}'"
    logins = registries.broker.log.count(login)
    with pytest.raises(exception.RegistryUnavailable):
        registries.caller(try_timeout=2, metadata_deadline=3).read(make_context(), "echo", "1.0", value=1)
    assert words in caplog.text
    assert "canary" not in caplog.text
    assert registries.broker.log.count(login) == logins


@pytest.mark.parametrize(
    ("fault", "words"),
    [("ca", "certificate verify failed"), ("name", "IP address mismatch"), ("plain", "Connection failed")],
)
def test_a_wrong_broker_is_refused_and_the_log_says_why(broker, registries, authority, tmp_path, caplog, fault, words):
    ca = certificates.Authority(tmp_path, "theirs").ca if fault == "ca" else authority.ca
    options = {} if fault == "plain" else {"ssl": True, "ssl_ca_file": ca}
    host = "127.0.0.1" if fault == "name" else "localhost"
    registries.meet(f"{host}:{broker.tls_port}", **options)
    _assert_refused(registries, caplog, words)


def test_an_expired_certificate_is_refused_and_the_log_says_why(broker, registries, authority, caplog):
    registries.meet(f"localhost:{broker.tls_port}", ssl=True, ssl_ca_file=authority.ca)
    broker.present(authority.issue("localhost", expired=True))
    try:
        _assert_refused(registries, caplog, "certificate has expired")
    finally:
        broker.present(authority.issue("localhost"))


def test_tls_without_a_ca_is_refused_at_start(registries, tmp_path):
    rabbit.write_bus(tmp_path, "rabbit://u:canary@localhost:1/v", ssl=True)
    for opened in (transport.get_caller, lambda conf: transport.get_server(conf, [], "s")):
        with pytest.raises(exception.ConfigurationError, match="ssl_ca_file") as refusal:
            opened(make_conf(tmp_path))
        assert "canary" not in refusal.value.msg
