"""Who a token stands for: keystonemiddleware's auth_token, asked once per token and some seconds."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import loading
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _exceptions as ksm_exceptions
from keystonemiddleware.auth_token import _request
from oslo_config import cfg

from imagesvc import exception
from imagesvc.api.identity_memory import IdentityMemory
from imagesvc.conf import keystone

LOG = logging.getLogger(__name__)

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: What keystonemiddleware makes an invalid token of, although nothing is known about the token.
_AWAY = (
    ksa_exceptions.ConnectFailure,
    ksa_exceptions.DiscoveryFailure,
    ksa_exceptions.RequestTimeout,
    ksm_exceptions.ServiceError,
)
#: The one identity header that auth_token overwrites only for callers it has identified.
_SYSTEM_SCOPE = "HTTP_OPENSTACK_SYSTEM_SCOPE"

_HOW = (
    "[keystone_authtoken] does not say how to ask Keystone about tokens. Set auth_type = password, auth_url, username, "
    "password, project_name, user_domain_name and project_domain_name."
)


class AuthToken(auth_token.AuthProtocol):
    """Puts the identity of a token into the request's headers, in the place of what the client sent there.

    A token that cannot be judged because Keystone is away is not an invalid one: that is a 503, so that clients try
    again instead of asking their user for his password.
    """

    def __init__(self, app: WSGIApp, conf: dict[str, Any]) -> None:
        self._memory = IdentityMemory(conf["oslo_config_config"][keystone.GROUP].token_memory_time)
        super().__init__(app, conf)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ.pop(_SYSTEM_SCOPE, None)
        try:
            self.process_request(_request._AuthTokenRequest(environ))  # noqa: SLF001 - it has no public name
        except ksa_exceptions.ClientException as error:
            raise _away(error) from error

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            challenge = self._reject_auth_headers if status.startswith("401") else []
            return start_response(status, [*headers, *challenge], exc_info)

        return self._app(environ, start)  # type: ignore[no-any-return]

    def fetch_token(self, token: str, allow_expired: bool = False) -> Any:
        """What Keystone knows about a token.

        :param allow_expired: whether Keystone may tell about an expired one; who asks judges that himself.
        :raises InvalidToken: Keystone does not know the token.
        :raises Unavailable: Keystone cannot be asked.
        """
        known = self._memory.get(token)
        if known is None:
            known = self._ask(token, allow_expired)
            self._memory.put(known, token)
        return known

    def _ask(self, token: str, allow_expired: bool) -> Any:
        try:
            return super().fetch_token(token, allow_expired)
        except ksm_exceptions.InvalidToken as error:
            if isinstance(error.__context__, _AWAY):
                raise _away(error.__context__) from error
            raise

    def validate_allowed_request(self, request: Any, token: dict[str, Any]) -> None:
        """Hold an application credential's access rules against the request.

        keystonemiddleware also looks whether the catalog has this service, and the catalog is not asked for.

        :raises InvalidToken: no rule allows it.
        """
        catalog = [{"type": self._conf.get("service_type")}]
        super().validate_allowed_request(request, {"catalog": catalog, **token})


def _away(error: BaseException) -> exception.Unavailable:
    LOG.warning("The identity service cannot be asked: %s", error)
    return exception.Unavailable(reason="The identity service is unavailable. Please retry.")


def set_up(conf: cfg.ConfigOpts) -> None:
    """Register keystonemiddleware's options, with values made of older names where only those are given.

    :raises ConfigurationError: it is not said how to ask Keystone.
    """
    keystone.set_defaults()
    for group, options in auth_token.list_opts():
        conf.register_opts(options, group=group)
    values = conf[keystone.GROUP]
    if not (values.auth_type or values.auth_section):
        _set(conf, _older_credentials(values))
    url = _auth_url(conf, values.auth_section or keystone.GROUP)
    if not values.www_authenticate_uri:
        _set(conf, {"www_authenticate_uri": values.auth_uri or url})


def _older_credentials(values: Any) -> dict[str, str]:
    """Options of the password plugin that say what the older names say."""
    url = values.identity_uri or _url_of_parts(values) or values.auth_uri
    if not (url and values.admin_user and values.admin_password):
        raise exception.ConfigurationError(reason=_HOW)
    LOG.warning("[keystone_authtoken] admin_user and its like are older names of username and its like: please rename")
    return {
        "auth_type": "password",
        "auth_url": url,
        "username": values.admin_user,
        "password": values.admin_password,
        "project_name": values.admin_tenant_name,
        "user_domain_id": "default",
        "project_domain_id": "default",
    }


def _url_of_parts(values: Any) -> str:
    if not values.auth_host:
        return ""
    host = f"[{values.auth_host}]" if ":" in values.auth_host else values.auth_host
    return f"{values.auth_protocol}://{host}:{values.auth_port}/{values.auth_admin_prefix.strip('/')}".rstrip("/")


def _set(conf: cfg.ConfigOpts, values: dict[str, str]) -> None:
    if "auth_type" in values:
        conf.register_opts(loading.get_auth_plugin_conf_options(values["auth_type"]), group=keystone.GROUP)
    for name, value in values.items():
        conf.set_override(name, value, group=keystone.GROUP)


def _auth_url(conf: cfg.ConfigOpts, section: str) -> str:
    """Where the service itself asks Keystone: better told to clients than nothing."""
    conf.register_opts(loading.get_auth_common_conf_options(), group=section)
    conf.register_opts(loading.get_auth_plugin_conf_options(conf[section].auth_type), group=section)
    return str(getattr(conf[section], "auth_url", None) or "")
