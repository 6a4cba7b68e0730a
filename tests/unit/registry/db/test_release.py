import pytest
from sqlalchemy import text

from imagesvc import exception
from imagesvc.registry.db import migration, release, revisions, scripts
from tests.fixtures import database
from tests.fixtures.registry import make_registry, on_database
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
DONE = "The database is Glance's again. To come back, run 'glance-manage db_sync'."


@pytest.fixture
def registry(tmp_path):
    registry = make_registry(tmp_path / "state")
    yield registry
    registry.database.dispose()


def _release(registry, **keywords):
    registry.database.dispose()
    return database.run(registry.conf, release.release, **keywords)


def _rows(registry, statement):
    with database.changing(registry.conf) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def _execute(registry, statement, **values):
    with database.changing(registry.conf) as connection:
        connection.execute(text(statement), values)


def _schema_of_glance(directory):
    return database.dump(database.make_at(directory, revisions.CONTRACT_HEAD))


def test_the_schema_is_exactly_glances_and_may_be_adopted_again(registry, tmp_path):
    image_id = registry.image(MEMBER, name="ours", properties={"p": "v"}, tags=["t"])
    assert _release(registry) == [DONE]
    with database.changing(registry.conf) as connection:
        assert not scripts.OWN.current(connection)
        assert scripts.GLANCE.current(connection) == {revisions.CONTRACT_HEAD}
        for statement in ("DELETE FROM image_properties", "DELETE FROM image_tags", "DELETE FROM images"):
            connection.execute(text(statement))
    assert database.dump(registry.conf) == _schema_of_glance(tmp_path / "glance")
    assert database.run(registry.conf, migration.sync) == ["Database is synced successfully."]
    assert database.dump(registry.conf) == database.dump(database.make_current(tmp_path / "current"))
    with pytest.raises(exception.ImageNotFound):
        registry.api.image_get(MEMBER, image_id)


def test_images_are_there_before_and_after(registry):
    image_id = registry.active(MEMBER, name="ours", properties={"p": "v"}, tags=["t"])
    before = registry.api.image_get(MEMBER, image_id)
    registry.api.image_patch(MEMBER, image_id, [{"op": "add", "path": ["q"], "value": "w"}])
    _release(registry)
    database.run(registry.conf, migration.sync)
    after = registry.api.image_get(MEMBER, image_id)
    assert (after.properties, after.tags, after.locations) == ({"p": "v", "q": "w"}, before.tags, before.locations)
    assert after.version == 0


def test_a_second_time_there_is_nothing_to_do(registry):
    _release(registry)
    before = database.dump(registry.conf)
    assert _release(registry) == ["There is nothing of imagesvc in this database."]
    assert database.dump(registry.conf) == before


def test_without_tables_there_is_nothing_to_do(tmp_path):
    conf = database.make_conf(tmp_path)
    assert database.run(conf, release.release) == ["There is nothing of imagesvc in this database."]


def test_an_expanded_schema_is_given_back_as_it_is(registry, tmp_path):
    conf = database.make_at(tmp_path / "old", revisions.FORMER_CONTRACT_HEAD)
    before = database.dump(conf)
    database.run(conf, migration.expand)
    assert database.run(conf, release.release) == [DONE]
    with database.changing(conf) as connection:
        assert scripts.GLANCE.current(connection) == {revisions.EXPAND_HEAD, revisions.FORMER_CONTRACT_HEAD}
        connection.execute(text("DROP TABLE cached_images"))
        connection.execute(text("DROP TABLE node_reference"))
        connection.execute(text("DELETE FROM alembic_version WHERE version_num = '2024_1_expand01'"))
    assert database.dump(conf) == before


# -- what is not settled -----------------------------------------------------------------------------


def test_a_live_upload_is_in_the_way(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    before = database.dump(registry.conf)
    with pytest.raises(exception.Conflict) as caught:
        _release(registry)
    for words in ("1 image is being written", image_id, "store fast", "host-1", "--force", "Nothing was changed"):
        assert words in caught.value.msg
    assert database.dump(registry.conf) == before
    registry.complete(MEMBER, grant.upload_id)
    assert _release(registry) == [DONE]


@pytest.mark.parametrize("status", ["saving", "uploading", "importing"])
def test_an_image_that_is_written_is_in_the_way(registry, status):
    image_id = registry.image(MEMBER)
    _execute(registry, "UPDATE images SET status = :status", status=status)
    with pytest.raises(exception.Conflict, match=f"{image_id} \\({status}\\)"):
        _release(registry)


def test_of_many_images_some_are_named(registry):
    for _ in range(22):
        registry.image(MEMBER)
    _execute(registry, "UPDATE images SET status = 'importing'")
    with pytest.raises(exception.Conflict, match=r"^22 images are being written: .*, and 2 more\. Let") as caught:
        _release(registry)
    assert caught.value.msg.count("(importing)") == 20


def test_force_queues_images_again(registry):
    image_id, other = registry.image(MEMBER), registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    _execute(registry, "UPDATE images SET status = 'importing', size = 7, checksum = 'c' WHERE id = :id", id=other)
    assert _release(registry, force=True) == [
        f"What upload {grant.upload_id} of image {image_id} to store fast left behind stays there.",
        "Queued 2 images again that were being written.",
        DONE,
    ]
    assert _rows(registry, "SELECT status, size, checksum, os_hash_algo FROM images") == [("queued", *[None] * 3)] * 2


def test_data_of_an_aborted_upload_is_in_the_way(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    registry.api.upload_abort(MEMBER, grant.upload_id)
    with pytest.raises(exception.Conflict, match=f"upload {grant.upload_id} of image {image_id} to store fast"):
        _release(registry)
    done = [item for item in registry.api.cleanup_claim(MEMBER, "host-1", ["fast"]) if item.ref == grant.upload_id]
    registry.api.cleanup_done(MEMBER, done)
    assert _release(registry) == [DONE]


# -- data of deleted images --------------------------------------------------------------------------


def test_deleted_images_with_data_are_left_to_the_scrubber(registry):
    """As Glance leaves them itself with delayed_delete."""
    kept, image_id = registry.active(MEMBER), registry.active(MEMBER)
    registry.api.image_delete(MEMBER, image_id)
    assert _release(registry)[0] == "Data of 1 deleted images is still to be removed: run Glance's glance-scrubber."
    statuses = dict(_rows(registry, "SELECT id, status FROM images"))
    assert statuses == {kept: "active", image_id: "pending_delete"}
    locations = _rows(registry, "SELECT image_id, status, deleted_at IS NOT NULL FROM image_locations WHERE deleted")
    assert locations == [(image_id, "pending_delete", True)]
    said = database.run(registry.conf, migration.sync)
    assert said[0] == "Data of 1 deleted images waits for glance-scrubber; it stays where it is."


def test_removed_data_is_glances_deleted(registry):
    image_id = registry.active(MEMBER)
    registry.api.image_delete(MEMBER, image_id)
    registry.api.cleanup_done(MEMBER, registry.api.cleanup_claim(MEMBER, "host-1", ["fast"]))
    assert _release(registry) == [DONE]
    assert _rows(registry, "SELECT status, deleted FROM images") == [("deleted", True)]
    assert _rows(registry, "SELECT status, deleted FROM image_locations") == [("deleted", True)]


def test_locations_of_images_that_are_there_still_are_named(registry):
    image_id = registry.active(MEMBER)
    _execute(registry, "UPDATE image_locations SET status = 'pending_delete'")
    ((location_id,),) = _rows(registry, "SELECT id FROM image_locations")
    assert _release(registry) == [f"The data of location {location_id}, once of image {image_id}, stays there.", DONE]
    assert _rows(registry, "SELECT status FROM images") == [("active",)]
    assert _rows(registry, "SELECT deleted FROM image_locations") == [(True,)]


# -- interruptions, releases, daemons ----------------------------------------------------------------


@pytest.mark.parametrize("part", ["imagesvc_images_by_name", "imagesvc_alembic_version"])
@pytest.mark.parametrize("step", [release.release, migration.sync])
def test_after_an_interruption_both_ways_are_open(registry, tmp_path, part, step):
    """Whatever was removed before it ended: on MySQL and MariaDB it stays removed."""
    _interrupted(registry, part)
    with pytest.raises(exception.SchemaMissing):
        registry.api.ping(MEMBER)
    database.run(registry.conf, step)
    make = _schema_of_glance if step is release.release else _current
    assert database.dump(registry.conf) == make(tmp_path / "other")


def _current(directory):
    return database.dump(database.make_current(directory))


def _interrupted(registry, part):
    """Everything removed before and including ``part``."""
    registry.database.dispose()
    with database.changing(registry.conf) as connection:
        connection.execute(text("DELETE FROM imagesvc_alembic_version"))
        connection.execute(text("DROP TABLE imagesvc_rpc_ops"))
        on_mysql = connection.dialect.name in {"mysql", "mariadb"}
        connection.execute(text(f"DROP INDEX imagesvc_images_by_name{' ON images' if on_mysql else ''}"))
        if part == "imagesvc_alembic_version":
            connection.execute(text("ALTER TABLE images DROP COLUMN version"))
            connection.execute(text("DROP TABLE imagesvc_alembic_version"))


def test_a_newer_release_must_do_it_itself(registry):
    _execute(registry, "UPDATE imagesvc_alembic_version SET version_num = 'imagesvc_9999'")
    before = database.dump(registry.conf)
    with pytest.raises(exception.Conflict, match="imagesvc_9999 is of a newer release"):
        _release(registry)
    assert database.dump(registry.conf) == before


def test_a_registry_that_runs_notices(registry):
    image_id = registry.image(MEMBER)
    database.run(registry.conf, release.release)
    for call in (
        lambda: registry.api.image_get(MEMBER, image_id),
        lambda: registry.api.image_patch(MEMBER, image_id, [{"op": "replace", "path": ["name"], "value": "n"}]),
        lambda: registry.api.ping(MEMBER),
        registry.transactions.observe,
    ):
        registry.database._schema_seen = True
        with pytest.raises(exception.SchemaMissing, match="glance-manage db_sync"):
            call()
    database.run(registry.conf, migration.sync)
    assert registry.api.image_get(MEMBER, image_id).name is None
    fresh = on_database(registry.conf)
    assert fresh.api.image_get(MEMBER, image_id).status == "queued"
    fresh.database.dispose()
