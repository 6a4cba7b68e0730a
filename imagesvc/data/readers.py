"""The chain that image data is pulled through on its way into a store: limit > inspect > hash > verify.

One :class:`Chain` serves every driver.  glance_store's drivers ``read()`` from it; our file driver lets it ``drain()``,
which hashes on native threads.  Either way the last step raises when the data is not what was promised, so that no
driver ever finishes a bad image.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from imagesvc import concurrency, exception
from imagesvc.data import pipeline

_READ_BYTES = 1024 * 1024


class Check(Protocol):
    """Sees all data in order and may raise at any point; ``finish`` is called once, at the end of good input."""

    def update(self, data: memoryview) -> None: ...

    def finish(self) -> None: ...


class SizeCheck:
    """Counts bytes.

    :param expected: bytes that were announced, None when unknown.
    :param limit: most bytes accepted, None for no limit.
    """

    def __init__(self, expected: int | None, limit: int | None) -> None:
        self.size = 0
        self._expected = expected
        self._limit = limit

    def update(self, data: memoryview) -> None:
        """:raises ImageSizeExceeded, SizeMismatch: as soon as there is one byte too many."""
        self.size += len(data)
        if self._limit is not None and self.size > self._limit:
            raise exception.ImageSizeExceeded(limit=self._limit)
        if self._expected is not None and self.size > self._expected:
            raise exception.SizeMismatch(expected=self._expected, actual=f"more than {self._expected}")

    def finish(self) -> None:
        """:raises SizeMismatch: bytes are missing."""
        if self._expected is not None and self.size != self._expected:
            raise exception.SizeMismatch(expected=self._expected, actual=self.size)


class HashCheck:
    """Computes a hash, and compares it when the right one is known beforehand.

    :param algorithm: any name hashlib knows.
    :param expected: hexadecimal digest, None for any.
    """

    def __init__(self, algorithm: str, expected: str | None = None) -> None:
        self._algorithm = algorithm
        self._expected = expected
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self.update = self._hash.update

    def finish(self) -> None:
        """:raises Invalid: it is another one."""
        if self._expected is not None and self.digest != self._expected.lower():
            raise exception.Invalid(reason=f"The data's {self._algorithm} is not the expected one.")

    @property
    def compares(self) -> bool:
        """Whether :meth:`finish` has something to compare with."""
        return self._expected is not None

    @property
    def digest(self) -> str:
        """Hexadecimal, of all data so far."""
        return self._hash.hexdigest()


class Chain:
    """Image data with all checks applied.

    :param source: has ``read(n) -> bytes``, empty at the end, or ``readinto(buffer) -> int``.
    :param expected: bytes that were announced, None when unknown.
    :param inspect: checks that look at the data and cost little; they run where the data arrives.
    :param hashes: md5 and the image's own hash, in this order.
    :param verify: further checks that cost as much as hashing does.
    :param alive: called between two pieces; raises when the transfer must stop.
    :ivar received: bytes so far.
    :ivar error: what the source or a check has raised: drivers hide it behind errors of their own.
    """

    def __init__(
        self,
        source: Any,
        expected: int | None,
        inspect: Sequence[Check],
        hashes: tuple[HashCheck, HashCheck],
        verify: Sequence[Check] = (),
        alive: Callable[[], None] = lambda: None,
        offload: concurrency.Offload = concurrency.DIRECT,
    ) -> None:
        self.received = 0
        self.error: Exception | None = None
        self._source = source
        self._readinto: Callable[[memoryview], int] = getattr(source, "readinto", None) or self._copy
        self._expected = expected
        self._inspect = inspect
        self._hashes = hashes
        self._verify = verify
        self._alive = alive
        self._offload = offload
        self._ended = False
        self._judged = False

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; empty at the end of good data.

        For drivers that hash by themselves: of the hashes only expected ones are computed here.
        """
        view = memoryview(bytearray(_READ_BYTES if size < 0 else min(size, _READ_BYTES)))
        checks = [*(item for item in self._hashes if item.compares), *self._verify]
        ended = self._ended
        data = view[: self._fill(view)]
        with self._own_errors():
            for check in checks:
                self._offload(check.update, data)
                if self._ended and not ended:
                    check.finish()
        return bytes(data)

    def drain(self, sink: Check) -> tuple[int, str, str]:
        """Push everything through the checks and into ``sink``; it is finished only when all data was good.

        :returns: bytes, md5 and the image's hash, both hexadecimal.
        """
        pipeline.drain(self._fill, [sink, *self._hashes, *self._verify], self._offload, self._alive)
        return self.received, self._hashes[0].digest, self._hashes[1].digest

    @contextlib.contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as exc:
            self.error = exc
            raise

    def _fill(self, block: memoryview) -> int:
        """Read until the block is full or the data ends, and look at it; the number of bytes.

        Raises at the end of the data when that is not where or how it should end.  Data of known size is known to end
        with its last byte: a driver that was told the size may never ask for more.
        """
        filled = 0
        with self._own_errors():
            while filled < len(block) and not self._ended:
                filled += self._pull(block[filled:])
            if self.received == self._expected and not self._ended and self._pull(memoryview(bytearray(1))):
                raise exception.SizeMismatch(expected=self._expected, actual=f"more than {self._expected}")
            self._look(block[:filled])
        return filled

    def _pull(self, target: memoryview) -> int:
        self._alive()
        count = self._readinto(target)
        self._ended = not count
        self.received += count
        return count

    def _copy(self, target: memoryview) -> int:
        chunk = self._source.read(min(len(target), _READ_BYTES))
        target[: len(chunk)] = chunk
        return len(chunk)

    def _look(self, data: memoryview) -> None:
        for check in self._inspect:
            check.update(data)
        if self._ended and not self._judged:
            self._judged = True
            for check in self._inspect:
                check.finish()
