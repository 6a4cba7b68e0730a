"""A connection to the broker that one thread reads and any thread writes to.

oslo.messaging's connection knows addresses, accounts, TLS, declarations, and how to connect again.  Its way to pass a message,
through itself and kombu, costs several times what the message costs; so messages pass here straight by py-amqp: one
system call for all that has arrived, one for each message sent, and no waiting for the broker in between.
"""

import functools
import logging
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import amqp
import kombu.compression
import oslo_messaging as messaging
from amqp import spec
from oslo_messaging._drivers import common, impl_rabbit

LOG = logging.getLogger(__name__)

_CHUNK = 65536
#: Seconds for which the broker may take nothing of what is sent, and for which reading waits in one piece.
_PATIENCE = 2.0
#: Seconds between two tries to connect where the library gives up.
_PAUSE = 1.0
#: Messages that the broker sends before the first is acknowledged, where the option says without limit.
_FEW = 4
#: What of a frame is not its payload, and where the payload's length stands.
_FRAME, _LENGTH = 8, slice(3, 7)


class Consumer(impl_rabbit.Consumer):
    """A queue whose messages are handed over as py-amqp has them.

    :param no_ack: whether the broker may forget a message once it is sent.
    """

    def __init__(self, *, no_ack: bool, **settings: Any) -> None:
        super().__init__(**settings)
        self._no_ack = no_ack

    def declare(self, conn: Any) -> None:
        super().declare(conn)
        self.queue.no_ack = self._no_ack

    def consume(self, conn: Any, tag: int) -> None:
        """Begin to take messages; the queue may have gone with its last consumer since it was declared.

        :raises RecoverableConnectionError: it went now, and with it what was agreed upon with the broker for this channel.
        """
        self.declare(conn)
        try:
            self.queue.consume(callback=self._callback, consumer_tag=str(tag), nowait=self.nowait)
        except amqp.NotFound as error:
            raise amqp.RecoverableConnectionError(error.reply_text) from None

    def _callback(self, message: amqp.Message) -> None:
        try:
            self.callback(message)
        except Exception:
            # One message must not end the reading of others.
            LOG.exception("A message could not be taken")


class Link(impl_rabbit.Connection):
    """Connects when it is made, for as long as that takes.

    :param conf: the driver's.
    :param prepare: called with the channel of each new connection before messages are taken; :param lost: when one is lost.
    :param returned: called with the error, exchange, routing key and message that no queue is there for.
    """

    def __init__(
        self,
        conf: Any,
        url: messaging.TransportURL,
        prepare: Callable[[Any], object],
        lost: Callable[[], object],
        returned: Callable[..., object] | None = None,
    ) -> None:
        self._prepare = prepare
        self._on_lost = lost
        self._writing = threading.Lock()
        self._up = threading.Event()
        self._open: Any = None
        self._beat_at = 0.0
        self._consumers: dict[Consumer, int]
        if returned is not None:
            self.on_return = returned
        super().__init__(conf, url, common.PURPOSE_LISTEN)

    # -- for any thread --------------------------------------------------------------------------

    def channel_within(self, seconds: float) -> Any:
        """The channel to write to; used no more when it is lost.

        :raises MessagingTimeout: there is no connection, and none comes within ``seconds``.
        """
        channel = self._open
        while channel is None:
            if not self._up.wait(seconds):
                raise messaging.MessagingTimeout("there is no connection to the broker")
            channel = self._open
        return channel

    def publish(
        self, channel: Any, exchange: str, key: str, body: bytes, mandatory: bool = False, **properties: Any
    ) -> None:
        """Send a message.

        :param channel: of :meth:`channel_within`.
        :param properties: as AMQP knows them.
        :raises MessageDeliveryFailure: the connection is lost, now or before.
        :raises MessagingTimeout: others take too long to be sent.
        """
        if self.kombu_compression:
            body, kind = kombu.compression.compress(body, self.kombu_compression)  # type: ignore[no-untyped-call]
            properties["application_headers"] = {"compression": kind}
        message = amqp.Message(body, delivery_mode=2, **properties)
        self._write(channel, spec.Basic.Publish, "Bssbb", (0, exchange, key, mandatory, False), message)

    def acknowledge(self, message: amqp.Message) -> None:
        """Tell the broker that a message is taken; once its connection is lost it comes again in any case."""
        if (channel := message.channel) is not self._open:
            return
        try:
            self._write(channel, spec.Basic.Ack, "Lb", (message.delivery_tag, False))
        except messaging.MessagingException as error:
            # The broker would send one less in advance for good.
            self._give_up(channel)
            LOG.debug("A message could not be acknowledged: %s", error)

    def renew(self, channel: Any) -> None:
        """Give up the connection of a channel, if it is still in use; there will be another."""
        if channel is self._open:
            self._give_up(channel)

    def take_no_more(self) -> None:
        """Have the broker send no further messages; what it has sent still comes, and at the end a word that wakes the reader."""
        tags, self._consumers = list(self._consumers.values()) or [0], {}
        if (channel := self._open) is not None:
            for tag in tags:
                self._write(channel, spec.Basic.Cancel, "sb", (str(tag), False))

    def _write(self, channel: Any, method: Any, form: str, args: Any, content: Any = None) -> None:
        try:
            channel.send_method(method, form, args, content)
        except _Busy:
            raise messaging.MessagingTimeout("others take too long to be sent") from None
        except Exception as error:  # noqa: BLE001 -- a lost connection shows in many ways
            self._give_up(channel)
            raise messaging.MessageDeliveryFailure(f"lost the broker: {type(error).__name__}: {error}") from None

    def _give_up(self, channel: Any) -> None:
        """Part of a message may have been written: nothing can follow it.  The reader notices."""
        try:
            channel.connection.sock.shutdown(socket.SHUT_RDWR)
        except (AttributeError, OSError) as error:
            LOG.debug("The connection is lost already: %s", error)

    # -- for the thread that reads ---------------------------------------------------------------

    def read(self, over: threading.Event) -> None:
        """Hand out what comes until ``over`` is set and something has come; connect again whenever the connection is lost."""

        def lost(_error: Exception) -> None:
            self._lost()
            if over.is_set():
                raise common.Timeout

        while not over.is_set():
            try:
                self.ensure(functools.partial(self._read, over), recoverable_error_callback=lost)
            except Exception as error:
                self._lost()
                if not over.is_set():
                    LOG.exception("The broker is of no use: %s", type(error).__name__)
                    over.wait(_PAUSE)
        self._lost()
        try:
            self.close()
        except Exception as error:  # noqa: BLE001 -- whatever it is, nobody needs the connection any more
            LOG.debug("The connection was not closed in order: %s", error)

    def _lost(self) -> None:
        self._open = None
        self._up.clear()
        self._on_lost()

    def _set_qos(self, channel: Any) -> None:
        # Without a limit a flood would come here.
        channel.basic_qos(0, self.rabbit_qos_prefetch_count or _FEW, False)

    def _read(self, over: threading.Event) -> None:
        channel = self.channel
        connection = channel.connection
        if not isinstance(connection.frame_writer, _Turns):
            connection.frame_writer = _Turns(connection.frame_writer, self._writing)
        self._set_qos(channel)
        self._prepare(channel)
        for consumer, tag in self._consumers.items():
            consumer.consume(self, tag=tag)
        sock = connection.sock
        sock.settimeout(_PATIENCE)
        receive = functools.partial(self._receive_tls, sock) if isinstance(sock, ssl.SSLSocket) else sock.recv
        self._open = channel
        self._up.set()
        while not over.is_set():
            self._pull(connection, receive)

    def _pull(self, connection: amqp.Connection, receive: Callable[[int], bytes]) -> None:
        """Take what has come, all of it at once; py-amqp would ask for each piece of each frame."""
        try:
            now = time.monotonic()
            if now >= self._beat_at:
                self._beat_at = now + self._heartbeat_wait_timeout
                self._heartbeat_check()
            data = receive(_CHUNK)
        except TimeoutError:
            return
        if not data:
            raise ConnectionResetError("the broker closed the connection")
        transport = connection.transport
        transport._read_buffer += data  # noqa: SLF001 -- from there it reads first
        while _is_whole(transport._read_buffer):  # noqa: SLF001 -- see above
            connection.blocking_read()

    def _receive_tls(self, sock: ssl.SSLSocket, size: int) -> bytes:
        """Under TLS reading and writing exclude each other; waiting excludes nobody."""
        if not sock.pending():
            with selectors.DefaultSelector() as selector:
                selector.register(sock, selectors.EVENT_READ)
                if not selector.select(_PATIENCE):
                    raise TimeoutError
        with self._writing:
            sock.settimeout(0)
            try:
                return sock.recv(size)
            except ssl.SSLWantReadError:
                raise TimeoutError from None
            finally:
                sock.settimeout(_PATIENCE)


class _Busy(TimeoutError):
    """Others write all the time; nothing of this message has been written."""


class _Turns:
    """What py-amqp writes with, for one thread at a time."""

    def __init__(self, write: Callable[..., object], lock: threading.Lock) -> None:
        self._write = write
        self._lock = lock

    def __call__(self, *args: Any) -> None:
        if not self._lock.acquire(timeout=_PATIENCE):
            raise _Busy
        try:
            self._write(*args)
        finally:
            self._lock.release()


def body_of(message: amqp.Message) -> bytes:
    """What was sent.

    :raises Exception: of many classes, if it was compressed and cannot be decompressed.
    """
    body: bytes | str = message.body
    headers = message.properties.get("application_headers") or {}
    if (kind := headers.get("compression")) is not None:
        body = kombu.compression.decompress(body, kind)  # type: ignore[no-untyped-call]
    return body.encode() if isinstance(body, str) else body


def _is_whole(data: bytes) -> bool:
    """Whether ``data`` begins with a whole frame."""
    return len(data) >= _FRAME and len(data) >= _FRAME + int.from_bytes(data[_LENGTH], "big")
