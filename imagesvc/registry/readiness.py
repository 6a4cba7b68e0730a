"""Tells systemd that the service is ready: when all workers take calls, not when their parent has begun to fork them."""

import contextlib
import os
import threading

from oslo_service import systemd

_VARIABLE = "NOTIFY_SOCKET"


class Readiness:
    """Made before the workers are forked; does nothing where nobody asked to be told.

    :param workers: how many must report.
    """

    def __init__(self, workers: int) -> None:
        # Taken out of the environment, or the launcher would send its own word, too early.
        self._address = os.environ.pop(_VARIABLE, None)
        self._workers = workers
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def watch(self) -> None:
        """In the parent: tell systemd once all workers have reported."""
        if self._address is not None:
            threading.Thread(target=self._wait, name="readiness", daemon=True).start()

    def report(self) -> None:
        """In a worker: it takes calls."""
        if self._address is not None:
            # Full only after some ten thousand restarts of workers, long after anybody reads.
            with contextlib.suppress(BlockingIOError):
                os.write(self._writer, b".")

    def _wait(self) -> None:
        seen = 0
        while seen < self._workers:
            seen += len(os.read(self._reader, self._workers - seen))
        assert self._address is not None
        os.environ[_VARIABLE] = self._address
        systemd.notify_once()
