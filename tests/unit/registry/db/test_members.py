import pytest

from imagesvc.registry.db import members
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

OWNER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def test_rows_of_older_releases_are_taken_as_they_are(registry):
    image_id = registry.image(OWNER)
    registry.put(
        "INSERT INTO image_members (image_id, member, status, can_share, created_at, deleted, deleted_at) VALUES "
        "(:id, 'p2', 'rejected', true, '2020-01-01 00:00:00', true, '2020-01-02 00:00:00'),"
        "(:id, 'p2', 'rejected', true, '2020-01-03 00:00:00', true, '2020-01-04 00:00:00'),"
        "(:id, 'p3', 'accepted', true, '2020-01-01 00:00:00', false, NULL)",
        id=image_id,
    )
    assert in_transaction(registry, members.count, image_id) == 1
    (found,) = in_transaction(registry, members.find, image_id)
    assert found == {
        "image_id": image_id,
        "member": "p3",
        "status": "accepted",
        "created_at": "2020-01-01T00:00:00",
        "updated_at": "2020-01-01T00:00:00",
    }
    in_transaction(registry, members.add, image_id, "p2")
    in_transaction(registry, members.remove, image_id, "p2")
    in_transaction(registry, members.add, image_id, "p2")
    living = registry.rows(
        "SELECT status, can_share, deleted_at FROM image_members WHERE member = 'p2' AND deleted = false"
    )
    assert [(status, bool(can_share), deleted_at) for status, can_share, deleted_at in living] == [
        ("pending", False, None)
    ]
    assert registry.rows("SELECT count(*) FROM image_members WHERE member = 'p2'") == [(2,)]


def test_one_member_is_written(registry):
    image_id = registry.image(OWNER)
    for member in ("p2", "p3"):
        in_transaction(registry, members.add, image_id, member)
    in_transaction(registry, members.set_status, image_id, "p3", "accepted")
    in_transaction(registry, members.remove, image_id, "p2")
    assert [row["status"] for row in in_transaction(registry, members.find, image_id)] == ["accepted"]
    assert in_transaction(registry, members.find, image_id, "p2") == []
