"""A registry's answers to a queue that takes none: others get theirs, and whoever misses his asks again."""

import pytest

from tests.contract.conftest import until
from tests.fixtures.rabbit_seam import answers
from tests.integration.test_seam_rabbit import Background

pytest_plugins = ["tests.fixtures.rabbit_seam"]

#: Calls that the registry does at a time.
_THREADS = 2


@pytest.fixture
def registry(registries):
    """One with few threads, which gives up soon on an answer that nobody takes."""
    with (registries.state / "bus.conf").open("a") as file:
        file.write(f"[DEFAULT]\nexecutor_thread_pool_size = {_THREADS}\n[rpc]\ntry_timeout = 1\n")
    return registries.start()


@pytest.fixture
def bereaved(broker, registries, registry):
    """A caller whose queue for answers has no leader."""
    registries.meet(rabbit_transient_quorum_queue=True)
    caller = registries.caller(metadata_deadline=120)
    assert answers(caller)
    broker.lead(registries.vhost, _queue(caller), on=False)
    return caller


def _queue(caller):
    return caller._bus._driver._reply_to


def test_an_answer_that_no_queue_takes_keeps_no_thread(broker, registries, bereaved):
    numbers = range(3 * _THREADS)
    calls = [Background(bereaved.mutate, "apply_counted", "1.0", value=number) for number in numbers]
    until(lambda: sorted(registries.effects) == list(numbers))
    registries.meet()
    assert answers(registries.caller(metadata_deadline=60))
    # Each was asked again, and done once.
    until(lambda: all(len(list(registries.state.glob(f"ran.{number}.*"))) > 1 for number in numbers), 120)
    assert sorted(registries.effects) == list(numbers)
    # In the end there are so many on their way that no more are sent, or the broker would take nobody's.
    until(lambda: "could not be sent: queue reply_" in registries.log, 120)
    assert answers(registries.caller(metadata_deadline=60))
    broker.lead(registries.vhost, _queue(bereaved), on=True)
    assert [call.result() for call in calls] == [{"value": number} for number in numbers]
    assert sorted(registries.effects) == list(numbers)


def test_a_registry_whose_answers_nobody_takes_ends_when_it_is_told(registries, registry, bereaved):
    calls = [Background(bereaved.mutate, "apply", "1.0", value=number) for number in range(_THREADS)]
    until(lambda: len(registries.effects) == len(calls))
    registry.terminate()
    assert registry.wait(60) == 0
