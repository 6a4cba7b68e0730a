"""The seam over RabbitMQ: the tests of local:// again, with the same real processes, and what only a broker can do."""

import os
import signal
import threading
import time

import pytest

from imagesvc import exception
from imagesvc.rpc import keys, transport
from tests.contract import test_seam_contract, test_seam_faults
from tests.contract.conftest import Registries, kill, until
from tests.fixtures import rabbit
from tests.fixtures.rpc import make_conf, make_context

held = test_seam_faults.held
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


@pytest.fixture(scope="module")
def broker():
    with rabbit.running() as started:
        yield started


@pytest.fixture
def registries(broker, tmp_path):
    """Registries and callers that meet at a virtual host of their own, each side with its own account."""
    made = Registries(tmp_path)
    keys.create(tmp_path / "keys")
    made.vhost = broker.vhost()
    _meet(made, broker)
    yield made
    made.close()


def _meet(registries, broker, port=None):
    """Where the registries, and where the callers that are made from now on, find the broker."""
    rabbit.write_bus(registries.state, broker.url(registries.vhost, "registry", port))
    callers = registries.state / "callers"
    callers.mkdir(exist_ok=True)
    rabbit.write_bus(callers, broker.url(registries.vhost, "api", port), registries.state / "keys")

    def caller(**options):
        made = transport.get_caller(make_conf(callers, **options))
        registries._callers.append(made)
        return made

    registries.caller = caller


def _load(caller, seconds_each=35):
    """A load of four threads; ``stop()`` ends it and returns what was acknowledged."""
    acknowledged, failures, longest, over = [], [], [0.0], threading.Event()

    def work(worker):
        number = 0
        while not over.is_set():
            value, began = [worker, number], time.monotonic()
            number += 1
            try:
                assert caller.mutate(make_context(), "apply", "1.0", value=value) == {"value": value}
                acknowledged.append(value)
            except exception.RegistryUnavailable as error:
                failures.append(error)
                over.wait(0.05)
            longest[0] = max(longest[0], time.monotonic() - began)

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in range(4)]
    for thread in threads:
        thread.start()

    class Load:
        done = acknowledged
        failed = failures

        @staticmethod
        def grows(seconds=60):
            seen = len(acknowledged)
            until(lambda: len(acknowledged) > seen + 8, seconds)

        @staticmethod
        def stop():
            over.set()
            for thread in threads:
                thread.join(seconds_each)
                assert not thread.is_alive(), "a call hangs"
            return longest[0]

    return Load


def _assert_once_each(registries, load):
    effects = [tuple(effect) for effect in registries.effects]
    assert len(set(effects)) == len(effects)
    assert {tuple(value) for value in load.done} <= set(effects)


def test_a_dead_registry_is_noticed_by_its_silence(registries, held):
    process = registries.start()
    call = Background(registries.caller(metadata_deadline=4).read, "apply_held", "1.0", value="v", **held.arguments)
    until(lambda: held.pids)
    kill(process)
    began = time.monotonic()
    assert isinstance(call.result(), exception.RegistryUnavailable)
    assert time.monotonic() - began < 5


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
    caller = registries.caller(try_timeout=1, metadata_deadline=1)
    assert caller.mutate(make_context(), "apply", "1.0", value="before") == {"value": "before"}
    os.kill(process.pid, signal.SIGSTOP)
    for call in [Background(caller.mutate, "apply", "1.0", value=f"late {n}") for n in range(5)]:
        assert isinstance(call.result(), exception.RegistryUnavailable)
    os.kill(process.pid, signal.SIGCONT)
    patient = registries.caller()
    # Admitted in order of arrival: when these are answered, the late ones are settled.
    until(lambda: _answers(patient))
    assert _answers(patient)
    assert registries.effects == ["before"]


def _answers(caller):
    try:
        return caller.read(make_context(), "echo", "1.0", value=1)["value"] == 1
    except exception.RegistryUnavailable:
        return False


def test_a_frozen_registry_keeps_few_calls_from_the_other(registries):
    frozen, working = registries.start(), registries.start()
    caller = registries.caller()
    os.kill(frozen.pid, signal.SIGSTOP)
    pids = {caller.read(make_context(), "echo", "1.0", value=n)["pid"] for n in range(12)}
    assert pids == {working.pid}
    os.kill(frozen.pid, signal.SIGCONT)
    until(lambda: caller.read(make_context(), "echo", "1.0", value=0)["pid"] == frozen.pid)


def test_a_registry_started_before_its_broker_comes_to_work(broker, registries):
    broker.kill()
    starting = threading.Thread(target=registries.start, daemon=True)
    starting.start()
    caller = registries.caller(metadata_deadline=2, try_timeout=1)
    assert not _answers(caller)
    broker.start()
    starting.join(60)
    assert not starting.is_alive()
    until(lambda: _answers(caller))


def test_a_broker_killed_and_restarted_under_load(broker, registries):
    registries.start()
    load = _load(registries.caller())
    for _ in range(2):
        load.grows()
        broker.restart()
    load.grows(15)
    assert load.stop() < 20
    _assert_once_each(registries, load)


def test_a_frozen_broker_keeps_nobody_beyond_his_deadline(broker, registries):
    registries.start()
    load = _load(registries.caller(try_timeout=2, metadata_deadline=4))
    load.grows()
    broker.freeze()
    try:
        until(lambda: len(load.failed) > 8)
    finally:
        broker.thaw()
    load.grows()
    assert load.stop() < 8
    _assert_once_each(registries, load)


def test_a_broker_short_of_memory_keeps_nobody_beyond_his_deadline(broker, registries):
    registries.start()
    load = _load(registries.caller(try_timeout=2, metadata_deadline=4))
    load.grows()
    broker.alarm(on=True)
    try:
        until(lambda: len(load.failed) > 8)
    finally:
        broker.alarm(on=False)
    load.grows()
    assert load.stop() < 8
    _assert_once_each(registries, load)


def test_quorum_queues_carry_calls_over_a_restart(broker, registries):
    options = {"rabbit_quorum_queue": True, "rabbit_transient_quorum_queue": True}
    rabbit.write_bus(registries.state, broker.url(registries.vhost, "registry"), **options)
    callers, ring = registries.state / "callers", registries.state / "keys"
    rabbit.write_bus(callers, broker.url(registries.vhost, "api"), ring, **options)
    registries.start()
    caller = registries.caller()
    assert _answers(caller)
    kinds = broker.control("list_queues", "-p", registries.vhost, "type").split()[1:]
    assert kinds == ["quorum", "quorum"]
    broker.restart()
    until(lambda: _answers(caller), 60)


def test_a_wrong_password_is_refused_and_the_log_says_why(broker, registries, caplog):
    callers = registries.state / "callers"
    url = broker.url(registries.vhost, "api").replace("canary-api", "canary-wrong")
    rabbit.write_bus(callers, url, registries.state / "keys")
    with pytest.raises(exception.RegistryUnavailable):
        registries.caller(try_timeout=2, metadata_deadline=3).read(make_context(), "echo", "1.0", value=1)
    assert "ACCESS_REFUSED" in caplog.text
    assert "canary" not in caplog.text
