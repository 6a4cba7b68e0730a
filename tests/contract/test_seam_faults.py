"""The seam when registries die, freeze, come back or are not there: nothing is lost, doubled or late."""

import os
import signal
import threading
import time

import pytest

from imagesvc import exception
from tests.contract.conftest import freeze, kill, until
from tests.fixtures.rpc import make_context


class _Background(threading.Thread):
    """A call in a thread of its own; ``outcome`` is its result or its error."""

    def __init__(self, call, *args, **kwargs):
        super().__init__(daemon=True)
        self._call = lambda: call(make_context(), *args, **kwargs)
        self.outcome = None
        self.start()

    def run(self):
        try:
            self.outcome = self._call()
        except exception.ImageServiceError as error:
            self.outcome = error

    def result(self):
        self.join(60)
        assert not self.is_alive()
        return self.outcome


@pytest.fixture
def held(tmp_path):
    """Arguments of ``apply_held``, and what to do with them."""

    class Held:
        def __init__(self):
            self.started, self.go_on = tmp_path / "started", tmp_path / "go_on"
            self.arguments = {"started": str(self.started), "go_on": str(self.go_on)}

        @property
        def pids(self):
            return [int(line) for line in self.started.read_text().split()] if self.started.exists() else []

    return Held()


def test_calls_go_to_every_process(registries):
    processes = [registries.start() for _ in range(2)]
    caller = registries.caller()
    seen = {caller.read(make_context(), "echo", "1.0", value=n)["pid"] for n in range(10)}
    assert seen == {process.pid for process in processes}


def test_the_request_id_crosses(registries):
    registries.start()
    answer = registries.caller().read(make_context(request_id="req-1"), "echo", "1.0", value=None)
    assert answer["request_id"] == "req-1"


def test_a_registry_killed_at_work_is_replaced_by_another(registries, held):
    processes = {process.pid: process for process in (registries.start(), registries.start())}
    call = _Background(registries.caller().mutate, "apply_held", "1.0", value="v", **held.arguments)
    [pid] = until(lambda: held.pids)
    kill(processes[pid])
    until(lambda: len(held.pids) == 2)
    held.go_on.touch()
    assert call.result() == {"value": "v"}
    assert held.pids[1] != pid
    assert registries.effects == ["v"]


def test_a_registry_killed_between_commit_and_answer_gives_the_first_answer(registries):
    registries.start()
    call = _Background(registries.caller().mutate, "apply_and_die", "1.0", value="v")
    until(lambda: registries.effects)
    registries.start()
    assert call.result() == {"value": "v"}
    assert registries.effects == ["v"]


def test_a_read_ends_soon_when_the_only_registry_dies(registries, held):
    process = registries.start()
    call = _Background(registries.caller().read, "apply_held", "1.0", value="v", **held.arguments)
    until(lambda: held.pids)
    began = time.monotonic()
    kill(process)
    assert isinstance(call.result(), exception.RegistryUnavailable)
    assert time.monotonic() - began < 10  # the deadline is 15


def test_a_restarted_registry_is_found_again(registries):
    caller = registries.caller()
    for number in range(3):
        process = registries.start()
        assert caller.mutate(make_context(), "apply", "1.0", value=number) == {"value": number}
        kill(process)
        with pytest.raises(exception.RegistryUnavailable):
            caller.read(make_context(), "echo", "1.0", value=1)
    assert sorted(registries.effects) == [0, 1, 2]


def test_a_starting_registry_removes_the_sockets_of_the_dead(registries):
    for _ in range(3):
        kill(registries.start())
    assert len(list(registries.sockets.iterdir())) == 1
    process = registries.start()
    assert [str(process.pid) in path.name for path in registries.sockets.iterdir()] == [True]


def test_kills_under_load_lose_and_double_nothing(registries):
    processes = [registries.start(), registries.start()]
    caller = registries.caller()
    acknowledged, failed, stop = [], [], threading.Event()

    def work(worker):
        number = 0
        while not stop.is_set():
            value = [worker, number]
            number += 1
            try:
                assert caller.mutate(make_context(), "apply", "1.0", value=value) == {"value": value}
                acknowledged.append(value)
            except exception.RegistryUnavailable:
                failed.append(value)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(4):
        seen = len(acknowledged)
        until(lambda seen=seen: len(acknowledged) > seen + 20)
        kill(processes[turn % 2])
        processes[turn % 2] = registries.start()
    stop.set()
    for thread in threads:
        thread.join(60)
    effects = [tuple(effect) for effect in registries.effects]
    assert len(set(effects)) == len(effects)
    assert {tuple(value) for value in acknowledged} <= set(effects)
    assert failed == []  # one of the two was always there


def test_a_stopped_registry_answers_what_it_began(registries, held):
    process = registries.start()
    caller = registries.caller()
    call = _Background(caller.mutate, "apply_held", "1.0", value="v", **held.arguments)
    until(lambda: held.pids)
    process.terminate()
    until(lambda: not list(registries.sockets.iterdir()))
    held.go_on.touch()
    assert call.result() == {"value": "v"}
    assert process.wait(30) == 0
    assert len(held.pids) == 1


def test_rolling_restarts_fail_no_call(registries):
    processes = [registries.start(), registries.start()]
    caller = registries.caller()
    failures, done, stop = [], [], threading.Event()

    def work():
        while not stop.is_set():
            try:
                caller.mutate(make_context(), "apply", "1.0", value=1)
                done.append(1)
            except exception.ImageServiceError as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(2):
            processes[turn].terminate()
            assert processes[turn].wait(30) == 0
            processes[turn] = registries.start()
            seen = len(done)
            until(lambda seen=seen: len(done) > seen + 20)
    finally:
        stop.set()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(registries.effects) == len(done)


def test_work_that_a_frozen_registry_finds_when_thawed_has_no_effect(registries):
    process = registries.start()
    caller = registries.caller(try_timeout=1, metadata_deadline=1)
    assert caller.mutate(make_context(), "apply", "1.0", value="before") == {"value": "before"}
    files = caller.read(make_context(), "health", "1.0")["files"]
    freeze(process)
    calls = [_Background(caller.mutate, "apply", "1.0", value=f"late {n}") for n in range(5)]
    for call in calls:
        outcome = call.result()
        assert isinstance(outcome, exception.RegistryUnavailable)
        assert "outcome unknown" in outcome.msg
    os.kill(process.pid, signal.SIGCONT)
    # Every connection that carried a late call has been read to its end.
    until(lambda: _patient(registries).read(make_context(), "health", "1.0")["files"] <= files + 1)
    assert registries.effects == ["before"]


def _patient(registries):
    """A caller that has seen nothing yet."""
    if not hasattr(registries, "patient"):
        registries.patient = registries.caller()
    return registries.patient


def test_a_frozen_registry_is_avoided_while_another_works(registries):
    frozen, working = registries.start(), registries.start()
    caller = registries.caller(try_timeout=1)
    freeze(frozen)
    answers = [caller.read(make_context(), "echo", "1.0", value=n) for n in range(40)]
    assert {answer["pid"] for answer in answers} == {working.pid}
    os.kill(frozen.pid, signal.SIGCONT)
    until(lambda: caller.read(make_context(), "echo", "1.0", value=0)["pid"] == frozen.pid)


def test_after_three_exhausted_deadlines_calls_fail_at_once_until_the_registry_thaws(registries):
    process = registries.start()
    caller = registries.caller(try_timeout=1, metadata_deadline=1)
    freeze(process)
    waits = []
    for _ in range(6):
        began = time.monotonic()
        with pytest.raises(exception.RegistryUnavailable):
            caller.read(make_context(), "echo", "1.0", value=1)
        waits.append(time.monotonic() - began)
    assert min(waits[3:]) < 0.5 < min(waits[:3])
    os.kill(process.pid, signal.SIGCONT)

    def answered():
        try:
            return caller.read(make_context(), "echo", "1.0", value=1)
        except exception.RegistryUnavailable:
            return None

    assert until(answered)["value"] == 1


def test_a_registry_that_was_never_there_is_known_soon(registries):
    caller = registries.caller()
    began = time.monotonic()
    with pytest.raises(exception.RegistryUnavailable, match="nothing was done"):
        caller.mutate(make_context(), "apply", "1.0", value=1)
    assert time.monotonic() - began < 5  # the deadline is 15
