"""The faults: what can happen to the processes of a deployment, one thing after the other, by the throw of seeded dice."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import psutil

from tests.fixtures.daemons import Deployment, wait_for
from tests.fixtures.failpoints import Failpoints
from tests.history.servers import Fault

API, REGISTRY = "glance-api", "glance-registry"

#: Seconds that what was stopped or killed stays so, and the longest: leases of the deployments under test are 3 s, and the
#: longest deadline of a call is 8 s.
_OUTAGE, _LONG_OUTAGE = 4.0, 10.0
#: Changes that must be acknowledged after a fault before the next one, and how long that may take.
_PROGRESS, _BACK_SECONDS = 150, 180
#: Orphaned workers finish what they have begun and go.
_ORPHAN_SECONDS = 40


class Nemesis:
    """Does harm and undoes it.

    :param deployments: each with both daemons; a fault strikes one of them.
    :param progress: number of acknowledged changes so far.
    :param more: faults of brokers and databases, by name.
    :param failpoints: of the first deployment, if its transport is ``local://``.
    """

    def __init__(
        self,
        deployments: Sequence[Deployment],
        seed: str,
        progress: Callable[[], int],
        more: Mapping[str, Fault] | None = None,
        failpoints: Failpoints | None = None,
    ) -> None:
        self._deployments = deployments
        self._dice = random.Random(f"{seed}/nemesis")
        self._progress = progress
        self._more = dict(more or {})
        self._failpoints = failpoints
        self.done: list[str] = []

    def run(self, count: int) -> None:
        """``count`` faults; after each the service must be of use again before the next one comes."""
        kinds: list[str] = []
        for number in range(count):
            if not kinds:
                kinds = self._dice.sample(list(self._kinds()), len(self._kinds()))
            kind = kinds.pop()
            self._site = self._dice.choice(self._deployments)
            self.done.append(kind)
            print(f"{time.monotonic():.3f} fault {number}: {kind}", flush=True)  # noqa: T201 -- for readers of a failed run's history
            self._kinds()[kind]()
            before = self._progress()
            wait_for(
                f"progress after fault {number}, {kind}",
                lambda before=before: self._progress() >= before + _PROGRESS,
                _BACK_SECONDS,
            )
            self._pause(1)

    def _kinds(self) -> dict[str, Callable[[], None]]:
        kinds: dict[str, Callable[[], None]] = {"everything killed": self._kill_everything}
        for daemon in (API, REGISTRY):
            kinds |= {
                f"{daemon} worker killed": lambda daemon=daemon: self._kill_worker(daemon),
                f"{daemon} master killed": lambda daemon=daemon: self._kill_master(daemon),
                f"{daemon} killed": lambda daemon=daemon: self._kill(daemon),
                f"{daemon} worker frozen": lambda daemon=daemon: self._freeze_worker(daemon),
                f"{daemon} frozen": lambda daemon=daemon: self._freeze(daemon),
                f"{daemon} reloaded": lambda daemon=daemon: self._reload(daemon),
                f"{daemon} restarted": lambda daemon=daemon: self._restart(daemon),
                f"{daemon} worker killed while {_other(daemon)} is frozen": lambda daemon=daemon: self._both(daemon),
            }
        if self._failpoints is not None:
            kinds[f"{REGISTRY} killed between commit and reply"] = self._kill_before_reply
        return kinds | {name: lambda fault=fault: fault(self._outage) for name, fault in self._more.items()}

    def _pause(self, most: float) -> None:
        """Nothing is waited for: how long a fault lasts, and when the next one comes, are the dice's to say."""
        time.sleep(self._dice.uniform(0, most))

    def _outage(self) -> None:
        self._pause(_LONG_OUTAGE if self._dice.random() < 0.25 else _OUTAGE)

    # -- the faults ----------------------------------------------------------------------------------

    def _kill_everything(self) -> None:
        for daemon in (API, REGISTRY):
            self._site.kill(daemon)
        self._site.start()

    def _kill(self, daemon: str) -> None:
        self._site.kill(daemon)
        self._outage()
        self._start(daemon)

    def _kill_before_reply(self) -> None:
        """At the first deployment's registry: work was done, and nobody is told."""
        assert self._failpoints is not None
        self._site = self._deployments[0]
        process = self._site.processes[REGISTRY]
        self._failpoints.kill_before_reply(after=self._dice.randrange(30))
        try:
            wait_for("a reply to hold back", lambda: process.poll() is not None, _BACK_SECONDS)
            self._site.kill(REGISTRY)
        finally:
            # A worker that was counting down when another one killed it may have left its count.
            self._failpoints.spare_replies()
        self._outage()
        self._start(REGISTRY)

    def _kill_worker(self, daemon: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._worker(daemon), signal.SIGKILL)

    def _kill_master(self, daemon: str) -> None:
        """Only the master: its workers notice and go, and then somebody starts the service again."""
        process = self._site.processes.pop(daemon)
        process.kill()
        process.wait(10)
        try:
            wait_for(f"end of {daemon}'s orphans", lambda: not _group_exists(process.pid), _ORPHAN_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self._start(daemon)

    def _freeze_worker(self, daemon: str) -> None:
        with _stopped(self._worker(daemon)):
            self._outage()

    def _freeze(self, daemon: str) -> None:
        with self._site.frozen(daemon):
            self._outage()

    def _reload(self, daemon: str) -> None:
        self._site.processes[daemon].send_signal(signal.SIGHUP)

    def _restart(self, daemon: str) -> None:
        status = self._site.terminate(daemon)
        assert status == 0, f"{daemon} ended with status {status} after SIGTERM"
        self._start(daemon)

    def _both(self, daemon: str) -> None:
        with self._site.frozen(_other(daemon)):
            self._pause(1)
            self._kill_worker(daemon)
            self._outage()

    # -- whom they strike ----------------------------------------------------------------------------

    def _worker(self, daemon: str) -> int:
        return self._dice.choice(wait_for(f"{daemon} worker", lambda: self._site.workers(daemon)))

    def _start(self, daemon: str) -> None:
        if daemon == API:
            self._site.start_api()
        else:
            self._site.start_registry()


def _other(daemon: str) -> str:
    return REGISTRY if daemon == API else API


def _group_exists(group: int) -> bool:
    """Whether a process of the group is left that has not ended yet."""
    for process in psutil.process_iter(["pid", "status"]):
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                return True
    return False


@contextlib.contextmanager
def _stopped(pid: int) -> Iterator[None]:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
