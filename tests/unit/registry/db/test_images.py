import sqlalchemy

from imagesvc.registry.db import images
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


def _statements(registry):
    """What the database is told from here on."""
    statements = []
    engine = registry.database._current().engine
    sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    return statements


def test_one_image_costs_one_query_and_no_transaction(tmp_path):
    registry = make_registry(tmp_path / "state")
    image_id = registry.active(MEMBER, tags=["t"], properties={"a": "1"})
    statements = _statements(registry)
    registry.api.image_get(MEMBER, image_id)
    registry.api.image_get_for_download(MEMBER, image_id)
    assert [text.split(maxsplit=1)[0] for text in statements] == ["SELECT", "SELECT"]


def test_everything_of_an_image_comes_back_as_it_went_in(tmp_path):
    registry = make_registry(tmp_path / "state")
    strange = {
        'quote"': "back\\slash",
        "line": "\n\t\x7f\x1f",
        "\u2028": "\u00e4\u20ac",
        "empty": "",
        "json": '[1, {"a": null}]',
    }
    tags = ["z", "a", "'; --", "%s %(x)s :x"]
    image_id = registry.active(MEMBER, protected=True, properties=strange, tags=tags)
    registry.put("UPDATE images SET size = :size", size=2**53 + 1)
    image = registry.api.image_get(MEMBER, image_id)
    locked = in_transaction(registry, images.get, image_id, "p1", lock=True).image
    assert (image.properties, list(image.tags)) == (strange, tags) == (locked["properties"], locked["tags"])
    assert (image.protected, image.os_hidden, image.deleted, image.size) == (True, False, False, 2**53 + 1)
    assert list(image.properties) == list(strange)
    assert image.locations or image.stores
    assert image.created_at[10] == "T"


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
