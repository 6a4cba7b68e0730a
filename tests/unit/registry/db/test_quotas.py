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
    return in_transaction(registry, quotas.used, (project_id,), states.UNLISTED, **more)


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


def test_several_projects_together(registry):
    registry.active(MEMBER, size=10)
    registry.active(OTHER, size=100)
    registry.active(make_context(roles=["admin", "member"], project_id=None), size=1000)
    for projects, total in (
        (("p1", "p2"), 110),
        (("p1", "p3"), 10),
        ((None,), 1000),
        ((None, "p2"), 1100),
        ((), 0),
    ):
        assert in_transaction(registry, quotas.used, projects, states.UNLISTED) == total


def test_images_are_counted_by_status(registry):
    registry.active(MEMBER, size=10)
    registry.begin(MEMBER, registry.image(MEMBER))
    registry.image(OTHER)
    registry.api.image_delete(MEMBER, registry.image(MEMBER))

    def count(*projects, statuses=states.COUNTED):
        return in_transaction(registry, quotas.count, projects, statuses)

    assert (count("p1"), count("p2"), count("p1", "p2"), count("p3")) == (2, 1, 3, 0)
    assert count("p1", "p2", statuses=states.COMING) == 1
    registry.put("UPDATE images SET status = 'uploading', size = 7 WHERE status = 'saving'")
    assert in_transaction(registry, quotas.sized, ("p1",), states.STAGED) == 7
    assert in_transaction(registry, quotas.sized, ("p2",), states.STAGED) == 0
    registry.put("UPDATE images SET status = 'killed' WHERE status = 'active'")
    assert count("p1") == 1


def test_lock_makes_its_row_once(registry):
    for project_id in ("p1", "p1", None, None):
        in_transaction(registry, quotas.lock, project_id)
    assert sorted(registry.rows("SELECT project_id FROM imagesvc_projects")) == [("",), ("p1",)]
