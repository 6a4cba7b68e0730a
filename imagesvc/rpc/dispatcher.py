"""The server side of the seam: what must hold before an endpoint's method runs, and what becomes of its outcome.

An endpoint method is marked with :func:`expose`, takes the request context and keyword arguments of plain JSON, and
returns plain JSON.  It may raise any class of :mod:`imagesvc.exception`; whatever else it raises is logged here, once, and
reaches the caller as a bare ``ImageServiceError``.

On the context the method finds ``op_id`` (None for reads), ``request_hash`` (of method, arguments and principal; None for
reads) and ``deadline`` (milliseconds of registry time after which nobody waits for the outcome).
"""

import dataclasses
import inspect
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import oslo_messaging as messaging
from oslo_messaging.rpc import dispatcher as oslo_dispatcher

from imagesvc import exception, rpc
from imagesvc.rpc import envelope

LOG = logging.getLogger(__name__)

#: A deadline further away than this is a clock gone wrong, not patience.
_FARTHEST_DEADLINE_MS = 600_000

#: Changes that daemons make of their own accord, every few seconds.
_ROUTINE = frozenset({"cleanup_claim", "location_renew", "location_take_over", "upload_renew"})

_Method = TypeVar("_Method", bound=Callable[..., Any])


def expose(method: _Method) -> _Method:
    """Mark an endpoint's method as callable over the bus; nothing else is."""
    exposed: _Method = messaging.expose(method)
    return exposed


def wall_clock() -> int:
    """Milliseconds since the epoch by this host's clock."""
    return time.time_ns() // 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class _Exposed:
    """An endpoint's method and the argument names it takes."""

    endpoint: Any
    required: frozenset[str]
    known: frozenset[str]


class Dispatcher(oslo_dispatcher.RPCDispatcher):
    """Runs calls of the bus on endpoints.

    :param endpoints: objects with methods marked by :func:`expose`; no two may expose the same name.
    :param clock: registry time in milliseconds, the one deadlines are in.
    """

    def __init__(self, endpoints: Sequence[Any], clock: Callable[[], int] = wall_clock) -> None:
        super().__init__(list(endpoints), None, messaging.ExplicitRPCAccessPolicy)
        self._default_target = messaging.Target(version=rpc.VERSION)
        self._clock = clock
        self._methods = dict(_exposed_methods(endpoints))

    def dispatch(self, incoming: Any) -> dict[str, Any]:
        """Run one call.

        :returns: ``{"result": what the method returned, "now": registry time in milliseconds}``.
        :raises ExpectedException: always this, around an error of :mod:`imagesvc.exception` without a traceback, so
            that oslo.messaging neither logs it nor sends the traceback.
        """
        try:
            exposed = self._check(incoming.ctxt, incoming.message)
            if incoming.client_timeout:
                # The parent's watchdog tells a patient caller that the work goes on.  It never ends for a method that
                # does not exist, hence the check before.
                result: dict[str, Any] = super().dispatch(incoming)
                return result
            message = incoming.message
            return self._do_dispatch(exposed.endpoint, message["method"], incoming.ctxt, message["args"])
        except exception.ImageServiceError as error:
            _fail(error)
        except Exception:
            LOG.exception("A message could not be checked")
            _fail(exception.ImageServiceError())

    def _check(self, ctxt: Any, message: Any) -> _Exposed:
        """Refuse what must not run; nothing of the call has happened before this returns."""
        envelope.check_message(ctxt, message)
        method = message["method"]
        exposed = self._methods.get(method)
        if exposed is None:
            raise exception.BadMessage(reason=f"there is no method {method[:64]!r}")
        if message.get("namespace") or not self._is_compatible(self._default_target, message["version"]):
            raise exception.RegistryUnavailable(
                f"The image registry speaks RPC version {rpc.VERSION} and cannot serve this request."
            )
        _check_arguments(exposed, message["args"])
        self._check_deadline(ctxt)
        return exposed

    def _check_deadline(self, ctxt: Mapping[str, Any]) -> None:
        now = self._clock()
        left = envelope.deadline(ctxt) - now
        if not 0 < left <= _FARTHEST_DEADLINE_MS:
            raise exception.Expired(now=now)

    def _do_dispatch(self, endpoint: Any, method: str, ctxt: dict[str, Any], args: dict[str, Any]) -> dict[str, Any]:
        context = envelope.open_context(ctxt, method, args)
        with context.as_current():
            LOG.log(logging.DEBUG if context.op_id is None or method in _ROUTINE else logging.INFO, "RPC %s", method)
            try:
                result = getattr(endpoint, method)(context, **args)
            except exception.ImageServiceError:
                raise
            except Exception:
                # Logged here, where the line still carries the request's id.
                LOG.exception("RPC %s failed unexpectedly", method)
                raise exception.ImageServiceError from None
        return {"result": result, "now": self._clock()}


def _exposed_methods(endpoints: Sequence[Any]) -> Iterator[tuple[str, _Exposed]]:
    seen: set[str] = set()
    for endpoint in endpoints:
        for name, method in inspect.getmembers(endpoint, lambda member: hasattr(member, "exposed")):
            if name in seen:
                raise ValueError(f"two endpoints expose {name}")
            seen.add(name)
            _, *parameters = inspect.signature(method).parameters.values()
            required = frozenset(p.name for p in parameters if p.default is p.empty)
            yield name, _Exposed(endpoint, required, frozenset(p.name for p in parameters))


def _check_arguments(exposed: _Exposed, args: Mapping[str, Any]) -> None:
    if missing := exposed.required - args.keys():
        raise exception.BadMessage(reason=f"missing arguments: {', '.join(sorted(missing))}")
    if unknown := args.keys() - exposed.known:
        raise exception.BadMessage(reason=f"unknown arguments: {', '.join(sorted(unknown))[:256]}")


def _fail(error: exception.ImageServiceError) -> NoReturn:
    """Hand ``error`` to oslo.messaging as one that needs neither a log line nor a traceback on the wire."""
    error.__cause__ = error.__context__ = error.__traceback__ = None
    expected = messaging.ExpectedException()
    expected.exc_info = (type(error), error, None)
    raise expected from None
