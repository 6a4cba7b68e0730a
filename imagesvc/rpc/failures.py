"""What a failed call means to its caller: an answer, nobody there, or silence."""

import logging

import oslo_messaging as messaging

from imagesvc import exception

LOG = logging.getLogger(__name__)

#: The only module whose exceptions are re-created from the wire.
REMOTE_MODULES = [exception.__name__]


class NotTaken(Exception):
    """Nobody was there; the call has surely had no effect."""


class Unanswered(Exception):
    """No answer came; the call may have had its effect or may not."""


class NoServer(messaging.MessageDeliveryFailure):
    """Raised by the local:// driver when no server took the message."""


def meaning(error: Exception, method: str) -> Exception:
    """The exception to go on with instead of ``error``.

    An answer becomes a class of :mod:`imagesvc.exception` itself: without the ``_Remote`` subclass of oslo.messaging, whose
    ``str()`` holds what the other side wrote into its traceback.
    """
    match error:
        case exception.BadMessage() if _is_remote(error):
            LOG.error("glance-registry does not understand %s: %s", method, error.msg)
            meant: Exception = exception.ImageServiceError()
        case exception.ImageServiceError():
            meant = _plain(error)
        case messaging.RPCVersionCapError():
            LOG.error("%s needs RPC %s; [upgrade_levels] registry allows %s", method, error.version, error.version_cap)
            meant = exception.RegistryUnavailable("The image registry is too old for this request.")
        case messaging.RemoteError():
            LOG.error("glance-registry failed in %s with %s", method, error.exc_type)
            meant = exception.ImageServiceError()
        case NoServer() | messaging.MessageUndeliverable():
            meant = NotTaken(str(error))
        case messaging.MessagingException():
            meant = Unanswered(f"{type(error).__name__}: {error}")
        case _:
            LOG.error("The call of %s failed here", method, exc_info=error)
            meant = exception.ImageServiceError()
    return meant


def is_answer(error: Exception) -> bool:
    """Whether the other side said this, rather than something on the way."""
    return isinstance(error, messaging.RemoteError) or (
        isinstance(error, exception.ImageServiceError) and _is_remote(error)
    )


def _is_remote(error: Exception) -> bool:
    return type(error).__module__.endswith("_Remote")  # what oslo.messaging appends


def _plain(error: exception.ImageServiceError) -> exception.ImageServiceError:
    if not _is_remote(error):
        return error
    original: type[exception.ImageServiceError] = type(error).__mro__[1]
    return original(error.msg, **error.kwargs)
