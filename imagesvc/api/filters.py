"""Paste's factories: middleware of ours and of libraries, configured from the service's own configuration.

Each takes what the paste file says and returns a function that wraps an application (a filter) or an application.
"""

import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oslo_config import cfg
from oslo_middleware import cors as oslo_cors
from oslo_middleware import http_proxy_to_wsgi as oslo_proxy
from osprofiler import initializer, web
from osprofiler import opts as profiler_opts
from webob.request import BaseRequest

from imagesvc import exception
from imagesvc.api import basic_auth as basic
from imagesvc.api import basic_users, identity, identity_memory, middleware, runtime
from imagesvc.api import versions as versions_document
from imagesvc.api.middleware import WSGIApp
from imagesvc.conf import auth_basic
from imagesvc.conf import middleware as options

LOG = logging.getLogger(__name__)

Filter = Callable[[WSGIApp], WSGIApp]
Conf = Mapping[str, str]


class CORS(oslo_cors.CORS):
    """oslo.middleware's, but out of the way of requests that no browser makes on behalf of another site."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_ORIGIN" in environ or environ["REQUEST_METHOD"] == "OPTIONS":
            return super().__call__(environ, start_response)  # type: ignore[no-any-return]
        return self.application(environ, start_response)  # type: ignore[misc]


class HTTPProxyToWSGI(oslo_proxy.HTTPProxyToWSGI):
    """oslo.middleware's, without wrapping the response: it only ever changes the environ."""

    def __init__(self, app: WSGIApp, conf: cfg.ConfigOpts) -> None:
        super().__init__(app, conf)
        self._enabled = bool(conf.oslo_middleware.enable_proxy_headers_parsing)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._enabled:
            self.process_request(BaseRequest(environ))
        return self.application(environ, start_response)  # type: ignore[misc]


def cors(_global_conf: Conf, **local_conf: str) -> Filter:
    """Options come from ``[cors]``; those in the paste file win."""
    conf = _conf()
    options.set_defaults()
    conf.register_opts(oslo_cors.OPTS, "cors")
    for name, value in _without_oslo(local_conf).items():
        conf.set_override(name, value, group="cors")
    return lambda app: CORS(app, conf)


def http_proxy_to_wsgi(_global_conf: Conf, **_local_conf: str) -> Filter:
    conf = _conf()
    return lambda app: HTTPProxyToWSGI(app, conf)


def osprofiler(_global_conf: Conf, **_local_conf: str) -> Filter:
    """Nothing at all unless ``[profiler] enabled``."""
    conf = _conf()
    profiler_opts.set_defaults(conf)
    if not conf.profiler.enabled:
        return _unchanged
    initializer.init_from_conf(conf, {}, project="glance", service="api", host=runtime.CURRENT.get().host)
    return web.WsgiMiddleware


def _unchanged(app: WSGIApp) -> WSGIApp:
    return app


def authtoken(_global_conf: Conf, **local_conf: str) -> Filter:
    """keystonemiddleware's auth_token; the decision about bad tokens is the context filter's.

    :raises ConfigurationError: it is not said how to ask Keystone.
    """
    conf = _conf()
    identity.set_up(conf)
    options: dict[str, Any] = {
        "delay_auth_decision": "true",
        **_without_oslo(local_conf),
        "oslo_config_config": conf,
    }
    return lambda app: identity.AuthToken(app, dict(options))


def basic_auth(_global_conf: Conf, **_local_conf: str) -> Filter:
    """Names and passwords from files.

    :raises ConfigurationError: a file cannot be used.
    """
    parts = runtime.CURRENT.get()
    values = parts.conf[auth_basic.GROUP]
    return functools.partial(
        basic.BasicAuth,
        users=basic_users.BasicUsers(values.htpasswd_file, values.users_file),
        memory=identity_memory.IdentityMemory(values.password_memory_time),
        offload=parts.offload,
        realm=values.realm,
        allow_anonymous=parts.conf.allow_anonymous_access,
    )


def unauthenticated_context(_global_conf: Conf, **_local_conf: str) -> Filter:
    return middleware.UnauthenticatedContext


def context(_global_conf: Conf, **_local_conf: str) -> Filter:
    return functools.partial(middleware.IdentityContext, allow_anonymous=_conf().allow_anonymous_access)


def version_negotiation(_global_conf: Conf, **_local_conf: str) -> Filter:
    document = _versions_app()
    return lambda app: versions_document.VersionNegotiation(app, document, _offered())


def versions(_global_conf: Conf, **_local_conf: str) -> WSGIApp:
    return _versions_app()


def _versions_app() -> versions_document.VersionsApp:
    return versions_document.VersionsApp(_offered(), _conf().public_endpoint)


def _offered() -> list[tuple[str, str]]:
    conf = _conf()
    return versions_document.minors(cache=bool(conf.image_cache_dir), multi_store=bool(conf.enabled_backends))


def cache(_global_conf: Conf, **_local_conf: str) -> Filter:
    """:raises ConfigurationError: always."""
    raise _not_in_this_release("the image cache", "Choose a [paste_deploy] flavor without caching or cachemanagement.")


def gzip(_global_conf: Conf, **_local_conf: str) -> Filter:
    """:raises ConfigurationError: always."""
    raise _not_in_this_release("the gzip filter", "Remove it from the pipeline and compress in the proxy in front.")


def _not_in_this_release(what: str, remedy: str) -> exception.ConfigurationError:
    return exception.ConfigurationError(reason=f"{what} is not part of this release. {remedy}")


def _conf() -> cfg.ConfigOpts:
    return runtime.CURRENT.get().conf


def _without_oslo(local_conf: Conf) -> dict[str, str]:
    """Drop ``oslo_config_project`` and the like: they would make a library read other files than we do."""
    return {name: value for name, value in local_conf.items() if not name.startswith("oslo_config_")}
