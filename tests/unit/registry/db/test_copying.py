"""From a SQLite file to another database; repeated on servers by the integration suite."""

import pytest
import sqlalchemy as sa

from imagesvc import exception
from imagesvc.registry.db import copying, exclusive, migration, models
from imagesvc.registry.db.location_urls import LocationUrls
from tests.fixtures import database

IMAGE = {
    "id": "0c3c7a5e-8ad9-4b0f-9d49-1f0f65e3b0a1",
    "name": "first",
    "status": "active",
    "visibility": "shared",
    "owner": "p1",
    "size": 3,
    "min_disk": 0,
    "min_ram": 0,
    "protected": False,
    "os_hidden": False,
    "deleted": False,
    "version": 7,
}
OLD, NEW = "file:///root/var/", "file:///srv/glance/"


@pytest.fixture
def source(tmp_path):
    """A catalogue of one image in SQLite."""
    conf = database.make_conf(tmp_path / "source")
    conf.clear_override("connection", group="database")  # a file, whatever the target is
    database.run(conf, migration.sync)
    with database.changing(conf) as connection:
        _put(connection, models.images, IMAGE)
        for key in ("a", "b"):
            _put(
                connection,
                models.image_properties,
                {"image_id": IMAGE["id"], "name": key, "value": "1", "deleted": False},
            )
        for url in (OLD + "images/1", "http://example.com/1"):
            location = {"image_id": IMAGE["id"], "value": url, "status": "active", "deleted": False}
            _put(connection, models.image_locations, location)
    return conf


@pytest.fixture
def target(tmp_path):
    return database.make_current(tmp_path / "target")


def _put(connection, table, values):
    if "created_at" in table.c:
        values = {"created_at": sa.func.current_timestamp(), **values}
    connection.execute(table.insert().values(values))


def _copy(source, target, **options):
    said = []
    with exclusive.reading(source) as rows, exclusive.exclusive(target) as connection:
        copying.copy(rows, connection, said.append, **options)
    return said


def _rows(conf, table):
    with exclusive.reading(conf) as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def test_every_row_arrives_as_it_is(source, target):
    assert _copy(source, target) == [
        "Copied 1 rows of images",
        "Copied 2 rows of image_locations",
        "Copied 2 rows of image_properties",
        "Database is copied successfully.",
    ]
    for table in (models.images, models.image_properties, models.image_locations):
        assert _rows(target, table) == _rows(source, table)


def test_locations_move_with_their_files(source, target):
    _copy(source, target, prefix=(OLD, NEW))
    assert [row["value"] for row in _rows(target, models.image_locations)] == [NEW + "images/1", "http://example.com/1"]


def test_locations_that_are_encrypted_move_too(source, target):
    target.set_override("metadata_encryption_key", "0123456789abcdef")
    urls = LocationUrls("0123456789abcdef")
    with database.changing(source) as connection:
        connection.execute(models.image_locations.update().values(value=urls.sealed(OLD + "images/1")))
    _copy(source, target, prefix=(OLD, NEW))
    assert {row["value"] for row in _rows(target, models.image_locations)} == {urls.sealed(NEW + "images/1")}


def test_new_rows_get_numbers_of_their_own_afterwards(source, target):
    _copy(source, target)
    with database.changing(target) as connection:
        _put(
            connection, models.image_properties, {"image_id": IMAGE["id"], "name": "c", "value": "1", "deleted": False}
        )
    assert len({row["id"] for row in _rows(target, models.image_properties)}) == 3


def test_a_target_with_rows_is_refused(source, target):
    _copy(source, target)
    before = database.dump(target)
    with pytest.raises(exception.Conflict, match="rows in images already"):
        _copy(source, target)
    assert database.dump(target) == before


def test_a_source_with_an_upload_under_way_is_refused(source, target):
    intent = dict.fromkeys(("upload_id", "image_id", "store", "host", "worker"), "x")
    numbers = dict.fromkeys(("reserved_bytes", "received_bytes", "lease_until_ms", "created_ms"), 1)
    with database.changing(source) as connection:
        _put(connection, models.upload_intents, {**intent, **numbers, "state": "live"})
    with pytest.raises(exception.Conflict, match="1 upload"):
        _copy(source, target)
    assert _rows(target, models.images) == []


def test_both_need_this_releases_schema(tmp_path, source, target):
    old = database.make_at(tmp_path / "old", "2024_1_contract01")
    with pytest.raises(exception.Conflict, match="target database does not have the schema"):
        _copy(source, old)
    with pytest.raises(exception.Conflict, match="source database does not have the schema"):
        _copy(old, target)
