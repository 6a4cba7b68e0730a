"""HTTP basic authentication, for services without Keystone: [paste_deploy] flavor = basic."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import bcrypt
from oslo_middleware import basic_auth

from imagesvc import concurrency
from imagesvc.api import faults, middleware
from imagesvc.api.basic_users import BasicUsers, User
from imagesvc.api.identity_memory import IdentityMemory
from imagesvc.api.middleware import WSGIApp
from imagesvc.context import RequestContext

LOG = logging.getLogger(__name__)

#: bcrypt and htpasswd look at no more of a password; Python's bcrypt refuses what is longer.
_SIGNIFICANT_BYTES = 72


class BasicAuth:
    """Gives requests the identity of whoever knows a password, and answers 401 to all others.

    :param offload: bcrypt takes up to a second of CPU; it runs where it stops nobody else.
    :param memory: of passwords that were right or wrong, together with the hash they were tried against.
    :param allow_anonymous: let requests without a password read, instead of answering 401.
    """

    def __init__(
        self,
        app: WSGIApp,
        users: BasicUsers,
        memory: IdentityMemory,
        offload: concurrency.Offload,
        *,
        realm: str,
        allow_anonymous: bool,
    ) -> None:
        self._app = app
        self._users = users
        self._memory = memory
        self._offload = offload
        self._challenge = f'Basic realm="{_quoted(realm)}", charset="UTF-8"'
        self._allow_anonymous = allow_anonymous

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # Taken away, so that nothing behind this can log it or hand it on.
        scheme, _, token = environ.pop("HTTP_AUTHORIZATION", "").strip().partition(" ")
        request_id = environ[middleware.REQUEST_ID]
        if scheme.lower() == "basic":
            user = self._identify(*basic_auth.parse_token(token.strip()))
            context = _context(user, request_id) if user else None
        else:
            anonymous = self._allow_anonymous and not scheme
            context = RequestContext(request_id=request_id, roles=["reader"], read_only=True) if anonymous else None
        if context is None:
            fault = faults.HTTPFault(
                401, "The request you have made requires authentication.", {"WWW-Authenticate": self._challenge}
            )
            return faults.to_response(fault, environ)(environ, start_response)  # type: ignore[no-any-return]
        environ[middleware.CONTEXT] = context
        return self._app(environ, start_response)

    def _identify(self, name: str, password: bytes) -> User | None:
        user = self._users.find(name)
        # Somebody else's where there is no such user, so that the time of an answer does not tell who there is.
        hashed = user.hashed if user else self._users.any_password()
        right = self._memory.get(name, password, hashed)
        if right is None:
            matches = self._offload(bcrypt.checkpw, password[:_SIGNIFICANT_BYTES], hashed)
            right = matches and user is not None
            self._memory.put(right, name, password, hashed)
            if not right:
                LOG.warning("Wrong name or password, for the name %r", name)
        return user if right else None


def _context(user: User, request_id: str) -> RequestContext:
    return RequestContext(
        request_id=request_id,
        user_id=user.name,
        user_name=user.name,
        project_id=user.project,
        project_name=user.project,
        roles=list(user.roles),
    )


def _quoted(realm: str) -> str:
    return "".join(character for character in realm if character.isprintable() and character not in '"\\')
