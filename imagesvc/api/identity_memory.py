"""What this process remembers for some seconds of callers it has identified."""

import hashlib
import itertools
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

_MOST_ENTRIES = 10_000


class IdentityMemory:
    """Values by secret; the secrets themselves are not kept.

    They are told apart by a keyed hash whose key only this process knows: who sees its memory later, or a hash of it in
    a dump, cannot try guesses against it elsewhere.

    :param seconds: how long a value is remembered; 0 means not at all.
    :param monotonic: seconds that never go back.
    """

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._key = secrets.token_bytes(32)
        self._entries: dict[bytes, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def get(self, *secret: str | bytes) -> Any:
        """The value put under these secrets, None without one."""
        if not self._seconds:
            return None
        until, value = self._entries.get(self._digest(secret), (0.0, None))
        return value if self._monotonic() < until else None

    def put(self, value: Any, *secret: str | bytes) -> None:
        """Remember a value, which must not be None, and forget the oldest beyond a bound."""
        if not self._seconds:
            return
        digest, now = self._digest(secret), self._monotonic()
        with self._lock:
            self._entries.pop(digest, None)
            self._entries[digest] = (now + self._seconds, value)
            self._forget(now)

    def _forget(self, now: float) -> None:
        """All live equally long, so the oldest come first."""
        for digest, (until, _) in list(itertools.islice(self._entries.items(), 2)):
            if until <= now or len(self._entries) > _MOST_ENTRIES:
                del self._entries[digest]

    def _digest(self, secret: tuple[str | bytes, ...]) -> bytes:
        digest = hashlib.blake2b(key=self._key, digest_size=32)
        for part in secret:
            encoded = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
            digest.update(len(encoded).to_bytes(8))
            digest.update(encoded)
        return digest.digest()
