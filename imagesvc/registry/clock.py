"""Registry time: milliseconds on the database's clock, without asking the database every time.

Deadlines of calls and leases of uploads are in this time, so that all registries and all hosts agree on it.  It advances
with the monotonic clock between two looks at the database's.
"""

import threading
import time
from collections.abc import Callable

#: Seconds after which the database's clock is read again.
REFRESH_SECONDS = 60.0

#: Milliseconds by which the database's clock may be off the expected time before somebody must have set it.
JUMP_MS = 2_000


class Clock:
    """Registry time of one process; safe to share between threads.

    :param monotonic: seconds that never go back.
    :param wall: seconds since 1970 on this host, used until the database was heard.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._offset_ms = wall() * 1000 - monotonic() * 1000
        self._stale_at = monotonic()
        self._heard = False
        #: How often the database's clock was set while this process ran.
        self.jumps = 0

    def __call__(self) -> int:
        """Milliseconds since 1970."""
        return int(self._monotonic() * 1000 + self._offset_ms)

    def is_stale(self) -> bool:
        """Whether the database's clock should be read again."""
        return self._monotonic() >= self._stale_at

    def monotonic(self) -> float:
        """Seconds, to be told to :meth:`observe` as the moment of asking."""
        return self._monotonic()

    def observe(self, database_ms: int, asked: float | None = None) -> None:
        """Take over what the database's clock says.

        :param asked: monotonic seconds before it was asked, None for just now. It said so at some moment since, and this
            process, or the server, may have stood still before or after it, so nothing more than that is believed.
        """
        with self._lock:
            seconds = self._monotonic()
            least, most = database_ms - seconds * 1000, database_ms - (seconds if asked is None else asked) * 1000
            offset_ms = min(max(self._offset_ms, least), most)
            if self._heard and abs(offset_ms - self._offset_ms) > JUMP_MS:
                self.jumps += 1
            self._heard = True
            self._offset_ms = offset_ms
            self._stale_at = seconds + REFRESH_SECONDS
