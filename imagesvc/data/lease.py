"""Keeping an upload's lease alive while its data flows, however slowly."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from imagesvc import exception

LOG = logging.getLogger(__name__)


class Lease:
    """Renews on a thread of its own (a green one under the eventlet server) from entering the context to leaving it.

    :param renew: tells the registry; raises what it says.
    :param seconds: how long the lease lives; it is renewed three times in that time.

    While the registry is away the upload goes on: the completion at its end decides.
    """

    def __init__(self, renew: Callable[[], None], seconds: float) -> None:
        self._renew = renew
        self._interval = seconds / 3
        self._lost: exception.ImageServiceError | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, daemon=True, name="upload-lease").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def check(self) -> None:
        """Raise what the registry said when it refused to renew: the upload must stop at once."""
        if self._lost is not None:
            raise self._lost

    def _run(self) -> None:
        while not self._over.wait(self._interval):
            try:
                self._renew()
            except exception.Unavailable as exc:
                LOG.warning("The upload's lease was not renewed: %s", exc.msg)
            except exception.ImageServiceError as exc:
                self._lost = exc
                return
            except Exception:
                LOG.exception("Renewing an upload's lease failed")
