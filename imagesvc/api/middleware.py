"""What stands around the applications: the request's id, the caller's identity, and the last word on errors.

From the outside in: :class:`Outermost` (always there, whatever the paste file says), then the filters of the pipeline, of
which this file has the contexts.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from oslo_context import context as oslo_context

from imagesvc.api import faults
from imagesvc.context import RequestContext

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: Keys of a WSGI environ: the caller's :class:`~imagesvc.context.RequestContext`, and the request's id (oslo's key).
CONTEXT = "imagesvc.context"
REQUEST_ID = "openstack.request_id"

_UNSAFE_IN_ID = re.compile(r"[^A-Za-z0-9._-]")


class Outermost:
    """Gives every request an id and every error an answer.

    A client's own ``X-Openstack-Request-ID`` is taken over, with the prefix ``req-`` and without surprising characters.

    :param max_id_length: longest accepted id of a client; a longer one is answered 431.
    """

    def __init__(self, app: WSGIApp, max_id_length: int) -> None:
        self._app = app
        self._max_id_length = max_id_length

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_X_OPENSTACK_REQUEST_ID", "")
        accepted = len(given) <= self._max_id_length
        request_id = _adopt(given) if given and accepted else oslo_context.generate_request_id()
        environ[REQUEST_ID] = request_id

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, ("x-openstack-request-id", request_id)], exc_info)

        try:
            if not accepted:
                raise faults.HTTPFault(
                    431, f"The X-Openstack-Request-ID header is longer than {self._max_id_length} characters."
                )
            return self._app(environ, start)
        except Exception as error:  # noqa: BLE001 - the last boundary: whatever went wrong, the client gets an answer
            return faults.to_response(error, environ)(environ, start)  # type: ignore[no-any-return]


def _adopt(given: str) -> str:
    clean = _UNSAFE_IN_ID.sub("_", given)
    return clean if clean.startswith("req-") else f"req-{clean}"


class UnauthenticatedContext:
    """The identity of everybody where no identity service is asked: an administrator without a project."""

    def __init__(self, app: WSGIApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[CONTEXT] = RequestContext(request_id=environ[REQUEST_ID], roles=["admin", "member", "reader"])
        return self._app(environ, start_response)


class IdentityContext:
    """The identity that keystonemiddleware's auth_token, or a trusted proxy, put into the ``X-`` headers.

    :param allow_anonymous: let requests without a confirmed identity read, instead of answering 401.
    """

    def __init__(self, app: WSGIApp, *, allow_anonymous: bool) -> None:
        self._app = app
        self._allow_anonymous = allow_anonymous

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_X_IDENTITY_STATUS") == "Confirmed":
            environ[CONTEXT] = _identified(environ)
        elif self._allow_anonymous:
            environ[CONTEXT] = RequestContext(request_id=environ[REQUEST_ID], roles=["reader"], read_only=True)
        else:
            # Answered here rather than raised, so that auth_token sees the 401 and adds WWW-Authenticate.
            fault = faults.HTTPFault(401, "The request you have made requires authentication.")
            return faults.to_response(fault, environ)(environ, start_response)  # type: ignore[no-any-return]
        return self._app(environ, start_response)


def _identified(environ: dict[str, Any]) -> RequestContext:
    get = environ.get
    return RequestContext(
        request_id=environ[REQUEST_ID],
        global_request_id=get("openstack.global_request_id"),
        auth_token=get("HTTP_X_AUTH_TOKEN") or get("HTTP_X_STORAGE_TOKEN"),
        user_id=get("HTTP_X_USER_ID") or get("HTTP_X_USER"),
        user_name=get("HTTP_X_USER_NAME"),
        user_domain_id=get("HTTP_X_USER_DOMAIN_ID"),
        user_domain_name=get("HTTP_X_USER_DOMAIN_NAME"),
        project_id=get("HTTP_X_PROJECT_ID") or get("HTTP_X_TENANT_ID") or get("HTTP_X_TENANT"),
        project_name=get("HTTP_X_PROJECT_NAME") or get("HTTP_X_TENANT_NAME"),
        project_domain_id=get("HTTP_X_PROJECT_DOMAIN_ID"),
        project_domain_name=get("HTTP_X_PROJECT_DOMAIN_NAME"),
        domain_id=get("HTTP_X_DOMAIN_ID"),
        system_scope=get("HTTP_OPENSTACK_SYSTEM_SCOPE"),
        roles=_roles(get("HTTP_X_ROLES") or get("HTTP_X_ROLE")),
        service_token=get("HTTP_X_SERVICE_TOKEN"),
        service_user_id=get("HTTP_X_SERVICE_USER_ID"),
        service_roles=_roles(get("HTTP_X_SERVICE_ROLES")),
    )


def _roles(header: str | None) -> list[str]:
    return [role.strip().lower() for role in (header or "").split(",") if role.strip()]
