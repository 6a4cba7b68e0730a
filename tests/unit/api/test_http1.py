"""Request heads; the table of refused ones is tests/contract/test_server_protocol.py."""

import socket

import pytest

from imagesvc.api import http1
from imagesvc.api import wire as wires

LIMITS = http1.Limits(line=100, total=400, seconds=10)


def read(data, limits=LIMITS):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        wire = wires.Wire(ours, lambda: None)
        return http1.read_head(wire, limits), wire.peek()


def refusal(data):
    with pytest.raises(http1.RefusedRequest) as caught:
        read(data)
    return caught.value.status[:3]


def test_head_and_what_follows_it():
    head, rest = read(
        b"\r\n\r\nPUT /a?b=c HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\nX-A: 1\r\nx-a: 2\r\n\r\nabcGET"
    )
    assert (head.method, head.target, head.version, head.length) == ("PUT", "/a?b=c", (1, 1), 3)
    assert head.fields == {"host": "h:1", "content-length": "3", "x-a": "1,2"}
    assert rest == b"abcGET"


def test_chunked_body_has_no_length():
    assert read(b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n")[0].length is None


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.1", "Connection: Upgrade, Close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: Keep-Alive\r\n", True),
    ],
)
def test_keep_alive(version, connection, kept):
    assert read(f"GET / HTTP/{version}\r\nHost: h\r\n{connection}\r\n".encode())[0].keep_alive is kept


@pytest.mark.parametrize("host", ["h", "h:80", "[::1]:9292", "10.0.0.1", "a-b.example", ""])
def test_hosts_that_are_fine(host):
    assert read(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())[0].fields["host"] == host


@pytest.mark.parametrize(
    ("target", "path"), [("http://o", "/"), ("http://o/p?q", "/p?q"), ("HTTPS://o?q", "/?q"), ("//double", "//double")]
)
def test_targets(target, path):
    assert read(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())[0].target == path


def test_asterisk_is_for_options_only():
    assert read(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")[0].target == "*"
    assert refusal(b"GET * HTTP/1.1\r\nHost: h\r\n\r\n") == "400"


def test_sizes():
    line = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"
    assert read(line % (b"a" * 80))
    assert refusal(line % (b"a" * 200)) == "414"
    assert refusal(b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 100 + b"\r\n\r\n") == "431"
    assert refusal(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"A: a\r\n" * 100 + b"\r\n") == "431"


def test_end_of_stream_within_the_head():
    with pytest.raises(EOFError):
        read(b"GET / HTTP/1.1\r\nHost:")


def test_time_runs_from_the_first_byte():
    with pytest.raises(TimeoutError):
        read(b"GET / HTTP", http1.Limits(line=100, total=400, seconds=0))


def test_environ_keys():
    assert http1.environ_key("x-Auth-Token") == "HTTP_X_AUTH_TOKEN"
    assert http1.environ_key("X_Auth-Token") is None
