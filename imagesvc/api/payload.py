"""What a request brings: how long its body says it is, and JSON, bounded in size and depth before anything parses it."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from imagesvc import exception
from imagesvc.api import bodies, faults

MAX_JSON_BYTES = 1 << 20
MAX_JSON_DEPTH = 25

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
#: How text is written that the databases cannot hold: halves of surrogate pairs and NUL.
_SUSPECT = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def content_length(environ: Mapping[str, Any]) -> int | None:
    """Announced bytes of the body; None when there is none or it is chunked."""
    value = environ.get("CONTENT_LENGTH")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise exception.InvalidParameter(name="Content-Length", reason="it must be a number of bytes")
    return int(value)


def is_chunked(environ: Mapping[str, Any]) -> bool:
    return "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()


def read_json(environ: Mapping[str, Any]) -> Any:
    """The request's body as a JSON list or object.

    :raises HTTPFault: 400 for a missing or malformed body.
    :raises RequestTooLarge: for more than :data:`MAX_JSON_BYTES`.
    """
    raw = _read_bytes(environ)
    if not raw:
        raise faults.HTTPFault(400, "A JSON body is expected with this request.")
    if not _is_well_nested(raw):
        raise faults.HTTPFault(
            400,
            f"Malformed JSON in request body: its brackets do not match or nest deeper than {MAX_JSON_DEPTH} levels.",
        )
    document = _parse(raw)
    if not isinstance(document, list | dict):
        raise faults.HTTPFault(400, "The body of this request must be a JSON object or array.")
    return document


def _read_bytes(environ: Mapping[str, Any]) -> bytes:
    if (content_length(environ) or 0) > MAX_JSON_BYTES:
        raise exception.RequestTooLarge(limit=MAX_JSON_BYTES)
    raw = bodies.open_body(environ).read(MAX_JSON_BYTES + 1)
    if len(raw) > MAX_JSON_BYTES:
        raise exception.RequestTooLarge(limit=MAX_JSON_BYTES)
    return raw


def _is_well_nested(raw: bytes) -> bool:
    """Whether brackets match and nest no deeper than allowed, found out without recursion."""
    if raw.count(b"{") + raw.count(b"[") <= MAX_JSON_DEPTH:
        return True
    brackets = _STRING.sub(b"", raw).translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(MAX_JSON_DEPTH):
        # Each round takes away the innermost level.
        brackets = brackets.replace(b"[]", b"")
    return not brackets


def _parse(raw: bytes) -> Any:
    try:
        document = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        if _SUSPECT.search(raw):
            _check_text(json.dumps(document, ensure_ascii=False))
    except UnicodeError as error:
        raise faults.HTTPFault(400, "Malformed JSON in request body: it is not valid Unicode.") from error
    except ValueError as error:
        raise faults.HTTPFault(400, f"Malformed JSON in request body: {error}") from error
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_text(document: str) -> None:
    r"""Refuse text that cannot be stored.

    :param document: JSON text in which NUL is written ``\u0000``.
    :raises ValueError: it has half a surrogate pair or a NUL character.
    """
    document.encode("utf-8")
    if _NUL.search(document):
        raise ValueError("NUL characters are not allowed")
