"""Spreads connections over workers: all of them wait on one socket, and the first to wake would take everything."""

import mmap

_MAX_SLOTS = 1024
_UNUSED = -1


class Balance:
    """How many connections each worker has, in memory that forked processes share.

    Counts are hints: reading and writing them without locks may be late by a connection or two.
    """

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 8 * _MAX_SLOTS)).cast("q")
        self._slots = 0
        self.resize(1)

    def resize(self, slots: int) -> None:
        """Say that workers 0 to ``slots`` - 1 count; called before they are forked."""
        self._slots = min(slots, _MAX_SLOTS)
        for slot in range(self._slots, _MAX_SLOTS):
            self._counts[slot] = _UNUSED

    def set(self, slot: int, count: int) -> None:
        """Worker ``slot`` has ``count`` connections now."""
        self._counts[slot % _MAX_SLOTS] = count

    def is_loaded(self, slot: int) -> bool:
        """Whether another worker has fewer connections."""
        own = self._counts[slot % _MAX_SLOTS]
        return any(_UNUSED < count < own for count in self._counts[: self._slots])
