import pytest

from imagesvc.registry.db import cleanup
from tests.fixtures.registry import in_transaction, make_registry


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def test_a_location_is_claimed_by_one_janitor(registry):
    until = registry.clock() + 60_000
    assert in_transaction(registry, cleanup.claim_locations, [1, 2], "a", until) == [1, 2]
    assert in_transaction(registry, cleanup.claim_locations, [1, 3], "b", until) == [3]
    registry.clock.sleep(61)
    assert in_transaction(registry, cleanup.claim_locations, [1], "b", registry.clock() + 60_000) == [1]
    assert in_transaction(registry, cleanup.claim_locations, [1], "a", registry.clock() + 60_000) == []


@pytest.mark.parametrize(
    ("meta_data", "store"),
    [
        (None, None),
        ("", None),
        ("{}", None),
        ('{"store": "a"}', "a"),
        ('{"backend": "b"}', "b"),
        ('{"store": "a", "backend": "b"}', "a"),
        ('{"store": 5}', None),
        ("[]", None),
        ("null", None),
    ],
)
def test_store_of_a_location(meta_data, store):
    assert cleanup._store_of(meta_data) == store
