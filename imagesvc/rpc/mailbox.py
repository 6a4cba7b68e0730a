"""glance-api's end of rabbit://: calls that wait for their answers, and the link on which both travel.

A call is published, and its thread waits; one thread takes all answers and wakes who waits for them.  The broker confirms
nothing: whose message is lost hears nothing, and asks again.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import amqp
import oslo_messaging as messaging

from imagesvc.rpc import letters
from imagesvc.rpc.link import Link, body_of

LOG = logging.getLogger(__name__)

#: Seconds of silence after which a registry that has a call counts as dead; a whole number, at least 2.
SILENCE = 2
#: Seconds between two tries to connect to a broker that refuses, and between two connections given up for their silence.
_PAUSE, _RENEWAL = 1.0, 5.0


class _Call:
    """One that waits."""

    def __init__(self) -> None:
        self.heard = time.monotonic()
        self._outcome: Any = None
        self._over = threading.Lock()  # the cheapest thing to wait for
        self._over.acquire()

    def end(self, outcome: Any) -> None:
        """To be called once."""
        self._outcome = outcome
        self._over.release()

    def wait(self, end: float) -> Any:
        """The outcome.

        :raises MessagingTimeout: at ``end``, or after a long silence.
        """
        while (left := min(end, self.heard + SILENCE) - time.monotonic()) > 0:
            if self._over.acquire(timeout=left):
                return self._outcome
        raise messaging.MessagingTimeout("the broker does not take the message or nobody answers")


class Mailbox:
    """The calls of one process; connects at the first.

    :param connect: makes the link, given the three callables that :class:`Link` wants, and declares the queue for answers
        with the callback given last.
    """

    def __init__(self, connect: Callable[..., Link]) -> None:
        self._connect = connect
        self._calls: dict[str, _Call] = {}
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._connected = threading.Event()
        self._over = threading.Event()
        self._link: Link | None = None
        self._heard = self._renewed = 0.0

    def call(self, msg_id: str, exchange: str, topic: str, body: bytes, seconds: float) -> Any:
        """What came back: the parts of a sealed answer, or a text that says what it is instead.

        :raises MessageUndeliverable: no registry is there.
        :raises MessagingTimeout: no answer within ``seconds``, or no sign of life for long.
        :raises MessageDeliveryFailure: the broker was lost.
        """
        end = time.monotonic() + seconds
        link = self._link or self._first_link(seconds)
        channel = link.channel_within(end - time.monotonic())
        call = self._calls[msg_id] = _Call()
        published = call.heard
        try:
            link.publish(
                channel,
                exchange,
                topic,
                body,
                mandatory=True,
                content_type="application/json",
                content_encoding="utf-8",
                correlation_id=msg_id,
                expiration=str(int(seconds * 1000)),
            )
            outcome = call.wait(end)
        except messaging.MessagingTimeout:
            self._doubt(link, channel, published)
            raise
        finally:
            self._calls.pop(msg_id, None)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self, seconds: float) -> None:
        """Close the link; wait for that, but no longer than ``seconds``."""
        self._over.set()
        if self._reader is not None:
            try:
                if self._link is not None:
                    self._link.take_no_more()
            except messaging.MessagingException as error:
                LOG.debug("It is lost already: %s", error)
            self._reader.join(seconds)

    def _doubt(self, link: Link, channel: Any, published: float) -> None:
        """Have a new connection where nothing has come since: a channel opened while a quorum queue had no leader passes messages to
        the dead one for good, and tells nobody.
        """
        now = time.monotonic()
        if self._heard < published and self._renewed + _RENEWAL < now:
            self._renewed = now
            LOG.info("Nothing came back from the broker for %.1f s; connecting anew", now - published)
            link.renew(channel)

    def _first_link(self, seconds: float) -> Link:
        with self._lock:
            if self._reader is None:
                self._reader = threading.Thread(target=self._read, daemon=True, name="rpc-answers")
                self._reader.start()
        if not self._connected.wait(seconds):
            raise messaging.MessagingTimeout("there is no connection to the broker")
        if self._link is None:
            raise messaging.MessagingTimeout("the mailbox is closed")
        return self._link

    def _read(self) -> None:
        while self._link is None and not self._over.is_set():
            try:
                self._link = self._connect(self._lost, self._returned, self._arrived)
            except Exception as error:
                # A broker that is away is waited for in there; this one has answered.
                LOG.exception("The broker refuses what glance-api needs: %s", type(error).__name__)
                self._over.wait(_PAUSE)
        self._connected.set()
        if self._link is not None:
            self._link.read(self._over)

    def _lost(self) -> None:
        for msg_id in list(self._calls):
            self._end(msg_id, messaging.MessageDeliveryFailure("the connection to the broker is lost"))

    def _returned(self, error: Exception, exchange: str, key: str, message: amqp.Message) -> None:
        self._heard = time.monotonic()
        msg_id = message.properties.get("correlation_id")
        self._end(msg_id, messaging.MessageUndeliverable(error, exchange, key, message))

    def _arrived(self, message: amqp.Message) -> None:
        self._heard = time.monotonic()
        body = body_of(message)
        try:
            msg_id = message.properties.get("correlation_id")
            if msg_id:
                return self._end(msg_id, letters.open_plain_answer(body))
            msg_id, answer = letters.open_wrapped_answer(body)
        except ValueError as error:
            return LOG.info("Dropped what is no answer: %s", error)
        if answer is not None:
            self._end(msg_id, answer)
        elif (call := self._calls.get(msg_id)) is not None:
            call.heard = time.monotonic()
        return None

    def _end(self, msg_id: Any, outcome: Any) -> None:
        if (call := self._calls.pop(msg_id, None)) is not None:
            call.end(outcome)
        else:
            LOG.debug("Nobody waits for an answer to %s", msg_id)
