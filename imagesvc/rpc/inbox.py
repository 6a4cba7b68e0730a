"""glance-registry's end of rabbit://: what comes off the queue, and the way to acknowledge and to answer it."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import amqp
import oslo_messaging as messaging

from imagesvc.rpc import letters
from imagesvc.rpc.link import Link, body_of
from imagesvc.rpc.postage import Postage

LOG = logging.getLogger(__name__)

#: Seconds that the end may take at the broker.
_PATIENCE = 2.0
#: How oslo.messaging of earlier releases knows what it may read.
_JSON = {"content_type": "application/json", "content_encoding": "utf-8"}


class Delivery:
    """A message, by whomever.

    :ivar ctxt: as it is in the message, like ``message``, ``msg_id`` and ``reply_to``; None of what is no call.
    """

    def __init__(self, link: Link, postage: Postage, message: amqp.Message) -> None:
        self._link = link
        self._postage = postage
        self._source = message
        self._beats = 0
        self.ctxt: Any = None
        self.message: Any = None
        self.msg_id: Any = None
        self.reply_to: Any = None
        try:
            self.ctxt, self.message, self.msg_id, self.reply_to = letters.open_request(body_of(message))
        except Exception as error:  # noqa: BLE001 -- anything may have been sent
            LOG.debug("What came is no call: %s", error)

    def acknowledge(self) -> None:
        """Have the broker forget it; if the broker is lost, it will send it once more."""
        self._link.acknowledge(self._source)

    def reply(self, sealed: dict[str, str]) -> None:
        """Answer, in the form that the caller reads.

        :raises MessagingException: that cannot be.
        """
        if self.ctxt["seam"].get("answer") == letters.PLAIN:
            body, properties = letters.plain_answer(sealed), {"correlation_id": self.msg_id}
        else:
            body, properties = letters.wrapped_answer(self.msg_id, sealed), _JSON
        self._postage.send(self._link, self.reply_to, body, **properties)

    def heartbeat(self) -> None:
        """Tell the caller that his call is worked on, if that can be done at once; raises what :meth:`reply` does."""
        self._beats += 1
        body = letters.sign_of_life(self.msg_id, self._beats)
        self._postage.send(self._link, self.reply_to, body, urgent=True, **_JSON)


class Inbox:
    """What one process takes from the queue.

    :param connect: makes the link, given the callables for a new and for a lost connection, and declares the queue with the
        callback given last.
    """

    def __init__(self, connect: Callable[..., Link], postage: Postage) -> None:
        self._postage = postage
        self._over = threading.Event()
        self._take: Callable[[Delivery], object] = lambda _delivery: None
        self._link = connect(postage.begin, postage.forget, self._arrived)
        self._reader = threading.Thread(target=self._link.read, args=(self._over,), daemon=True, name="rpc-reader")

    def start(self, take: Callable[[Delivery], object]) -> None:
        """Have ``take`` called with each message, in a thread that must not be kept."""
        self._take = take
        self._reader.start()

    def stop(self) -> None:
        """Have the broker send no more."""
        try:
            self._link.take_no_more()
        except messaging.MessagingException as error:
            LOG.debug("It is lost already: %s", error)

    def cleanup(self) -> None:
        self._over.set()
        self.stop()
        self._reader.join(_PATIENCE)

    def _arrived(self, message: amqp.Message) -> None:
        self._take(Delivery(self._link, self._postage, message))
