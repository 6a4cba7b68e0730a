"""glance-api's HTTP server: eventlet's WSGI server with our protocol on its connections, in prefork workers.

Besides ``imagesvc.cmd.api`` the only place that knows eventlet; everything else sees blocking sockets and an
:class:`~imagesvc.concurrency.Offload`.
"""

import _socket
import contextlib
import dataclasses
import errno
import functools
import os
import secrets
import signal
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import eventlet
import greenlet  # type: ignore[import-untyped]
from eventlet import greenio, hubs, patcher, tpool, wsgi
from eventlet.green import ssl as green_ssl
from oslo_config import cfg
from oslo_log import log

from imagesvc import concurrency, context, exception
from imagesvc.api import balance as balancing
from imagesvc.api import listeners, priority, protocol, sendfile, supervisor, systemd
from imagesvc.api import wire as wires

LOG = log.getLogger(__name__)

_native_os = patcher.original("os")
_native_select = patcher.original("select")
_native_threading = patcher.original("threading")

_NATIVE_THREADS = 64
#: When the server stops, a connection without a request gets this long for one: a client may be sending it, and would never
#: learn what became of it if the connection ended under it.
_LAST_REQUEST_SECONDS = 1.0
#: After connections were cut, requests get this long to clean up behind them.
_CLEANUP_SECONDS = 5.0
#: A worker that has more connections than another leaves it this long to take the next one.
_COURTESY_SECONDS = 0.001
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

MakeRuntime = Callable[..., Any]
MakeApp = Callable[[cfg.ConfigOpts, Any], protocol.Application]


class GreenOffload(concurrency.Offload):
    """Leaves the hub for eventlet's pool of native threads, or for a native thread of its own, ``niceness`` below it."""

    def __init__(self, niceness: int = 0) -> None:
        self._hub_thread = _native_threading.get_ident()
        self._lowered = priority.Lowered(niceness)

    def __call__(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if _native_threading.get_ident() != self._hub_thread:
            return fn(*args, **kwargs)
        return tpool.execute(self._lowered, fn, *args, **kwargs)

    def start(self, target: Callable[..., object], /, *args: object) -> None:
        name = getattr(target, "__qualname__", None)
        _native_threading.Thread(target=self._lowered, args=(target, *args), daemon=True, name=name).start()


def _wait_writable(sock: socket.socket, seconds: float | None) -> None:
    hubs.trampoline(sock, write=True, timeout=seconds, timeout_exc=TimeoutError("the client takes no data"))


class _Acceptor:
    """What eventlet's server accepts from: survives a lack of descriptors, and ends when it is interrupted.

    :param is_loaded: whether another worker has fewer connections and should get the next one.
    """

    def __init__(self, sock: greenio.GreenSocket, is_loaded: Callable[[], bool]) -> None:
        self._sock = sock
        self._is_loaded = is_loaded
        self.getsockname = sock.getsockname
        self.close = sock.close
        self.family = sock.family
        self.ended = False

    def accept(self) -> tuple[Any, Any]:
        while True:
            try:
                hubs.trampoline(self._sock, read=True)
                if self._is_loaded():
                    eventlet.sleep(_COURTESY_SECONDS)
                client, address = self._sock.fd.accept()
                hubs.notify_opened(client.fileno())
                return greenio.GreenSocket(client), address
            except BlockingIOError:
                continue  # another worker was faster
            except greenlet.GreenletExit:
                raise self._end("stopping") from None
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    LOG.warning("Cannot accept connections: %s", error)
                    eventlet.sleep(0.1)
                elif error.errno != errno.ECONNABORTED:
                    raise self._end("the listening socket was shut down") from error

    def _end(self, why: str) -> OSError:
        self.ended = True
        eventlet.sleep(0)  # connections that have not begun yet are idle to eventlet's server: it would cut them off
        return OSError(errno.EPIPE, why)


class _State:
    """What one connection is doing, of those that may be ended when the server stops.

    :param conn: as eventlet's server keeps it: address, socket, state.
    """

    def __init__(self, conn: list[Any], fresh: set[Any], idle: set[Any]) -> None:
        self._conn = conn
        self._fresh = fresh
        self._idle = idle
        # For eventlet's server no connection is ever idle: it would cut off requests that are just arriving.
        conn[2] = wsgi.STATE_REQUEST
        fresh.add(conn[1])

    def idle(self) -> bool:
        if self.stopping():
            return False
        self._idle.add(self._conn[1])
        return True

    def busy(self) -> None:
        self._fresh.discard(self._conn[1])
        self._idle.discard(self._conn[1])

    def stopping(self) -> bool:
        return bool(self._conn[2] == wsgi.STATE_CLOSE)


class Worker:
    """Serves ``application`` in this process until it is told to stop.

    :param balance: of connections over workers, of which this is number ``slot``.
    :param lifeline: becomes readable when the supervisor is gone; None without one.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        listener: socket.socket,
        offload: GreenOffload,
        application: protocol.Application,
        balance: balancing.Balance,
        slot: int,
        lifeline: int | None,
    ) -> None:
        self._conf = conf
        self._tls = listeners.tls_context(conf)
        self._acceptor = _Acceptor(listener, lambda: balance.is_loaded(slot))
        self._application = application
        self._lifeline = lifeline
        sender = None if self._tls else sendfile.FileSender(offload, _wait_writable, _native_select.poll)
        self._settings = protocol.settings(conf, offload, sender, is_tls=self._tls is not None)
        self._count: Callable[[int], None] = functools.partial(balance.set, slot)
        self._open: set[Any] = set()
        self._fresh: set[Any] = set()
        self._idle: set[Any] = set()
        self._stop: eventlet.Event = eventlet.Event()
        self._deadline = float("inf")

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGTERM, SIGINT, or the end of the supervisor; then finish what is in work.

        :param on_ready: called once connections are accepted.
        """
        self._watch_signals()
        if self._lifeline is not None:
            eventlet.spawn(self._watch_lifeline, self._lifeline)
        self._count(0)
        limit = listeners.connection_limit()
        LOG.info("Worker %d serves up to %d connections", os.getpid(), limit)
        server = eventlet.spawn(
            wsgi.server,
            self._acceptor,
            self._application,
            protocol=self._handle,
            custom_pool=eventlet.GreenPool(limit),
            log_output=False,
            debug=False,
        )
        on_ready()
        self._stop.wait()
        self._drain(server)

    # -- connections -----------------------------------------------------------------------------

    def _handle(self, conn: list[Any], _server: Any) -> None:
        """Serve one accepted connection, given as ``[address, socket, state]``."""
        state = _State(conn, self._fresh, self._idle)
        self._open.add(conn[1])
        self._count(len(self._open))
        try:
            if self._tls is not None:
                state.busy()
                self._open.discard(conn[1])
                conn[1] = self._shake_hands(conn[1])
                self._open.add(conn[1])
            client, server = conn[0][:2], conn[1].getsockname()[:2]
            wire = wires.Wire(conn[1], _give_way)
            whole = protocol.Connection(wire, client, server, self._application, self._settings, state).serve()
            if whole:
                _close_tls(conn[1])
        except (OSError, EOFError) as error:
            LOG.debug("No connection with %s: %s", conn[0], error)
        finally:
            state.busy()
            self._open.discard(conn[1])
            if not state.stopping():
                self._count(len(self._open))

    def _shake_hands(self, sock: greenio.GreenSocket) -> ssl.SSLSocket:
        sock.settimeout(self._settings.limits.seconds)
        wrapped = green_ssl.GreenSSLSocket(sock, server_side=True, do_handshake_on_connect=False, _context=self._tls)
        wrapped.settimeout(self._settings.limits.seconds)
        wrapped.do_handshake()
        return wrapped  # type: ignore[no-any-return]

    # -- the end ---------------------------------------------------------------------------------

    def _watch_signals(self) -> None:
        """Turn signals into bytes that a green thread reads: a handler itself must not touch the hub."""
        receiver, sender = _native_os.pipe()
        os.set_blocking(sender, False)
        os.set_blocking(receiver, False)
        signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        eventlet.spawn(self._read_signals, receiver)

    def _read_signals(self, receiver: int) -> None:
        while True:
            hubs.trampoline(receiver, read=True)
            for number in _native_os.read(receiver, 64):
                LOG.info("%s: worker %d stops", signal.Signals(number).name, os.getpid())
                self._stop_within(self._conf.graceful_shutdown_timeout if number == signal.SIGTERM else 0)

    def _watch_lifeline(self, lifeline: int) -> None:
        hubs.trampoline(lifeline, read=True)
        LOG.error("The master process is gone: worker %d stops", os.getpid())
        self._stop_within(self._conf.graceful_shutdown_timeout)

    def _stop_within(self, seconds: float) -> None:
        self._deadline = min(self._deadline, time.monotonic() + seconds)
        if not self._stop.ready():
            self._stop.send()

    def _drain(self, server: eventlet.greenthread.GreenThread) -> None:
        """Accept nothing, let requests in work finish until the deadline, then cut them off."""
        if not self._acceptor.ended:
            server.kill()
        self._acceptor.close()
        self._wait(server, min(self._deadline, time.monotonic() + _LAST_REQUEST_SECONDS))
        self._end_reading(self._idle | self._fresh)
        self._wait(server, None)
        if server.dead:
            return
        LOG.warning("Worker %d cuts off %d connections", os.getpid(), len(self._open))
        for sock in list(self._open):
            _shut_down(sock, socket.SHUT_RDWR)
        self._wait(server, time.monotonic() + _CLEANUP_SECONDS)

    def _end_reading(self, sockets: set[Any]) -> None:
        """End connections between two requests; a request that has arrived by now is still read and served."""
        for sock in list(sockets):
            _close_tls(sock)
            _shut_down(sock, socket.SHUT_RD)

    def _wait(self, server: eventlet.greenthread.GreenThread, until: float | None) -> None:
        """Wait for the last request's end until a time on the monotonic clock, None for the current deadline."""
        while not server.dead and time.monotonic() < (self._deadline if until is None else until):
            eventlet.sleep(0.05)


def _shut_down(sock: Any, how: int) -> None:
    # The methods of TLS sockets would forget their encryption; greenio's wrapper has the real socket in ``fd``.
    with contextlib.suppress(OSError):
        _socket.socket.shutdown(getattr(sock, "fd", sock), how)


def _close_tls(sock: Any) -> None:
    """Say by TLS's own means, without waiting for the client, that this is the end and not an attack."""
    if isinstance(sock, green_ssl.GreenSSLSocket):
        with contextlib.suppress(OSError, ValueError):
            super(green_ssl.GreenSSLSocket, sock).unwrap()


def _give_way() -> None:
    eventlet.sleep(0)


@dataclasses.dataclass(frozen=True)
class Service:
    """What is served, in callables that run in the processes they are for.

    :param make_runtime: called in each worker after the fork with ``conf``, ``offload`` and the ``worker`` id; what it
        returns has ``registry.uploads_abort_worker``.
    :param make_app: called with ``conf`` and the runtime; returns the WSGI application.
    :param prepare: called first in every new process: sets up logging there.
    :param check: reads the configuration files without effect; raises cfg.Error or ConfigurationError.
    :param background: starts, on a runtime, what runs once per host.
    """

    conf: cfg.ConfigOpts
    make_runtime: MakeRuntime
    make_app: MakeApp
    prepare: Callable[[], None]
    check: Callable[[], object]
    background: Callable[[Any], object]

    def work(
        self, listener: socket.socket, balance: balancing.Balance, worker: str, slot: int, lifeline: int | None
    ) -> int:
        """One worker's life, in its own process; its exit status."""
        # The hub's epoll descriptor must not be shared with the parent and other workers.
        hubs.use_hub()
        self.prepare()
        tpool.set_num_threads(_NATIVE_THREADS)
        offload = GreenOffload(self.conf.transfer_niceness)
        try:
            runtime = self.make_runtime(self.conf, offload=offload, worker=worker)
            application = self.make_app(self.conf, runtime)
            process = Worker(self.conf, listener, offload, application, balance, slot, lifeline)
        except exception.ConfigurationError as error:
            LOG.critical("Cannot serve with this configuration: %s", error.msg)
            return supervisor.EX_CONFIG
        if slot == 0:
            self.background(runtime)
        process.run(systemd.ready if lifeline is None else supervisor.tell_ready)
        return 0

    def report(self, worker: str) -> None:
        """Abort the uploads of a dead worker, from a process of its own."""
        hubs.use_hub()
        self.prepare()
        runtime = self.make_runtime(self.conf, offload=GreenOffload(), worker=worker)
        try:
            count = runtime.registry.uploads_abort_worker(context.RequestContext(overwrite=False), worker)
        except exception.ImageServiceError as error:
            LOG.warning("Uploads of worker %s will be aborted when their leases end: %s", worker, error.msg)
        else:
            LOG.info("Aborted %d uploads of dead worker %s", count, worker)

    def reload(self, balance: balancing.Balance) -> None:
        """Read the configuration files again; a file that cannot be used changes nothing."""
        try:
            self.check()
        except (cfg.Error, exception.ConfigurationError) as error:
            LOG.error("The changed configuration cannot be used, the previous one stays: %s", error)  # noqa: TRY400
        else:
            self.conf.reload_config_files()
            self.prepare()
            balance.resize(supervisor.worker_count(self.conf))


def serve(
    conf: cfg.ConfigOpts,
    make_runtime: MakeRuntime,
    make_app: MakeApp,
    *,
    prepare: Callable[[], None],
    check: Callable[[], object],
    background: Callable[[Any], object],
) -> int:
    """Listen and serve until told to stop; the exit status. The arguments are those of :class:`Service`.

    :raises imagesvc.exception.ConfigurationError: nothing can be served with this configuration.
    """
    service = Service(conf, make_runtime, make_app, prepare, check, background)
    listeners.tls_context(conf)
    listener = listeners.listen(conf)
    LOG.info("Listening on %s port %d", *listener.getsockname()[:2])
    balance = balancing.Balance()
    host = conf.host or socket.gethostname()
    if conf.workers == 0:
        status = service.work(listener, balance, f"{host}:{os.getpid()}:{secrets.token_hex(6)}", 0, None)
        return 1 if status else 0
    balance.resize(supervisor.worker_count(conf))
    plan = supervisor.Plan(
        host=host,
        count=lambda: supervisor.worker_count(conf),
        drain_seconds=lambda: conf.graceful_shutdown_timeout,
        work=functools.partial(service.work, listener, balance),
        report=service.report,
        reload=functools.partial(service.reload, balance),
    )
    return supervisor.Supervisor(plan, listener).run()
