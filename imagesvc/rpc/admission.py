"""The registry's side of rabbit://: which messages become calls, and how those are answered.

A broker delivers whatever anybody with an account publishes.  What none of our keys has signed, what came before and what
is too large is dropped here without an answer, before a thread or a database is busied with it; one line of log in a while
says so.  A message is acknowledged when a thread begins with it, so that a flood stays in the broker, where it expires.
"""

import collections
import functools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_messaging._drivers import base

from imagesvc import jsontext
from imagesvc.rpc import answers, frames, seal
from imagesvc.rpc.crew import Crew
from imagesvc.rpc.inbox import Delivery
from imagesvc.rpc.keys import Keyring

LOG = logging.getLogger(__name__)

#: Seconds between two lines about refused messages.
_ALARM_INTERVAL = 10.0
#: Seconds a message is remembered; its deadline is never further away than a commit's.
_MEMORY = 120.0
#: Seconds between two signs of life for a caller, and the age from which a call gives them.
_SIGN_OF_LIFE = 0.5
#: Characters of a queue's name, and of what else AMQP calls a short string.
_LONGEST_NAME = 255


class Alarm:
    """Reports what was refused: the first at once, the others counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._next = 0.0

    def ring(self, what: object) -> None:
        with self._lock:
            self._count += 1
            now = time.monotonic()
            if now < self._next:
                return
            count, self._count, self._next = self._count, 0, now + _ALARM_INTERVAL
        LOG.warning("Refused %s; messages refused since the last such line: %d", what, count)


class Memory:
    """Nonces of the messages of the last minutes; used by one thread."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._order: collections.deque[tuple[float, str]] = collections.deque()

    def is_new(self, nonce: str) -> bool:
        """Whether it was never asked for; remembers it."""
        now = time.monotonic()
        while self._order and self._order[0][0] < now:
            self._known.discard(self._order.popleft()[1])
        if nonce in self._known:
            return False
        self._known.add(nonce)
        self._order.append((now + _MEMORY, nonce))
        return True


class Pulse:
    """Gives the callers of long calls signs of life, so that a silent registry is known for dead within seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: dict[int, tuple[float, Any]] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, delivery: Any) -> None:
        with self._lock:
            self._busy[id(delivery)] = (time.monotonic() + _SIGN_OF_LIFE, delivery)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="rpc-pulse")
                self._thread.start()

    def end(self, delivery: Any) -> None:
        with self._lock:
            self._busy.pop(id(delivery), None)

    def stop(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(_SIGN_OF_LIFE):
            for delivery in self._due():
                try:
                    delivery.heartbeat()
                except Exception as error:  # noqa: BLE001 -- the caller will ask again
                    LOG.debug("A caller gets no sign of life: %s", error)

    def _due(self) -> list[Any]:
        now = time.monotonic()
        with self._lock:
            return [delivery for since, delivery in self._busy.values() if since <= now]


class SignedIncoming(base.RpcIncomingMessage):
    """An admitted call: answers are signed."""

    #: The pulse does what this would ask of the dispatcher.
    client_timeout = None

    def __init__(self, delivery: Delivery, nonce: str, keyring: Keyring, max_reply: int) -> None:
        super().__init__(delivery.ctxt, delivery.message, delivery.msg_id)
        self._delivery = delivery
        self._nonce = nonce
        self._keyring = keyring
        self._max_reply = max_reply

    def acknowledge(self) -> None:
        """Nothing to do: it was before the call began."""

    def requeue(self) -> None:
        raise NotImplementedError("a call is acknowledged before it begins")

    def heartbeat(self) -> None:
        """Nothing to do: the pulse beats for all."""

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        """Answer with a result or with ``sys.exc_info()``; in any case answer, unless the broker takes none.

        Whoever misses it asks again, and what was done for him stands in the database.
        """
        method = self.message.get("method")
        text = answers.write(self._encode, reply, failure, self._max_reply, method)
        try:
            self._delivery.reply(seal.reply(self._keyring, self._nonce, text))
        except Exception as error:  # noqa: BLE001 -- the broker's refusals come in many classes
            LOG.warning("The answer to %s could not be sent: %s", method, error or type(error).__name__)

    def _encode(self, outcome: dict[str, Any]) -> str:
        text = jsontext.dumps(outcome).decode()
        if len(text) > self._max_reply:
            raise frames.TooLarge
        return text


class SignedListener(base.Listener):
    """Admits what ``inbox`` receives, and has each call done by a thread that then answers it.

    :param most: calls at a time.
    :param max_request: most bytes of a request; :param max_reply: of a reply.
    """

    def __init__(self, inbox: Any, keyring: Keyring, most: int, max_request: int, max_reply: int) -> None:
        super().__init__(1, None)
        self._inbox = inbox
        self._keyring = keyring
        self._max_request = max_request
        self._max_reply = max_reply
        self._crew = Crew(most, "rpc")
        self._memory = Memory()
        self._alarm = Alarm()
        self._pulse = Pulse()

    def start(self, on_incoming_callback: Callable[[list[Any]], None]) -> None:
        super().start(on_incoming_callback)
        self._inbox.start(self._receive)

    def stop(self) -> None:
        """Take no more; what has been taken goes on."""
        self._inbox.stop()

    def cleanup(self) -> None:
        """Wait for the calls under way and release everything."""
        self._crew.close()
        self._pulse.stop()
        self._inbox.cleanup()

    def _receive(self, delivery: Delivery) -> None:
        try:
            nonce = self._admit(delivery)
        except seal.Unsealed as refusal:
            self._alarm.ring(refusal)
            delivery.acknowledge()
        else:
            self._crew.put(functools.partial(self._do, delivery, nonce))

    def _admit(self, delivery: Delivery) -> str:
        nonce = seal.check_request(self._keyring, delivery.ctxt, delivery.message, self._max_request)
        # Neither is signed by itself, and both become properties of the answer.
        if not (_is_name(delivery.msg_id) and _is_name(delivery.reply_to)):
            raise seal.Unsealed("a message that wants no answer")
        if delivery.reply_to != delivery.ctxt["seam"].get("reply_to"):
            # Another registry may not know that it came before: then at least nobody else reads the answer.
            raise seal.Unsealed("a message that wants its answer elsewhere")
        if not self._memory.is_new(nonce):
            raise seal.Unsealed("a message that came before")
        return nonce

    def _do(self, delivery: Delivery, nonce: str) -> None:
        """In a thread of the crew.  The broker keeps what no thread has begun; it sends a few beforehand."""
        delivery.acknowledge()
        self._pulse.begin(delivery)
        try:
            self.on_incoming_callback([SignedIncoming(delivery, nonce, self._keyring, self._max_reply)])
        except Exception:
            # A thread must outlive whatever one call does to it.
            LOG.exception("A call came to no end")
        finally:
            self._pulse.end(delivery)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and 0 < len(value) <= _LONGEST_NAME
