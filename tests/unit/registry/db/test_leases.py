import pytest

from imagesvc.registry.db import leases
from tests.fixtures.registry import in_transaction, make_registry


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _acquire(registry, holder):
    return in_transaction(registry, leases.acquire, "work", holder, 30_000)


def test_one_holder_at_a_time(registry):
    assert [_acquire(registry, holder) for holder in ("a", "b", "a", "b")] == [True, False, True, False]


def test_a_lease_that_ran_out_is_anybodys(registry):
    _acquire(registry, "a")
    registry.clock.sleep(29)
    assert not _acquire(registry, "b")
    registry.clock.sleep(1)
    assert _acquire(registry, "b")
    assert not _acquire(registry, "a")


def test_a_lease_from_a_future_that_will_not_come_is_anybodys(registry):
    registry.clock.sleep(86_400)
    _acquire(registry, "a")
    registry.clock.sleep(-86_400)
    assert _acquire(registry, "b")


def test_remaining_time(registry):
    assert in_transaction(registry, leases.remaining_ms, "work", "a") == 0
    _acquire(registry, "a")
    registry.clock.sleep(10)
    assert in_transaction(registry, leases.remaining_ms, "work", "a") == 20_000
    assert in_transaction(registry, leases.remaining_ms, "work", "b") == 0
