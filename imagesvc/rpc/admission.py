"""The registry's side of rabbit://: which messages become calls, and how those are answered.

A broker delivers whatever anybody with an account publishes.  What none of our keys has signed, what came before and what
is too large is dropped here without an answer, before a thread or a database is busied with it; one line of log in a while
says so.  What is admitted waits for a free thread, so that a flood stays in the broker, where it expires.
"""

import collections
import functools
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_messaging._drivers import base

from imagesvc.rpc import answers, frames, seal
from imagesvc.rpc.keys import Keyring
from imagesvc.rpc.lanes import Lanes

LOG = logging.getLogger(__name__)

#: Seconds between two lines about refused messages.
_ALARM_INTERVAL = 10.0
#: Seconds a message is remembered; its deadline is never further away than a commit's.
_MEMORY = 120.0
#: Seconds between two signs of life for a caller, and the age from which a call gives them.
_SIGN_OF_LIFE = 0.5


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
    """Gives the callers of long calls signs of life, so that a silent registry is known for dead within seconds.

    :param lanes: send them, so that a caller who cannot be reached keeps nobody from his.
    """

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._lock = threading.Lock()
        self._busy: dict[int, tuple[float, Any]] = {}
        #: Those to whom one is on its way.
        self._beating: set[int] = set()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, incoming: Any) -> None:
        with self._lock:
            self._busy[id(incoming)] = (time.monotonic() + _SIGN_OF_LIFE, incoming)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="rpc-pulse")
                self._thread.start()

    def end(self, incoming: Any) -> None:
        with self._lock:
            self._busy.pop(id(incoming), None)

    def stop(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(_SIGN_OF_LIFE):
            for incoming in self._due():
                self._lanes.begin(functools.partial(self._beat, incoming))

    def _due(self) -> list[Any]:
        now = time.monotonic()
        with self._lock:
            due = {key: one for key, (since, one) in self._busy.items() if since <= now and key not in self._beating}
            self._beating.update(due)
        return list(due.values())

    def _beat(self, incoming: Any) -> None:
        try:
            if id(incoming) in self._busy:
                incoming.heartbeat()
        except Exception as error:  # noqa: BLE001 -- the caller will ask again
            LOG.debug("A caller gets no sign of life: %s", error)
        finally:
            with self._lock:
                self._beating.discard(id(incoming))


class SignedIncoming(base.RpcIncomingMessage):
    """An admitted call: answers are signed; ``over`` is called once it is answered, or cannot be."""

    #: The pulse does what this would ask of the dispatcher.
    client_timeout = None

    def __init__(self, incoming: Any, nonce: str, keyring: Keyring, max_reply: int, over: Callable[[], None]) -> None:
        super().__init__(incoming.ctxt, incoming.message, incoming.msg_id)
        self._incoming = incoming
        self._nonce = nonce
        self._keyring = keyring
        self._max_reply = max_reply
        self._over = over

    def acknowledge(self) -> None:
        self._incoming.acknowledge()

    def requeue(self) -> None:
        raise NotImplementedError("a call is acknowledged before it begins")

    def heartbeat(self) -> None:
        """Nothing to do: the pulse beats for all."""

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        """Answer with a result or with ``sys.exc_info()``; in any case answer, unless the broker takes none.

        Whoever misses it asks again, and what was done for him stands in the database.
        """
        method = self.message.get("method")
        try:
            text = answers.write(self._encode, reply, failure, self._max_reply, method)
            self._send(seal.reply(self._keyring, self._nonce, text), method)
        finally:
            self._over()

    def _send(self, sealed: dict[str, str], method: Any) -> None:
        try:
            self._incoming.reply(sealed)
        except Exception as error:  # noqa: BLE001 -- the broker's refusals come in many classes
            LOG.warning("The answer to %s could not be sent: %s", method, error or type(error).__name__)

    def _encode(self, outcome: dict[str, Any]) -> str:
        text = json.dumps(outcome, separators=(",", ":"), allow_nan=False)
        if len(text) > self._max_reply:
            raise frames.TooLarge
        return text


class SignedListener(base.Listener):
    """Admits what ``listener`` receives.

    :param lanes: for signs of life.
    :param most: calls at a time.
    :param max_request: most bytes of a request; :param max_reply: of a reply.
    """

    def __init__(
        self, listener: Any, keyring: Keyring, lanes: Lanes, most: int, max_request: int, max_reply: int
    ) -> None:
        super().__init__(1, None)
        self._listener = listener
        self._keyring = keyring
        self._max_request = max_request
        self._max_reply = max_reply
        self._free = threading.Semaphore(most)
        self._memory = Memory()
        self._alarm = Alarm()
        self._pulse = Pulse(lanes)

    def start(self, on_incoming_callback: Callable[[list[Any]], None]) -> None:
        super().start(on_incoming_callback)
        self._listener.start(self._receive)

    def stop(self) -> None:
        self._listener.stop()

    def cleanup(self) -> None:
        self._pulse.stop()
        self._listener.cleanup()

    def _receive(self, batch: list[Any]) -> None:
        for incoming in batch:
            try:
                nonce = self._admit(incoming)
            except seal.Unsealed as refusal:
                self._alarm.ring(refusal)
            else:
                self._begin(incoming, nonce)

    def _admit(self, incoming: Any) -> str:
        nonce = seal.check_request(self._keyring, incoming.ctxt, incoming.message, self._max_request)
        if not incoming.msg_id:
            raise seal.Unsealed("a message that wants no answer")
        if incoming.reply_q != incoming.ctxt["seam"].get("reply_to"):
            # Another registry may not know that it came before: then at least nobody else reads the answer.
            raise seal.Unsealed("a message that wants its answer elsewhere")
        if not self._memory.is_new(nonce):
            raise seal.Unsealed("a message that came before")
        return nonce

    def _begin(self, incoming: Any, nonce: str) -> None:
        self._free.acquire()
        self._pulse.begin(incoming)

        def over() -> None:
            self._pulse.end(incoming)
            self._free.release()

        try:
            self.on_incoming_callback([SignedIncoming(incoming, nonce, self._keyring, self._max_reply, over)])
        except BaseException:
            over()
            raise
