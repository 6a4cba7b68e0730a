"""A thread that does something again and again, whatever becomes of it."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from imagesvc import exception

LOG = logging.getLogger(__name__)


class Periodic:
    """Calls ``work`` every ``interval`` seconds until :meth:`stop`; failures are logged, the same one once."""

    def __init__(self, name: str, interval: float, work: Callable[[], Any]) -> None:
        self._name = name
        self._interval = interval
        self._work = work
        self._over = threading.Event()
        self._complaint = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, at once."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more, and wait a little for what is under way."""
        self._over.set()
        self._thread.join(self._interval)

    def _run(self) -> None:
        while not self._over.is_set():
            self._turn()
            self._over.wait(self._interval)

    def _turn(self) -> None:
        complaint = ""
        try:
            self._work()
        except exception.ImageServiceError as error:
            complaint = error.msg
        except Exception:
            LOG.exception("The %s's turn failed", self._name)
            return
        if complaint and complaint != self._complaint:
            LOG.warning("The %s waits: %s", self._name, complaint)
        elif self._complaint and not complaint:
            LOG.warning("The %s goes on", self._name)
        self._complaint = complaint
