"""The head of an HTTP/1 request: strict where a lenient reading would let requests be smuggled.

Knows nothing of WSGI.  A request that two parties could read differently is refused with 400 and the connection is
closed: whatever follows on it cannot be trusted to be a request.
"""

import dataclasses
import functools
import re
import time

from imagesvc.api import wire as wires

#: Everything RFC 9110 and RFC 5789 define; CONNECT is for proxies and not served.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})

_MAX_HEADERS = 128
_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rf"({_NAME}) ([!-~\x80-\xff]+) HTTP/([0-9])\.([0-9])")
_HEADER_LINE = re.compile(rf"({_NAME}):([^\x00-\x08\x0a-\x1f\x7f]*)")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9._~\-%]*(?::[0-9]*)?|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_END = re.compile(rb"\r?\n\r?\n")


class RefusedRequest(Exception):
    """The request is answered by the server itself, and the connection closed.

    :param status: code and reason phrase; :param detail: one line for the client.
    """

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


def _bad(detail: str) -> RefusedRequest:
    return RefusedRequest("400 Bad Request", detail)


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How large a request's head may be and how long it may take.

    :param line: longest request or header line in bytes; :param total: of the whole head in bytes;
    :param seconds: from its first byte to its end.
    """

    line: int
    total: int
    seconds: float


@dataclasses.dataclass(slots=True)
class Head:
    """A request's line and headers; ``headers`` holds names as sent, in order.

    ``length`` is the announced body in bytes, None when it comes in chunks.
    """

    method: str
    target: str
    version: tuple[int, int]
    headers: list[tuple[str, str]]
    fields: dict[str, str] = dataclasses.field(default_factory=dict)
    length: int | None = 0

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants to send another request on this connection."""
        options = {option.strip() for option in self.fields.get("connection", "").lower().split(",")}
        return "close" not in options if self.version >= (1, 1) else "keep-alive" in options

    @property
    def expects_continue(self) -> bool:
        return self.version >= (1, 1) and self.fields.get("expect", "").lower() == "100-continue"


def read_head(wire: wires.Wire, limits: Limits) -> Head:
    """The next request's head.

    :raises RefusedRequest: it is malformed or too large.
    :raises EOFError: the client went away before its end.
    :raises TimeoutError: it did not arrive within ``limits.seconds``.
    """
    deadline = time.monotonic() + limits.seconds
    searched = 0
    while True:
        data = wire.peek()
        if data[:1] in (b"\r", b"\n"):
            wire.skip(1)  # a client may send an empty line after the previous body
            continue
        end = _END.search(data, searched)
        if end:
            break
        if len(data) > limits.total:
            _check_size(data, limits)
        searched = max(0, len(data) - 3)
        _fill(wire, deadline)
    raw = data[: end.start()]
    wire.skip(end.end())
    _check_size(raw, limits)
    if end.group() != b"\r\n\r\n":
        raise _bad("Lines must end with CR LF.")
    return parse_head(raw.decode("latin-1"))


def _fill(wire: wires.Wire, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wire.set_timeout(left)
    if not wire.fill(16384):
        raise EOFError


def _check_size(raw: bytes, limits: Limits) -> None:
    if len(raw) <= limits.line:
        return
    first, *others = raw.split(b"\r\n")
    if len(first) > limits.line:
        raise RefusedRequest("414 URI Too Long", f"The request line is longer than {limits.line} bytes.")
    if any(len(line) > limits.line for line in others) or len(raw) > limits.total:
        detail = f"The headers are longer than {limits.total} bytes, or one of them than {limits.line}."
        raise RefusedRequest("431 Request Header Fields Too Large", detail)


def parse_head(text: str) -> Head:
    """:param text: request line and header lines separated by CR LF, without the empty line.

    :raises RefusedRequest: it is malformed, or its body's end could be understood in two ways.
    """
    request_line, *lines = text.split("\r\n")
    match = _REQUEST_LINE.fullmatch(request_line)
    if not match:
        raise _bad("Malformed request line.")
    method, target, major, minor = match.groups()
    if major != "1":
        raise RefusedRequest("505 HTTP Version Not Supported", "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    if method not in METHODS:
        raise RefusedRequest("501 Not Implemented", "Unknown method.")
    head = Head(method, target, (1, int(minor)), _parse_headers(lines))
    _collect_fields(head)
    _resolve_target(head)
    head.length = _body_length(head)
    return head


def _parse_headers(lines: list[str]) -> list[tuple[str, str]]:
    if len(lines) > _MAX_HEADERS:
        raise RefusedRequest("431 Request Header Fields Too Large", f"There are more than {_MAX_HEADERS} headers.")
    headers = []
    for line in lines:
        match = _HEADER_LINE.fullmatch(line)
        if not match:
            raise _bad("Malformed header line.")
        headers.append((match[1], match[2].strip(" \t")))
    return headers


def _collect_fields(head: Head) -> None:
    """Fill ``head.fields`` by lower-case name; repeated headers are joined, those that frame or route must be single."""
    for name, value in head.headers:
        key = name.lower()
        if key not in head.fields:
            head.fields[key] = value
        elif key in {"content-length", "transfer-encoding", "host", "expect"}:
            raise _bad(f"Header {name} must not be repeated.")
        else:
            head.fields[key] += "," + value


def _resolve_target(head: Head) -> None:
    """Reduce an absolute-form target to its path; its authority replaces Host (RFC 9112 section 3.2.2)."""
    host = head.fields.get("host")
    if host is None and head.version >= (1, 1):
        raise _bad("Header Host is missing.")
    absolute = _ABSOLUTE.fullmatch(head.target)
    if absolute:
        head.fields["host"] = host = absolute[1]
        path = absolute[2]
        head.target = path if path.startswith("/") else "/" + path
    elif not head.target.startswith("/") and (head.target != "*" or head.method != "OPTIONS"):
        raise _bad("The request target must be a path.")
    if host is not None and not _HOST.fullmatch(host):
        raise _bad("Header Host is malformed.")


def _body_length(head: Head) -> int | None:
    length = head.fields.get("content-length")
    coding = head.fields.get("transfer-encoding")
    if coding is None:
        if length is None:
            return 0
        if not _LENGTH.fullmatch(length):
            raise _bad("Header Content-Length must be a decimal number.")
        return int(length)
    if length is not None:
        raise _bad("Content-Length and Transfer-Encoding must not be sent together.")
    if coding.lower() != "chunked" or head.version < (1, 1):
        raise _bad("Transfer-Encoding must be chunked, in HTTP/1.1.")
    return None


@functools.lru_cache(maxsize=1024)
def environ_key(name: str) -> str | None:
    """The WSGI key of a header; None for names with an underscore, which could pass for another header."""
    return None if "_" in name else "HTTP_" + name.upper().replace("-", "_")
