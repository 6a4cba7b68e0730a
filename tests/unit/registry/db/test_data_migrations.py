import json

import pytest
from sqlalchemy import text

from imagesvc.registry.db import data_migrations
from tests.fixtures import database


@pytest.fixture
def expanded(tmp_path):
    """A connection to a database between expansion and contraction."""
    conf = database.make_at(tmp_path, "2024_1_expand01")
    with database.changing(conf) as connection:
        yield connection


def _add_image(connection, image_id, *, is_public, deleted=False):
    row = {"id": image_id, "status": "active", "is_public": is_public, "deleted": deleted}
    connection.execute(text(database.OLD_IMAGE), row)


def _add_member(connection, image_id, *, deleted):
    statement = "INSERT INTO image_members (image_id, member, created_at, deleted) VALUES (:id, 'p', '2015-01-01 00:00:00', :deleted)"
    connection.execute(text(statement), {"id": image_id, "deleted": deleted})


def _add_location(connection, metadata):
    statement = (
        "INSERT INTO image_locations (image_id, value, meta_data, created_at, deleted) "
        "VALUES ('image', 'file:///x', :metadata, '2015-01-01 00:00:00', 0)"
    )
    connection.execute(text(statement), {"metadata": metadata})


def _visibilities(connection):
    return {row.id: row.visibility for row in connection.execute(text("SELECT id, visibility FROM images"))}


def test_is_public_becomes_visibility(expanded):
    _add_image(expanded, "public", is_public=True)
    _add_image(expanded, "private", is_public=False)
    _add_image(expanded, "shared", is_public=False)
    _add_member(expanded, "shared", deleted=False)
    _add_image(expanded, "shared no more", is_public=False)
    _add_member(expanded, "shared no more", deleted=True)
    _add_image(expanded, "deleted", is_public=True, deleted=True)
    assert data_migrations.are_pending(expanded)
    assert data_migrations.run(expanded) == 5
    assert _visibilities(expanded) == {
        "public": "public",
        "private": "private",
        "shared": "shared",
        "shared no more": "private",
        "deleted": "public",
    }
    assert not data_migrations.are_pending(expanded)
    assert data_migrations.run(expanded) == 0


def test_a_visibility_that_is_set_stays(expanded):
    _add_image(expanded, "community", is_public=False)
    expanded.execute(text("UPDATE images SET visibility = 'community'"))
    assert data_migrations.run(expanded) == 0
    assert _visibilities(expanded) == {"community": "community"}


def _metadata(connection):
    return [json.loads(row) for row in connection.scalars(text("SELECT meta_data FROM image_locations ORDER BY id"))]


def test_a_locations_backend_becomes_its_store(expanded):
    _add_location(expanded, json.dumps({"backend": "fast", "x": 1}))
    _add_location(expanded, json.dumps({"backend": "old", "store": "new"}))
    _add_location(expanded, json.dumps({"note": 'says "backend" only'}))
    assert data_migrations.are_pending(expanded)
    assert data_migrations.run(expanded) == 2
    assert _metadata(expanded) == [{"store": "fast", "x": 1}, {"store": "new"}, {"note": 'says "backend" only'}]
    assert not data_migrations.are_pending(expanded)


@pytest.mark.parametrize("metadata", ['{"backend"', '["backend"]', '"\\"backend\\""'])
def test_metadata_of_no_known_form_is_left_alone(expanded, metadata):
    _add_location(expanded, metadata)
    assert not data_migrations.are_pending(expanded)
    assert data_migrations.run(expanded) == 0
    assert expanded.scalar(text("SELECT meta_data FROM image_locations")) == metadata
