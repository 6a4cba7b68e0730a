"""The client's end of local://: one call at a time per connection, connections kept for later, servers used evenly.

Plain blocking sockets and no threads, so it is right on native threads and on eventlet's alike.
"""

import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import oslo_messaging as messaging

from imagesvc import exception
from imagesvc.rpc import frames
from imagesvc.rpc.failures import NoServer
from imagesvc.rpc.rendezvous import Directory

LOG = logging.getLogger(__name__)

_CHUNK = 65536
_MOST_IDLE = 64
#: Seconds after which the directory is read again even if it seems unchanged: its time stamp may be coarse.
_LISTING_AGE = 1.0
#: Seconds a server is avoided after it refused a connection, and after it let a call time out.
_REFUSAL_PENALTY, _TIMEOUT_PENALTY = 1.0, 5.0


class _Connection:
    """A connection on which nothing is outstanding, or one call."""

    def __init__(self, peer: socket.socket, limit: int) -> None:
        self._peer = peer
        self._inbox = frames.Inbox(limit)

    def close(self) -> None:
        self._peer.close()

    def send(self, frame: bytes, end: float) -> None:
        """:raises OSError: if the server cannot have got the whole frame."""
        self._peer.settimeout(_left(end))
        self._peer.sendall(frame)

    def receive(self, end: float) -> dict[str, Any]:
        """The next frame.

        :param end: monotonic seconds after which to raise TimeoutError.
        :raises OSError: if the connection is lost before.
        """
        while (message := self._inbox.pop()) is None:
            self._peer.settimeout(_left(end))
            data = self._peer.recv(_CHUNK)
            if not data:
                raise ConnectionResetError("the registry closed the connection")
            self._inbox.feed(data)
        return message


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Server:
    """A server's socket as this client knows it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.outstanding = 0
        self.avoid_until = 0.0
        self.idle: list[_Connection] = []
        #: Whether its socket has vanished from the directory.
        self.gone = False

    def eligible(self, now: float) -> bool:
        """Whether to prefer it; a server in disgrace gets one call at a time, once its penalty is over."""
        return not self.avoid_until or (self.avoid_until <= now and not self.outstanding)

    def punish(self, seconds: float) -> None:
        self.avoid_until = time.monotonic() + seconds
        self.drop_idle()

    def keep(self, connection: _Connection) -> None:
        if self.gone or len(self.idle) >= _MOST_IDLE:
            connection.close()
        else:
            self.idle.append(connection)

    def take(self) -> _Connection | None:
        """An idle connection, if there is one; another thread may be faster."""
        try:
            return self.idle.pop()
        except IndexError:
            return None

    def drop_idle(self) -> None:
        while (connection := self.take()) is not None:
            connection.close()


class Pool:
    """The servers of one directory and this process's connections to them.

    :param path: the rendezvous directory; may come to be, go and change.
    :param max_reply: most bytes of a reply.
    """

    def __init__(self, path: Path, max_reply: int) -> None:
        self._path = path
        self._max_reply = max_reply
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._directory: Directory | None = None
        self._servers: dict[str, _Server] = {}
        self._listed: tuple[Any, float] = (None, 0.0)
        self._turn = 0

    def close(self) -> None:
        """Close all connections that are not in use."""
        with self._lock:
            for server in self._servers.values():
                server.drop_idle()
            if self._directory is not None:
                self._directory.close()
            self._reset()

    def call(self, topic: str, frame: bytes, end: float) -> dict[str, Any]:
        """Send ``frame`` to one server of ``topic`` and return its answer.

        :param end: monotonic seconds when to stop waiting.
        :raises NoServer: no server took the call.
        :raises MessagingTimeout: no answer by ``end``.
        :raises MessageDeliveryFailure: the connection was lost while the server may have been at work.
        """
        refused: set[str] = set()
        while (server := self._choose(topic, refused)) is not None:
            try:
                connection = self._send(server, frame, end)
                if connection is not None:
                    return self._receive(server, connection, end)
            finally:
                with self._lock:
                    server.outstanding -= 1
            refused.add(server.name)
        raise NoServer(f"no registry listens in {self._path}")

    def _send(self, server: _Server, frame: bytes, end: float) -> _Connection | None:
        """The connection on which ``server`` got ``frame``, or None if it cannot have got it."""
        while True:
            kept = server.take()
            connection = kept
            try:
                connection = kept or self._connect(server)
                connection.send(frame, end)
            except TimeoutError:
                server.punish(_TIMEOUT_PENALTY)
                if connection is not None:
                    connection.close()
                raise messaging.MessagingTimeout("the registry does not read") from None
            except OSError as error:
                server.drop_idle()
                if connection is not None:
                    connection.close()
                if kept is None:
                    LOG.debug("%s takes no call: %s", server.name, error)
                    server.punish(_REFUSAL_PENALTY)
                    return None
            except BaseException:
                if connection is not None:
                    connection.close()
                raise
            else:
                return connection

    def _connect(self, server: _Server) -> _Connection:
        directory = self._directory
        if directory is None:
            raise FileNotFoundError(errno.ENOENT, "no directory", str(self._path))
        return _Connection(directory.connect(server.name), self._max_reply)

    def _receive(self, server: _Server, connection: _Connection, end: float) -> dict[str, Any]:
        try:
            answer = connection.receive(end)
        except BaseException as error:
            connection.close()
            match error:
                case TimeoutError():
                    server.punish(_TIMEOUT_PENALTY)
                    raise messaging.MessagingTimeout("the registry did not answer in time") from None
                case OSError() | frames.Malformed():
                    server.drop_idle()
                    raise messaging.MessageDeliveryFailure(f"lost the registry during the call: {error}") from None
            raise
        server.avoid_until = 0.0
        server.keep(connection)
        return answer

    def _choose(self, topic: str, refused: Collection[str]) -> _Server | None:
        """The least busy server that has not refused; counts the call as outstanding there."""
        with self._lock:
            if self._pid != os.getpid():
                self._reset()
            self._refresh(topic)
            candidates = [server for server in self._servers.values() if server.name not in refused]
            if not candidates:
                return None
            now = time.monotonic()
            candidates = [server for server in candidates if server.eligible(now)] or candidates
            self._turn += 1
            start = self._turn % len(candidates)
            server = min(candidates[start:] + candidates[:start], key=lambda server: server.outstanding)
            server.outstanding += 1
            return server

    def _refresh(self, topic: str) -> None:
        """Read the directory again if it may have changed; the lock is held."""
        try:
            found = self._path.stat()
            state = (topic, found.st_dev, found.st_ino, found.st_mtime_ns)
            now = time.monotonic()
            if self._listed[0] == state and now < self._listed[1] + _LISTING_AGE:
                return
            self._reopen((found.st_dev, found.st_ino))
            names = self._directory.names(topic) if self._directory else []
        except (OSError, exception.ConfigurationError) as error:
            if not isinstance(error, FileNotFoundError):
                LOG.warning("Cannot look for the registry: %s", error)
            names, state, now = [], None, 0.0
        self._listed = (state, now)
        for name in self._servers.keys() - set(names):
            server = self._servers.pop(name)
            server.gone = True
            server.drop_idle()
        for name in names:
            self._servers.setdefault(name, _Server(name))

    def _reopen(self, identity: tuple[int, int]) -> None:
        """Follow the path to another directory if it leads there now."""
        if self._directory is not None and self._directory.identity != identity:
            self._directory.close()
            self._directory = None
        if self._directory is None:
            self._directory = Directory(self._path)
