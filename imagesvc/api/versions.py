"""Which versions of the Images API there are, and which one a request means.

:class:`VersionNegotiation` answers every path that belongs to no version with the list of them; any accepted minor
prefix (``/v2.7/...``) means ``/v2``.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from webob.request import BaseRequest

from imagesvc.api.app import Response
from imagesvc.api.middleware import WSGIApp

_ALWAYS = ("2.7", "2.6", "2.5", "2.4", "2.3", "2.2", "2.1", "2.0")
_MULTI_STORE = ("2.13", "2.12", "2.11", "2.10", "2.9", "2.8")
_ACCEPT = re.compile(r"application/vnd\.openstack\.images-(v[0-9.]+)")


def minors(*, cache: bool, multi_store: bool) -> list[tuple[str, str]]:
    """``(minor, status)`` in the order of the versions document; the order is part of what clients know."""
    stores = [(minor, "SUPPORTED") for minor in (_MULTI_STORE if multi_store else ("2.9",))]
    rest = [(minor, "SUPPORTED") for minor in _ALWAYS]
    if cache:
        cached = [(minor, "SUPPORTED") for minor in ("2.17", "2.16", "2.15", "2.14")]
        return [("2.18", "CURRENT"), *cached, *stores, *rest]
    return [("2.15", "SUPPORTED"), *stores, ("2.17", "CURRENT"), *rest]


class VersionsApp:
    """``GET /`` (300, as discovery expects) and ``GET /versions`` (200, as glanceclient expects).

    :param offered: from :func:`minors`.
    :param public_endpoint: URL to show instead of the request's own.
    """

    def __init__(self, offered: list[tuple[str, str]], public_endpoint: str | None) -> None:
        self._offered = offered
        self._public_endpoint = public_endpoint

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        base = self._public_endpoint or BaseRequest(environ).application_url
        links = [{"rel": "self", "href": f"{base.rstrip('/')}/v2/"}]
        versions = [{"id": f"v{minor}", "status": status, "links": links} for minor, status in self._offered]
        status = 200 if environ["PATH_INFO"].split("/")[1:2] == ["versions"] else 300
        response = Response(json.dumps({"versions": versions}).encode(), status=status)
        if not self._public_endpoint:
            # A cache in between must not show one client the host that another one named.
            response.headers["Cache-Control"] = "no-store"
        return response(environ, start_response)  # type: ignore[no-any-return]


class VersionNegotiation:
    """Sends requests for a version to it and all others to the versions document.

    :param versions: the application with the document.
    """

    def __init__(self, app: WSGIApp, versions: WSGIApp, offered: list[tuple[str, str]]) -> None:
        self._app = app
        self._versions = versions
        self._prefixes = {"v2"} | {f"v{minor}" for minor, _ in offered}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        _, _, tail = path.partition("/")
        prefix, slash, rest = tail.partition("/")
        if prefix in self._prefixes:
            environ["PATH_INFO"] = f"/v2{slash}{rest}"
        elif self._accepted(environ) and prefix not in {"", "versions"}:
            environ["PATH_INFO"] = f"/v2{path}"
        else:
            return self._versions(environ, start_response)
        return self._app(environ, start_response)

    def _accepted(self, environ: dict[str, Any]) -> bool:
        named = _ACCEPT.match(environ.get("HTTP_ACCEPT", ""))
        return named is not None and named[1] in self._prefixes
