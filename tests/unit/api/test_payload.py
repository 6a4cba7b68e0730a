import io
import json

import pytest

from imagesvc import exception
from imagesvc.api import faults, payload


def environ(body: bytes, **more):
    return {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), **more}


def test_lists_and_objects_are_read():
    assert payload.read_json(environ('{"name": "é", "tags": []}'.encode())) == {"name": "é", "tags": []}
    assert payload.read_json(environ(b"[]")) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'"text"',
        b"1",
        b"null",
        b"\xff\xfe{}",
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "\\ud800"}',
        b'{"name": "\\uDC00"}',
        b'{"name": "\\u0000"}',
        b'{"\\u0000": "x"}',
        b'{"min_ram": NaN}',
        b'{"min_ram": Infinity}',
        b'{"min_ram": ' + b"9" * 5000 + b"}",
        b"[" * 26 + b"]" * 26,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
    ids=lambda body: str(body[:30]),
)
def test_what_is_not_a_document_is_a_400(body):
    with pytest.raises(faults.HTTPFault) as caught:
        payload.read_json(environ(body))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 25 + b"]" * 25,
        json.dumps({"x": "[" * 100}).encode(),
        json.dumps({"x": '\\"' + "{" * 100 + '"'}).encode(),
        b'{"x": "\\ud83d\\ude00"}',
        b'{"x": "\\\\u0000"}',
        json.dumps([{} for _ in range(1000)]).encode(),
        b"[" + b"[]," * 300_000 + b"[]]",
    ],
    ids=lambda body: str(body[:30]),
)
def test_what_only_looks_bad_is_read(body):
    assert payload.read_json(environ(body)) == json.loads(body)


def test_a_document_over_the_limit_is_refused_unread():
    body = io.BytesIO(b"x")
    with pytest.raises(exception.RequestTooLarge):
        payload.read_json({"wsgi.input": body, "CONTENT_LENGTH": str(payload.MAX_JSON_BYTES + 1)})
    assert body.tell() == 0


def test_a_chunked_document_over_the_limit_is_refused():
    class Endless(io.RawIOBase):
        given = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            self.given += len(buffer)
            buffer[:] = b" " * len(buffer)
            return len(buffer)

    body = Endless()
    with pytest.raises(exception.RequestTooLarge):
        payload.read_json({"wsgi.input": body, "HTTP_TRANSFER_ENCODING": "chunked"})
    assert body.given <= payload.MAX_JSON_BYTES + (1 << 20)


def test_a_body_that_ends_early_is_not_taken_for_a_document():
    with pytest.raises(exception.IncompleteBody):
        payload.read_json({"wsgi.input": io.BytesIO(b"{}"), "CONTENT_LENGTH": "3"})


@pytest.mark.parametrize("value", ["-1", "+1", "1.0", "x", "1 1", "\u0663", "9" * 5000])
def test_a_length_that_is_none_is_refused(value):
    with pytest.raises(exception.InvalidParameter, match="Content-Length"):
        payload.content_length({"CONTENT_LENGTH": value})


def test_lengths():
    assert payload.content_length({}) is None
    assert payload.content_length({"CONTENT_LENGTH": ""}) is None
    assert payload.content_length({"CONTENT_LENGTH": "0"}) == 0
    assert payload.is_chunked({"HTTP_TRANSFER_ENCODING": "Chunked"})
    assert not payload.is_chunked({})
