"""The server's end of local://: threads that each read a call, do its work and answer it.

All threads wait on one epoll; the one that is woken does everything for that call, so nothing is handed over.  A connection
is watched by EPOLLONESHOT: it belongs to one thread from the moment it is readable until it is armed again.  A call that
changes something may have to wait for its turn; its connection belongs to nobody then, until the thread of another one has it.
"""

import collections
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_messaging._drivers import base

from imagesvc import jsontext
from imagesvc.rpc import answers, envelope, frames
from imagesvc.rpc.rendezvous import Directory
from imagesvc.rpc.turns import Turns

LOG = logging.getLogger(__name__)

_WATCH = select.EPOLLIN | select.EPOLLONESHOT
_CHUNK = 65536
#: Seconds a client may take to make room for its answer.
_SEND_PATIENCE = 5
#: Seconds to leave new connections alone when the process is out of file descriptors.
_ACCEPT_PAUSE = 0.05


class _Connection:
    """One client; used by one thread at a time."""

    def __init__(self, peer: socket.socket, limit: int) -> None:
        self.peer = peer
        self.fd = peer.fileno()
        self.inbox = frames.Inbox(limit)
        #: The change that waits, or waited, for its turn.
        self.waiting: dict[str, Any] | None = None
        self.busy = False
        self.closed = False

    def close(self) -> None:
        self.closed = True
        self.peer.close()

    def send(self, frame: bytes) -> None:
        """Send all of ``frame``, or close a connection that does not take it."""
        rest = memoryview(frame)
        try:
            while rest:
                try:
                    rest = rest[self.peer.send(rest) :]
                except BlockingIOError:
                    self._wait_for_room()
        except OSError as error:
            LOG.debug("A client left before its answer: %s", error)
            self.close()

    def _wait_for_room(self) -> None:
        poll = select.poll()
        poll.register(self.peer, select.POLLOUT)
        if not poll.poll(_SEND_PATIENCE * 1000):
            raise TimeoutError("it does not read")


_Connections = collections.deque[_Connection]


class Incoming(base.RpcIncomingMessage):
    """One call and the way to answer it.

    :param message: a request frame: ``msg_id``, ``ctxt``, ``message``.
    :param send: takes the answer's frame.
    :param limit: most bytes of an answer.
    """

    def __init__(self, message: dict[str, Any], send: Callable[[bytes], None], limit: int) -> None:
        super().__init__(message.get("ctxt"), message.get("message"), message.get("msg_id"))
        self._send = send
        self._limit = limit

    def acknowledge(self) -> None:
        """Nothing to do: the connection's life is the acknowledgement."""

    def requeue(self) -> None:
        raise NotImplementedError("local:// has no queue")

    def heartbeat(self) -> None:
        """Nothing to do: the connection's life is the heartbeat."""

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        """Answer with a result or with ``sys.exc_info()``; in any case answer."""
        self._send(answers.write(self._encode, reply, failure, self._limit, self.message.get("method")))

    def _encode(self, outcome: dict[str, Any]) -> bytes:
        return frames.encode({"msg_id": self.msg_id, **outcome}, self._limit, jsontext.dumps)


class LocalListener(base.Listener):
    """Takes calls at one socket of a directory.

    :param directory: where the socket goes; closed by :meth:`cleanup`.
    :param max_threads: most calls at a time, half of them changes; threads are started as they are needed.
    :param max_request: most bytes of a request; :param max_reply: of a reply.
    """

    def __init__(
        self, directory: Directory, topic: str, server: str, max_threads: int, max_request: int, max_reply: int
    ) -> None:
        super().__init__(1, None)
        self._directory = directory
        self._max_threads = max_threads
        self._max_request = max_request
        self._max_reply = max_reply
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._stopping = False
        self._connections: dict[int, _Connection] = {}
        self._turns: Turns[_Connection] = Turns((max_threads + 1) // 2)
        directory.sweep()
        self._listener, self._name = directory.listen(topic, server)
        self._wakeup = os.eventfd(0)
        self._epoll = select.epoll()

    def start(self, on_incoming_callback: Callable[[list[Incoming]], None]) -> None:
        super().start(on_incoming_callback)
        self._epoll.register(self._wakeup, select.EPOLLIN)
        self._epoll.register(self._listener, _WATCH)
        with self._lock:
            self._add_thread()

    def stop(self) -> None:
        """Begin nothing more.  Clients whose call did not begin see their connection close and go elsewhere."""
        with self._lock:
            self._stopping = True
            self._directory.remove(self._name)
            self._listener.close()
            for connection in self._turns.forget():
                connection.busy = False
            for connection in self._connections.values():
                if not connection.busy:
                    connection.close()
        os.eventfd_write(self._wakeup, 1)

    def cleanup(self) -> None:
        """Wait for the calls under way and release everything."""
        for thread in self._threads:
            thread.join()
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._epoll.close()
        os.close(self._wakeup)
        self._directory.close()

    def _add_thread(self) -> None:
        """Have one more thread wait; the lock is held."""
        thread = threading.Thread(target=self._serve, name=f"rpc-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        self._idle += 1
        thread.start()

    def _serve(self) -> None:
        while True:
            [(fd, _)] = self._epoll.poll(-1, 1) or [(-1, 0)]
            with self._lock:
                if self._stopping:
                    return
                self._idle -= 1
                if not self._idle and len(self._threads) < self._max_threads:
                    self._add_thread()
                connection = self._connections.get(fd)
                if connection is not None:
                    connection.busy = True
            if connection is not None:
                self._converse(connection)
            elif fd == self._listener.fileno():
                self._accept()
            with self._lock:
                self._idle += 1

    def _accept(self) -> None:
        try:
            while True:
                peer, _ = self._listener.accept()
                self._admit(peer)
        except BlockingIOError:
            pass
        except OSError as error:
            if self._stopping:
                return
            LOG.warning("Cannot take a connection: %s", error)
            time.sleep(_ACCEPT_PAUSE)
        with self._lock:
            if not self._stopping:
                self._epoll.modify(self._listener, _WATCH)

    def _admit(self, peer: socket.socket) -> None:
        if (uid := frames.peer_uid(peer)) != os.geteuid():
            LOG.warning("Refused a connection of user %s", uid)
            peer.close()
            return
        peer.setblocking(False)
        with self._lock:
            self._connections[peer.fileno()] = _Connection(peer, self._max_request)
            self._epoll.register(peer, _WATCH)

    def _converse(self, connection: _Connection) -> None:
        """Answer what the connection has to say, and what others had to say whose turn came through that."""
        mine: _Connections = collections.deque([connection])
        while mine:
            connection = mine.popleft()
            if self._is_done(connection, mine):
                self._leave(connection)

    def _is_done(self, connection: _Connection, mine: _Connections) -> bool:
        """Answer what the connection has to say; False if that has to wait for its turn.

        :param mine: takes those whose turn comes meanwhile.
        """
        try:
            return self._answer_all(connection, mine)
        except frames.Malformed as error:
            LOG.warning("Closed a connection that sent %s", error)
        except OSError as error:
            LOG.debug("A connection broke: %s", error)
        except Exception:
            # A thread must outlive whatever one call does to it.
            LOG.exception("A call broke its connection")
        connection.close()
        return True

    def _leave(self, connection: _Connection) -> None:
        """Watch the connection again, or forget it if it is over."""
        with self._lock:
            connection.busy = False
            if self._stopping:
                connection.close()
            if not connection.closed:
                self._epoll.modify(connection.fd, _WATCH)
            # The number may already be another connection's.
            elif self._connections.get(connection.fd) is connection:
                del self._connections[connection.fd]

    def _answer_all(self, connection: _Connection, mine: _Connections) -> bool:
        if connection.waiting is not None:
            self._change(connection, mine)
            if not self._answer_read(connection, mine):
                return False
        while _receive(connection):
            if not self._answer_read(connection, mine):
                return False
            if not connection.inbox:
                break
        return True

    def _answer_read(self, connection: _Connection, mine: _Connections) -> bool:
        """The same for what has been read from it."""
        while not (connection.closed or self._stopping) and (message := connection.inbox.pop()) is not None:
            if not envelope.is_change(message.get("ctxt")):
                self._deliver(connection, message)
                continue
            connection.waiting = message
            if not self._turns.take(connection):
                return False  # It may be another thread's already.
            self._change(connection, mine)
        return True

    def _change(self, connection: _Connection, mine: _Connections) -> None:
        """The change whose turn it is."""
        message, connection.waiting = connection.waiting, None
        assert message is not None, "a connection waits with a message"
        try:
            self._deliver(connection, message)
        finally:
            if (following := self._turns.give()) is not None:
                mine.append(following)

    def _deliver(self, connection: _Connection, message: dict[str, Any]) -> None:
        expires = message.get("expires")
        if not isinstance(expires, int | float) or expires <= time.monotonic():
            LOG.debug("Dropped a call that nobody waits for any more")
            return
        incoming = Incoming(message, connection.send, self._max_reply)
        if not isinstance(incoming.message, dict):
            raise frames.Malformed("a call without a message")
        self.on_incoming_callback([incoming])


def _receive(connection: _Connection) -> bool:
    """Read on; False if there is nothing more at the moment, or ever."""
    try:
        data = connection.peer.recv(_CHUNK)
    except BlockingIOError:
        return False
    if not data:
        connection.close()
        return False
    connection.inbox.feed(data)
    return True
