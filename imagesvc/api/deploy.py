"""Loads the application that the paste file describes, for the flavor that is configured.

A paste file written for Glance works: the names of its factories are replaced by ours before anything is imported.
"""

import configparser
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oslo_config import cfg
from paste import urlmap
from paste.deploy import loadwsgi

from imagesvc import exception
from imagesvc.api import files, middleware, runtime
from imagesvc.api.middleware import WSGIApp

LOG = logging.getLogger(__name__)

_FILE_NAMES = ("glance-api-paste.ini", "api-paste.ini")
_FACTORY_OPTION = re.compile(r"paste\.\w+_factory$")

_HERE = "imagesvc.api.deploy"
_FILTERS = "imagesvc.api.filters"
_HEALTH = "imagesvc.api.healthcheck"

#: Factories in paste files of Glance, of any release, and what serves in their place.
_SERVED_BY = {
    "glance.api:root_app_factory": f"{_HERE}:root_app_factory",
    "glance.api:pipeline_factory": f"{_HERE}:pipeline_factory",
    "glance.api.versions:create_resource": f"{_FILTERS}:versions",
    "glance.api.versions:Versions.factory": f"{_FILTERS}:versions",
    "glance.api.v1.router:API.factory": f"{_HERE}:not_served",
    "glance.api.v2.router:API.factory": "imagesvc.api.v2.application:factory",
    "glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory": f"{_FILTERS}:version_negotiation",
    "glance.api.middleware.context:ContextMiddleware.factory": f"{_FILTERS}:context",
    "glance.api.middleware.context:UnauthenticatedContextMiddleware.factory": f"{_FILTERS}:unauthenticated_context",
    "glance.api.middleware.cache:CacheFilter.factory": f"{_FILTERS}:cache",
    "glance.api.middleware.cache_manage:CacheManageFilter.factory": f"{_FILTERS}:cache",
    "glance.api.middleware.gzip:GzipMiddleware.factory": f"{_FILTERS}:gzip",
    "osprofiler.web:WsgiMiddleware.factory": f"{_FILTERS}:osprofiler",
    "oslo_middleware:CORS.factory": f"{_FILTERS}:cors",
    "oslo_middleware.cors:filter_factory": f"{_FILTERS}:cors",
    "oslo_middleware:HTTPProxyToWSGI.factory": f"{_FILTERS}:http_proxy_to_wsgi",
    "oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory": f"{_FILTERS}:http_proxy_to_wsgi",
    "oslo_middleware:Healthcheck.app_factory": f"{_HEALTH}:app_factory",
    "oslo_middleware:Healthcheck.factory": f"{_HEALTH}:filter_factory",
    "keystonemiddleware.auth_token:filter_factory": f"{_FILTERS}:authtoken",
    "keystoneclient.middleware.auth_token:filter_factory": f"{_FILTERS}:authtoken",
}


def load_application(conf: cfg.ConfigOpts, parts: runtime.Runtime) -> WSGIApp:
    """The WSGI application of the configured flavor.

    :raises ConfigurationError: the paste file is missing, unreadable or names what is not known here.
    """
    path = paste_file(conf)
    flavor = conf.paste_deploy.flavor
    name = f"glance-api-{flavor}" if flavor else "glance-api"
    token = runtime.CURRENT.set(parts)
    try:
        app = _open(path).get_app(name)
    except exception.ConfigurationError:
        raise
    except Exception as error:
        raise exception.ConfigurationError(
            reason=f"{path}: the application '{name}' cannot be loaded: {error}"
        ) from error
    finally:
        runtime.CURRENT.reset(token)
    LOG.info("Serving '%s' of %s", name, path)
    return middleware.Outermost(app, conf.max_request_id_length)


def paste_file(conf: cfg.ConfigOpts) -> Path:
    """Which paste file is in force: ``[paste_deploy] config_file``, or one beside the configuration, or the packaged.

    :raises ConfigurationError: there is none.
    """
    configured = conf.paste_deploy.config_file
    if configured:
        found = conf.find_file(configured)
        if not found:
            raise exception.ConfigurationError(reason=f"[paste_deploy] config_file '{configured}' does not exist")
        return Path(found).absolute()
    path = files.find(conf, _FILE_NAMES, "api-paste.ini")
    if path is None:
        raise exception.ConfigurationError(reason=f"no paste file found: none of {', '.join(_FILE_NAMES)}")
    return path


def _open(path: Path) -> loadwsgi.ConfigLoader:
    try:
        loader = loadwsgi.ConfigLoader(str(path))
    except (OSError, configparser.Error) as error:
        raise exception.ConfigurationError(reason=f"{path} cannot be read: {error}") from error
    served = sum(_replace(loader.parser, section, path) for section in loader.parser.sections())
    if served:
        LOG.info("%s: %d factories of Glance and its libraries are served by our own", path, served)
    return loader


def _replace(parser: configparser.ConfigParser, section: str, path: Path) -> int:
    """Put our factories in the place of Glance's; the number of them."""
    replaced = 0
    for option in parser.options(section):
        if not _FACTORY_OPTION.match(option):
            continue
        value = _named_factory(parser, section, option)
        ours = _SERVED_BY.get(value)
        if ours is not None:
            parser.set(section, option, ours)
            replaced += 1
        elif value.split(".")[0].split(":")[0] == "glance":
            line = _line_of(path, section, option)
            raise exception.ConfigurationError(reason=f"{path}, line {line}: '{value}' is not known here")
    return replaced


def _named_factory(parser: configparser.ConfigParser, section: str, option: str) -> str:
    """The factory of an option; Glance once named classes in a second option, for one generic factory."""
    value = parser.get(section, option).strip()
    indirect = option.replace("paste.", "glance.", 1)
    if value.startswith("glance.common.wsgi:") and parser.has_option(section, indirect):
        value = f"{parser.get(section, indirect).strip()}.factory"
        parser.remove_option(section, indirect)
    return value


def _line_of(path: Path, section: str, option: str) -> int:
    """The line, counted from 1, on which a section sets an option; 0 if it only inherits it."""
    current = ""
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            current = text[1:-1]
        elif current == section and re.split(r"[=:]", text, maxsplit=1)[0].strip() == option:
            return number
    return 0


def root_app_factory(loader: Any, global_conf: Mapping[str, str], **local_conf: str) -> WSGIApp:
    """Composite of applications by path; an API that is not served here is left out."""
    mapping = urlmap.URLMap()
    for path, name in local_conf.items():
        app = loader.get_app(name, global_conf=global_conf)
        if app is None:
            LOG.warning("%s: '%s' is not served by this release and left out", path, name)
        else:
            mapping[path] = app
    return mapping  # type: ignore[no-any-return]


def not_served(_global_conf: Mapping[str, str], **_local_conf: str) -> None:
    """In the place of an application that Glance once had; :func:`root_app_factory` leaves it out."""


def pipeline_factory(loader: Any, global_conf: Mapping[str, str], **local_conf: str) -> WSGIApp:
    """Composite of the filters and the application that the option named like the flavor lists."""
    flavor = runtime.CURRENT.get().conf.paste_deploy.flavor or "default"
    if flavor not in local_conf:
        raise exception.ConfigurationError(
            reason=f"[paste_deploy] flavor '{flavor}' is not in the paste file; it has: {', '.join(sorted(local_conf))}"
        )
    *filters, name = local_conf[flavor].split()
    # In the order of the file, so that the first wrong name is the one complained about.
    wrappers = [loader.get_filter(filter_name, global_conf=global_conf) for filter_name in filters]
    app: WSGIApp = loader.get_app(name, global_conf=global_conf)
    for wrap in reversed(wrappers):
        app = wrap(app)
    return app
