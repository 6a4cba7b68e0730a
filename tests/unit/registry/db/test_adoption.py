import pytest

from imagesvc import exception
from imagesvc.registry.db import adoption, migration, revisions
from tests.fixtures import database

IMAGE = (
    "INSERT INTO images (id, status, created_at, deleted, min_disk, min_ram) "
    "VALUES ('{0}', '{1}', '2026-01-01 00:00:00', {2}, 0, 0)"
)


@pytest.fixture
def conf(tmp_path):
    return database.make_at(tmp_path, revisions.CONTRACT_HEAD)


def _put(conf, image_id, status, *, deleted=False):
    with database.changing(conf) as connection:
        connection.exec_driver_sql(IMAGE.format(image_id, status, str(deleted).lower()))


@pytest.mark.parametrize("step", [migration.sync, migration.expand])
@pytest.mark.parametrize("status", adoption.IN_FLIGHT)
def test_images_that_are_being_written_are_named(conf, step, status):
    _put(conf, "a1", status)
    _put(conf, "a2", status, deleted=True)
    _put(conf, "a3", "active")
    before = database.dump(conf)
    with pytest.raises(exception.Conflict, match=rf"^1 image is being written: a1 \({status}\)\. Let Glance finish"):
        database.run(conf, step)
    assert database.dump(conf) == before
    database.run(conf, step, force=True)


def test_afterwards_our_own_uploads_are_no_matter(conf):
    database.run(conf, migration.sync)
    _put(conf, "a1", "saving")
    assert database.run(conf, migration.sync) == ["Database is up to date. No migrations needed."]


def test_what_the_scrubber_has_left_is_told_of(conf):
    _put(conf, "a1", "pending_delete", deleted=True)
    _put(conf, "a2", "deleted", deleted=True)
    said = database.run(conf, migration.sync)
    assert said == [
        "Data of 1 deleted images waits for glance-scrubber; it stays where it is.",
        "Database is synced successfully.",
    ]
