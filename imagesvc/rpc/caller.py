"""One call of the registry, made certain: tries, deadlines, the operation's id, and what failures mean.

A try may fail without telling whether its work was done.  So a mutating operation has an id that all its tries share and
that the registry keeps with its result: asking again returns the first answer.  The operation's deadline travels with it,
and the registry refuses what arrives later, so that "no answer" never turns into a late effect.
"""

import logging
import time
import uuid
from typing import Any

import oslo_messaging as messaging
from oslo_config import cfg

from imagesvc import exception, rpc
from imagesvc.context import RequestContext
from imagesvc.rpc import envelope, failures
from imagesvc.rpc.patience import Breaker, RegistryClock

LOG = logging.getLogger(__name__)

#: Operations that may take longer than others, and the option that says how long.
_DEADLINE_OPTIONS = {"upload_complete": "commit_deadline"}

#: Seconds an operation that no registry has taken waits for one to appear: long enough for a worker to be replaced.
_NOBODY_THERE_PATIENCE = 0.8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5

_NOTHING_DONE = "The image registry is unavailable; nothing was done. Please retry."


class _Operation:
    """What the tries of one operation have in common.

    :param deadline: monotonic seconds after which nobody waits any more.
    """

    def __init__(self, op_id: str | None, deadline: float) -> None:
        self.op_id = op_id
        self.deadline = deadline
        self.began = time.monotonic()
        self._pause = _FIRST_PAUSE
        #: Whether a registry may have begun the work.
        self._taken = False
        self._clock_corrected = False

    def expired(self, error: exception.Expired) -> None:
        """The registry's clock says it is too late: true unless our idea of that clock was wrong, once."""
        if self._clock_corrected:
            raise (exception.RegistryUnavailable() if self._taken else error) from None
        self._clock_corrected = True

    def not_taken(self, method: str) -> None:
        """No registry was there to take the call; wait a little, or give up."""
        patience_ends = self.deadline if self._mutating_and_taken() else self.began + _NOBODY_THERE_PATIENCE
        if self._rest_until(min(patience_ends, self.deadline)):
            return
        LOG.warning("RPC %s found no registry", method)  # oslo.log adds why
        raise exception.RegistryUnavailable(None if self._mutating_and_taken() else _NOTHING_DONE) from None

    def unanswered(self, method: str) -> bool:
        """The work may or may not have been done; wait a little and return whether the deadline is exhausted."""
        self._taken = True
        if self._rest_until(self.deadline):
            return False
        LOG.warning("RPC %s%s got no answer in time", method, f" (operation {self.op_id})" if self.op_id else "")
        return True

    def _mutating_and_taken(self) -> bool:
        return self._taken and self.op_id is not None

    def _rest_until(self, end: float) -> bool:
        """Sleep before the next try; False if there is no time for one before ``end``."""
        left = end - time.monotonic()
        if left < 2 * _FIRST_PAUSE:
            return False
        time.sleep(min(self._pause, left / 2))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return True


class Caller:
    """Makes calls of the registry; one per process, shared by its threads.

    :param conf: needs the groups ``rpc`` and ``upgrade_levels``.
    :param bus: an oslo.messaging RPC transport.
    :raises ConfigurationError: ``[upgrade_levels] registry`` is no version.
    """

    def __init__(self, conf: cfg.ConfigOpts, bus: messaging.Transport) -> None:
        self._conf = conf
        self._bus = bus
        self._client = messaging.get_rpc_client(
            bus, messaging.Target(topic=rpc.TOPIC), version_cap=_version_cap(conf), retry=1
        )
        self._clock = RegistryClock()
        self._breaker = Breaker(self._probe)

    def read(self, context: RequestContext, method: str, minimum: str, /, **arguments: Any) -> Any:
        """Make a call that changes nothing.

        :param minimum: RPC version the method (or an argument of it) needs.
        :param arguments: plain JSON values.
        :returns: plain JSON, what the endpoint returned.
        :raises ImageServiceError: what the endpoint raised, or RegistryUnavailable, RequestTooLarge or BadMessage.
        """
        return self._operate(context, method, minimum, None, arguments)

    def mutate(self, context: RequestContext, method: str, minimum: str, /, **arguments: Any) -> Any:
        """Make a call that changes something, at most once; arguments, result and errors as of :meth:`read`."""
        return self._operate(context, method, minimum, str(uuid.uuid4()), arguments)

    def close(self) -> None:
        """Release connections; the caller is of no use afterwards."""
        self._bus.cleanup()

    def _operate(
        self, context: RequestContext, method: str, minimum: str, op_id: str | None, arguments: dict[str, Any]
    ) -> Any:
        if not self._breaker.allows():
            raise exception.RegistryUnavailable(_NOTHING_DONE)
        seconds = getattr(self._conf.rpc, _DEADLINE_OPTIONS.get(method, "metadata_deadline"))
        operation = _Operation(op_id, time.monotonic() + seconds)
        while True:
            try:
                return self._try(context, method, minimum, arguments, operation)
            except exception.Expired as error:
                operation.expired(error)
            except failures.NotTaken:
                operation.not_taken(method)
            except failures.Unanswered:
                if operation.unanswered(method):
                    self._breaker.exhausted(operation.began)
                    raise exception.RegistryUnavailable(None if op_id else _NOTHING_DONE) from None

    def _try(
        self, context: RequestContext, method: str, minimum: str, arguments: dict[str, Any], operation: "_Operation"
    ) -> Any:
        """Ask once; raise what :mod:`imagesvc.rpc.failures` makes of a failure."""
        sent = time.monotonic()
        left = operation.deadline - sent
        ctxt = envelope.seal_context(context, operation.op_id, self._clock.now_ms() + int(left * 1000))
        call = self._client.prepare(version=minimum, timeout=min(left, self._conf.rpc.try_timeout))
        try:
            reply = call.call(ctxt, method, **arguments)
            result, now = reply["result"], int(reply["now"])
        except Exception as error:  # noqa: BLE001 -- nothing is swallowed, it becomes what it means
            if failures.is_answer(error):
                self._breaker.succeeded()
            meaning = failures.meaning(error, method)
            if isinstance(meaning, exception.Expired) and type(meaning.kwargs.get("now")) is int:
                self._clock.learn(meaning.kwargs["now"], sent, time.monotonic())
            raise meaning from None
        self._breaker.succeeded()
        self._clock.learn(now, sent, time.monotonic())
        return result

    def _probe(self) -> bool:
        """Whether anything answers within a second."""
        ctxt = envelope.seal_context(None, None, self._clock.now_ms() + 1000)
        try:
            self._client.prepare(version="1.0", timeout=1).call(ctxt, "ping")
        except Exception as error:  # noqa: BLE001 -- an error is an answer or it is not
            return failures.is_answer(error)
        return True


def _version_cap(conf: cfg.ConfigOpts) -> str:
    """The highest RPC version to use."""
    cap: str = conf.upgrade_levels.registry or rpc.VERSION
    if not envelope.VERSION.fullmatch(cap):
        raise exception.ConfigurationError(
            reason=f"[upgrade_levels] registry is {cap!r}; it must be an RPC version such as {rpc.VERSION}"
        )
    return cap
