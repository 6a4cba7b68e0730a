"""One client connection as a buffered byte stream, on any blocking socket: native, green or TLS.

Owns deadlines of single socket operations and fairness: code that moves much data through here lets other green
threads run every mebibyte.
"""

import contextlib
import socket
import time
from collections.abc import Callable

from imagesvc.api.pace import Pace

#: Bytes moved without waiting after which others get their turn.
_TURN = 1 << 20
_READ_AHEAD = 256 * 1024
_LINGER_SECONDS = 2.0


class Wire:
    """Reads ahead; writes go straight out.

    :param sock: connected; its timeout is set by :meth:`set_timeout` only.
    :param pause: lets other green threads run; nothing on native threads.

    ``pace``, while it is set, judges how fast the client takes and sends.
    """

    def __init__(self, sock: socket.socket, pause: Callable[[], None]) -> None:
        self.sock = sock
        self._pause = pause
        self.pace: Pace | None = None
        self._moved = 0
        self._timeout: float | None = -1
        self._data = b""
        self._start = 0

    def set_timeout(self, seconds: float | None) -> None:
        """Limit each following socket operation; None or 0 waits for ever."""
        if seconds != self._timeout:
            self._timeout = seconds
            self.sock.settimeout(seconds or None)

    @property
    def buffered(self) -> int:
        """Bytes read ahead."""
        return len(self._data) - self._start

    def peek(self) -> bytes:
        """All that was read ahead, left where it is."""
        if self._start:
            self._data, self._start = self._data[self._start :], 0
        return self._data

    def skip(self, count: int) -> None:
        """Drop ``count`` bytes of what was read ahead."""
        self._start += count
        if self._start >= len(self._data):
            self._data, self._start = b"", 0

    def fill(self, limit: int) -> bool:
        """Read ahead what one receive of at most ``limit`` bytes yields; False at end of stream."""
        data = self._receive(limit)
        self._data, self._start = self.peek() + data if self.buffered else data, 0
        return bool(data)

    def take(self, limit: int) -> bytes:
        """Between 1 and ``limit`` bytes, those read ahead first; empty at end of stream."""
        if self.buffered:
            data = self._data[self._start : self._start + limit]
            self.skip(len(data))
            return data
        return self._receive(limit)

    def take_into(self, view: memoryview) -> int:
        """Fill the beginning of ``view`` with at least one byte; 0 at end of stream."""
        if self.buffered:
            data = memoryview(self._data)[self._start : self._start + len(view)]
            view[: len(data)] = data
            self.skip(len(data))
            return len(data)
        started = self._clock()
        count = self.sock.recv_into(view)
        self._account(count, started)
        return count

    def _receive(self, limit: int) -> bytes:
        started = self._clock()
        data = self.sock.recv(limit)
        self._account(len(data), started)
        return data

    def line(self, limit: int) -> bytes:
        """One line without its CR LF.

        :raises EOFError: the stream ended before.
        :raises ValueError: the line is longer than ``limit`` bytes or ends with a bare LF.
        """
        while (end := self._data.find(b"\n", self._start)) < 0:
            if self.buffered > limit:
                raise ValueError("line too long")
            if not self.fill(_READ_AHEAD):
                raise EOFError("end of stream within a line")
        line = self._data[self._start : end]
        self.skip(len(line) + 1)
        if len(line) > limit or not line.endswith(b"\r"):
            raise ValueError("malformed line")
        return line[:-1]

    def send(self, data: bytes | memoryview) -> None:
        """Send all of ``data``."""
        view = memoryview(data)
        for start in range(0, len(view), _TURN):
            piece = view[start : start + _TURN]
            started = self._clock()
            self.sock.sendall(piece)
            self._account(len(piece), started)

    def _clock(self) -> float:
        return time.monotonic() if self.pace is not None else 0.0

    def _account(self, count: int, started: float) -> None:
        if self.pace is not None:
            self.pace.account(time.monotonic() - started, count)
        self._moved += count
        if self._moved >= _TURN:
            self._moved = 0
            self._pause()

    def linger(self, limit: int) -> None:
        """Half-close and swallow up to ``limit`` bytes, so that the client reads our answer before a reset."""
        with contextlib.suppress(OSError, EOFError):
            self.sock.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + _LINGER_SECONDS
            self.skip(self.buffered)
            while limit > 0 and (left := deadline - time.monotonic()) > 0:
                self.set_timeout(left)
                data = self.take(65536)
                if not data:
                    return
                limit -= len(data)
