"""What an error becomes for the client: the one table of statuses, and the one shape of error bodies.

Controllers and middleware raise; :func:`to_response` is called at two boundaries only: the Pecan application's error hook
and the outermost middleware.  Domain errors know nothing of HTTP; refusals that only HTTP knows are :class:`HTTPFault`.
"""

import html
import json
import logging
import sys
import urllib.parse
from collections.abc import Mapping
from typing import Any

import webob
from webob import exc as webob_exc
from webob.acceptparse import create_accept_header

from imagesvc import exception

LOG = logging.getLogger(__name__)

#: Class of error -> status.  The most specific class in the error's MRO counts, so errors that came over the bus (their
#: classes are subclasses) need no rows of their own.
STATUS: dict[type[exception.ImageServiceError], int] = {
    exception.ImageServiceError: 500,
    exception.Invalid: 400,
    exception.Forbidden: 403,
    exception.NotFound: 404,
    exception.Conflict: 409,
    exception.Gone: 410,
    exception.VersionMismatch: 412,
    exception.LimitExceeded: 413,
    exception.UnsupportedMedia: 415,
    exception.RangeNotSatisfiable: 416,
    exception.Unavailable: 503,
    # glance-api made the message, so the client is not to blame.
    exception.BadMessage: 500,
    exception.ConfigurationError: 500,
}

#: Seconds after which a client may try again when something behind us was away.
RETRY_AFTER = "2"

_UNEXPECTED = "The server has either erred or is incapable of performing the requested operation."

_HTML = """\
<html>
 <head>
  <title>{status}</title>
 </head>
 <body>
  <h1>{status}</h1>
  {message}<br /><br />
 </body>
</html>"""


class HTTPFault(Exception):
    """A refusal in HTTP's own terms: no such route, wrong media type, no identity.

    :param headers: additional response headers, for example ``Allow``.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def status_of(error: exception.ImageServiceError) -> int:
    """The status of a domain error, by the most specific class of its MRO that has a row."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def to_response(error: BaseException, environ: Mapping[str, Any]) -> webob.Response:
    """The answer to a request that ended in ``error``.

    Unexpected errors are logged with their traceback and answered without details.
    """
    status, message, headers = _describe(error)
    # Quoted again: a line break in a path must not begin a line of the log.
    path = urllib.parse.quote(f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO')}", encoding="latin-1")
    request = f"{environ.get('REQUEST_METHOD')} {path}"
    if status == 500:
        LOG.error("%s failed", request, exc_info=error)
        message = _UNEXPECTED
    elif status == 503:
        # While an error is being handled, oslo.log adds its text to every warning.
        LOG.warning("%s was answered with 503%s", request, "" if sys.exc_info()[1] else f": {message}")
    return render(status, message, headers, environ.get("HTTP_ACCEPT"))


def render(status: int, message: str, headers: Mapping[str, str], accept: str | None) -> webob.Response:
    """An error's response, with a body as webob makes them: HTML, JSON or plain text by ``accept``."""
    title = webob_exc.status_map[status].title
    line = f"{status} {title}"
    offers = create_accept_header(accept).acceptable_offers(["text/html", "application/json"])
    content_type = offers[0][0] if offers else "text/plain"
    if content_type == "text/html":
        body = _HTML.format(status=line, message=html.escape(message))
    elif content_type == "application/json":
        body = json.dumps({"message": message, "code": line, "title": title}, ensure_ascii=False)
    else:
        body = f"{line}\n\n{message}\n"
    response = webob.Response(
        body.encode("utf-8", "replace"), status=line, content_type=content_type, charset=_charset(content_type)
    )
    response.headers.update(headers)
    return response


def _charset(content_type: str) -> str | None:
    return None if content_type == "application/json" else "UTF-8"


def _describe(error: BaseException) -> tuple[int, str, dict[str, str]]:
    if isinstance(error, HTTPFault):
        return error.status, error.message, error.headers
    if isinstance(error, exception.ImageServiceError):
        return status_of(error), error.msg, _headers(error)
    if isinstance(error, webob_exc.HTTPError):
        return error.status_int, error.detail or error.explanation, {}
    return 500, _UNEXPECTED, {}


def _headers(error: exception.ImageServiceError) -> dict[str, str]:
    if isinstance(error, exception.Unavailable):
        return {"Retry-After": RETRY_AFTER}
    if isinstance(error, exception.RangeNotSatisfiable) and "size" in error.kwargs:
        return {"Content-Range": f"bytes */{error.kwargs['size']}"}
    return {}
