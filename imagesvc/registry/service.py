"""glance-registry as processes: a parent that supervises, workers that answer calls on native threads.

Built by the parent before it forks: configuration, endpoints, the health port.  Made anew in each worker: database
connections (by themselves) and the RPC server.
"""

import dataclasses
import logging
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any, Self

from oslo_config import cfg
from oslo_service import service

from imagesvc.registry import health, periodic, readiness
from imagesvc.registry.clock import Clock
from imagesvc.registry.db import engines, session
from imagesvc.registry.db.location_urls import LocationUrls
from imagesvc.registry.endpoints import make_endpoints
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.registry.reaper import Reaper
from imagesvc.rpc import transport

LOG = logging.getLogger(__name__)

_MOST_WORKERS = 8
#: Where an option's value is somebody's choice, and not a default.
_SET = {cfg.Locations.user, cfg.Locations.command_line, cfg.Locations.environment, cfg.Locations.set_override}
#: Seconds between two looks at the database's clock in workers that do not reap.
_CLOCK_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Parts:
    """What the parent makes before it forks, so that what cannot work stops the start, and all workers share."""

    conf: Any
    clock: Clock
    transactions: Transactions
    endpoints: list[Any]
    listener: socket.socket | None = None
    ready: readiness.Readiness | None = None

    @classmethod
    def make(cls, conf: Any) -> Self:
        """Raise ConfigurationError if the configuration cannot be used."""
        engines.database_url(conf)
        LocationUrls(conf.metadata_encryption_key)
        transport.get_server(conf, [], "unused")
        transport.check_account(conf)
        clock = Clock()
        transactions = Transactions(session.Database(conf), clock)
        return cls(conf, clock, transactions, make_endpoints(conf, transactions))


def launch(conf: Any) -> int:
    """Run the registry until it is told to stop; the exit status.

    :raises ConfigurationError: it cannot be started like this, and trying again would not help.
    """
    count = setting(conf, "workers") or _default_workers()
    ready = readiness.Readiness(count)
    parts = dataclasses.replace(
        Parts.make(conf), listener=health.bind(setting(conf, "bind_host"), setting(conf, "bind_port")), ready=ready
    )
    launcher = service.ServiceLauncher(_LauncherOptions(conf), restart_method="mutate")
    for number in range(1, count + 1):
        launcher.launch_service(Worker(parts, number), workers=1)
    ready.watch()
    LOG.info("glance-registry starts; workers: %d", count)
    try:
        return int(launcher.wait() or 0)
    finally:
        # Its limit for the workers, who are gone: it would end what is left of this process, as if something had failed.
        signal.alarm(0)


def setting(conf: Any, name: str) -> Any:
    """``[registry] name``, or what ``[DEFAULT] name`` says in a file called glance-registry.conf.

    Older releases' glance-registry.conf set bind_host, bind_port and workers in ``[DEFAULT]``; in glance-api.conf, which
    is read as well, the same names are glance-api's.
    """
    own = conf.get_location(name, group="registry")
    if (own is None or own.location not in _SET) and Path(_last_setting(conf, name)).name == "glance-registry.conf":
        return conf[name]
    return conf.registry[name]


def _last_setting(conf: Any, name: str) -> str:
    """The configuration file whose ``[DEFAULT] name`` counts, or "".

    oslo.config knows only the last file that has the section, whatever it says in it.
    """
    found = ""
    for path in conf.config_file or ():
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(path, sections).parse()
        if name in sections.get("DEFAULT", {}):
            found = path
    return found


def _default_workers() -> int:
    return min(len(os.sched_getaffinity(0)), _MOST_WORKERS)


class Worker(service.ServiceBase):
    """One process's share: an RPC server, and in the first worker the health port and the reaper.

    :param number: counts from 1; part of the server's name on the bus, which must not change when a worker is replaced.
    """

    def __init__(self, parts: Parts, number: int) -> None:
        self._shared = parts
        self._is_first = number == 1
        self._name = f"{parts.conf.host or socket.gethostname()}-{number}"
        self._over = threading.Event()
        self._own: list[Any] = []

    def start(self) -> None:
        """In the worker: take calls."""
        shared = self._shared
        server = transport.get_server(shared.conf, shared.endpoints, self._name, shared.clock)
        self._own = [server, self._rounds()]
        if self._is_first and shared.listener is not None:
            self._own.append(health.HealthServer(shared.listener, shared.transactions.observe))
        for part in self._own:
            part.start()
        if shared.ready is not None:
            shared.ready.report()

    def _rounds(self) -> periodic.Periodic:
        shared = self._shared
        if not self._is_first:
            return periodic.Periodic("clock", _CLOCK_SECONDS, shared.transactions.observe)
        options = shared.conf.registry
        keep_hours = shared.conf.task.task_time_to_live
        holder = f"{self._name}:{os.getpid()}"
        reaper = Reaper(shared.transactions, shared.clock, options, holder, keep_hours=keep_hours)
        return periodic.Periodic("reaper", options.reaper_interval, reaper.run_once)

    def stop(self) -> None:
        """Take no more calls, finish those under way."""
        for part in self._own:
            part.stop()
        if self._own:
            self._own[0].wait()
        self._over.set()

    def wait(self) -> None:
        """Return after :meth:`stop`."""
        self._over.wait()

    def reset(self) -> None:
        """Nothing to do on SIGHUP: the worker is replaced."""


class _LauncherOptions:
    """What oslo.service may know of the configuration.

    It declares graceful_shutdown_timeout itself, which oslo.config refuses, because that option is ours.
    """

    log_options = False

    def __init__(self, conf: Any) -> None:
        self._conf = conf

    @property
    def graceful_shutdown_timeout(self) -> int:
        return int(self._conf.graceful_shutdown_timeout)

    def register_opts(self, _options: Any) -> None:
        """They are declared."""

    def mutate_config_files(self) -> None:
        """Reload those options that may change while the service runs."""
        self._conf.mutate_config_files()
