"""The way to the bus: which transport is configured, the caller for glance-api and the server for glance-registry.

Open either after the process has forked; neither survives a fork.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import oslo_messaging as messaging
from oslo_config import cfg
from oslo_messaging._metrics import client as metrics
from oslo_messaging._tracing import client as tracing
from oslo_messaging.rpc import server as oslo_server

from imagesvc import exception, rpc
from imagesvc.rpc import rabbit
from imagesvc.rpc.caller import Caller
from imagesvc.rpc.dispatcher import Dispatcher, wall_clock
from imagesvc.rpc.failures import REMOTE_MODULES

__all__ = ["Caller", "Server", "check_account", "get_caller", "get_server", "transport_url"]


def transport_url(conf: cfg.ConfigOpts) -> str:
    """Where the bus is: ``transport_url`` if it is set, else Unix sockets below ``state_path``."""
    messaging.TransportURL(conf)  # Declares the option, which belongs to oslo.messaging.
    set_by = conf.get_location("transport_url")
    if set_by is None or set_by.location is cfg.Locations.opt_default:
        return f"local://{quote(str(Path(conf.state_path).absolute()))}/rpc"
    url: str = conf.transport_url
    return url


def get_caller(conf: cfg.ConfigOpts) -> Caller:
    """The client of the configured bus; connects when it is used."""
    return Caller(conf, _open(conf))


def check_account(conf: cfg.ConfigOpts) -> None:
    """Find out at the start what would otherwise look like a broker that is away; a broker that is away is none.

    :raises ConfigurationError: the broker refuses the account or the virtual host of ``transport_url``.
    """
    if not transport_url(conf).startswith("rabbit:"):
        return
    bus = _open(conf)
    bus._driver.check_account()  # noqa: SLF001 -- a SignedDriver
    bus.cleanup()


class Server:
    """One process's share of the registry: takes calls from :meth:`start` to :meth:`stop`."""

    def __init__(self, server: Any, bus: Any) -> None:
        self._server = server
        self._bus = bus

    def start(self) -> None:
        """Take calls, in threads of this process.

        :raises ConfigurationError: if the bus cannot be listened on, and trying again would not help.
        """
        self._server.start()

    def stop(self) -> None:
        """Take no more calls; those under way go on."""
        self._server.stop()

    def wait(self) -> None:
        """Return when the calls under way are answered and all connections are closed."""
        self._server.wait()
        self._bus.cleanup()


def get_server(
    conf: cfg.ConfigOpts, endpoints: Sequence[Any], server_name: str, clock: Callable[[], int] = wall_clock
) -> Server:
    """A server of ``endpoints``, not yet started.

    :param endpoints: objects with methods marked by :func:`imagesvc.rpc.dispatcher.expose`.
    :param server_name: stable name of this process among the registry's, such as ``host-1``.
    :param clock: registry time in milliseconds.
    """
    bus = _open(conf)
    return Server(
        _RpcServer(bus, messaging.Target(topic=rpc.TOPIC, server=server_name), Dispatcher(endpoints, clock)), bus
    )


class _RpcServer(oslo_server.RPCServer):
    """Does the work in the threads of its listener."""

    def _on_incoming(self, incoming: Any) -> None:
        self._process_incoming(incoming)


def _open(conf: cfg.ConfigOpts) -> Any:
    url = transport_url(conf)
    scheme = url.split(":", 1)[0]
    if scheme not in {"local", "rabbit"}:
        raise exception.ConfigurationError(
            reason="transport_url must begin with local:// or rabbit://; other transports are not supported"
        )
    declare_options(conf)
    rabbit.set_defaults()
    try:
        if scheme == "local":
            return messaging.get_rpc_transport(conf, url, allowed_remote_exmods=REMOTE_MODULES)
        plain = messaging.get_rpc_transport(conf, url)
        parsed = messaging.TransportURL.parse(conf, url)
        return messaging.transport.RPCTransport(rabbit.SignedDriver(plain._driver, conf, parsed, REMOTE_MODULES))  # noqa: SLF001 -- to wrap it
    except (messaging.InvalidTransportURL, messaging.DriverLoadFailure) as error:
        raise exception.ConfigurationError(reason=f"transport_url: {error}") from None


def declare_options(conf: cfg.ConfigOpts) -> None:
    """Give ``conf`` the options that oslo.messaging declares on the global object only, but reads from ``conf``."""
    conf.register_opts(metrics.oslo_messaging_metrics, group="oslo_messaging_metrics")
    conf.register_opts(tracing.oslo_messaging_tracing, group="oslo_messaging_tracing")
