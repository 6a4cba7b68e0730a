"""What an application's answer becomes on the wire."""

import contextlib
import io
import select
import socket

import pytest

from imagesvc import concurrency
from imagesvc.api import http1, responses, sendfile
from imagesvc.api import wire as wires


class Exchange:
    """A response to one request; ``sent()`` is what the client has got."""

    def __init__(self, request_line="GET / HTTP/1.1", keep_alive=True):
        ours, self._theirs = socket.socketpair()
        head = http1.parse_head(f"{request_line}\r\nHost: h")
        sender = sendfile.FileSender(concurrency.DIRECT, lambda sock, _: select.select([], [sock], []), select.poll)
        self.response = responses.Response(wires.Wire(ours, lambda: None), head, lambda: keep_alive, sender, 10)
        self._ours = ours

    def sent(self):
        self._ours.close()
        data = b""
        while piece := self._theirs.recv(1 << 20):
            data += piece
        return data

    def leave(self):
        self._theirs.close()

    def close(self):
        self._ours.close()
        self._theirs.close()


@pytest.fixture
def begin():
    """Begins exchanges and ends them after the test."""
    with contextlib.ExitStack() as stack:

        def factory(*arguments, **options):
            return stack.enter_context(contextlib.closing(Exchange(*arguments, **options)))

        yield factory


def test_length_is_taken_from_a_single_piece(begin):
    exchange = begin()
    exchange.response.start_response("200 OK", [("X-A", "b")])
    exchange.response.send([b"hello"])
    head, body = exchange.sent().split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\nDate: ")
    assert body == b"hello"
    assert exchange.response.complete
    assert exchange.response.keep_alive
    assert exchange.response.sent == 5


def test_empty_answer_has_length_zero_and_204_none(begin):
    for status, length in (("200 OK", True), ("204 No Content", False)):
        exchange = begin()
        exchange.response.start_response(status, [])
        exchange.response.send([])
        sent = exchange.sent()
        assert (b"Content-Length: 0" in sent) is length
        assert b"Transfer-Encoding" not in sent


def test_write_callable_sends_before_the_iterable(begin):
    exchange = begin()
    write = exchange.response.start_response("200 OK", [("Content-Length", "6")])
    write(b"abc")
    exchange.response.send([b"def"])
    assert exchange.sent().endswith(b"\r\n\r\nabcdef")


def test_applications_own_framing_is_left_out(begin):
    exchange = begin(keep_alive=False)
    exchange.response.start_response("200 OK", [("Connection", "keep-alive"), ("Transfer-Encoding", "gzip")])
    exchange.response.send(iter([b"a"]))
    sent = exchange.sent()
    assert sent.count(b"Connection:") == 1
    assert b"Connection: close" in sent
    assert b"gzip" not in sent


@pytest.mark.parametrize("bad", ["a\r\nb", "a\nb", "a\0b"])
def test_line_breaks_in_headers_are_refused(begin, bad):
    for status, headers in ((bad, []), ("200 OK", [("X", bad)]), ("200 OK", [(bad, "x")])):
        with pytest.raises(ValueError, match="line break"):
            begin().response.start_response(status, headers)


def test_start_response_twice_needs_an_error(begin):
    response = begin().response
    response.start_response("200 OK", [])
    with pytest.raises(AssertionError):
        response.start_response("200 OK", [])
    error = KeyError("x")
    response.start_response("500 Oops", [], (KeyError, error, None))
    assert response.status == "500 Oops"
    response.write(b"begun")
    with pytest.raises(KeyError):
        response.start_response("500 Oops", [], (KeyError, error, None))


def test_missing_start_response_is_an_error(begin):
    with pytest.raises(AssertionError):
        begin().response.send([b"x"])


def test_missing_bytes_are_an_error(begin):
    exchange = begin()
    exchange.response.start_response("200 OK", [("Content-Length", "6")])
    with pytest.raises(responses.IncompleteResponse):
        exchange.response.send([b"abc"])
    assert not exchange.response.complete


def test_failure_is_answered_once_and_only_before_the_beginning(begin):
    exchange = begin()
    exchange.response.fail("req-1")
    assert exchange.sent().startswith(b"HTTP/1.1 500 ")
    begun = begin()
    begun.response.start_response("200 OK", [])
    begun.response.write(b"abc")
    begun.response.fail("req-1")
    assert b"500" not in begun.sent()


def test_file_is_sent_from_its_position_for_the_announced_length(begin, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(200)) * 100)
    exchange = begin()
    with path.open("rb") as file:
        file.seek(100)
        exchange.response.start_response("200 OK", [("Content-Length", "9000")])
        exchange.response.send(sendfile.FileWrapper(file))
    assert exchange.sent().split(b"\r\n\r\n", 1)[1] == path.read_bytes()[100:9100]
    assert exchange.response.sent == 9000


def test_file_without_descriptor_or_length_goes_the_common_way(begin):
    exchange = begin()
    exchange.response.start_response("200 OK", [("Content-Length", "3")])
    exchange.response.send(sendfile.FileWrapper(io.BytesIO(b"abcdef"), 2))
    assert exchange.sent().endswith(b"\r\n\r\nabc")


def test_gone_client_is_told_apart_from_errors_of_the_application(begin):
    exchange = begin()
    exchange.response.start_response("200 OK", [])
    exchange.leave()
    with pytest.raises(responses.Disconnected):
        exchange.response.write(b"abc")


def test_refusal_is_a_whole_closing_response(begin):
    head, body = responses.refusal("400 Bad Request", "why", "req-1").split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\nConnection: close" in head
    assert b"\r\nx-openstack-request-id: req-1\r\n" in head
    assert b"\r\nContent-Length: 4\r\n" in head
    assert body == b"why\n"
