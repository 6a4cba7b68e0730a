"""The prefork master: keeps the right number of workers alive, and passes signals on.

Everything here runs in one thread that waits in sigtimedwait(2): no handlers, no event loop, nothing that a fork could
tear apart.  A worker tells that it is ready by a real-time signal, which is queued with its pid; it notices the
master's death by the end of a pipe.
"""

import dataclasses
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable

from oslo_config import cfg
from oslo_log import log

from imagesvc.api import listeners, systemd

LOG = log.getLogger(__name__)

#: Sent by a worker to its parent.
READY_SIGNAL = signal.SIGRTMIN
#: Exit status of a worker that cannot work with this configuration (sysexits.h); trying again does not help.
EX_CONFIG = 78

_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, READY_SIGNAL}
_MAX_WORKERS = 8
#: A worker that dies younger than this slows down its replacement.
_YOUNG_SECONDS = 10.0
_MAX_BACKOFF = 30.0
#: What a worker gets beyond the time to finish transfers before it is killed.
_EXIT_SECONDS = 10.0
_REPORT_SECONDS = 20
#: How long workers may take to accept the connections that were made before SIGTERM.
_ACCEPT_SECONDS = 2.0


def worker_count(conf: cfg.ConfigOpts) -> int:
    """Workers to supervise: as configured, else one for each CPU up to 8; at least one."""
    cpus = len(os.sched_getaffinity(0))
    return min(_MAX_WORKERS, cpus) if conf.workers is None else max(1, conf.workers)


def tell_ready() -> None:
    """Called by a worker when it accepts connections."""
    os.kill(os.getppid(), READY_SIGNAL)


@dataclasses.dataclass
class Child:
    """A worker process."""

    pid: int
    worker: str
    slot: int
    generation: int
    born: float
    ready: bool = False
    kill_at: float | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the supervisor supervises.

    :param host: begins the workers' ids.
    :param count: how many workers there shall be now.
    :param drain_seconds: how long a worker may take to finish its transfers.
    :param work: a worker's life: worker id, slot (0 to count - 1), lifeline; returns its exit status. The lifeline
        is a descriptor that becomes readable when the master is gone.
    :param report: tells that the worker with this id died; runs in a process of its own.
    :param reload: reads the configuration again; raises nothing.
    """

    host: str
    count: Callable[[], int]
    drain_seconds: Callable[[], float]
    work: Callable[[str, int, int], int]
    report: Callable[[str], None]
    reload: Callable[[], None]


class Supervisor:
    """Runs ``plan`` over ``listener``, which it shuts down when it stops."""

    def __init__(self, plan: Plan, listener: socket.socket) -> None:
        self._plan = plan
        self._listener = listener
        self._children: dict[int, Child] = {}
        self._reporters: set[int] = set()
        self._generation = 1
        self._announced = 0
        self._failures = 0
        self._spawn_after = 0.0
        self._exit_status: int | None = None
        self._lifeline, self._lifeline_end = os.pipe()

    def run(self) -> int:
        """Supervise until told to stop; the exit status. The signals stay blocked, so that a late one does no harm."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        while self._exit_status is None or self._children or self._reporters:
            self._fill()
            self._retire()
            info = signal.sigtimedwait(_SIGNALS, self._patience())
            if info is not None:
                self._handle(info.si_signo, info.si_pid)
            self._kill_overdue()
        return self._exit_status

    # -- signals ---------------------------------------------------------------------------------

    def _handle(self, number: int, sender: int) -> None:
        if number == READY_SIGNAL:
            self._mark_ready(sender)
        elif number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGHUP:
            self._reload()
        else:
            self._stop(signal.Signals(number))

    def _mark_ready(self, pid: int) -> None:
        if pid in self._children:
            self._children[pid].ready = True

    def _reload(self) -> None:
        if self._exit_status is not None:
            return
        LOG.info("SIGHUP: reading the configuration again")
        systemd.reloading()
        self._plan.reload()
        self._generation += 1
        self._failures, self._spawn_after = 0, 0.0

    def _stop(self, number: signal.Signals, status: int = 0) -> None:
        again = self._exit_status is not None
        LOG.info("%s: stopping%s", number.name, " at once" if again else "")
        if not again:
            self._exit_status = status
            systemd.stopping()
            if number == signal.SIGTERM:
                listeners.let_in_who_waits(self._listener, _ACCEPT_SECONDS)
            self._close_listener()
        for child in self._children.values():
            self._end(child, signal.SIGINT if again else number)

    def _close_listener(self) -> None:
        """Refuse connections from now on, in all workers at the same moment."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            LOG.debug("Listening socket: %s", error)
        self._listener.close()

    def _end(self, child: Child, number: signal.Signals) -> None:
        seconds = self._plan.drain_seconds() if number == signal.SIGTERM else 0
        kill_at = time.monotonic() + seconds + _EXIT_SECONDS
        child.kill_at = kill_at if child.kill_at is None else min(kill_at, child.kill_at)
        os.kill(child.pid, number)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if child.kill_at is not None and child.kill_at <= now:
                LOG.error("Worker %s does not end; killing it", child.worker)
                child.kill_at = now + _EXIT_SECONDS
                os.kill(child.pid, signal.SIGKILL)

    def _patience(self) -> float:
        """Seconds until something must be done unasked."""
        deadlines = [child.kill_at for child in self._children.values() if child.kill_at is not None]
        if self._exit_status is None and self._missing():
            deadlines.append(self._spawn_after)
        return max(0.0, min(deadlines, default=float("inf")) - time.monotonic()) if deadlines else 3600.0

    # -- children --------------------------------------------------------------------------------

    def _current(self) -> list[Child]:
        return [child for child in self._children.values() if child.generation == self._generation]

    def _missing(self) -> list[int]:
        taken = {child.slot for child in self._current() if child.kill_at is None}
        return [slot for slot in range(self._plan.count()) if slot not in taken]

    def _fill(self) -> None:
        if self._exit_status is not None or time.monotonic() < self._spawn_after:
            return
        for slot in self._missing():
            self._spawn(slot)

    def _retire(self) -> None:
        """End workers of older generations as soon as the new one serves, and tell systemd."""
        current = self._current()
        if self._exit_status is not None or self._announced == self._generation:
            return
        if sum(child.ready for child in current) < self._plan.count():
            return
        self._announced = self._generation
        systemd.ready()
        for child in self._children.values():
            if child.generation != self._generation:
                self._end(child, signal.SIGTERM)

    def _spawn(self, slot: int) -> None:
        worker = f"{self._plan.host}:{os.getpid()}:{secrets.token_hex(6)}"
        pid = self._fork(lambda: self._plan.work(worker, slot, self._lifeline))
        self._children[pid] = Child(pid, worker, slot, self._generation, time.monotonic())
        LOG.info("Started worker %s, pid %d", worker, pid)

    def _fork(self, life: Callable[[], int]) -> int:
        """A child that lives ``life`` with default signal handling, and nothing after it."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            os.close(self._lifeline_end)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = life()
        except BaseException:
            LOG.exception("Worker failed")
        finally:
            os._exit(status)

    def _reap(self) -> None:
        while True:
            try:
                pid, wait_status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._reporters.discard(pid)
            child = self._children.pop(pid, None)
            if child is not None:
                self._bury(child, os.waitstatus_to_exitcode(wait_status))

    def _bury(self, child: Child, status: int) -> None:
        if child.kill_at is None:
            self._slow_down(time.monotonic() - child.born)
        if status == 0 or (status == -signal.SIGTERM and not child.ready):
            LOG.info("Worker %s ended", child.worker)
            return
        cause = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        LOG.error("Worker %s died: %s", child.worker, cause)
        if status != EX_CONFIG:
            self._report(child.worker)
        elif child.generation == 1 and self._announced == 0 and self._exit_status is None:
            self._stop(signal.SIGTERM, status=1)

    def _slow_down(self, age: float) -> None:
        """After the death of a worker ``age`` seconds old: replace it at once, or later if they die young."""
        self._failures = self._failures + 1 if age < _YOUNG_SECONDS else 0
        delay = min(_MAX_BACKOFF, 0.1 * 2**self._failures) if self._failures else 0.0
        self._spawn_after = time.monotonic() + delay

    def _report(self, worker: str) -> None:
        """Tell of a dead worker from a process of its own: connections must not be made before a fork."""

        def life() -> int:
            self._listener.close()
            signal.alarm(_REPORT_SECONDS)
            self._plan.report(worker)
            return 0

        self._reporters.add(self._fork(life))
