"""Image data on its way out of a store: iterators that yield exactly what was promised, or raise."""

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, Self

from imagesvc import concurrency, exception


class Body(Iterator[bytes]):
    """An image's bytes.

    :ivar size: bytes of the whole image in the store, None when the store does not say.
    :ivar file: the raw file behind it, positioned at the first byte; None when there is none.

    Fewer bytes than promised raise :class:`~imagesvc.exception.StoreUnavailable`, so that a transfer under way breaks
    instead of ending well.
    """

    size: int | None = None
    file: io.FileIO | None = None

    def __init__(self, remaining: int | None) -> None:
        self._remaining = remaining

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._remaining == 0:
            raise StopIteration
        try:
            chunk = self._next()
        except Exception as exc:
            # Drivers and their libraries raise what they like in the middle of a transfer.
            raise exception.StoreUnavailable("The image data cannot be read from the store.") from exc
        if self._remaining is not None:
            if not chunk:
                raise exception.StoreUnavailable("The image data ended early in the store.")
            chunk = chunk[: self._remaining]
            self._remaining -= len(chunk)
        if not chunk:
            raise StopIteration
        return chunk

    def _next(self) -> bytes:
        """More bytes; none at the end."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what is held; may be called again, and must be called."""


class FileBody(Body):
    """A part of an open file.

    :param fd: owned from now on.
    :param length: bytes to yield, None for all from ``offset``.
    :param chunk: bytes per read.
    """

    size: int

    def __init__(
        self, fd: int, size: int, offset: int, length: int | None, chunk: int, offload: concurrency.Offload
    ) -> None:
        super().__init__(max(0, size - offset) if length is None else length)
        self.size = size
        self.file = io.FileIO(fd, "rb")
        if offset:
            os.lseek(fd, offset, os.SEEK_SET)
        self._chunk = chunk
        self._offload = offload

    def _next(self) -> bytes:
        if self.file is None:
            return b""
        wanted = self._chunk if self._remaining is None else min(self._chunk, self._remaining)
        return self._offload(self.file.read, wanted) or b""

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


class StreamBody(Body):
    """A part of what a driver's iterator yields.

    :param skip: bytes to drop first, for drivers that cannot start in the middle.
    """

    def __init__(self, chunks: Iterable[bytes], size: int | None, skip: int, length: int | None) -> None:
        whole = None if size is None else max(0, size - skip)
        super().__init__(whole if length is None else length)
        self.size = size
        self._source = chunks
        self._chunks = iter(chunks)
        self._skip = skip

    def _next(self) -> bytes:
        for chunk in self._chunks:
            if self._skip >= len(chunk):
                self._skip -= len(chunk)
            else:
                start, self._skip = self._skip, 0
                return chunk[start:] if start else chunk
        return b""

    def close(self) -> None:
        for holder in (self._chunks, self._source, getattr(self._source, "wrapped", None)):
            closer: Any = getattr(holder, "close", None)
            if closer is not None:
                with contextlib.suppress(Exception):
                    closer()
