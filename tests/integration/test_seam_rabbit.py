"""The seam over RabbitMQ: the tests of local:// again, with the same real processes, and what only a broker can do."""

import os
import signal
import threading
import time

import pytest

from imagesvc import exception
from tests.contract import test_seam_contract, test_seam_faults
from tests.contract.conftest import freeze, kill, until
from tests.fixtures.rabbit_seam import Load, answers, assert_once_each
from tests.fixtures.rpc import make_context

pytest_plugins = ["tests.fixtures.rabbit_seam"]

Background = test_seam_faults._Background

# What holds on one host holds across hosts.
test_every_error_survives_the_bus = test_seam_contract.test_every_error_survives_the_bus
test_calls_go_to_every_process = test_seam_faults.test_calls_go_to_every_process
test_the_request_id_crosses = test_seam_faults.test_the_request_id_crosses
test_a_registry_killed_at_work_is_replaced = test_seam_faults.test_a_registry_killed_at_work_is_replaced_by_another
test_the_first_answer_counts = test_seam_faults.test_a_registry_killed_between_commit_and_answer_gives_the_first_answer
test_a_restarted_registry_is_found_again = test_seam_faults.test_a_restarted_registry_is_found_again
test_kills_under_load_lose_and_double_nothing = test_seam_faults.test_kills_under_load_lose_and_double_nothing
test_rolling_restarts_fail_no_call = test_seam_faults.test_rolling_restarts_fail_no_call
test_exhausted_deadlines_open_the_breaker = (
    test_seam_faults.test_after_three_exhausted_deadlines_calls_fail_at_once_until_the_registry_thaws
)
test_a_registry_that_was_never_there_is_known_soon = test_seam_faults.test_a_registry_that_was_never_there_is_known_soon


def test_a_dead_registry_is_noticed_by_its_silence(registries, held):
    process = registries.start()
    patient = registries.caller(try_timeout=300, metadata_deadline=300)
    call = Background(patient.mutate, "apply_held", "1.0", value="v", **held.arguments)
    until(lambda: held.pids)
    registries.start()
    kill(process)
    held.go_on.touch()
    # Long before its time is over it is asked again.
    assert call.result() == {"value": "v"}


def test_a_long_call_is_waited_for(registries, held):
    registries.start()
    call = Background(registries.caller().mutate, "apply_held", "1.0", value="v", **held.arguments)
    until(lambda: held.pids)
    # Longer than the silence that would mean death; the caller must not have asked again.
    end = time.monotonic() + 3
    until(lambda: time.monotonic() > end)
    assert len(held.pids) == 1
    held.go_on.touch()
    assert call.result() == {"value": "v"}


def test_work_that_a_frozen_registry_finds_when_thawed_has_no_effect(registries):
    process = registries.start()
    patient = registries.caller()
    assert patient.mutate(make_context(), "apply", "1.0", value="before") == {"value": "before"}
    caller = registries.caller(try_timeout=1, metadata_deadline=1)
    until(lambda: answers(caller))
    freeze(process)
    for call in [Background(caller.mutate, "apply", "1.0", value=f"late {n}") for n in range(5)]:
        assert isinstance(call.result(), exception.RegistryUnavailable)
    os.kill(process.pid, signal.SIGCONT)
    # Admitted in order of arrival: when these are answered, the late ones are settled.
    until(lambda: answers(patient))
    assert answers(patient)
    assert registries.effects == ["before"]


def test_a_frozen_registry_keeps_few_calls_from_the_other(registries):
    frozen, working = registries.start(), registries.start()
    caller = registries.caller()
    freeze(frozen)
    pids = {caller.read(make_context(), "echo", "1.0", value=n)["pid"] for n in range(12)}
    assert pids == {working.pid}
    os.kill(frozen.pid, signal.SIGCONT)
    until(lambda: caller.read(make_context(), "echo", "1.0", value=0)["pid"] == frozen.pid)


def test_a_registry_started_before_its_broker_comes_to_work(broker, registries):
    broker.kill()
    starting = threading.Thread(target=registries.start, daemon=True)
    starting.start()
    caller = registries.caller(metadata_deadline=2, try_timeout=1)
    assert not answers(caller)
    broker.start()
    starting.join(60)
    assert not starting.is_alive()
    until(lambda: answers(caller))


def test_a_broker_killed_and_restarted_under_load(broker, registries):
    registries.start()
    load = Load(registries.caller())
    load.grows()
    broker.restart()
    load.grows()
    load.stop()
    assert_once_each(registries, load)


def test_a_frozen_broker_keeps_nobody_beyond_his_deadline(broker, registries):
    registries.start()
    load = Load(registries.caller(try_timeout=2, metadata_deadline=4))
    load.grows()
    broker.freeze()
    try:
        load.all_fail()
    finally:
        broker.thaw()
    load.grows()
    load.stop()
    assert_once_each(registries, load)


@pytest.mark.parametrize("want", ["memory", "disk"])
def test_a_broker_in_an_alarm_keeps_nobody_beyond_his_deadline(broker, registries, want):
    registries.start()
    load = Load(registries.caller(try_timeout=2, metadata_deadline=4))
    load.grows()
    broker.alarm(on=True, kind=want)
    load.all_fail()
    broker.alarm(on=False, kind=want)
    load.grows()
    load.stop()
    assert_once_each(registries, load)


def test_calls_cross_by_quorum_queues(broker, registries):
    registries.meet(rabbit_quorum_queue=True, rabbit_transient_quorum_queue=True)
    registries.start()
    caller = registries.caller()
    assert answers(caller)
    kinds = broker.control("list_queues", "-p", registries.vhost, "type").split()[1:]
    assert set(kinds) == {"quorum"}
