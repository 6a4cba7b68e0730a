"""Turns: only so many changes run at a time; the others wait in the order they came, and hold no thread meanwhile.

Changes wait for each other, on SQLite all of them and elsewhere those of a row.  Were they to wait on threads, a hundred
of them would keep every reader waiting, who waits for none of them.
"""

import collections
import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """:param most: turns at a time."""

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self._free = most
        self._waiting: collections.deque[T] = collections.deque()

    def take(self, waiter: T) -> bool:
        """Whether there is a turn; if not, ``waiter`` is kept until :meth:`give` returns it."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            self._waiting.append(waiter)
            return False

    def give(self) -> T | None:
        """End a turn; whose it is now, if somebody waits."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._free += 1
            return None

    def forget(self) -> list[T]:
        """Those who wait, and do so no more."""
        with self._lock:
            waiting, self._waiting = list(self._waiting), collections.deque()
            return waiting
