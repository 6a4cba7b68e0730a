"""What happens to every v2 request around its controller: route, check what it brings, and turn errors into answers."""

from typing import Any

import pecan.core
import pecan.hooks
import webob

from imagesvc.api import faults, middleware, payload
from imagesvc.api.v2 import image_patch, router

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class RouteHook(pecan.hooks.PecanHook):
    """Matches the route and refuses bodies that do not belong to it, before one byte of them is read.

    :param routes: the table of this application.
    """

    def __init__(self, routes: router.Router) -> None:
        self._routes = routes

    def on_route(self, state: pecan.core.RoutingState) -> None:
        """Leave the route and the caller's context on the request.

        :raises HTTPFault: 400, 404, 405, 415 or 501.
        """
        request = state.request
        environ = request.environ
        method = environ["REQUEST_METHOD"]
        route, variables = self._routes.match(method, environ["PATH_INFO"])
        request.context = environ[middleware.CONTEXT]
        if request.context.read_only and method in _UNSAFE:
            raise faults.HTTPFault(403, "A request without an identity may only read.")
        _CHECKS[route.body](environ)
        request.matched = route.controller, variables
        # A content type chosen already keeps Pecan from negotiating: success is JSON (or bytes) whatever Accept says.
        request.pecan["content_type"] = "application/json"


class FaultHook(pecan.hooks.PecanHook):
    """Answers errors."""

    def on_error(self, state: pecan.core.RoutingState, error: Exception) -> webob.Response:
        return faults.to_response(error, state.request.environ)


def _media_type(environ: dict[str, Any]) -> str:
    value: str = environ.get("CONTENT_TYPE") or ""
    return value.partition(";")[0].strip().lower()


def _check_none(environ: dict[str, Any]) -> None:
    if payload.content_length(environ) or (environ["REQUEST_METHOD"] in _UNSAFE and payload.is_chunked(environ)):
        raise faults.HTTPFault(400, "A body is not expected with this request.")


def _check_nothing(_environ: dict[str, Any]) -> None:
    """Whatever comes is not looked at."""


def _check_json(environ: dict[str, Any]) -> None:
    media_type = _media_type(environ)
    # Forms and plain text are what a foreign web page can make a browser send without asking this service.
    if media_type not in {"", "application/json", "application/octet-stream"}:
        raise _unsupported(media_type, "application/json")


def _check_patch(environ: dict[str, Any]) -> None:
    media_type = _media_type(environ)
    if media_type not in image_patch.MEDIA_TYPES:
        accepted = ", ".join(image_patch.MEDIA_TYPES)
        raise _unsupported(media_type, accepted, {"Accept-Patch": accepted})


def _check_octets(environ: dict[str, Any]) -> None:
    media_type = _media_type(environ)
    if media_type != "application/octet-stream":
        raise _unsupported(media_type, "application/octet-stream")


def _unsupported(media_type: str, accepted: str, headers: dict[str, str] | None = None) -> faults.HTTPFault:
    message = f"The Content-Type '{media_type}' is not supported for this request; it must be one of: {accepted}"
    return faults.HTTPFault(415, message, headers)


_CHECKS = {
    router.Body.NONE: _check_none,
    router.Body.IGNORED: _check_nothing,
    router.Body.JSON: _check_json,
    router.Body.PATCH: _check_patch,
    router.Body.OCTETS: _check_octets,
}
