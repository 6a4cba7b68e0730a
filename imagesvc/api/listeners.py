"""Where glance-api listens, with which certificate, and for how many connections at once."""

import ctypes
import resource
import signal
import socket
import ssl
import struct
import time

from oslo_config import cfg
from oslo_log import log

from imagesvc import exception

LOG = log.getLogger(__name__)

_MAX_CONNECTIONS = 8192
#: Descriptors kept back for the event loop, logs, the registry and stores.
_SPARE_DESCRIPTORS = 32
#: Where struct tcp_info has tcpi_unacked: of a listening socket, the connections that wait to be accepted.
_TCPI_UNACKED = 24
_POLL_SECONDS = 0.002
#: So often in a row nobody may wait: the last handshakes end within microseconds on one host, within milliseconds in a rack.
_SETTLED_POLLS = 5

_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("HBBI")
#: Classic BPF: load the byte of TCP flags; drop if SYN is among them, else pass.
_DROP_SYN = b"".join(
    _INSTRUCTION.pack(*step)
    for step in [(0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)]
)


def bind_address(conf: cfg.ConfigOpts) -> str:
    """The address to bind: as configured, else by whether callers must identify themselves."""
    flavor = conf.paste_deploy.flavor or ""
    identified = any(word in flavor for word in ("keystone", "basic", "trusted-auth"))
    if not identified:
        LOG.warning(
            "EVERY CALLER IS AN ADMINISTRATOR: [paste_deploy] flavor is '%s', so nobody needs to identify himself. "
            "Set flavor = keystone or flavor = basic to change that.",
            flavor,
        )
    if conf.bind_host:
        return str(conf.bind_host)
    return "0.0.0.0" if identified else "127.0.0.1"  # noqa: S104 - documented default of an authenticated service


def listen(conf: cfg.ConfigOpts) -> socket.socket:
    """A listening socket.

    Options set here are inherited by accepted sockets on Linux.

    :raises imagesvc.exception.ConfigurationError: the address cannot be had.
    """
    host, port = bind_address(conf), conf.bind_port
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, proto)
        try:
            _set_options(sock, family, conf.tcp_keepidle)
            sock.bind(address)
            sock.listen(conf.backlog)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        reason = f"Cannot listen on {where} (bind_host, bind_port): {error.strerror or error}"
        raise exception.ConfigurationError(reason=reason) from error
    return sock


def let_in_who_waits(sock: socket.socket, seconds: float) -> None:
    """Let no connection begin; return when those that were made already are accepted, by whoever does, or after ``seconds``.

    A connection that waits when its listening socket is closed is reset, under a client that has sent its request already.
    """
    until = time.monotonic() + seconds
    _ignore_connects(sock)
    settled = 0
    while settled < _SETTLED_POLLS and time.monotonic() < until:
        # Sleeps in the kernel, whatever eventlet has made of time.sleep.
        signal.sigtimedwait((), _POLL_SECONDS)
        settled = 0 if _waiting(sock) else settled + 1


def _ignore_connects(sock: socket.socket) -> None:
    """Drop what asks for a new connection (SYN), so that the client asks again, a second later, and is refused then.

    Handshakes that have begun still end; see SO_ATTACH_FILTER in socket(7).
    """
    code = (ctypes.c_char * len(_DROP_SYN)).from_buffer_copy(_DROP_SYN)
    program = struct.pack("HP", len(_DROP_SYN) // _INSTRUCTION.size, ctypes.addressof(code))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError as error:
        LOG.debug("Connections that are being made may be reset: %s", error)
        sock.listen(0)


def _waiting(sock: socket.socket) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCPI_UNACKED + 4)
    [count] = struct.unpack_from("I", info, _TCPI_UNACKED)
    return int(count)


def _set_options(sock: socket.socket, family: int, keepidle: int) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keepidle)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


def tls_context(conf: cfg.ConfigOpts) -> ssl.SSLContext | None:
    """What cert_file, key_file and ca_file say; None without them.

    :raises imagesvc.exception.ConfigurationError: they do not belong together or cannot be read.
    """
    if not conf.cert_file and not conf.key_file and not conf.ca_file:
        return None
    if not conf.cert_file or not conf.key_file:
        raise exception.ConfigurationError(reason="TLS needs both cert_file and key_file.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(conf.cert_file, conf.key_file)
        if conf.ca_file:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(conf.ca_file)
    except OSError as error:
        files = ", ".join(filter(None, (conf.cert_file, conf.key_file, conf.ca_file)))
        reason = f"Cannot use the TLS files {files} (cert_file, key_file, ca_file): {error}"
        raise exception.ConfigurationError(reason=reason) from error
    return context


def connection_limit() -> int:
    """Connections to have at once: each may need a second descriptor, for a file or a store."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _MAX_CONNECTIONS + _SPARE_DESCRIPTORS
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(4, min(_MAX_CONNECTIONS, (soft - _SPARE_DESCRIPTORS) // 2))
