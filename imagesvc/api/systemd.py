"""Tells systemd (``Type=notify`` and ``notify-reload``) what the daemon is about to do."""

import os
import socket
import time

from oslo_log import log

LOG = log.getLogger(__name__)


def notify(*states: str) -> None:
    """Send assignments such as ``READY=1``; nothing happens without systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(address)
            sock.sendall("\n".join(states).encode())
    except OSError as error:
        LOG.warning("Cannot notify systemd: %s", error)


def ready() -> None:
    """Start-up or reload is finished."""
    notify("READY=1", f"STATUS=Serving, pid {os.getpid()}")


def reloading() -> None:
    """The configuration is read again."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping() -> None:
    """No more connections are accepted."""
    notify("STOPPING=1", "STATUS=Finishing transfers")
