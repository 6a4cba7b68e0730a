import pytest

from imagesvc.registry.db import uploads
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _begin(registry, upload_id, **fields):
    image_id = registry.image(MEMBER)
    registry.begin(MEMBER, image_id, upload_id=upload_id, **fields)
    return image_id


@pytest.mark.parametrize("first", ["complete", "abort"])
@pytest.mark.parametrize("second", ["complete", "abort", "renew"])
def test_only_live_intents_change(registry, first, second):
    ways = {
        "complete": (uploads.complete, ()),
        "abort": (uploads.abort, ()),
        "renew": (uploads.renew, (1, 1, 1000)),
    }
    _begin(registry, "u1")
    assert in_transaction(registry, uploads.renew, "u1", 5, 6, 1000)
    work, arguments = ways[first]
    assert in_transaction(registry, work, "u1", *arguments)
    work, arguments = ways[second]
    assert not in_transaction(registry, work, "u1", *arguments)
    intent = in_transaction(registry, uploads.get, "u1")
    assert (intent.received_bytes, intent.reserved_bytes) == (5, 6)


def test_expired_are_the_live_ones_whose_lease_is_over(registry):
    _begin(registry, "u1")
    registry.clock.sleep(10)
    _begin(registry, "u2")
    registry.clock.sleep(20.5)
    assert in_transaction(registry, uploads.expired, 10) == ["u1"]
    registry.clock.sleep(20)
    assert in_transaction(registry, uploads.expired, 10) == ["u1", "u2"]
    assert in_transaction(registry, uploads.expired, 1) == ["u1"]
    in_transaction(registry, uploads.abort, "u1")
    assert in_transaction(registry, uploads.expired, 10) == ["u2"]


def test_leases_of_a_clock_that_was_set_back_are_cut(registry):
    registry.clock.sleep(86_400)
    _begin(registry, "u1")
    registry.clock.sleep(-86_400)
    _begin(registry, "u2")
    assert in_transaction(registry, uploads.shorten, 30_000) == 1
    until = registry.rows("SELECT lease_until_ms FROM imagesvc_upload_intents")
    assert until == [(registry.clock() + 30_000,)] * 2


def test_stuck_images_have_no_upload(registry):
    _begin(registry, "u1")
    stuck = _begin(registry, "u2")
    in_transaction(registry, uploads.abort, "u2")
    assert in_transaction(registry, uploads.stuck_images, "saving", registry.clock() + 1000, 10) == [stuck]
    assert in_transaction(registry, uploads.stuck_images, "saving", registry.clock() - 1000, 10) == []


def test_ended_uploads_are_forgotten_but_not_those_with_leftovers(registry):
    for upload_id in ("live", "complete", "aborted", "cleaned"):
        _begin(registry, upload_id)
    in_transaction(registry, uploads.complete, "complete")
    for upload_id in ("aborted", "cleaned"):
        in_transaction(registry, uploads.abort, upload_id)
    registry.put("UPDATE imagesvc_upload_intents SET state = 'cleaned' WHERE upload_id = 'cleaned'")
    assert in_transaction(registry, uploads.purge, registry.clock(), 10) == 0
    assert in_transaction(registry, uploads.purge, registry.clock() + 100_000, 10) == 2
    assert sorted(registry.rows("SELECT upload_id FROM imagesvc_upload_intents")) == [("aborted",), ("live",)]


def test_uploads_of_an_image_and_of_a_worker(registry):
    image_id = _begin(registry, "u1", worker="w1")
    _begin(registry, "u2", worker="w2")
    assert in_transaction(registry, uploads.live_of_image, image_id) == ["u1"]
    assert in_transaction(registry, uploads.live_of_worker, "w2") == ["u2"]
    in_transaction(registry, uploads.abort, "u1")
    assert in_transaction(registry, uploads.live_of_image, image_id) == []
