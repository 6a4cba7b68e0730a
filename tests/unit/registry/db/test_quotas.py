import pytest

from imagesvc.registry import states
from imagesvc.registry.db import quotas
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
OTHER = make_context(roles=["member", "reader"], project_id="p2")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _used(registry, project_id="p1", **more):
    return in_transaction(registry, quotas.used, project_id, states.UNLISTED, **more)


def test_images_count_by_their_locations(registry):
    assert _used(registry) == 0
    image_id = registry.active(MEMBER, size=10)
    registry.active(OTHER, size=100)
    registry.image(MEMBER)
    assert _used(registry) == 10
    registry.put(
        "INSERT INTO image_locations (image_id, value, status, created_at, deleted) "
        "VALUES (:image_id, 'copy', 'active', '2026-01-01 00:00:00', false)",
        image_id=image_id,
    )
    assert _used(registry) == 20


@pytest.mark.parametrize("status", ["killed", "pending_delete"])
def test_images_without_a_future_do_not_count(registry, status):
    registry.active(MEMBER, size=10)
    registry.put("UPDATE images SET status = :status", status=status)
    assert _used(registry) == 0


def test_uploads_count_by_what_is_more_reserved_or_received(registry):
    grant = registry.begin(MEMBER, registry.image(MEMBER), size=10)
    assert _used(registry) == 10
    registry.api.upload_renew(MEMBER, grant.upload_id, 25)
    assert _used(registry) == 25
    assert _used(registry, without=grant.upload_id) == 0
    registry.api.upload_abort(MEMBER, grant.upload_id)
    assert _used(registry) == 25


def test_lock_makes_its_row_once(registry):
    for project_id in ("p1", "p1", None, None):
        in_transaction(registry, quotas.lock, project_id)
    assert sorted(registry.rows("SELECT project_id FROM imagesvc_projects")) == [("",), ("p1",)]
