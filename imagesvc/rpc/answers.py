"""The outcome of a call as the server writes it down: in any case something that can be sent."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from oslo_messaging._drivers import common

from imagesvc import exception
from imagesvc.rpc import frames

LOG = logging.getLogger(__name__)

_Form = TypeVar("_Form")


def write(encode: Callable[[dict[str, Any]], _Form], reply: Any, failure: Any, limit: int, method: Any) -> _Form:
    """What ``encode`` makes of ``{"reply": ...}`` or ``{"failure": ...}``, or of an error if it cannot.

    :param encode: raises TooLarge, or TypeError and ValueError on what is not JSON.
    :param failure: as of ``sys.exc_info()``, or None.
    :param limit: most bytes of an answer, for the text of the error.
    """
    try:
        return encode({"reply": reply} if failure is None else describe(failure))
    except frames.TooLarge:
        LOG.warning("The answer to %s exceeds [rpc] max_reply_size", method)
        text: str | None = f"The registry's answer is larger than the limit of {limit} bytes."
    except (TypeError, ValueError):
        LOG.exception("The answer to %s is not JSON", method)
        text = None
    error = exception.ImageServiceError(text)
    return encode(describe((type(error), error, None)))


def describe(exc_info: Any) -> dict[str, str]:
    """A failure in oslo.messaging's words."""
    return {"failure": common.serialize_remote_exception(exc_info)}
