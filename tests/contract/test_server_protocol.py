"""HTTP/1.1 as glance-api's real server speaks it, with a small application behind it."""

import contextlib
import hashlib
import http.client
import re
import socket

import pytest

from tests.fixtures.daemons import wait_for
from tests.fixtures.http_server import read_all, read_exactly, read_head, served


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("server"), max_header_line=4096, body_idle_timeout=2) as running:
        yield running


def request(line="GET /who HTTP/1.1", *headers, body=b""):
    return "\r\n".join([line, "Host: here", *headers, "", ""]).encode("latin-1") + body


CLOSE = "Connection: close"
SMUGGLED = request("GET /who?smuggled HTTP/1.1", CLOSE)

AMBIGUOUS = {
    "length and chunked": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "chunked and length": ["Transfer-Encoding: chunked", "Content-Length: 5"],
    "two lengths": ["Content-Length: 5", "Content-Length: 6"],
    "one length twice": ["Content-Length: 5", "Content-Length: 5"],
    "list of lengths": ["Content-Length: 5, 5"],
    "plus": ["Content-Length: +5"],
    "minus": ["Content-Length: -1"],
    "exponent": ["Content-Length: 1e3"],
    "hexadecimal": ["Content-Length: 0x5"],
    "underscore": ["Content-Length: 1_0"],
    "infinity": ["Content-Length: \u00e2\u0088\u009e"],
    "superscript": ["Content-Length: \u00b2"],
    "empty": ["Content-Length:"],
    "huge": ["Content-Length: 99999999999999999999"],
    "other coding": ["Transfer-Encoding: gzip, chunked"],
    "identity": ["Transfer-Encoding: identity"],
    "not quite chunked": ["Transfer-Encoding: xchunked"],
    "vertical tab": ["Transfer-Encoding: \x0bchunked"],
    "two codings": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "space before colon": ["Content-Length : 5"],
    "folded": ["X-Fold: a", " Content-Length: 5"],
    "no colon": ["Content-Length 5"],
    "no name": [": 5"],
    "NUL": ["X-Nul: a\0b"],
    "bare CR": ["X-Cr: a\rContent-Length: 5"],
    "bare LF": ["X-Lf: a\nContent-Length: 5"],
    "two hosts": ["Host: there"],
}


@pytest.mark.parametrize("headers", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_request_is_refused_and_nothing_after_it_is_executed(server, headers):
    answer = server.exchange(request("PUT /echo HTTP/1.1", *headers, body=b"0\r\n\r\n" + SMUGGLED))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\nabc\r\n", b"-1\r\n", b"+3\r\nabc\r\n", b"0x3\r\nabc\r\n", b"\r\nabc\r\n", b" 3\r\nabc\r\n", b"3\nabc\r\n0\r\n\r\n",
     b"3\r\nabcd\r\n0\r\n\r\n", b"3\r\nabc0\r\n\r\n", b"1" * 40 + b"\r\n", b"3;a\0b\r\nabc\r\n0\r\n\r\n", b"3" + b";a" * 4000],
)  # fmt: skip
def test_malformed_chunks_are_refused_and_nothing_after_them_is_executed(server, chunks):
    answer = server.exchange(request("PUT /echo HTTP/1.1", "Transfer-Encoding: chunked", body=chunks + SMUGGLED))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET / HTTP/1.0\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: evil@x\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 5000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Many: a\r\n" * 1000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + (b"X-Wide: " + b"a" * 3000 + b"\r\n") * 30 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX-Endless: " + b"a" * 200_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_malformed_head_is_answered_by_the_server_itself(server, data, status):
    answer = server.exchange(data)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close\r\n" in answer


def test_absolute_target_is_reduced_to_its_path_and_its_host_wins(server):
    answer = server.exchange(request("GET http://there:81/environ?a=1 HTTP/1.1", CLOSE))
    assert b"\nHTTP_HOST=there:81\n" in answer
    assert b"\nPATH_INFO=/environ\n" in answer
    assert b"\nQUERY_STRING=a=1\n" in answer


def test_header_with_underscore_cannot_pass_for_another(server):
    answer = server.exchange(request("GET /environ HTTP/1.1", "X_Roles: admin", "X-Roles: member", CLOSE))
    assert b"\nHTTP_X_ROLES=member\n" in answer
    assert b"admin" not in answer


def test_repeated_headers_are_joined_and_path_is_decoded(server):
    answer = server.exchange(request("GET /environ HTTP/1.1", "Accept: a", "Accept: b", "X-E:  v \t", CLOSE))
    assert b"\nHTTP_ACCEPT=a,b\n" in answer
    assert b"\nHTTP_X_E=v\n" in answer


# -- bodies ------------------------------------------------------------------------------------------


def chunked(*pieces):
    return b"".join(b"%X\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


BODY = bytes(range(256)) * 4099


@pytest.mark.parametrize("sizes", [[1] * 3000, [4096], [65536], [1 << 20], [100, 200_000, 3, 600_000]])
def test_chunked_body_arrives_whole(server, sizes):
    pieces, rest = [], BODY
    for size in sizes * (len(BODY) // sum(sizes) + 1) if len(sizes) < 3000 else sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    sent = b"".join(piece for piece in pieces if piece)
    data = chunked(*(piece for piece in pieces if piece))
    answer = server.exchange(request("PUT /discard?hash HTTP/1.1", "Transfer-Encoding: chunked", CLOSE, body=data))
    assert answer.endswith(b"%d %s" % (len(sent), hashlib.sha256(sent).hexdigest().encode()))


def test_chunk_extensions_and_trailers_are_skipped(server):
    data = b'3;a=b;c="d"\r\nabc\r\n2 ;x\r\nde\r\n0\r\nX-Trailer: y\r\n\r\n'
    answer = server.exchange(
        request("PUT /echo HTTP/1.1", "Transfer-Encoding: chunked", body=data) + request("GET /who HTTP/1.1", CLOSE)
    )
    assert b"\r\n\r\nabcdeHTTP/1.1 200 OK" in answer
    assert b"X_TRAILER" not in answer


@pytest.mark.parametrize("path", ["/echo", "/discard"])
@pytest.mark.parametrize(
    ("header", "body", "received"),
    [
        ("Content-Length: 1000", b"", 0),
        ("Content-Length: 1000", b"x" * 999, 999),
        ("Content-Length: 3000000", b"x" * 2_000_000, 2_000_000),
        ("Transfer-Encoding: chunked", b"", 0),
        ("Transfer-Encoding: chunked", b"5", 0),
        ("Transfer-Encoding: chunked", b"5\r\nabc", 3),
        ("Transfer-Encoding: chunked", b"5\r\nabcde", 5),
        ("Transfer-Encoding: chunked", b"5\r\nabcde\r\n", 5),
        ("Transfer-Encoding: chunked", b"5\r\nabcde\r\n0\r\n", 5),
    ],
)
def test_body_that_breaks_off_is_an_error_for_the_application(server, path, header, body, received):
    before = len(server.lines("incomplete"))
    with server.connect() as sock:
        sock.sendall(request(f"PUT {path} HTTP/1.1", header, body=body))
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 400 ")
    noted = wait_for("report of the incomplete body", lambda: server.lines("incomplete")[before:])
    assert noted == [str(received)]


@pytest.mark.parametrize("header", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_body_that_stalls_is_given_up_after_body_idle_timeout(server, header):
    before = len(server.lines("incomplete"))
    with server.connect() as sock:
        sock.sendall(request("PUT /discard HTTP/1.1", header, body=b"3\r\nabc"))
        assert read_all(sock).startswith(b"HTTP/1.1 400 ")
    assert len(server.lines("incomplete")) == before + 1


def test_reset_during_a_body_is_an_incomplete_body(server):
    before = len(server.lines("incomplete"))
    with server.connect() as sock:
        sock.sendall(request("PUT /discard HTTP/1.1", "Content-Length: 100000", body=b"x" * 50_000))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_for("report of the reset", lambda: len(server.lines("incomplete")) == before + 1)


# -- 100-continue ------------------------------------------------------------------------------------


def test_continue_is_said_when_the_body_is_read(server):
    with server.connect() as sock:
        sock.sendall(request("PUT /echo HTTP/1.1", "Content-Length: 5", "Expect: 100-continue"))
        assert read_head(sock) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        assert read_head(sock).startswith(b"HTTP/1.1 200 OK")
        assert read_exactly(sock, 5) == b"hello"
        sock.sendall(request("GET /who HTTP/1.1"))
        assert read_head(sock).startswith(b"HTTP/1.1 200 OK")


def test_continue_is_not_said_when_the_body_is_refused(server):
    with server.connect() as sock:
        sock.sendall(request("PUT /refuse HTTP/1.1", "Content-Length: 5000000", "Expect: 100-continue"))
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert b"100 Continue" not in answer


def test_http_1_0_client_is_never_told_to_continue(server):
    answer = server.exchange(b"PUT /echo HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\nhi")


# -- connections -------------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_order(server):
    data = request("PUT /echo HTTP/1.1", "Content-Length: 3", body=b"one")
    data += request("PUT /echo HTTP/1.1", "Transfer-Encoding: chunked", body=chunked(b"two"))
    data += request("GET /empty HTTP/1.1")
    data += request("PUT /echo HTTP/1.1", "Content-Length: 5", CLOSE, body=b"three")
    answer = server.exchange(data + request("GET /who HTTP/1.1"))
    places = [answer.find(word) for word in (b"one", b"two", b" 204 ", b"three")]
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 ") == 4


def test_small_unread_body_is_swallowed_and_the_connection_kept(server):
    body = b"x" * 500_000
    answer = server.exchange(
        request("PUT /refuse HTTP/1.1", f"Content-Length: {len(body)}", body=body) + request("GET /who HTTP/1.1", CLOSE)
    )
    assert answer.count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize(
    "body", [["Content-Length: 50000000"], ["Transfer-Encoding: chunked"]], ids=["length", "chunked"]
)
def test_large_unread_body_closes_the_connection_with_the_answer_readable(server, body):
    with server.connect() as sock:
        sock.sendall(request("PUT /refuse HTTP/1.1", *body, body=b"4000\r\n" + b"x" * 0x4000 + b"\r\n"))
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"no")


def test_http_1_0_gets_no_chunks_and_keeps_the_connection_only_if_asked(server):
    assert server.exchange(b"GET /stream HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\nonetwothree")
    asked = server.exchange(b"GET /who HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /who HTTP/1.0\r\n\r\n")
    assert asked.count(b"HTTP/1.1 200 OK") == 2
    assert asked.count(b"Connection: keep-alive") == 1


def test_unknown_length_is_sent_in_chunks(server):
    answer = server.exchange(request("GET /stream HTTP/1.1", CLOSE))
    assert b"\r\nTransfer-Encoding: chunked\r\n" in answer
    assert answer.endswith(b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")


def test_head_has_headers_and_no_body(server):
    answer = server.exchange(request("HEAD /long HTTP/1.1") + request("HEAD /stream HTTP/1.1", CLOSE))
    first, second, rest = answer.split(b"\r\n\r\n")
    assert b"\r\nContent-Length: 4" in first
    assert second.startswith(b"HTTP/1.1 200 OK")
    assert rest == b""


def test_no_more_than_the_announced_length_is_sent(server):
    answer = server.exchange(request("GET /long HTTP/1.1") + request("GET /empty HTTP/1.1", CLOSE))
    assert b"\r\n\r\n1234HTTP/1.1 204" in answer


@pytest.mark.parametrize("path", ["/short", "/break"])
def test_body_that_the_application_does_not_finish_breaks_the_connection(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path)
        with connection.getresponse() as response, pytest.raises(http.client.IncompleteRead):
            response.read()


@pytest.mark.parametrize("path", ["/crash", "/header"])
def test_error_of_the_application_is_500_without_details(server, path):
    answer = server.exchange(request(f"GET {path} HTTP/1.1"))
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"\r\nx-openstack-request-id: req-" in answer
    assert b"Traceback" not in answer
    assert b"secret" not in answer
    assert b"evil" not in answer
    assert "Traceback" in server.log


def test_body_is_closed_when_the_client_goes_away(server):
    before = len(server.lines("closed"))
    with server.connect() as sock:
        sock.sendall(request("GET /wait HTTP/1.1"))
        read_head(sock)
    wait_for("closed body", lambda: len(server.lines("closed")) > before)
    assert "BrokenPipe" not in server.log


def test_what_the_server_itself_refuses_has_a_request_id_too(server):
    """One of its own: what the client sent may not even have been read."""
    answer = server.exchange(request("GET /who HTTP/1.1", "X-Openstack-Request-Id: mine", "Host: again", "Host: again"))
    request_id = re.search(rb"\r\nx-openstack-request-id: (req-[0-9a-f-]{36})\r\n", answer)[1].decode()
    wait_for("access line", lambda: f"[{request_id}] - refused: 400 Bad Request" in server.log)


def test_access_line_has_the_request_id_and_no_query(server):
    server.exchange(request("GET /who?token=topsecret HTTP/1.1", "X-Auth-Token: topsecret2", CLOSE))
    wait_for("access line", lambda: '[req-test-who] "GET /who" status: 200' in server.log)
    assert "topsecret" not in server.log


# -- timeouts ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    options = {"header_timeout": 1, "client_socket_timeout": 2, "http_keepalive": True}
    with served(tmp_path_factory.mktemp("impatient"), **options) as running:
        yield running


@pytest.mark.parametrize("data", [b"", b"GET /who", b"GET /who HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_slow_headers_end_the_connection(impatient, data):
    assert impatient.exchange(data) == b""


def test_dripping_headers_do_not_extend_their_time(impatient):
    with impatient.connect() as sock:
        sock.settimeout(0.05)
        sock.sendall(b"GET /who HTTP/1.1\r\nX-Drip: ")

        def closed():
            try:
                sock.send(b"a")
                return sock.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_for("end of the dripping connection", closed, 20)


def test_idle_connection_is_closed_after_client_socket_timeout(impatient):
    with impatient.connect() as sock:
        sock.sendall(request("GET /empty HTTP/1.1"))
        read_head(sock)
        assert read_all(sock) == b""


def test_reader_that_takes_nothing_is_given_up(impatient, tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    with impatient.connect() as sock:
        sock.sendall(request(f"GET /file?path={path} HTTP/1.1"))
        read_head(sock)
        wait_for("given up reader", lambda: "file True" in impatient.lines("closed"))


def test_keep_alive_can_be_switched_off(tmp_path):
    with served(tmp_path, http_keepalive=False) as server:
        answer = server.exchange(request("GET /who HTTP/1.1") + request("GET /who HTTP/1.1"))
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert b"\r\nConnection: close\r\n" in answer


def test_idle_and_slow_connections_keep_nobody_from_being_served(server):
    with contextlib.ExitStack() as stack:
        for number in range(600):
            sock = stack.enter_context(server.connect())
            kind = number % 3
            if kind == 0:
                sock.sendall(request("GET /empty HTTP/1.1"))
                assert read_head(sock).startswith(b"HTTP/1.1 204")
            elif kind == 1:
                sock.sendall(b"GET /empty HTT")
            else:
                sock.sendall(request("PUT /echo HTTP/1.1", "Content-Length: 100", body=b"abc"))
        for _ in range(20):
            assert server.exchange(request("GET /who HTTP/1.1", CLOSE)).startswith(b"HTTP/1.1 200 OK")
