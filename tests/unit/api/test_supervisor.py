"""Decisions of the prefork master; its processes are tried in tests/contract/test_server_lifecycle.py."""

import os
import signal
import socket
import time

import pytest
from oslo_config import cfg

from imagesvc import conf
from imagesvc.api import supervisor


class Kernel:
    """Forks and kills on paper."""

    def __init__(self, monkeypatch):
        self.pids = iter(range(1001, 2000))
        self.killed = []
        self.deaths = []
        self.now = 1000.0
        monkeypatch.setattr(os, "fork", lambda: next(self.pids))
        monkeypatch.setattr(os, "kill", lambda pid, number: self.killed.append((pid, number)))
        monkeypatch.setattr(os, "waitpid", self._waitpid)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def _waitpid(self, pid, options):
        if not self.deaths:
            return 0, 0
        return self.deaths.pop(0)


@pytest.fixture
def kernel(monkeypatch):
    return Kernel(monkeypatch)


class Case:
    """A supervisor whose loop the test turns by hand."""

    def __init__(self, kernel, count):
        self.count = count
        self.reloads = 0
        self._kernel = kernel
        self.listener = socket.socket()
        plan = supervisor.Plan(
            host="h",
            count=lambda: self.count,
            drain_seconds=lambda: 60,
            work=lambda *_: 0,
            report=lambda _: None,
            reload=self._reload,
        )
        self.master = supervisor.Supervisor(plan, self.listener)
        self.turn()

    def _reload(self):
        self.reloads += 1

    def turn(self):
        self.master._fill()
        self.master._retire()

    def signal(self, number, sender=0):
        self.master._handle(number, sender)
        self.turn()

    def ready(self):
        for pid in list(self.master._children):
            self.signal(supervisor.READY_SIGNAL, pid)

    def die(self, pid, status):
        self._kernel.deaths.append((pid, status))
        self.signal(signal.SIGCHLD)

    @property
    def pids(self):
        return sorted(self.master._children)


@pytest.fixture
def case(kernel):
    made = Case(kernel, 2)
    yield made
    made.listener.close()
    os.close(made.master._lifeline)
    os.close(made.master._lifeline_end)


KILLED = signal.SIGKILL
EXIT_1 = 1 << 8
EX_CONFIG = supervisor.EX_CONFIG << 8


def test_workers_have_slots_and_ids_of_their_own(case):
    children = case.master._children.values()
    assert sorted(child.slot for child in children) == [0, 1]
    assert len({child.worker for child in children}) == 2
    assert all(child.worker.startswith(f"h:{os.getpid()}:") for child in children)


def test_old_worker_is_replaced_at_once_and_reported(case, kernel):
    case.ready()
    kernel.now += 1000
    case.die(1001, KILLED)
    assert case.pids == [1002, 1004]
    assert case.master._reporters == {1003}
    case.die(1003, 0)
    assert case.master._reporters == set()


def test_workers_that_die_young_are_replaced_ever_more_slowly(case, kernel):
    case.ready()
    waits = []
    for _ in range(10):
        case.die(case.pids[-1], EXIT_1)
        waits.append(case.master._patience())
        kernel.now += waits[-1]
        case.turn()
        assert len(case.pids) == 2
    assert waits == sorted(waits)
    assert 0 < waits[0] < 1
    assert waits[-1] == 30


def test_worker_that_cannot_use_the_first_configuration_ends_everything(case, kernel):
    case.die(1001, EX_CONFIG)
    assert case.master._exit_status == 1
    assert kernel.killed == [(1002, signal.SIGTERM)]
    case.die(1002, signal.SIGTERM)
    assert case.master._reporters == set()


def test_worker_that_cannot_use_a_changed_configuration_ends_nothing(case, kernel):
    case.ready()
    case.signal(signal.SIGHUP)
    assert len(case.pids) == 4
    case.die(1003, EX_CONFIG)
    assert case.master._exit_status is None
    assert {1001, 1002} <= set(case.pids)
    assert kernel.killed == []


def test_old_generation_goes_when_all_of_the_new_one_serve(case, kernel):
    case.ready()
    case.count = 3
    case.signal(signal.SIGHUP)
    assert case.reloads == 1
    for pid in (1003, 1004):
        case.signal(supervisor.READY_SIGNAL, pid)
    assert kernel.killed == []
    case.signal(supervisor.READY_SIGNAL, 1005)
    assert kernel.killed == [(1001, signal.SIGTERM), (1002, signal.SIGTERM)]
    case.die(1001, 0)
    assert case.pids == [1002, 1003, 1004, 1005]


def test_ready_signal_of_a_stranger_means_nothing(case):
    case.signal(supervisor.READY_SIGNAL, 4711)
    assert not any(child.ready for child in case.master._children.values())


def test_stop_closes_the_listener_and_passes_the_signal_on(case, kernel):
    case.ready()
    case.signal(signal.SIGTERM)
    assert case.listener.fileno() == -1
    assert kernel.killed == [(1001, signal.SIGTERM), (1002, signal.SIGTERM)]
    case.die(1001, 0)
    assert case.pids == [1002]
    case.signal(signal.SIGHUP)
    assert case.reloads == 0
    case.signal(signal.SIGTERM)
    assert kernel.killed[-1] == (1002, signal.SIGINT)


def test_worker_that_does_not_end_in_time_is_killed_and_reported(case, kernel):
    case.ready()
    case.signal(signal.SIGTERM)
    kernel.now += 60
    case.master._kill_overdue()
    assert (1001, signal.SIGKILL) not in kernel.killed
    kernel.now += case.master._patience()
    case.master._kill_overdue()
    assert kernel.killed[-2:] == [(1001, signal.SIGKILL), (1002, signal.SIGKILL)]
    case.die(1001, KILLED)
    assert len(case.master._reporters) == 1


@pytest.mark.parametrize(("workers", "cpus", "count"), [(None, 2, 2), (None, 64, 8), (3, 2, 3), (0, 2, 1)])
def test_number_of_workers(monkeypatch, workers, cpus, count):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cpus)))
    options = cfg.ConfigOpts()
    conf.parse_args(options, [], prog="glance-api")
    options.set_override("workers", workers)
    assert supervisor.worker_count(options) == count
