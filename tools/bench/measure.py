"""Runs one round of a case against one service and says what it took."""

import contextlib
import itertools
import statistics
import threading
import time
from dataclasses import dataclass, field

import psutil
from cases import Case, Work, numbers
from client import Client

#: Units of each client before a round, unmeasured.
_WARM_UP = 2


@dataclass(frozen=True)
class Target:
    """A running service.

    :param pids: roots of its process trees by what they are called, for CPU and memory.
    :param shared: roots of trees that work for it and for others: the database, the broker; for CPU alone.
    """

    name: str
    url: str
    pids: dict[str, int]
    headers: dict[str, str]
    shared: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """One round's figures; latencies in seconds, CPU of all the service's processes in seconds, by what they are called."""

    seconds: float
    cpu_seconds: dict[str, float]
    latencies: tuple[float, ...]
    bytes_moved: int

    @property
    def rate(self) -> float:
        """Units per second, or MiB/s for transfers."""
        return (self.bytes_moved / (1 << 20) if self.bytes_moved else len(self.latencies)) / self.seconds

    @property
    def cpu(self) -> float:
        """CPU milliseconds per unit, or CPU seconds per GiB for transfers."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, float]:
        """What each process tree has of :attr:`cpu`."""
        scale = (1 << 30) / self.bytes_moved if self.bytes_moved else 1000 / len(self.latencies)
        return {name: seconds * scale for name, seconds in self.cpu_seconds.items()}

    def percentile(self, share: float) -> float:
        if len(self.latencies) == 1:
            return self.latencies[0]
        return statistics.quantiles(self.latencies, n=1000, method="inclusive")[int(share * 1000) - 1]


def _processes(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_seconds(target: Target) -> dict[str, float]:
    """CPU seconds so far of each process tree that works for the target."""
    total = {}
    for name, pid in (target.pids | target.shared).items():
        times = [process.cpu_times() for process in _processes(pid)]
        total[name] = sum(one.user + one.system for one in times)
    return total


def peak_memory(target: Target) -> int:
    """Largest peak resident size of one process, in bytes."""
    peaks = []
    for process in itertools.chain.from_iterable(map(_processes, target.pids.values())):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            peaks += [int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")]
    return max(peaks, default=0)


def run(case: Case, target: Target, *, keep_alive: bool) -> Round:
    """One round; raises whatever a unit raised."""
    client = Client(target.url, target.headers, keep_alive=keep_alive)
    work = case.prepare(client)
    with case.beside(client) if case.beside else contextlib.nullcontext():
        if not case.bytes_moved:
            # Every process has its connections, and the token in its cache; Keystone has its first question alone.
            work(client, 0)
            _latencies(case, client, work, _WARM_UP * case.clients)
        cpu, began = cpu_seconds(target), time.perf_counter()
        latencies = _latencies(case, client, work, case.units)
        seconds = time.perf_counter() - began
        spent = {name: total - cpu[name] for name, total in cpu_seconds(target).items()}
        result = Round(seconds, spent, tuple(latencies), case.bytes_moved * case.units)
    client.close()
    return result


def _latencies(case: Case, first: Client, work: Work, units: int) -> list[float]:
    """Do ``units`` of the work, by as many clients at once as the case wants; seconds of each."""
    latencies: list[float] = []
    errors: list[BaseException] = []

    def worker(share: list[int]) -> None:
        client = first.another()
        try:
            for number in share:
                began = time.perf_counter()
                work(client, number)
                latencies.append(time.perf_counter() - began)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            errors.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=worker, args=(share,)) for share in numbers(units, case.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return latencies
