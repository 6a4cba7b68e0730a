import pytest

from imagesvc import exception
from imagesvc.registry.db import children, transaction
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _of(registry, image_id):
    created_at = registry.api.image_get(MEMBER, image_id).created_at
    return children.Of(image_id=image_id, image_created_at=transaction.from_text(created_at))


def test_rows_know_when_their_image_was_created(registry):
    image_id = registry.image(MEMBER, properties={"a": "1", "b": "1"}, tags=["t"])
    before = registry.rows("SELECT created_at FROM images")
    registry.clock.sleep(10)
    for changes in (
        [{"op": "remove", "path": ["b"]}, {"op": "add", "path": ["tags"], "value": ["u"]}],
        [{"op": "add", "path": ["b"], "value": "2"}, {"op": "add", "path": ["c"], "value": "1"}],
    ):
        registry.api.image_patch(MEMBER, image_id, changes)
    for table in ("image_properties", "image_tags"):
        assert registry.rows(f"SELECT DISTINCT image_created_at FROM {table}") == before  # noqa: S608 - our words


def test_two_names_that_are_one_to_the_database_are_a_conflict(registry):
    image_id = registry.image(MEMBER, properties={"a": "1"})
    with pytest.raises(exception.PropertyExists):
        in_transaction(registry, children.add_properties, _of(registry, image_id), {"a": "2"})
    assert registry.api.image_get(MEMBER, image_id).properties == {"a": "1"}


def test_a_dead_row_is_revived(registry):
    image_id = registry.image(MEMBER, properties={"a": "1", "b": "1"})
    in_transaction(registry, children.set_properties, _of(registry, image_id), {"a": "1", "b": "1"}, {})
    in_transaction(registry, children.set_properties, _of(registry, image_id), {}, {"b": "2", "c": None})
    assert registry.api.image_get(MEMBER, image_id).properties == {"b": "2", "c": None}
    assert registry.rows("SELECT count(*) FROM image_properties") == [(3,)]


def test_what_did_not_change_is_not_written(registry):
    image_id = registry.image(MEMBER, properties={"a": "1", "b": "2"}, tags=["t"])
    registry.clock.sleep(10)
    changes = [{"op": "replace", "path": ["a"], "value": "9"}, {"op": "add", "path": ["tags"], "value": ["t", "u"]}]
    registry.api.image_patch(MEMBER, image_id, changes)
    late = "2027-01-15 08:00:10.000000"
    assert registry.rows("SELECT name FROM image_properties WHERE updated_at = :late", late=late) == [("a",)]
    assert registry.rows("SELECT value FROM image_tags WHERE updated_at = :late", late=late) == [("u",)]


def test_locations_have_numbers(registry):
    image_id = registry.image(MEMBER)
    row_ids = [in_transaction(registry, children.add_location, image_id, url, {"store": "s"}) for url in ("u1", "u2")]
    locations = registry.api.image_get(MEMBER, image_id).locations
    assert [(location.id, location.url) for location in locations] == list(zip(row_ids, ["u1", "u2"], strict=True))
