"""Addresses, sockets and certificates from the configuration."""

import resource
import socket
import threading
import time

import pytest
from oslo_config import cfg

from imagesvc import conf, exception
from imagesvc.api import listeners


def configured(flavor=None, **overrides):
    options = cfg.ConfigOpts()
    conf.parse_args(options, [], prog="glance-api")
    options.set_override("flavor", flavor, group="paste_deploy")
    for name, value in overrides.items():
        options.set_override(name, value)
    return options


@pytest.mark.parametrize(
    ("flavor", "bind_host", "address", "loud"),
    [
        (None, None, "127.0.0.1", True),
        ("", None, "127.0.0.1", True),
        (None, "0.0.0.0", "0.0.0.0", True),
        ("caching", None, "127.0.0.1", True),
        ("of-the-operator", None, "127.0.0.1", True),
        ("basic", None, "0.0.0.0", False),
        ("keystone", None, "0.0.0.0", False),
        ("trusted-auth", None, "0.0.0.0", False),
        ("keystone+caching", "::1", "::1", False),
    ],
)
def test_address_depends_on_whether_callers_identify_themselves(caplog, flavor, bind_host, address, loud):
    assert listeners.bind_address(configured(flavor, bind_host=bind_host)) == address
    assert ("EVERY CALLER IS AN ADMINISTRATOR" in caplog.text) is loud


def test_socket_options():
    with listeners.listen(configured(bind_port=0, tcp_keepidle=77)) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 77
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def test_unspecified_ipv6_address_serves_ipv4_too():
    with listeners.listen(configured(bind_host="::", bind_port=0)) as sock:
        socket.create_connection(("127.0.0.1", sock.getsockname()[1]), timeout=10).close()


def test_address_that_cannot_be_had_is_named():
    with pytest.raises(exception.ConfigurationError, match=r"192\.0\.2\.1:9292 \(bind_host, bind_port\)"):
        listeners.listen(configured(bind_host="192.0.2.1"))


def test_no_certificate_means_no_tls():
    assert listeners.tls_context(configured()) is None


@pytest.mark.parametrize("options", [{"cert_file": "c"}, {"key_file": "k"}, {"ca_file": "a"}])
def test_certificate_and_key_belong_together(options):
    with pytest.raises(exception.ConfigurationError, match="both cert_file and key_file"):
        listeners.tls_context(configured(**options))


def test_certificate_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "junk.pem"
    path.write_text("junk")
    with pytest.raises(exception.ConfigurationError, match=r"junk\.pem"):
        listeners.tls_context(configured(cert_file=str(path), key_file=str(path)))


@pytest.mark.parametrize(
    ("limits", "connections"), [((64, 64), 16), ((64, 1064), 516), ((10, 10), 4), ((1 << 20, 1 << 20), 8192)]
)
def test_connections_fit_into_the_descriptors(monkeypatch, limits, connections):
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert listeners.connection_limit() == connections


def test_connections_that_wait_are_let_in_before_the_end():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        waiting = threading.Thread(target=listeners.let_in_who_waits, args=(listener, 30), daemon=True)
        waiting.start()
        connection, _ = listener.accept()
        connection.close()
        waiting.join(20)
        assert not waiting.is_alive()


def test_connections_that_nobody_accepts_hold_nobody_up():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        before = time.monotonic()
        listeners.let_in_who_waits(listener, 0.1)
        assert time.monotonic() - before >= 0.1
