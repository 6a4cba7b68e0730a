"""Both daemons as child processes of tools/serve: configured, started in order, watched, stopped together."""

import contextlib
import ctypes
import dataclasses
import fcntl
import os
import signal
import socket
import subprocess
import time
import types
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Self

_START_SECONDS = 60
_STOP_SECONDS = 75  # glance-api lets transfers in flight finish for 60 s
_POLL_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1


class DaemonError(Exception):
    """A daemon cannot be started; the text says why."""


class _Interrupted(BaseException):
    """SIGINT or SIGTERM arrived; unwinds to where the daemons are stopped."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the service lives.

    :param state: absolute path of the directory with everything that must outlive a restart.
    """

    state: Path
    host: str
    port: int

    @property
    def registry_port(self) -> int:
        return self.port - 101

    @property
    def url(self) -> str:
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def registry_url(self) -> str:
        return f"http://127.0.0.1:{self.registry_port}"


def _bracketed(host: str) -> str:
    """An address as URLs want it; a client reaches a wildcard address on the loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


class Daemons:
    """The two processes; a context manager that leaves none behind.

    :param bin_directory: where the console scripts are.
    """

    def __init__(self, place: Place, bin_directory: Path) -> None:
        self._place = place
        self._bin = bin_directory
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: types.TracebackType | None
    ) -> bool:
        self._stop()
        if self._lock:
            self._lock.close()
        if kind is _Interrupted:
            print("Stopped. The data stays in", self._place.state, flush=True)
        return kind is _Interrupted

    def start(self) -> None:
        """Bring the database up to date and start glance-registry, then glance-api; return when both are healthy."""
        place = self._place
        place.state.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._take_lock()
        _check_port("IMAGESVC_PORT", place.host, place.port)
        _check_port("IMAGESVC_PORT less 101, for glance-registry", "127.0.0.1", place.registry_port)
        (place.state / "log").mkdir(exist_ok=True)
        self._write_config()
        self._sync_database()
        self._start("glance-registry", f"{place.registry_url}/healthcheck")
        self._start("glance-api", f"{place.url}/healthcheck")

    def watch(self) -> int:
        """Wait until a daemon dies, then stop the other; the exit status to end with.

        A signal ends the wait through the context manager instead.
        """
        while True:
            for name, process in self._running.items():
                if process.poll() is not None:
                    print(f"\n{self._obituary(name, process)}\nStopping the other daemon.", flush=True)
                    return 1
            time.sleep(_POLL_SECONDS)

    # -- preparing ----------------------------------------------------------------------------------

    def _take_lock(self) -> None:
        self._lock = (self._place.state / "serve.lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise DaemonError(
                f"{self._place.state} is being served already. Stop that tools/serve, or set IMAGESVC_STATE."
            ) from exc

    def _write_config(self) -> None:
        place = self._place
        (place.state / "serve.conf").write_text(
            "# Written by tools/serve at every start; put options of your own into local.conf beside it.\n"
            f"[DEFAULT]\nstate_path = {place.state}\nbind_host = {place.host}\nbind_port = {place.port}\n"
            f"[registry]\nbind_port = {place.registry_port}\n"
        )

    def _options(self) -> list[str]:
        options = ["--config-file", str(self._place.state / "serve.conf")]
        local = self._place.state / "local.conf"
        return [*options, "--config-file", str(local)] if local.exists() else options

    def _sync_database(self) -> None:
        log = self._place.state / "log" / "glance-manage.log"
        command = [str(self._bin / "glance-manage"), *self._options(), "db_sync"]
        with log.open("wb") as output:
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise DaemonError(f"glance-manage db_sync failed:\n{_tail(log)}")

    # -- running ------------------------------------------------------------------------------------

    def _log(self, name: str) -> Path:
        return self._place.state / "log" / f"{name}.log"

    def _start(self, name: str, health_url: str) -> None:
        with self._log(name).open("ab") as log:
            # A process group of its own: Ctrl-C in the terminal reaches tools/serve only, which then stops both in order.
            self._running[name] = process = subprocess.Popen(
                [self._bin / name, *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 -- no threads here
            )
        deadline = time.monotonic() + _START_SECONDS
        while not _is_healthy(health_url):
            if process.poll() is not None:
                raise DaemonError(self._obituary(name, process))
            if time.monotonic() > deadline:
                raise DaemonError(f"{name} does not become healthy. The end of its log:\n{_tail(self._log(name))}")
            time.sleep(_POLL_SECONDS)

    def _obituary(self, name: str, process: subprocess.Popen[bytes]) -> str:
        status = process.returncode
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        log = self._log(name)
        return f"{name} (pid {process.pid}) {how}. The end of {log}:\n{_tail(log)}"

    def _stop(self) -> None:
        """glance-api first, so that transfers in flight can still be completed in the registry."""
        for name in reversed(self._running):
            process = self._running[name]
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except (subprocess.TimeoutExpired, _Interrupted):
                print(f"{name} is still busy: killing it", flush=True)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # workers of a daemon that was killed, too
            process.wait()
        self._running.clear()


def _interrupt(_number: int, _frame: types.FrameType | None) -> None:
    raise _Interrupted


def _die_with_parent() -> None:
    """Let the kernel send SIGTERM when tools/serve is gone, however it went."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _check_port(what: str, host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise DaemonError(f"port {port} on {host} ({what}) cannot be used: {exc.strerror}") from exc


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
