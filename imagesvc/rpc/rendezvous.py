"""The directory where servers of local:// leave their sockets and clients find them.

It belongs to the user of both daemons and is closed to everybody else.  A socket's name tells its topic and is never used
twice, so removing a dead one cannot hit a living one; it appears by rename, when it already listens.
"""

import contextlib
import errno
import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from imagesvc import exception
from imagesvc.rpc import frames

_SUFFIX, _UNFINISHED = ".sock", ".new"
#: Seconds after which a socket that never came to listen is somebody's remains.
_UNFINISHED_AGE = 60
_BACKLOG = 1024


class Directory:
    """An open rendezvous directory.

    All names are used relative to the open directory: what was checked is what is used, and a path may be longer than the
    108 bytes of a socket address.

    :param path: absolute path; must exist.
    :raises FileNotFoundError: if it does not.
    :raises ConfigurationError: if others could tamper with it.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        found = os.fstat(self._fd)
        self.identity = (found.st_dev, found.st_ino)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            self.close()
            raise exception.ConfigurationError(
                reason=f"{path}, the directory of the local:// transport, must belong to user {os.geteuid()} and be closed"
                " to others (chmod 700)"
            )

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def names(self, topic: str) -> list[str]:
        """The sockets of servers of ``topic``, dead ones among them."""
        return [name for name in self._list() if name.endswith(_SUFFIX) and name.split("+")[0] == topic]

    def _list(self) -> list[str]:
        return os.listdir(self._fd)  # noqa: PTH208 -- a path could lead elsewhere by now

    def connect(self, name: str) -> socket.socket:
        """A blocking connection to the server called ``name``.

        :raises OSError: at once if there is none: ENOENT, ECONNREFUSED, EAGAIN (it accepts none now), EPERM (it runs as
            another user).
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Unix sockets connect at once or not at all; blocking mode would wait for a frozen server's full backlog.
            connection.setblocking(False)
            if code := connection.connect_ex(self._address(name)):
                raise OSError(code, os.strerror(code))
            if frames.peer_uid(connection) != os.geteuid():
                raise OSError(errno.EPERM, f"{name} is served by another user")
            connection.setblocking(True)
        except BaseException:
            connection.close()
            raise
        return connection

    def listen(self, topic: str, server: str) -> tuple[socket.socket, str]:
        """A listening, non-blocking socket for a server of ``topic``, and its name.

        :param server: for humans; shortened and stripped of odd characters.
        """
        readable = re.sub(r"[^\w.-]", "_", server, flags=re.ASCII)[:40]
        name = f"{topic}+{readable}+{os.getpid()}-{secrets.token_hex(4)}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.bind(self._address(name + _UNFINISHED))
            os.chmod(name + _UNFINISHED, 0o600, dir_fd=self._fd)
            listener.listen(_BACKLOG)
            os.rename(name + _UNFINISHED, name + _SUFFIX, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except BaseException:
            listener.close()
            self.remove(name + _UNFINISHED)
            raise
        return listener, name + _SUFFIX

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def sweep(self) -> None:
        """Remove the sockets of processes that are no more."""
        for name in list(self._dead()):
            self.remove(name)

    def _dead(self) -> Iterator[str]:
        for name in self._list():
            with contextlib.suppress(FileNotFoundError):
                if name.endswith(_UNFINISHED):
                    if os.stat(name, dir_fd=self._fd).st_mtime < time.time() - _UNFINISHED_AGE:
                        yield name
                elif name.endswith(_SUFFIX) and self._refuses(name):
                    yield name

    def _refuses(self, name: str) -> bool:
        try:
            self.connect(name).close()
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
        return False

    def _address(self, name: str) -> str:
        return f"/proc/self/fd/{self._fd}/{name}"


def create(path: Path) -> Directory:
    """Open the directory for a server, making it and its parents where missing.

    :raises ConfigurationError: if that is impossible or others could tamper with it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(0o700, exist_ok=True)
        return Directory(path)
    except OSError as error:
        raise exception.ConfigurationError(
            reason=f"cannot use {path} for the local:// transport: {error.strerror}"
        ) from None
