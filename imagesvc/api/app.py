"""The Pecan application without its traps: it leaves bodies alone, in both directions, and inspects no signature twice.

Pecan reads request bodies of JSON and form types before the controller runs, and response bodies afterwards to find out
whether they are empty.  An image is both.  :class:`Request` shows Pecan neither body nor query, and
:class:`Application` keeps it from looking at what goes out.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import pecan.core
import pecan.rest
import pecan.routing
import pecan.util
import webob
from pecan import hooks
from webob.multidict import MultiDict
from webob.request import BaseRequest

from imagesvc.context import RequestContext

_EMPTY = MultiDict()


class Request(BaseRequest):
    """What Pecan sees of a request; controllers read bodies and queries from ``environ`` through this package.

    ``path_info`` stays as the server gave it (bytes as latin-1): :mod:`imagesvc.api.v2.router` decodes it, once.
    ``context`` and ``matched`` (a controller and its arguments) are set by :class:`imagesvc.api.hooks.RouteHook`.
    """

    context: RequestContext
    matched: tuple[Callable[..., Any], list[str]]

    @property
    def path_info(self) -> str:
        path: str = self.environ["PATH_INFO"]
        return path

    @property
    def GET(self) -> MultiDict:  # noqa: N802 - webob's name
        return _EMPTY

    @property
    def params(self) -> MultiDict:
        return _EMPTY

    @property
    def json(self) -> Any:
        """Pecan takes a ValueError for "no arguments in this body".

        :raises ValueError: always.
        """
        raise ValueError


class Response(webob.Response):
    """Keeps a relative ``Location`` relative: behind a proxy this host does not know its own URL."""

    default_content_type = "application/json"

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response(self.status, self.headerlist)
        if environ["REQUEST_METHOD"] == "HEAD":
            return webob.response.EmptyResponse(self._app_iter)
        return self._app_iter


class Application(pecan.core.ExplicitPecan):
    """What ``pecan.Pecan(use_context_locals=False)`` makes, with its one harmful method replaced.

    :param root: the root controller.
    :param app_hooks: run for every request, by their priority.
    """

    def __init__(self, root: object, app_hooks: Sequence[hooks.PecanHook]) -> None:
        super().__init__(
            root,
            default_renderer="json",
            hooks=app_hooks,
            force_canonical=False,
            guess_content_type_from_ext=False,
            request_cls=Request,
            response_cls=Response,
        )

    def _handle_empty_response_body(self, state: pecan.core.RoutingState) -> None:
        """Leave the response as the controller made it.

        Pecan's own method makes a 204 of an empty 200, and to find out it joins an iterator in memory or reads ahead in a
        generator whose ``close()`` it then loses.
        """


def _memoize_argspec() -> None:
    """Have Pecan look at each function's signature once instead of on every request (60% of its time)."""
    inspected = functools.cache(pecan.util.getargspec)

    def getargspec(method: Callable[..., Any]) -> Any:
        return inspected(getattr(method, "__func__", method))

    for module in (pecan.core, pecan.rest, pecan.routing):
        module.getargspec = getargspec


_memoize_argspec()
