import json
import uuid

import pytest

from imagesvc import exception
from imagesvc.registry.db import operations
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import lose_answer, make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _context(op_id="op-1", request_hash="h" * 64, deadline=None, **more):
    context = make_context(roles=["member", "reader"], **more)
    context.op_id, context.request_hash = op_id, request_hash
    context.deadline = 2**60 if deadline is None else deadline
    return context


def _count(registry):
    """Work that is seen when it was done."""

    def work(tx):
        tx.connection.exec_driver_sql("UPDATE imagesvc_leases SET until_ms = until_ms + 1")
        return {"n": tx.connection.exec_driver_sql("SELECT until_ms FROM imagesvc_leases").scalar_one()}

    registry.put("INSERT INTO imagesvc_leases (name, holder, until_ms) VALUES ('n', 'h', 0)")
    return work


def test_asked_again_it_answers_as_it_did(registry):
    work = _count(registry)
    answers = [registry.transactions.write(_context(), "m", work) for _ in range(3)]
    assert answers == [{"n": 1}] * 3
    assert registry.transactions.write(_context(op_id="op-2"), "m", work) == {"n": 2}


def test_an_answer_of_nothing_is_kept_too(registry):
    calls = []
    for _ in range(2):
        assert registry.transactions.write(_context(), "m", lambda _tx: calls.append(1)) is None
    assert calls == [1]


def test_the_same_id_for_another_request_is_refused(registry):
    work = _count(registry)
    registry.transactions.write(_context(), "m", work)
    with pytest.raises(exception.OperationMismatch):
        registry.transactions.write(_context(request_hash="x" * 64), "m", work)


def test_what_fails_leaves_no_trace_and_may_be_tried_again(registry):
    count = _count(registry)

    def fail(tx):
        count(tx)
        raise exception.Conflict(reason="no")

    with pytest.raises(exception.Conflict):
        registry.transactions.write(_context(), "m", fail)
    assert registry.rows("SELECT count(*) FROM imagesvc_rpc_ops") == [(0,)]
    assert registry.transactions.write(_context(), "m", count) == {"n": 1}


def test_too_late_is_too_late_however_the_time_was_spent(registry):
    work = _count(registry)
    with pytest.raises(exception.Expired) as caught:
        registry.transactions.write(_context(deadline=registry.clock()), "m", work)
    assert caught.value.kwargs == {"now": registry.clock()}
    assert registry.rows("SELECT until_ms FROM imagesvc_leases") == [(0,)]


def test_too_late_at_the_end_undoes_the_beginning(registry):
    count = _count(registry)

    def hang(tx):
        count(tx)
        registry.clock.sleep(60)

    with pytest.raises(exception.Expired):
        registry.transactions.write(_context(deadline=registry.clock() + 30_000), "m", hang)
    assert registry.rows("SELECT until_ms FROM imagesvc_leases") == [(0,)]
    assert registry.rows("SELECT count(*) FROM imagesvc_rpc_ops") == [(0,)]


def test_writing_needs_an_operation_and_a_caller_who_may(registry):
    work = _count(registry)
    with pytest.raises(exception.BadMessage):
        registry.transactions.write(_context(op_id=None), "m", work)
    with pytest.raises(exception.Forbidden):
        registry.transactions.write(_context(read_only=True), "m", work)


def test_write_if_looks_first(registry):
    work = _count(registry)
    assert registry.transactions.write_if(_context(), "m", lambda _tx: False, work) is None
    assert registry.transactions.write_if(_context(), "m", lambda _tx: True, work) == {"n": 1}
    assert registry.transactions.write_if(_context(), "m", lambda _tx: False, work) == {"n": 1}


def test_a_commit_whose_outcome_was_lost_is_recognised(registry, monkeypatch):
    """The database says that the connection broke, after it committed."""
    work = _count(registry)
    real = registry.database.run_write

    def commit_twice(fn):
        real(fn)
        return real(fn)

    monkeypatch.setattr(registry.database, "run_write", commit_twice)
    assert registry.transactions.write(_context(), "m", work) == {"n": 1}


def test_a_first_run_that_was_rolled_back_meanwhile_is_not_invented(registry, monkeypatch):
    def already(fn):
        raise operations.AlreadyDone

    monkeypatch.setattr(registry.database, "run_write", already)
    with pytest.raises(exception.RegistryUnavailable):
        registry.transactions.write(_context(), "m", lambda _tx: None)


def test_lost_answers_are_repeated_over_the_bus(registry):
    image_id = str(uuid.uuid4())
    registry.image(MEMBER)  # the caller has learnt the registry's time
    registry.caller.pool.mishaps = [lose_answer, lose_answer]
    assert registry.api.image_create(MEMBER, {"id": image_id, "name": "once"}).name == "once"
    registry.caller.pool.mishaps = [lose_answer]
    image = registry.api.image_patch(MEMBER, image_id, [{"op": "add", "path": ["a"], "value": "1", "strict": True}])
    assert (image.version, image.properties) == (1, {"a": "1"})
    registry.caller.pool.mishaps = [lose_answer]
    registry.api.image_delete(MEMBER, image_id)


def test_a_result_is_kept_as_json(registry):
    registry.transactions.write(_context(), "m", lambda _tx: {"a": ["ü", None]})
    ((method, result),) = registry.rows("SELECT method, result FROM imagesvc_rpc_ops")
    assert (method, json.loads(result)) == ("m", {"a": ["ü", None]})
