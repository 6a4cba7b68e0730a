"""Bodies as files; over the network they are tried in tests/contract/test_server_protocol.py."""

import contextlib
import io
import socket

import pytest

from imagesvc import exception
from imagesvc.api import bodies
from imagesvc.api import wire as wires

TEXT = b"first\nsecond\n\nlast"


def length_body(data, length):
    return _body(data, length)


def chunked_body(data, size=7):
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    return _body(b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n", None)


_SOCKETS = contextlib.ExitStack()


@pytest.fixture(autouse=True)
def close_sockets():
    with _SOCKETS:
        yield


def _body(data, length):
    ours, theirs = socket.socketpair()
    theirs.sendall(data)
    theirs.close()
    return bodies.Body(wires.Wire(_SOCKETS.enter_context(ours), lambda: None), length, 10)


def checked_body(data, length):
    return bodies.CheckedInput({"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(length)})


def checked_chunked_body(data):
    return bodies.CheckedInput({"wsgi.input": io.BytesIO(data), "wsgi.input_terminated": True})


KINDS = {
    "length": lambda data: length_body(data, len(data)),
    "chunked": chunked_body,
    "one-byte chunks": lambda data: chunked_body(data, 1),
    "other server": lambda data: checked_body(data, len(data)),
    "other server, chunked": checked_chunked_body,
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def make(request):
    return request.param


def test_read_all(make):
    body = make(TEXT)
    assert body.read() == TEXT
    assert body.read() == b""
    assert body.read(5) == b""
    assert body.received == len(TEXT)
    assert body.done


@pytest.mark.parametrize("size", [1, 3, 7, 8, 100])
def test_read_is_exact_until_the_end(make, size):
    body = make(TEXT)
    pieces = list(iter(lambda: body.read(size), b""))
    assert b"".join(pieces) == TEXT
    assert all(len(piece) == size for piece in pieces[:-1])
    assert body.read(0) == b""


def test_readinto_is_exact_until_the_end(make):
    body = make(TEXT)
    block = bytearray(10)
    assert body.readinto(block) == 10
    assert bytes(block) == TEXT[:10]
    assert body.readinto(block) == len(TEXT) - 10
    assert body.readinto(block) == 0


def test_lines(make):
    assert list(make(TEXT)) == [b"first\n", b"second\n", b"\n", b"last"]
    assert make(TEXT).readlines(7) == [b"first\n", b"second\n"]
    body = make(TEXT)
    assert body.readline(3) == b"fir"
    assert body.readline() == b"st\n"
    assert body.read(4) == b"seco"
    block = bytearray(4)
    assert body.readline() == b"nd\n"
    assert body.readline(1) == b"\n"
    assert body.readinto(block) == 4
    assert bytes(block) == b"last"


def test_empty_body():
    assert length_body(b"next request", 0).read() == b""
    assert chunked_body(b"").read() == b""
    assert checked_body(b"", 0).read() == b""
    assert bodies.CheckedInput({"wsgi.input": io.BytesIO(b"next request")}).read() == b""


@pytest.mark.parametrize("make_short", [length_body, checked_body])
@pytest.mark.parametrize("reader", ["read", "readinto", "readline"])
def test_short_body_is_an_error_every_time(make_short, reader):
    body = make_short(TEXT, len(TEXT) + 1)
    block = bytearray(1000)
    for _ in range(2):
        with pytest.raises(exception.IncompleteBody) as caught:
            body.readinto(block) if reader == "readinto" else list(iter(getattr(body, reader), b""))
        assert caught.value.kwargs == {"received": len(TEXT)}


def test_error_of_another_server_is_an_incomplete_body():
    class Source:
        def read(self, size):
            raise OSError("Apache/mod_wsgi request data read error")

    with pytest.raises(exception.IncompleteBody):
        bodies.CheckedInput({"wsgi.input": Source(), "CONTENT_LENGTH": "5"}).read()


def test_client_is_invited_before_the_first_byte_only():
    invitations = []
    body = length_body(TEXT, len(TEXT))
    body.invite = lambda: invitations.append(body.received)
    assert not body.drainable(1 << 20)
    body.read(3)
    body.read(3)
    assert invitations == [0]
    assert body.drainable(1 << 20)


def test_discard_has_a_limit():
    assert length_body(bytes(1000), 1000).discard(1000)
    assert not length_body(bytes(1000), 1000).discard(999)
    assert not length_body(bytes(1000), 1001).discard(5000)
    assert not chunked_body(b"").drainable(100)
    assert chunked_body(b"abc").discard(100)


def test_open_body_takes_ours_and_wraps_others():
    ours = length_body(TEXT, len(TEXT))
    assert bodies.open_body({"wsgi.input": ours}) is ours
    assert isinstance(bodies.open_body({"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}), bodies.CheckedInput)
