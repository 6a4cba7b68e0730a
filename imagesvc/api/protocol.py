"""What happens on one client connection: requests in, WSGI, responses out, one access line each.

Plain blocking code over :mod:`imagesvc.api.wire`; :mod:`imagesvc.api.server` runs it in green threads.
"""

import dataclasses
import functools
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from oslo_config import cfg
from oslo_context import context
from oslo_log import log

from imagesvc import concurrency
from imagesvc.api import bodies, http1, middleware, responses, sendfile
from imagesvc.api import wire as wires
from imagesvc.api.pace import Pace

LOG = log.getLogger(__name__)
ACCESS = log.getLogger("imagesvc.api.access")

#: Unread request bytes that are swallowed to keep a connection, or to let the client read our refusal.
_DRAIN_LIMIT = 1 << 20

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class State(Protocol):
    """What the server keeps about a connection, to stop without cutting requests off."""

    def idle(self) -> bool:
        """No request is in work; False when none may follow because the server stops."""

    def busy(self) -> None:
        """A request has begun."""

    def stopping(self) -> bool:
        """Whether the server stops."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all connections have in common.

    :param socket_seconds: one socket operation may take; None for ever.
    :param body_seconds: without a byte of a request's body; :param sender: None under TLS.
    :param least_rate: bytes per second that a client must take or send; 0 demands nothing.
    :param environ: goes into every request's environ.
    """

    limits: http1.Limits
    keep_alive: bool
    socket_seconds: float | None
    body_seconds: float | None
    least_rate: int
    sender: sendfile.FileSender | None
    offload: concurrency.Offload
    environ: dict[str, Any]


def settings(
    conf: cfg.ConfigOpts, offload: concurrency.Offload, sender: sendfile.FileSender | None, *, is_tls: bool
) -> Settings:
    """The settings that the configuration asks for."""
    environ: dict[str, Any] = {
        "wsgi.url_scheme": "https" if is_tls else "http",
        "wsgi.multiprocess": conf.workers != 0,
    }
    if is_tls:
        environ["HTTPS"] = "on"
    return Settings(
        limits=http1.Limits(conf.max_header_line, max(65536, 2 * conf.max_header_line), conf.header_timeout),
        keep_alive=conf.http_keepalive,
        socket_seconds=conf.client_socket_timeout or None,
        body_seconds=min(conf.body_idle_timeout, conf.client_socket_timeout or conf.body_idle_timeout),
        least_rate=conf.min_transfer_rate,
        sender=sender,
        offload=offload,
        environ=environ,
    )


class Connection:
    """:param client: address and port; :param server: address and port the client connected to."""

    def __init__(
        self,
        wire: wires.Wire,
        client: tuple[str, int],
        server: tuple[str, int],
        application: Application,
        settings: Settings,
        state: State,
    ) -> None:
        self._wire = wire
        self._client = client
        self._server = server
        self._application = application
        self._settings = settings
        self._state = state
        self._whole = True

    def serve(self) -> bool:
        """Serve requests until the connection ends; the caller closes the socket.

        False when the last response is not complete, which the client must not take for a proper end.
        """
        # A new connection is not idle: the client is about to send.
        seconds: float | None = self._settings.limits.seconds
        while self._await_first_byte(seconds) and self._serve_one():
            if not self._wire.buffered and not self._state.idle():
                break
            seconds = self._settings.socket_seconds
        return self._whole

    def _await_first_byte(self, seconds: float | None) -> bool:
        try:
            self._wire.set_timeout(seconds)
            if not self._wire.buffered and not self._wire.fill(16384):
                return False
        except (OSError, EOFError):
            return False
        self._state.busy()
        return True

    def _serve_one(self) -> bool:
        """Serve one request; True when another one may follow."""
        try:
            head = http1.read_head(self._wire, self._settings.limits)
        except http1.RefusedRequest as refused:
            self._refuse(refused)
            return False
        except (OSError, EOFError):
            return False
        return self._respond(head)

    def _refuse(self, refused: http1.RefusedRequest) -> None:
        request_id = context.generate_request_id()
        ACCESS.info("%s [%s] - refused: %s %s", self._client[0], request_id, refused.status, refused.detail)
        try:
            self._wire.set_timeout(self._settings.body_seconds)
            self._wire.send(responses.refusal(refused.status, refused.detail, request_id))
        except (OSError, EOFError):
            return
        self._wire.linger(_DRAIN_LIMIT)

    def _respond(self, head: http1.Head) -> bool:
        settings = self._settings
        started_at = time.monotonic()
        body = bodies.Body(self._wire, head.length, settings.body_seconds)

        def may_keep_alive() -> bool:
            return settings.keep_alive and not self._state.stopping() and body.drainable(_DRAIN_LIMIT)

        response = responses.Response(self._wire, head, may_keep_alive, settings.sender, settings.socket_seconds)
        if head.expects_continue:
            body.invite = functools.partial(self._invite, response)
        environ = self._environ(head, body)
        self._wire.pace = Pace(settings.least_rate) if settings.least_rate else None
        self._run(environ, response)
        self._wire.pace = None
        self._whole = response.complete
        self._log_access(environ, head, response, time.monotonic() - started_at)
        if response.keep_alive and response.complete:
            return body.discard(_DRAIN_LIMIT)
        if response.complete and (not body.done or self._wire.buffered):
            self._wire.linger(_DRAIN_LIMIT)
        return False

    def _invite(self, response: responses.Response) -> None:
        if not response.started:
            self._wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _run(self, environ: dict[str, Any], response: responses.Response) -> None:
        result: Iterable[bytes] = ()
        try:
            try:
                result = self._application(environ, response.start_response)
                response.send(result)
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
        except responses.Disconnected as error:
            LOG.debug("Client %s went away: %s", self._client[0], error)
            response.keep_alive = False
        except Exception:
            what = (environ["REQUEST_METHOD"], environ["RAW_PATH_INFO"])
            LOG.exception("Error while serving %s %s", *what, extra=_log_context(environ))
            response.fail(environ.get(middleware.REQUEST_ID) or context.generate_request_id())

    def _environ(self, head: http1.Head, body: bodies.Body) -> dict[str, Any]:
        settings = self._settings
        path, _, query = head.target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": head.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": urllib.parse.unquote(path, encoding="latin-1"),
            "RAW_PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": f"HTTP/1.{head.version[1]}",
            "SERVER_NAME": self._server[0],
            "SERVER_PORT": str(self._server[1]),
            "REMOTE_ADDR": self._client[0],
            "REMOTE_PORT": str(self._client[1]),
            "GATEWAY_INTERFACE": "CGI/1.1",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.input": body,
            "wsgi.input_terminated": True,
            "wsgi.file_wrapper": functools.partial(sendfile.FileWrapper, offload=settings.offload),
            "imagesvc.sendfile": True,
            **settings.environ,
        }
        for name, value in head.fields.items():
            if name == "content-type":
                environ["CONTENT_TYPE"] = value
            elif name == "content-length":
                environ["CONTENT_LENGTH"] = value
            elif key := http1.environ_key(name):
                environ[key] = value
        return environ

    def _log_access(
        self, environ: dict[str, Any], head: http1.Head, response: responses.Response, seconds: float
    ) -> None:
        # The path without its query: pre-signed and other secrets travel there.
        ACCESS.info(
            '%s [%s] "%s %s" status: %s%s len: %d time: %.4f',
            self._client[0],
            environ.get(middleware.REQUEST_ID, "-"),
            head.method,
            environ["RAW_PATH_INFO"],
            response.status[:3] or "-",
            "" if response.complete else " (incomplete)",
            response.sent,
            seconds,
            extra=_log_context(environ),
        )


def _log_context(environ: dict[str, Any]) -> dict[str, Any]:
    """This request's context for a log line; the thread's own may be that of an earlier request."""
    return {"context": environ.get(middleware.CONTEXT)}
