"""How long a caller waits: registry time as seen from here, and the breaker that stops hopeless waiting.

Nothing here knows messages; times are seconds of the monotonic clock unless a name says milliseconds.
"""

import threading
import time
from collections.abc import Callable


class RegistryClock:
    """Registry time, learnt from replies; immune to steps of this host's clock.

    Until the first reply this host's wall clock is the best guess.
    """

    def __init__(self) -> None:
        self._offset_ms = time.time() * 1000 - time.monotonic() * 1000

    def now_ms(self) -> int:
        """Milliseconds of registry time."""
        return int(time.monotonic() * 1000 + self._offset_ms)

    def learn(self, registry_ms: int, sent: float, received: float) -> None:
        """Take what a reply says about registry time.

        :param registry_ms: the registry's clock at some moment between ``sent`` and ``received``.
        """
        # The true offset lies between these two, so a reply that was long on its way cannot spoil a good estimate.
        least, most = registry_ms - received * 1000, registry_ms - sent * 1000
        self._offset_ms = min(max(self._offset_ms, least), most)


class Breaker:
    """Opens after ``threshold`` operations in a row that got no answer in time, nor anybody else meanwhile; while open, one probe a second.

    An operation may wait in vain for what others have locked: while the other side answers others it is not away.

    :param probe: asks the other side for a sign of life; returns whether there was one.
    """

    def __init__(self, probe: Callable[[], bool], threshold: int = 3, interval: float = 1.0) -> None:
        self._probe = probe
        self._threshold = threshold
        self._interval = interval
        self._failures = 0
        self._answered_at = 0.0
        self._next_probe = 0.0
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Whether an operation is worth trying; may take as long as the probe."""
        if self._failures < self._threshold:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_probe:
                return False
            self._next_probe = now + self._interval
        if self._probe():
            self.succeeded()
        return self._failures < self._threshold

    def succeeded(self) -> None:
        """Any answer came, be it an error."""
        self._failures = 0
        self._answered_at = time.monotonic()

    def exhausted(self, since: float) -> None:
        """An operation waited its whole deadline for nothing.

        :param since: when it began.
        """
        with self._lock:
            if self._answered_at >= since:
                return
            self._failures += 1
            self._next_probe = time.monotonic() + self._interval
