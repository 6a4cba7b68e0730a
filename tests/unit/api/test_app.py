"""The traps of Pecan that would make an image server unusable, each sprung on purpose."""

import io
import tracemalloc

import pecan
import pecan.core
import pecan.hooks
import pytest

from imagesvc.api import app

MIB = 1 << 20
CHUNK = b"x" * MIB
CHUNKS = 64


class Chunks:
    """A store's iterator: counts what is pulled and remembers being closed."""

    def __init__(self) -> None:
        self.pulled = 0
        self.closed = False

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        if self.pulled == CHUNKS:
            raise StopIteration
        self.pulled += 1
        return bytes(CHUNK)

    def close(self) -> None:
        self.closed = True


def generate(chunks):
    try:
        yield from chunks
    finally:
        chunks.close()


class Counting(io.RawIOBase):
    """A request body that counts the bytes taken from it."""

    taken = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        self.taken += len(buffer)
        return len(buffer)


class Root:
    def __init__(self, respond):
        self._respond = respond

    @pecan.expose(content_type="application/json")
    def _route(self, _segments, _request):
        return self.answer, []

    @pecan.expose(content_type="application/json")
    def answer(self, request, response):
        return self._respond(request)


class ChooseType(pecan.hooks.PecanHook):
    def on_route(self, state):
        state.request.pecan["content_type"] = "application/json"


def call(respond, **environ):
    started = []
    application = app.Application(Root(respond), [ChooseType()])
    full = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "QUERY_STRING": "", "wsgi.input": io.BytesIO(), **environ}
    body = application(full, lambda status, headers, _exc_info=None: started.append((status, dict(headers))))
    return started[0][0], started[0][1], body


@pytest.mark.parametrize("wrap", [lambda chunks: chunks, generate], ids=["iterator", "generator"])
@pytest.mark.parametrize("status", [200, 206])
def test_a_stream_goes_out_as_it_is(wrap, status):
    chunks = Chunks()
    stream = wrap(chunks)

    def respond(_request):
        response = app.Response(status=status, content_type="application/octet-stream", app_iter=stream)
        response.content_length = CHUNKS * MIB
        return response

    tracemalloc.start()
    try:
        _, headers, body = call(respond)
        assert chunks.pulled == 0, "nothing is pulled before the server asks"
        total = sum(len(chunk) for chunk in body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == CHUNKS * MIB
    assert headers["Content-Length"] == str(total)
    assert peak < 4 * MIB


@pytest.mark.parametrize("wrap", [lambda chunks: chunks, generate], ids=["iterator", "generator"])
def test_a_client_that_leaves_closes_the_stream(wrap):
    chunks = Chunks()
    stream = wrap(chunks)
    _, _, body = call(lambda _request: app.Response(app_iter=stream, content_type="application/octet-stream"))
    next(iter(body))
    body.close()
    assert chunks.closed
    assert chunks.pulled == 1


def test_an_empty_200_stays_a_200():
    status, _, body = call(lambda _request: app.Response(b"", content_type="application/octet-stream"))
    assert status == "200 OK"
    assert b"".join(body) == b""


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_no_body_is_read_whatever_it_calls_itself(method, content_type):
    body = Counting()
    call(
        lambda _request: app.Response(b"ok"),
        REQUEST_METHOD=method,
        CONTENT_TYPE=content_type,
        CONTENT_LENGTH=str(64 * MIB),
        **{"wsgi.input": body},
    )
    assert body.taken == 0


def test_a_query_is_not_pecans_business():
    status, _, _ = call(lambda _request: app.Response(b"ok"), QUERY_STRING="self=1&request=2&%ff")
    assert status == "200 OK"


def test_location_stays_relative():
    _, headers, _ = call(lambda _request: app.Response(b"{}", status=201, location="/v2/images/1"))
    assert headers["Location"] == "/v2/images/1"


def test_signatures_are_inspected_once(monkeypatch):
    def answer(self, request, response): ...

    first = pecan.core.getargspec(answer)
    assert first.args == ["self", "request", "response"]
    assert pecan.core.getargspec(answer) is first
    assert pecan.core.getargspec(answer.__get__(object())) is first
