"""One HTTP/1 response: what an application says by ``start_response`` and its iterable, on the wire.

A response that does not reach its announced end breaks the connection, so that no client takes a part for the whole.
"""

import contextlib
import functools
import re
import time
from collections.abc import Callable, Iterable, Sized
from email.utils import formatdate
from typing import Any

from imagesvc.api import http1, sendfile
from imagesvc.api import wire as wires

#: A file's beginning that is sent together with the headers; smaller files need no thread at all.
_FILE_HEAD = 4096
_JOIN_LIMIT = 65536
_FORBIDDEN = re.compile(r"[\r\n\0]")
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "trailer", "te"})

Headers = list[tuple[str, str]]


class Disconnected(Exception):
    """The client is gone, or takes nothing any more."""


class IncompleteResponse(Exception):
    """The application ended its body before the announced length."""


@functools.lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def refusal(status: str, detail: str, request_id: str) -> bytes:
    """A whole response of the server's own, after which the connection is closed.

    :param request_id: by which the log is to be asked.
    """
    body = detail.encode() + b"\n"
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain; charset=UTF-8",
        f"Content-Length: {len(body)}",
        f"x-openstack-request-id: {request_id}",
        f"Date: {_http_date(int(time.time()))}",
        "Connection: close",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Response:
    """The answer to ``head`` on ``wire``.

    :param may_keep_alive: asked when the headers go out: may another request follow on this connection?
    :param sender: for files, None where sendfile cannot be used (TLS).
    :param timeout: seconds one send may take, None for ever.
    """

    def __init__(
        self,
        wire: wires.Wire,
        head: http1.Head,
        may_keep_alive: Callable[[], bool],
        sender: sendfile.FileSender | None,
        timeout: float | None,
    ) -> None:
        self._wire = wire
        self._head = head
        self._may_keep_alive = may_keep_alive
        self._sender = sender
        self._timeout = timeout
        self._headers: Headers = []
        self._left: int | None = None
        self._chunked = False
        self.status = ""
        self.started = False
        self.complete = False
        self.keep_alive = False
        self.sent = 0

    # -- the application's side ------------------------------------------------------------------

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        """As PEP 3333 says; header text with line breaks is refused."""
        if exc_info is not None:
            if self.started:
                raise exc_info[1].with_traceback(exc_info[2])
        elif self.status:
            raise AssertionError("start_response() was called twice")
        if _FORBIDDEN.search(status) or any(_FORBIDDEN.search(name + value) for name, value in headers):
            raise ValueError("line break in a response header")
        self.status = status
        self._headers = [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]
        return self.write

    def write(self, data: bytes) -> None:
        """Send ``data`` as the next part of the body, headers first."""
        prefix = b"" if self.started else self._start(None)
        self._write(prefix, data)

    def send(self, result: Iterable[bytes]) -> None:
        """Send the application's iterable, to its end or to the announced length."""
        if isinstance(result, sendfile.FileWrapper) and self._send_file(result):
            return
        size = len(result) if isinstance(result, Sized) else None
        for data in result:
            if data:
                prefix = b"" if self.started else self._start(len(data) if size == 1 else None)
                self._write(prefix, data)
            if self._left == 0:
                break
        self._finish()

    def fail(self, request_id: str) -> None:
        """Answer 500 if nothing was sent yet."""
        self.keep_alive = False
        if not self.started:
            self.started = True
            self.status = "500 Internal Server Error"
            with contextlib.suppress(Disconnected):
                self._send(refusal(self.status, "The server has made a mistake; its log says more.", request_id))
                self.complete = True

    # -- the wire's side -------------------------------------------------------------------------

    @property
    def _bodyless(self) -> bool:
        return self._head.method == "HEAD" or self.status[:3] in {"204", "304"} or self.status.startswith("1")

    def _start(self, length: int | None) -> bytes:
        """Decide framing and persistence; the head's bytes.

        :param length: of the body when the application's iterable tells it.
        """
        if not self.status:
            raise AssertionError("the application did not call start_response()")
        self.started = True
        self.keep_alive = self._head.keep_alive and self._may_keep_alive()
        names = {name.lower(): value for name, value in self._headers}
        if "content-length" in names:
            length = int(names["content-length"])
        elif length is not None and not self._bodyless:
            self._headers.append(("Content-Length", str(length)))
        self._frame(length)
        if "date" not in names:
            self._headers.append(("Date", _http_date(int(time.time()))))
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in self._headers)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def _frame(self, length: int | None) -> None:
        if self._bodyless:
            self._left = 0
        elif length is not None:
            self._left = length
        elif self._head.version >= (1, 1):
            self._chunked = True
            self._headers.append(("Transfer-Encoding", "chunked"))
        else:
            self.keep_alive = False  # the end of the connection is the end of the body
        if not self.keep_alive:
            self._headers.append(("Connection", "close"))
        elif self._head.version < (1, 1):
            self._headers.append(("Connection", "keep-alive"))

    def _write(self, prefix: bytes, data: bytes) -> None:
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        self.sent += len(data)
        if self._chunked and data:
            prefix += b"%x\r\n" % len(data)
        tail = b"\r\n" if self._chunked and data else b""
        if len(data) <= _JOIN_LIMIT:
            self._send(prefix + data + tail)
            return
        if prefix:
            self._send(prefix)
        self._send(data)
        if tail:
            self._send(tail)

    def _finish(self) -> None:
        prefix = b"" if self.started else self._start(0)
        if self._chunked:
            prefix += b"0\r\n\r\n"
        if prefix:
            self._send(prefix)
        if self._left:
            raise IncompleteResponse(f"{self._left} bytes of the announced body are missing")
        self.complete = True

    def _send(self, data: bytes) -> None:
        try:
            self._wire.set_timeout(self._timeout)
            self._wire.send(data)
        except (OSError, EOFError) as error:
            raise Disconnected(str(error)) from error

    def _send_file(self, wrapper: sendfile.FileWrapper) -> bool:
        """Send a file of known length by sendfile; False when it must go the common way."""
        length = next((int(value) for name, value in self._headers if name.lower() == "content-length"), None)
        fd = wrapper.descriptor()
        if self._sender is None or fd is None or length is None or self._bodyless or self.started:
            return False
        offset = wrapper.file.tell()
        beginning = wrapper.read_at(offset, min(length, _FILE_HEAD))
        self._write(self._start(length), beginning)
        if self._left:
            self._send_rest(fd, offset + len(beginning))
        self._finish()
        return True

    def _send_rest(self, fd: int, offset: int) -> None:
        assert self._sender is not None
        assert self._left is not None
        try:
            for count in self._sender.send(self._wire, fd, offset, self._left, self._timeout):
                self.sent += count
                self._left -= count
        except EOFError as error:
            raise IncompleteResponse(str(error)) from error
        except OSError as error:
            raise Disconnected(str(error)) from error
