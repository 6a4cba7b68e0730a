"""Request bodies as ``wsgi.input``: exact lengths, fast for big reads, and never silently short.

A body that ends before its announced end raises :class:`~imagesvc.exception.IncompleteBody`, so that no half image
passes for a whole one.  :class:`CheckedInput` gives the same promise under other people's servers.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from imagesvc import exception
from imagesvc.api import wire as wires

_RECEIVE = 256 * 1024
_LINE_LIMIT = 4096
_TRAILER_LIMIT = 65536
_BREAKS = (OSError, EOFError, ValueError)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")


class _Input:
    """File-like reading over one method, :meth:`_some`.

    ``received`` counts the bytes taken from the client; ``done`` says that the end of the body was reached.
    """

    def __init__(self) -> None:
        self.received = 0
        self.done = False
        self._line_rest = b""

    def _some(self, limit: int) -> bytes:
        """Between 1 and ``limit`` bytes; empty at the end of the body."""
        raise NotImplementedError

    def _some_into(self, view: memoryview) -> int:
        data = self._some(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """``size`` bytes, fewer only at the end of the body; all that is left when it is negative or None.

        :raises imagesvc.exception.IncompleteBody: the client ended the body early or stopped sending.
        """
        left = float("inf") if size is None or size < 0 else size
        pieces = []
        while left > 0:
            piece = self._next(int(min(left, 1 << 20)))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _next(self, limit: int) -> bytes:
        if not self._line_rest:
            return self._some(limit)
        piece, self._line_rest = self._line_rest[:limit], self._line_rest[limit:]
        return piece

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; fewer bytes only at the end of the body. Raises like :meth:`read`."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view):
            if self._line_rest:
                data = self._next(len(view) - filled)
                view[filled : filled + len(data)] = data
                count = len(data)
            else:
                count = self._some_into(view[filled:])
            if not count:
                break
            filled += count
        return filled

    def readline(self, size: int | None = -1) -> bytes:
        """Up to and with the next newline, at most ``size`` bytes."""
        left = float("inf") if size is None or size < 0 else size
        pieces = []
        while left > 0:
            piece = self._next(int(min(left, 8192)))
            if not piece:
                break
            end = piece.find(b"\n") + 1
            if end:
                self._line_rest = piece[end:] + self._line_rest
                piece = piece[:end]
            pieces.append(piece)
            left -= len(piece)
            if end:
                break
        return b"".join(pieces)

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """All lines; stops after the one with which ``hint`` bytes are reached."""
        lines: list[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint and total >= hint:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


class Body(_Input):
    """The body of a request on ``wire``.

    :param length: announced bytes; None for a chunked body.
    :param idle_seconds: without a byte, after which the client is given up; None waits for ever.


    ``invite`` is called once before the first byte is read: it sends the ``100 Continue`` a client waits for. While it
    is not None, the client may not have begun to send.
    """

    def __init__(self, wire: wires.Wire, length: int | None, idle_seconds: float | None) -> None:
        super().__init__()
        self.invite: Callable[[], None] | None = None
        self._wire = wire
        self._idle_seconds = idle_seconds
        self._chunked = length is None
        self._left = length or 0
        self._first_chunk = True
        self.done = length == 0
        self.broken = False

    def drainable(self, limit: int) -> bool:
        """Whether the rest is under way and known to be at most ``limit`` bytes."""
        return self.done or (not self._chunked and not self.broken and self.invite is None and self._left <= limit)

    def discard(self, limit: int) -> bool:
        """Read and forget what is left, at most ``limit`` bytes; True when the end was reached."""
        try:
            while not self.done and limit > 0:
                limit -= len(self._some(min(limit, 65536)))
        except exception.IncompleteBody:
            return False
        return self.done

    def _some(self, limit: int) -> bytes:
        try:
            if not self._advance():
                return b""
            data = self._wire.take(min(limit, self._left))
            self._count(len(data))
        except _BREAKS as error:
            raise self._break() from error
        return data

    def _some_into(self, view: memoryview) -> int:
        try:
            if not self._advance():
                return 0
            count = self._wire.take_into(view[: self._left])
            self._count(count)
        except _BREAKS as error:
            raise self._break() from error
        return count

    def _advance(self) -> bool:
        """Make ``_left`` what is left of the current chunk, or of the whole; False at the end of the body."""
        if self.done:
            return False
        if self.broken:
            raise EOFError
        self._wire.set_timeout(self._idle_seconds)
        if self.invite is not None:
            invite, self.invite = self.invite, None
            invite()
        if self._chunked:
            self._advance_chunk()
        return not self.done

    def _advance_chunk(self) -> None:
        if self._left == 0:
            self._next_chunk()
        # Small chunks are cheaper read ahead together with the next size line than one receive each.
        if 0 < self._left < _RECEIVE and not self._wire.buffered and not self._wire.fill(_RECEIVE):
            raise EOFError

    def _next_chunk(self) -> None:
        if not self._first_chunk and self._wire.line(2):
            raise ValueError("chunk longer than announced")
        self._first_chunk = False
        size = _CHUNK_SIZE.fullmatch(self._wire.line(_LINE_LIMIT))
        if not size:
            raise ValueError("malformed chunk size")
        self._left = int(size[1], 16)
        if self._left == 0:
            self._skip_trailers()
            self.done = True

    def _skip_trailers(self) -> None:
        total = 0
        while line := self._wire.line(_LINE_LIMIT):
            total += len(line)
            if total > _TRAILER_LIMIT:
                raise ValueError("trailers too long")

    def _count(self, count: int) -> None:
        if count == 0:
            raise EOFError
        self.received += count
        self._left -= count
        if self._left == 0 and not self._chunked:
            self.done = True

    def _break(self) -> exception.IncompleteBody:
        self.broken = True
        return exception.IncompleteBody(received=self.received)


class CheckedInput(_Input):
    """``wsgi.input`` of another server, with the promises of :class:`Body`.

    :param environ: of the request. Servers return short reads for cut-off bodies and raise errors of their own kinds.
    """

    def __init__(self, environ: Mapping[str, Any]) -> None:
        super().__init__()
        self._source = environ["wsgi.input"]
        length = environ.get("CONTENT_LENGTH")
        self._left = int(length) if length else None
        ends_itself = (
            environ.get("wsgi.input_terminated") or "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        )
        if self._left is None and not ends_itself:
            self._left = 0

    def _some(self, limit: int) -> bytes:
        wanted = limit if self._left is None else min(limit, self._left)
        if self.done or not wanted:
            return b""
        try:
            data: bytes = self._source.read(wanted)
        except Exception as error:
            # Each server has its own classes for a client that went away or sent a malformed chunk.
            raise exception.IncompleteBody(received=self.received) from error
        self.received += len(data)
        if self._left is not None:
            self._left -= len(data)
            if not data:
                raise exception.IncompleteBody(received=self.received)
        self.done = not data or self._left == 0
        return data


def open_body(environ: Mapping[str, Any]) -> Body | CheckedInput:
    """The request's body, whichever server runs the application."""
    source = environ["wsgi.input"]
    return source if isinstance(source, Body | CheckedInput) else CheckedInput(environ)
