"""Connections without a server around them; with one in tests/contract/test_server_protocol.py."""

import contextlib
import io
import socket

import pytest
from oslo_config import cfg

from imagesvc import concurrency, conf
from imagesvc.api import protocol
from imagesvc.api import wire as wires


class State:
    def __init__(self, stops_after=100):
        self.begun = 0
        self._stops_after = stops_after

    def idle(self):
        return not self.stopping()

    def busy(self):
        self.begun += 1

    def stopping(self):
        return self.begun >= self._stops_after


def configured(**overrides):
    options = cfg.ConfigOpts()
    conf.parse_args(options, [], prog="glance-api")
    for name, value in overrides.items():
        options.set_override(name, value)
    return options


def talk(data, application, state=None, **overrides):
    """What the client gets for ``data``, and whether the end was proper."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        settings = protocol.settings(configured(**overrides), concurrency.DIRECT, None, is_tls=False)
        wire = wires.Wire(ours, lambda: None)
        connection = protocol.Connection(wire, ("c", 1), ("s", 2), application, settings, state or State())
        whole = connection.serve()
        ours.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := theirs.recv(1 << 16):
                answer += piece
    return answer, whole


def hello(environ, start_response):
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


def get(path="/", *headers):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: h", *headers, "", ""]).encode()


@pytest.mark.parametrize(("least", "is_judged"), [(0, False), (1000, True)])
def test_a_transfer_has_a_pace_only_if_a_rate_is_demanded(least, is_judged):
    paces = []

    def application(environ, start_response):
        paces.append(environ["wsgi.input"]._wire.pace)
        return hello(environ, start_response)

    talk(get() + get(), application, min_transfer_rate=least)
    assert [pace is not None for pace in paces] == [is_judged] * 2
    assert not is_judged or paces[0] is not paces[1]


def test_requests_follow_each_other_until_the_client_ends():
    answer, whole = talk(get("/one") + get("/two"), hello)
    assert [answer.count(word) for word in (b"/one", b"/two", b"Connection: close")] == [1, 1, 0]
    assert whole


def test_stopping_server_finishes_the_request_and_says_that_it_closes():
    answer, _ = talk(get("/one") + get("/two"), hello, State(stops_after=1))
    assert b"/one" in answer
    assert b"/two" not in answer
    assert b"\r\nConnection: close\r\n" in answer


def test_incomplete_response_is_no_proper_end():
    def broken(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return [b"abc"]

    assert talk(get(), broken)[1] is False


def test_result_is_closed_whatever_happens():
    class Result(io.BytesIO):
        def __iter__(self):
            raise RuntimeError

    result = Result()

    def application(environ, start_response):
        start_response("200 OK", [])
        return result

    assert talk(get(), application)[0].startswith(b"HTTP/1.1 500 ")
    assert result.closed


def test_path_in_the_log_cannot_forge_lines(caplog):
    def crash(environ, start_response):
        raise RuntimeError

    talk(get("/a%0Aforged?secret"), crash)
    messages = [record.getMessage() for record in caplog.records]
    assert any("/a%0Aforged" in message for message in messages)
    assert not any("\n" in message or "secret" in message for message in messages)


def test_environ_has_what_pep_3333_asks_for():
    seen = {}

    def application(environ, start_response):
        seen.update(environ)
        return hello(environ, start_response)

    talk(get("/p%C3%A4th?q=%20", "Content-Type: a/b", "Accept: x"), application)
    wanted = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/p\u00c3\u00a4th",
        "QUERY_STRING": "q=%20",
        "CONTENT_TYPE": "a/b",
        "HTTP_ACCEPT": "x",
        "HTTP_HOST": "h",
        "SERVER_NAME": "s",
        "SERVER_PORT": "2",
        "REMOTE_ADDR": "c",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
        "imagesvc.sendfile": True,
    }
    assert {key: seen.get(key) for key in wanted} == wanted
    assert "HTTP_CONTENT_TYPE" not in seen
    assert "CONTENT_LENGTH" not in seen


@pytest.mark.parametrize(
    ("overrides", "socket_seconds", "body_seconds"),
    [
        ({}, 900, 60),
        ({"client_socket_timeout": 0}, None, 60),
        ({"client_socket_timeout": 5}, 5, 5),
        ({"body_idle_timeout": 7}, 900, 7),
    ],
)
def test_timeouts_from_the_configuration(overrides, socket_seconds, body_seconds):
    settings = protocol.settings(configured(**overrides), concurrency.DIRECT, None, is_tls=True)
    assert (settings.socket_seconds, settings.body_seconds) == (socket_seconds, body_seconds)
    assert settings.environ["HTTPS"] == "on"


def test_head_limits_follow_max_header_line():
    limits = protocol.settings(configured(max_header_line=100_000), concurrency.DIRECT, None, is_tls=False).limits
    assert (limits.line, limits.total, limits.seconds) == (100_000, 200_000, 30)
