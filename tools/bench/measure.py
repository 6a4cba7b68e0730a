"""Runs one round of a case against one service and says what it took."""

import statistics
import threading
import time
from dataclasses import dataclass

import psutil
from cases import Case, numbers
from client import Client


@dataclass(frozen=True)
class Target:
    """A running service.

    :param pids: roots of its process trees, for CPU and memory.
    """

    name: str
    url: str
    pids: tuple[int, ...]
    headers: dict[str, str]


@dataclass(frozen=True)
class Round:
    """One round's figures; latencies in seconds, CPU of all the service's processes in seconds."""

    seconds: float
    cpu_seconds: float
    latencies: tuple[float, ...]
    bytes_moved: int

    @property
    def rate(self) -> float:
        """Units per second, or MiB/s for transfers."""
        return (self.bytes_moved / (1 << 20) if self.bytes_moved else len(self.latencies)) / self.seconds

    @property
    def cpu(self) -> float:
        """CPU milliseconds per unit, or CPU seconds per GiB for transfers."""
        return (
            self.cpu_seconds * (1 << 30) / self.bytes_moved
            if self.bytes_moved
            else 1000 * self.cpu_seconds / len(self.latencies)
        )

    def percentile(self, share: float) -> float:
        if len(self.latencies) == 1:
            return self.latencies[0]
        return statistics.quantiles(self.latencies, n=1000, method="inclusive")[int(share * 1000) - 1]


def _processes(target: Target) -> list[psutil.Process]:
    roots = [psutil.Process(pid) for pid in target.pids]
    return roots + [child for root in roots for child in root.children(recursive=True)]


def cpu_seconds(target: Target) -> float:
    total = 0.0
    for process in _processes(target):
        times = process.cpu_times()
        total += times.user + times.system
    return total


def peak_memory(target: Target) -> int:
    """Largest peak resident size of one process, in bytes."""
    peaks = []
    for process in _processes(target):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            peaks += [int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")]
    return max(peaks, default=0)


def run(case: Case, target: Target, *, keep_alive: bool) -> Round:
    """One round; raises whatever a unit raised."""
    first = Client(target.url, target.headers, keep_alive=keep_alive)
    work = case.prepare(first)
    first.close()
    latencies: list[float] = []
    errors: list[BaseException] = []

    def worker(share: list[int]) -> None:
        client = Client(target.url, target.headers, keep_alive=keep_alive)
        try:
            for number in share:
                began = time.perf_counter()
                work(client, number)
                latencies.append(time.perf_counter() - began)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            errors.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=worker, args=(share,)) for share in numbers(case.units, case.clients)]
    cpu, began = cpu_seconds(target), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if errors:
        raise errors[0]
    return Round(seconds, cpu_seconds(target) - cpu, tuple(latencies), case.bytes_moved * case.units)
