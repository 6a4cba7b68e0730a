"""The Images API for other people's WSGI servers: gunicorn (threads), uWSGI, mod_wsgi.

``imagesvc.wsgi:application`` reads the configuration named by these variables of the environment:

* ``OS_GLANCE_CONFIG_DIR``: directory of the files; by default the places where glance-api looks, such as /etc/glance.
* ``OS_GLANCE_CONFIG_FILES``: names separated by semicolons, relative to that directory; by default glance-api.conf.

Everything is built at the first request, in the process that serves it: connections and threads do not survive the
fork that such servers do after loading the application.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from oslo_config import cfg

from imagesvc import conf as config
from imagesvc import secrecy
from imagesvc.api import bodies, deploy, runtime
from imagesvc.data import janitor

_WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_DEFAULT_DIR = "/etc/glance"
_DEFAULT_FILE = "glance-api.conf"


class Application:
    """A WSGI application that is made by ``build`` once in every process that serves it."""

    def __init__(self, build: Callable[[], _WSGI]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._built: tuple[int, _WSGI] | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # Other servers end the body of a client that went away like a complete one.
        environ["wsgi.input"] = bodies.open_body(environ)
        return self._application()(environ, start_response)

    def _application(self) -> _WSGI:
        built = self._built
        if built is None or built[0] != os.getpid():
            with self._lock:
                built = self._built
                if built is None or built[0] != os.getpid():
                    built = self._built = (os.getpid(), self._build())
        return built[1]


def config_arguments(environment: Mapping[str, str]) -> list[str]:
    """The command line options that say what the variables say."""
    names = [name.strip() for name in environment.get("OS_GLANCE_CONFIG_FILES", "").split(";") if name.strip()]
    directory = environment.get("OS_GLANCE_CONFIG_DIR", "").strip()
    if not names and not directory:
        return []
    paths = [Path(directory or _DEFAULT_DIR) / name for name in names or [_DEFAULT_FILE]]
    return [word for path in paths for word in ("--config-file", str(path))]


def _build() -> _WSGI:
    config.parse_args(cfg.CONF, config_arguments(os.environ), prog="glance-api")
    secrecy.set_up_logging(cfg.CONF, "glance")
    parts = runtime.build_runtime(cfg.CONF)
    built = deploy.load_application(cfg.CONF, parts)
    janitor.Janitor(parts.registry, parts.stores, parts.conf, parts.host).start()
    parts.location_jobs.start()
    return built


application = Application(_build)
