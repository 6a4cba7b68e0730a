"""``/healthcheck``: oslo.middleware's application, and the check that tells whether the registry answers.

Which checks run is said by ``[healthcheck] backends``; by default a file that takes the host out of service, and the
registry.
"""

import threading
import time
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oslo_config import cfg
from oslo_middleware import healthcheck as oslo_healthcheck
from oslo_middleware.healthcheck import pluginbase

from imagesvc import exception
from imagesvc.api import runtime
from imagesvc.api.middleware import WSGIApp
from imagesvc.conf import middleware as options
from imagesvc.context import RequestContext
from imagesvc.rpc.rpcapi import RegistryAPI

#: Seconds a probe waits for the registry, and seconds a result is good for.
_PATIENCE = 1.0
_FRESH = 2.0

_REGISTRY = "registry"

Results = list[pluginbase.HealthcheckResult]


class Healthcheck(oslo_healthcheck.Healthcheck):
    """oslo.middleware's, reading our configuration object and with our backend.

    The backend is built in rather than found by an entry point: one that is not found would be left out silently.

    :param paste: options of the paste file, which win over ``[healthcheck]``.
    """

    def __init__(self, conf: cfg.ConfigOpts, paste: Mapping[str, str], registry: RegistryAPI) -> None:
        self._given = conf
        super().__init__(None, dict(paste))
        if _REGISTRY in super()._conf_get("backends"):
            self._backends = [*self._backends, types.SimpleNamespace(obj=RegistryCheck(registry))]  # type: ignore[assignment]

    def _conf_get(self, key: str, group: str = "healthcheck") -> Any:
        value = super()._conf_get(key, group)
        return [name for name in value if name != _REGISTRY] if key == "backends" else value

    def _make_text_response(self, results: Results, healthy: bool) -> tuple[str, str]:
        return super()._make_text_response(self._telling(results), healthy)

    def _make_json_response(self, results: Results, healthy: bool) -> tuple[str, str]:
        return super()._make_json_response(self._telling(results), healthy)

    def _make_html_response(self, results: Results, healthy: bool) -> tuple[str, str]:
        return super()._make_html_response(self._telling(results), healthy)

    def _telling(self, results: Results) -> Results:
        """Monitoring expects the one word OK, not one per backend."""
        if self._show_details:
            return results
        return [result for result in results if not result.available] or results[:1]

    @property
    def oslo_conf(self) -> cfg.ConfigOpts:
        """The base class would take the global object when the paste file sets anything."""
        return self._given

    @oslo_conf.setter
    def oslo_conf(self, _conf: cfg.ConfigOpts) -> None:
        """Keep ours."""


def app_factory(_global_conf: Mapping[str, str], **local_conf: str) -> WSGIApp:
    options.set_defaults()
    parts = runtime.CURRENT.get()
    return Healthcheck(parts.conf, local_conf, parts.registry)


def filter_factory(global_conf: Mapping[str, str], **local_conf: str) -> Callable[[WSGIApp], WSGIApp]:
    """Older paste files have the healthcheck as a filter; it answers its path and passes everything else on."""
    path = local_conf.pop("path", "/healthcheck")
    app = app_factory(global_conf, **local_conf)

    def wrap(following: WSGIApp) -> WSGIApp:
        def healthcheck(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            return (app if environ["PATH_INFO"] == path else following)(environ, start_response)

        return healthcheck

    return wrap


class RegistryCheck:
    """The backend ``registry``: healthy while glance-registry answers and its database does.

    A probe asks in a thread of its own, so that one that hangs holds nobody up; results are kept for a moment, so that
    frequent probes cost nothing.
    """

    def __init__(self, registry: RegistryAPI) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._reason = "REGISTRY UNAVAILABLE"
        self._known_at = float("-inf")

    def healthcheck(self, _server_port: int) -> pluginbase.HealthcheckResult:
        """What oslo.middleware asks of every backend."""
        if time.monotonic() - self._known_at > _FRESH:
            thread = self._ask()
            thread.join(_PATIENCE)
            if thread.is_alive():
                return pluginbase.HealthcheckResult(available=False, reason="REGISTRY DOES NOT ANSWER")
        return pluginbase.HealthcheckResult(available=not self._reason, reason=self._reason or "OK")

    def _ask(self) -> threading.Thread:
        """The thread that asks the registry: the one under way, or a new one."""
        with self._lock:
            if self._asking is None or not self._asking.is_alive():
                self._asking = threading.Thread(target=self._ping, daemon=True, name="healthcheck")
                self._asking.start()
            return self._asking

    def _ping(self) -> None:
        try:
            self._registry.ping(RequestContext(overwrite=False))
            self._reason = ""
        except exception.SchemaMissing:
            self._reason = "DATABASE SCHEMA MISSING"
        except exception.DatabaseUnavailable:
            self._reason = "DATABASE UNAVAILABLE"
        except exception.ImageServiceError:
            self._reason = "REGISTRY UNAVAILABLE"
        self._known_at = time.monotonic()
