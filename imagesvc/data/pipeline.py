"""The fast path of an upload: everything that costs CPU or waits for a disk runs on native threads, side by side.

One native thread per sink (write, md5, the image's hash), blocks that are used again and again, at most two of them in
flight.  Blocks go to the threads through C ``SimpleQueue``; credit comes back as bytes on a socketpair, which a green
thread and a native one can both wait for.  The threads use nothing that monkey-patching replaces, and write no log: a
lock of the log shared with green threads could stop them for ever.
"""

import _socket
import mmap
import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from imagesvc import concurrency

#: Larger ones are hardly faster, and a hundred transfers at once have this much each, times :data:`BLOCKS`.
BLOCK_BYTES = 1024 * 1024

#: One block is filled while the others are worked on.
BLOCKS = 3

#: Seconds between two looks at whether the transfer may go on, while the sinks are slow.
_PATIENCE_SECONDS = 1.0

_ENDED = 255


class Sink(Protocol):
    """Takes all data in order, then is finished; on a thread of its own, so it shares nothing with other sinks."""

    def update(self, data: memoryview) -> Any: ...

    def finish(self) -> None: ...


def drain(
    fill: Callable[[memoryview], int],
    sinks: Sequence[Sink],
    offload: concurrency.Offload,
    alive: Callable[[], None],
) -> None:
    """Push all data into all sinks and finish them.

    :param fill: fills a block and returns the number of bytes, fewer only at the end of the data; may raise.
    :param alive: raises when the transfer must stop; called while waiting for slow sinks.

    Sinks are finished only after ``fill`` has ended well.  When anything raises, all threads have ended before this does.
    """
    first = _block()
    count = fill(first)
    if count < BLOCK_BYTES:
        # Too little to pay for starting threads.
        offload(_inline, sinks, first[:count])
        return
    with _Workers(sinks, first, offload, alive) as workers:
        while workers.push(count):
            count = fill(workers.block())
        workers.finish()


def _block() -> memoryview:
    """Memory that costs nothing until it is written to; most images fill only a part of their first block."""
    return memoryview(mmap.mmap(-1, BLOCK_BYTES))


def _inline(sinks: Sequence[Sink], data: memoryview) -> None:
    for sink in reversed(sinks):
        sink.update(data)
        sink.finish()


class _Workers:
    """The threads of one transfer and the blocks they share."""

    def __init__(
        self, sinks: Sequence[Sink], first: memoryview, offload: concurrency.Offload, alive: Callable[[], None]
    ) -> None:
        ours, self._theirs = _socket.socketpair()
        # The descriptor in a socket of whatever kind the caller can wait for.
        self._credit = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=ours.detach())
        self._credit.settimeout(_PATIENCE_SECONDS)
        self._alive = alive
        self._errors: list[BaseException] = []
        self._inboxes: list[concurrency.SimpleQueue[Any]] = [concurrency.SimpleQueue() for _ in sinks]
        self._blocks = [first]
        self._free: list[int] = []
        self._current = 0
        self._running = len(sinks)
        for sink, inbox in zip(sinks, self._inboxes, strict=True):
            offload.start(_work, sink, inbox, self._theirs, self._errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the threads that have not ended, and wait for them: they use the sinks, which the caller takes away."""
        try:
            if self._running:
                self._tell(_Stop)
            while self._running:
                self._wait(lambda: None)
        finally:
            self._credit.close()
            self._theirs.close()

    def push(self, count: int) -> bool:
        """Hand the current block over with ``count`` bytes in it; whether there may be more data."""
        if count:
            # The thread that pops the last item gives the block back: one wake-up of the caller, not one of each sink.
            uses = [True, *[False] * (len(self._inboxes) - 1)]
            self._tell((self._current, self._blocks[self._current][:count], uses))
        return count == BLOCK_BYTES

    def block(self) -> memoryview:
        """A block that no thread uses any more, now the current one."""
        self._check()
        if len(self._blocks) < BLOCKS:
            self._blocks.append(_block())
            self._current = len(self._blocks) - 1
        else:
            while not self._free:
                self._wait(self._alive)
                self._check()
            self._current = self._free.pop()
        return self._blocks[self._current]

    def finish(self) -> None:
        """All data is handed over and good: let the sinks finish, and wait for them."""
        self._tell(None)
        while self._running:
            self._wait(self._alive)
            self._check()

    def _tell(self, message: object) -> None:
        for inbox in self._inboxes:
            inbox.put(message)

    def _check(self) -> None:
        if self._errors:
            raise self._errors[0]

    def _wait(self, alive: Callable[[], None]) -> None:
        """Take the credit that has come back."""
        try:
            credit = self._credit.recv(64)
        except TimeoutError:
            alive()
            return
        for code in credit:
            if code == _ENDED:
                self._running -= 1
            else:
                self._free.append(code)


class _Stop:
    """Message to a thread: end without finishing the sink."""


def _work(sink: Sink, inbox: Any, credit: _socket.socket, errors: list[BaseException]) -> None:
    """One sink's thread."""
    try:
        while (message := inbox.get()) is not _Stop:
            if message is None:
                sink.finish()
                return
            number, data, uses = message
            sink.update(data)
            del message, data
            if uses.pop():
                credit.send(bytes((number,)))
    except BaseException as exc:  # noqa: BLE001 - whatever it is, the caller must hear it
        errors.append(exc)
    finally:
        credit.send(bytes((_ENDED,)))
