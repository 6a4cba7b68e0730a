import http.client
import socket

import pytest

from imagesvc import exception
from imagesvc.registry import health


@pytest.fixture
def ask():
    """Serve a check and ask for a path; (status, headers, body)."""
    servers = []

    def ask(check, path="/healthcheck", method="GET"):
        listener = health.bind("127.0.0.1", 0)
        server = health.HealthServer(listener, check)
        server.start()
        servers.append((server, listener))
        connection = http.client.HTTPConnection(*listener.getsockname(), timeout=10)
        connection.request(method, path)
        response = connection.getresponse()
        answer = response.status, response.headers, response.read().decode()
        connection.close()
        return answer

    yield ask
    for server, listener in servers:
        server.stop()
        listener.close()


def _raise(error):
    raise error


def test_well(ask):
    status, headers, body = ask(lambda: None)
    assert (status, body) == (200, "OK")
    assert headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert "Python" not in headers["Server"]


def test_head(ask):
    status, headers, body = ask(lambda: None, method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "2", "")


@pytest.mark.parametrize("error", [exception.SchemaMissing(), exception.DatabaseUnavailable()])
def test_unwell_says_why(ask, error):
    assert ask(lambda: _raise(error))[::2] == (503, error.msg)


def test_the_unexpected_is_not_shown(ask):
    status, _, body = ask(lambda: _raise(ValueError("secret")))
    assert status == 503
    assert "secret" not in body


def test_other_paths_and_methods(ask):
    assert ask(lambda: None, "/")[0] == 404
    assert ask(lambda: None, "/healthcheck?x=1")[0] == 200
    assert ask(lambda: None, method="POST")[0] == 501


def test_a_taken_port_stops_the_start():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(exception.ConfigurationError, match=f"127.0.0.1 port {port}"):
            health.bind("127.0.0.1", port)
