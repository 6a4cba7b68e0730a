"""``wsgi.file_wrapper``: file content to the client by sendfile(2) on native threads.

A download on the event loop would make everybody else wait for disk and copying.  Here the loop only waits for clients
that are too slow to deserve a thread.
"""

import fcntl
import os
import select
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from imagesvc import concurrency
from imagesvc.api import wire as wires

#: One native thread serves one client for at most this long before others get their turn.
_TURN_SECONDS = 0.25
#: How long a native thread waits for a client's socket before the event loop does.
_PATIENCE_SECONDS = 0.02
#: A client that took this much within a turn is worth a thread's patience.
_FAST = 4 << 20
#: How often it is looked how much a client has taken, where that matters.
_LOOK_SECONDS = 5.0
#: Bytes asked of one system call: asked for much more than a socket takes at once, the kernel looks up pages in vain
#: (1 GiB in one call costs four times the CPU of 1 MiB in each).
_CALL_LIMIT = 1 << 20


def _held_by_kernel(sock: socket.socket) -> int:
    """Bytes that were written to the socket and that the other side has not acknowledged."""
    answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    held: int = struct.unpack("i", answer)[0]
    return held


class FileWrapper:
    """A file as a response body, from its current position; closing it closes the file.

    :param file: binary; one with ``fileno()`` goes out by sendfile, any other in blocks of ``block_size`` bytes.
    """

    def __init__(
        self, file: BinaryIO, block_size: int = 1 << 18, *, offload: concurrency.Offload = concurrency.DIRECT
    ) -> None:
        self.file = file
        self._block_size = block_size
        self._offload = offload

    def __iter__(self) -> Iterator[bytes]:
        while block := self._offload(self.file.read, self._block_size):
            yield block

    def descriptor(self) -> int | None:
        """The file's descriptor, None when it has none."""
        try:
            return self.file.fileno()
        except (AttributeError, OSError):
            return None

    def read_at(self, offset: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``offset``, whatever the file's position."""
        return self._offload(os.pread, self.file.fileno(), count, offset)

    def close(self) -> None:
        # Closing the last descriptor of an unlinked file frees its blocks: too slow for the event loop.
        self._offload(self.file.close)


class FileSender:
    """Sends parts of files to sockets.

    :param offload: runs the native turns.
    :param wait_writable: blocks the calling (green) thread until the socket takes data; raises TimeoutError after
        the given seconds, None waits for ever.
    :param poll: ``select.poll`` of the operating system, for native threads.
    """

    def __init__(
        self,
        offload: concurrency.Offload,
        wait_writable: Callable[[socket.socket, float | None], None],
        poll: Callable[[], Any],
    ) -> None:
        self._offload = offload
        self._wait_writable = wait_writable
        self._poll = poll

    def send(self, wire: wires.Wire, fd: int, offset: int, count: int, timeout: float | None) -> Iterator[int]:
        """Send ``count`` bytes of ``fd`` from ``offset``; yields the bytes sent by each turn.

        :raises EOFError: the file ended early.
        :raises OSError: the client went away, took nothing for ``timeout`` seconds, or too little for too long.
        """
        patience = _PATIENCE_SECONDS
        start, end = offset, offset + count
        taken = 0
        while offset < end:
            sent = self._offload(self._turn, wire.sock.fileno(), fd, offset, end - offset, patience)
            yield sent
            offset += sent
            patience = _PATIENCE_SECONDS if sent >= _FAST else 0
            if offset < end:
                taken = self._wait(wire, timeout, offset - start, taken)

    def _wait(self, wire: wires.Wire, timeout: float | None, given: int, taken: int) -> int:
        """Wait until the socket takes data; how many of all ``given`` bytes the client has.

        :param taken: how many it had before. What the kernel still holds, which may be megabytes, it has not.
        """
        if wire.pace is None:
            self._wait_writable(wire.sock, timeout)
            return taken
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            started = time.monotonic()
            is_writable = self._is_writable_within(wire.sock, _LOOK_SECONDS, deadline)
            now_taken = max(taken, given - _held_by_kernel(wire.sock))
            wire.pace.account(time.monotonic() - started, now_taken - taken)
            taken = now_taken
            if is_writable:
                return taken

    def _is_writable_within(self, sock: socket.socket, seconds: float, deadline: float | None) -> bool:
        try:
            self._wait_writable(sock, seconds)
        except TimeoutError:
            if deadline is not None and time.monotonic() >= deadline:
                raise
            return False
        return True

    def _turn(self, sock: int, fd: int, offset: int, count: int, patience: float) -> int:
        """On a native thread: send until all is sent, the client is too slow, or the turn is over."""
        deadline = time.monotonic() + _TURN_SECONDS
        sent = 0
        while sent < count and time.monotonic() < deadline:
            try:
                step = os.sendfile(sock, fd, offset + sent, min(count - sent, _CALL_LIMIT))
            except BlockingIOError:
                if not patience or not self._writable(sock, patience):
                    break
                continue
            if step == 0:
                raise EOFError("the file is shorter than announced")
            sent += step
        return sent

    def _writable(self, sock: int, seconds: float) -> bool:
        poll = self._poll()
        poll.register(sock, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))
