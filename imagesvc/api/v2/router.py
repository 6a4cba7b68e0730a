"""The routes of /v2: one table, matched in one place before Pecan looks at anything.

A known path with another method is a 405 that names the right ones, any other path a 404 (a trailing slash makes another
path), a method that HTTP does not know a 501.
"""

import dataclasses
import enum
from collections.abc import Callable, Iterable
from typing import Any

from imagesvc.api import faults

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"})


class Body(enum.Enum):
    """What a route does with a request's body."""

    NONE = "refused"
    IGNORED = "not looked at"
    JSON = "one JSON document"
    PATCH = "a JSON document in one of the patch media types"
    OCTETS = "a stream of bytes"


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """One line of the table.

    :param path: below /v2; a segment in braces matches anything that is not empty.
    :param controller: takes Pecan's request and response, then the matched segments in order.
    """

    method: str
    path: str
    controller: Callable[..., Any]
    body: Body = Body.NONE


class _Node:
    """A position in the tree of path segments."""

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.routes: dict[str, Route] = {}


class Router:
    """Finds the route of a request.

    :param routes: the table.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._leaf(route.path).routes[route.method] = route

    def _leaf(self, path: str) -> _Node:
        node = self._root
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literal.setdefault(segment, _Node())
        return node

    def match(self, method: str, path_info: str) -> tuple[Route, list[str]]:
        """The route and what its variable segments matched.

        :param path_info: as in a WSGI environ: unquoted bytes as latin-1.
        :raises HTTPFault: 404, 405 or 501.
        """
        if method not in _METHODS:
            raise faults.HTTPFault(501, f"The method {method[:20]} is not implemented.")
        node, variables = self._find(_decode(path_info).split("/")[1:])
        if node is None or not node.routes:
            raise faults.HTTPFault(404, "The resource could not be found.")
        route = node.routes.get(method)
        if route is None:
            allowed = ", ".join(sorted(node.routes))
            raise faults.HTTPFault(
                405, f"The method {method} is not allowed for this resource.", headers={"Allow": allowed}
            )
        return route, variables

    def _find(self, segments: list[str]) -> tuple[_Node | None, list[str]]:
        node: _Node | None = self._root
        variables: list[str] = []
        for segment in segments:
            assert node is not None
            following = node.literal.get(segment)
            if following is None and segment:
                following = node.variable
                variables.append(segment)
            if following is None:
                return None, []
            node = following
        return node, variables


def _decode(path_info: str) -> str:
    if path_info.isascii():
        return path_info
    try:
        return path_info.encode("latin-1").decode("utf-8")
    except UnicodeError as error:
        raise faults.HTTPFault(400, "The path is not valid UTF-8.") from error
