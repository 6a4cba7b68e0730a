import sqlalchemy

from imagesvc.registry.db import images
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


def test_one_image_costs_two_queries(tmp_path):
    registry = make_registry(tmp_path / "state")
    image_id = registry.active(MEMBER, tags=["t"], properties={"a": "1"})
    statements = []
    engine = registry.database._current().engine
    sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    registry.api.image_get(MEMBER, image_id)
    assert len([text for text in statements if "SELECT" in text]) == 2


def test_membership_of_who_asks_comes_along(tmp_path):
    registry = make_registry(tmp_path / "state")
    image_id = registry.image(MEMBER)
    registry.share(image_id, "p2", "pending")
    assert in_transaction(registry, images.get, image_id, "p2").member_status == "pending"
    assert in_transaction(registry, images.get, image_id, "p3").member_status is None
    assert in_transaction(registry, images.get, image_id, None).member_status is None


def test_move_is_a_compare_and_set(tmp_path):
    registry = make_registry(tmp_path / "state")
    image_id = registry.image(MEMBER)
    assert in_transaction(registry, images.move, image_id, ["queued", "saving"], "active", size=5)
    assert not in_transaction(registry, images.move, image_id, ["queued"], "saving")
    image = registry.api.image_get(MEMBER, image_id)
    assert (image.status, image.size, image.version) == ("active", 5, 1)


def test_rows_without_update_time_show_their_creation(tmp_path):
    registry = make_registry(tmp_path / "state")
    image_id = registry.image(MEMBER)
    registry.put("UPDATE images SET updated_at = NULL")
    image = registry.api.image_get(MEMBER, image_id)
    assert image.updated_at == image.created_at != ""


def test_deleted_or_not(tmp_path):
    registry = make_registry(tmp_path / "state")
    image_id = registry.image(MEMBER)
    assert not in_transaction(registry, images.is_deleted, image_id)
    registry.api.image_delete(MEMBER, image_id)
    assert in_transaction(registry, images.is_deleted, image_id)
    assert not in_transaction(registry, images.is_deleted, "never there")
