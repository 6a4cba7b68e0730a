import pytest

from imagesvc import exception
from imagesvc.registry.db import operations
from tests.fixtures.registry import in_transaction, make_registry

HASH = "h" * 64


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def test_a_call_is_noted_once(registry):
    in_transaction(registry, operations.begin, "op", "m", HASH)
    with pytest.raises(operations.AlreadyDone):
        in_transaction(registry, operations.begin, "op", "m", HASH)


@pytest.mark.parametrize("result", [None, 0, [], {"a": {"b": [1, None]}}])
def test_answers_are_kept(registry, result):
    in_transaction(registry, operations.begin, "op", "m", HASH)
    in_transaction(registry, operations.finish, "op", result)
    assert in_transaction(registry, operations.stored, "op", HASH) == (True, result)


@pytest.mark.parametrize(
    ("result", "is_sealed"),
    [
        ({"locations": [{"url": "s3://key:canary@host/b/o", "metadata": {}}]}, True),
        ({"id": "canary", "locations": []}, False),
        ("canary", False),
    ],
)
def test_answers_with_locations_are_encrypted_where_locations_are(tmp_path, result, is_sealed):
    registry = make_registry(tmp_path / "state", metadata_encryption_key="0123456789abcdef")
    in_transaction(registry, operations.begin, "op", "m", HASH)
    in_transaction(registry, operations.finish, "op", result)
    [(kept,)] = registry.rows("SELECT result FROM imagesvc_rpc_ops")
    assert ("canary" not in kept) is is_sealed
    assert in_transaction(registry, operations.stored, "op", HASH) == (True, result)


def test_unknown_and_mismatched_calls(registry):
    assert in_transaction(registry, operations.stored, "op", HASH) == (False, None)
    in_transaction(registry, operations.begin, "op", "m", HASH)
    with pytest.raises(exception.OperationMismatch):
        in_transaction(registry, operations.stored, "op", "x" * 64)


def test_old_calls_are_forgotten_in_batches(registry):
    for number in range(5):
        in_transaction(registry, operations.begin, f"op{number}", "m", HASH)
        registry.clock.sleep(10)
    before = registry.clock() - 20_000
    assert in_transaction(registry, operations.purge, before, 2) == 2
    assert in_transaction(registry, operations.purge, before, 2) == 1
    assert sorted(registry.rows("SELECT op_id FROM imagesvc_rpc_ops")) == [("op3",), ("op4",)]
