"""glance-registry's HTTP port: ``GET /healthcheck`` says whether a call would be served now.

The socket is bound before the workers are forked, so that a taken port stops the start, and a worker that dies leaves
requests waiting for its successor instead of refused.
"""

import http.server
import logging
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from imagesvc import exception

LOG = logging.getLogger(__name__)

_BACKLOG = 64
#: Seconds a client may take to send its request.
_REQUEST_SECONDS = 10


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    :raises ConfigurationError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise exception.ConfigurationError(
            reason=f"the health endpoint cannot listen on {host} port {port}: {error.strerror}"
        ) from None


class HealthServer:
    """Serves the health check in threads of this process.

    :param listener: from :func:`bind`.
    :param check: returns if all is well, else raises what says why not.
    """

    def __init__(self, listener: socket.socket, check: Callable[[], Any]) -> None:
        handler = type("_BoundHandler", (_Handler,), {"check": staticmethod(check)})
        self._server = http.server.ThreadingHTTPServer(listener.getsockname()[:2], handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener

    def start(self) -> None:
        """Serve until :meth:`stop`."""
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        """Take no more requests; the socket stays, other processes may have it."""
        self._server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers with text/plain and closes."""

    server_version = "glance-registry"
    sys_version = ""
    timeout = _REQUEST_SECONDS
    check: Callable[[], Any]

    def do_GET(self) -> None:
        """The check, or 404."""
        if self.path.partition("?")[0] == "/healthcheck":
            self._answer(*self._examine())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "There is only /healthcheck here.")

    def do_HEAD(self) -> None:
        """As GET, without the text."""
        self.do_GET()

    def _examine(self) -> tuple[HTTPStatus, str]:
        try:
            type(self).check()
        except exception.ImageServiceError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, error.msg
        except Exception:
            LOG.exception("The health check failed")
            return HTTPStatus.SERVICE_UNAVAILABLE, "The health check failed."
        return HTTPStatus.OK, "OK"

    def _answer(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        LOG.debug(format, *args)
