import pytest
from sqlalchemy import inspect, text

from imagesvc import exception
from imagesvc.registry.db import exclusive, migration, revisions
from tests.fixtures import database


def _check(conf):
    with exclusive.reading(conf) as connection:
        return migration.check(connection)


def _version(conf):
    with exclusive.reading(conf) as connection:
        return migration.version(connection)


def _execute(conf, *statements, **parameters):
    with database.changing(conf) as connection:
        for statement in statements:
            connection.execute(text(statement), parameters)


def _image(conf, status, *, deleted=False):
    _execute(conf, database.OLD_IMAGE, id=status, status=status, is_public=False, deleted=deleted)


EXPANDED = "Upgraded database to: 2024_1_expand01, current revision(s): 2024_1_expand01"
CONTRACTED = "Upgraded database to: 2024_1_contract01, current revision(s): 2024_1_contract01"
NOTHING_TO_MIGRATE = "Database migration is up to date. No migration needed."


def test_sync_does_everything_and_says_so(tmp_path):
    conf = database.make_conf(tmp_path)
    expected = [EXPANDED, NOTHING_TO_MIGRATE, CONTRACTED, "Database is synced successfully."]
    assert database.run(conf, migration.sync) == expected
    assert _version(conf) == [revisions.CONTRACT_HEAD]
    assert _check(conf) == migration.UP_TO_DATE


def test_sync_twice_changes_nothing(tmp_path):
    conf = database.make_current(tmp_path)
    before = database.dump(conf)
    assert database.run(conf, migration.sync) == ["Database is up to date. No migrations needed."]
    assert database.dump(conf) == before


def test_the_steps_one_by_one_with_their_exit_codes(tmp_path):
    conf = database.make_at(tmp_path, "mitaka02")
    _image(conf, "active")
    assert _check(conf) == migration.EXPAND_NEEDED
    assert database.run(conf, migration.expand) == [EXPANDED]
    assert _check(conf) == migration.MIGRATE_NEEDED
    assert database.run(conf, migration.migrate) == ["Migrated 1 rows"]
    assert _check(conf) == migration.CONTRACT_NEEDED
    assert database.run(conf, migration.migrate) == [NOTHING_TO_MIGRATE]
    assert database.run(conf, migration.contract) == [CONTRACTED]
    assert _check(conf) == migration.UP_TO_DATE
    assert database.run(conf, migration.expand) == ["Database expansion is up to date. No expansion needed."]
    assert database.run(conf, migration.migrate) == [NOTHING_TO_MIGRATE]
    assert database.run(conf, migration.contract) == ["Database contraction is up to date. No contraction needed."]


def test_contraction_keeps_our_columns_and_indexes(tmp_path):
    conf = database.make_at(tmp_path, "mitaka02")
    for step in (migration.expand, migration.migrate, migration.contract):
        database.run(conf, step)
    with exclusive.reading(conf) as connection:
        inspector = inspect(connection)
        assert "version" in {column["name"] for column in inspector.get_columns("images")}
        assert "imagesvc_images_by_name" in {index["name"] for index in inspector.get_indexes("images")}


@pytest.mark.parametrize("step", [migration.migrate, migration.contract])
def test_steps_out_of_order_are_refused(tmp_path, step):
    conf = database.make_at(tmp_path, "mitaka02")
    with pytest.raises(exception.Conflict, match="glance-manage db expand"):
        database.run(conf, step)


def test_contraction_waits_for_the_rows(tmp_path):
    conf = database.make_at(tmp_path, "2024_1_expand01")
    _image(conf, "active")
    with pytest.raises(exception.Conflict, match="glance-manage db migrate"):
        database.run(conf, migration.contract)


def test_an_old_database_keeps_its_images(tmp_path):
    conf = database.make_at(tmp_path, "liberty")
    _execute(conf, database.OLD_IMAGE, id="one", status="active", is_public=True, deleted=False)
    _execute(conf, database.OLD_IMAGE, id="two", status="active", is_public=False, deleted=False)
    _execute(conf, "INSERT INTO metadef_resource_types (name, created_at) VALUES ('OS::Nova::Instance', '2015-01-01')")
    assert "Migrated 2 rows" in database.run(conf, migration.sync)
    with exclusive.reading(conf) as connection:
        rows = connection.execute(text("SELECT id, visibility, os_hidden, version FROM images ORDER BY id")).all()
        assert [tuple(row) for row in rows] == [("one", "public", 0, 0), ("two", "private", 0, 0)]
        assert connection.scalar(text("SELECT name FROM metadef_resource_types")) == "OS::Nova::Server"


def test_upgrading_past_the_data_migration_loses_no_visibility(tmp_path):
    conf = database.make_at(tmp_path, "mitaka02")
    _execute(conf, database.OLD_IMAGE, id="one", status="active", is_public=True, deleted=False)
    database.run(conf, migration.upgrade, "ocata_contract01")
    with exclusive.reading(conf) as connection:
        assert connection.scalar(text("SELECT visibility FROM images")) == "public"


def test_the_tables_of_artifacts_are_dropped(tmp_path):
    conf = database.make_at(tmp_path, "mitaka02")
    _execute(
        conf,
        "CREATE TABLE artifacts (id VARCHAR(36) PRIMARY KEY)",
        "CREATE TABLE artifact_blobs (id INTEGER PRIMARY KEY, artifact_id VARCHAR(36) REFERENCES artifacts (id))",
        "CREATE TABLE artifact_blob_locations (id INTEGER PRIMARY KEY, blob_id INTEGER REFERENCES artifact_blobs (id))",
    )
    database.run(conf, migration.sync)
    with exclusive.reading(conf) as connection:
        assert not [name for name in inspect(connection).get_table_names() if name.startswith("artifact")]


def test_upgrade_to_a_revision_goes_so_far_and_no_further(tmp_path):
    conf = database.make_conf(tmp_path)
    said = database.run(conf, migration.upgrade, "rocky_expand02")
    assert said == ["Upgraded database to: rocky_expand02, current revision(s): rocky_expand02"]
    assert _check(conf) == migration.EXPAND_NEEDED


def test_upgrade_to_heads_is_a_sync(tmp_path):
    conf = database.make_conf(tmp_path)
    assert database.run(conf, migration.upgrade, "heads")[-1] == "Database is synced successfully."


# -- databases that come from elsewhere --------------------------------------------------------------


def test_a_current_glance_database_is_adopted(tmp_path):
    conf = database.make_at(tmp_path, "2024_1_contract01")
    assert _check(conf) == migration.EXPAND_NEEDED
    assert database.run(conf, migration.sync) == ["Database is synced successfully."]
    assert _check(conf) == migration.UP_TO_DATE


@pytest.mark.parametrize("status", ["saving", "uploading", "importing"])
@pytest.mark.parametrize("step", [migration.sync, migration.expand])
def test_adoption_waits_for_images_that_are_being_written(tmp_path, status, step):
    conf = database.make_at(tmp_path, "mitaka02")
    _image(conf, status)
    before = database.dump(conf)
    with pytest.raises(exception.Conflict, match="1 image"):
        database.run(conf, step)
    assert database.dump(conf) == before


def test_adoption_can_be_forced(tmp_path):
    conf = database.make_at(tmp_path, "mitaka02")
    _image(conf, "saving")
    assert database.run(conf, migration.sync, force=True)[-1] == "Database is synced successfully."


def test_deleted_and_finished_images_do_not_hinder_adoption(tmp_path):
    conf = database.make_at(tmp_path, "mitaka02")
    _image(conf, "saving", deleted=True)
    _image(conf, "active")
    assert database.run(conf, migration.sync)[-1] == "Database is synced successfully."


def test_our_own_uploads_do_not_hinder_a_later_sync(tmp_path):
    conf = database.make_current(tmp_path)
    _execute(
        conf,
        "INSERT INTO images (id, status, created_at, deleted, min_disk, min_ram) VALUES ('x', 'saving', '2026-01-01', false, 0, 0)",
    )
    assert database.run(conf, migration.sync) == ["Database is up to date. No migrations needed."]


@pytest.mark.parametrize("step", [migration.sync, migration.expand, migration.migrate, migration.contract])
def test_an_unknown_revision_is_named_and_nothing_changed(tmp_path, step):
    conf = database.make_current(tmp_path)
    _execute(conf, "UPDATE alembic_version SET version_num = '2031_2_contract01'")
    before = database.dump(conf)
    with pytest.raises(exception.Conflict, match="2031_2_contract01 is not known"):
        database.run(conf, step)
    assert database.dump(conf) == before
    with pytest.raises(exception.Conflict, match="2031_2_contract01 is not known"):
        _check(conf)


def test_going_to_an_unknown_revision_is_refused(tmp_path):
    conf = database.make_conf(tmp_path)
    for step in (migration.upgrade, migration.version_control):
        with pytest.raises(exception.Conflict, match="nowhere is not known"):
            database.run(conf, step, "nowhere")


@pytest.mark.parametrize(
    ("number", "revision"), [(42, "liberty"), (43, "mitaka01"), (44, "mitaka02"), (45, "ocata_contract01")]
)
def test_databases_of_sqlalchemy_migrate_are_understood(tmp_path, number, revision):
    conf = database.make_at(tmp_path, revision)
    _execute(
        conf,
        "DROP TABLE alembic_version",
        "CREATE TABLE migrate_version (repository_id VARCHAR(250), repository_path TEXT, version INTEGER)",
        "INSERT INTO migrate_version VALUES ('Glance Migrations', '/', :number)",
        number=number,
    )
    assert database.run(conf, migration.sync)[-1] == "Database is synced successfully."
    assert _version(conf) == [revisions.CONTRACT_HEAD]


def test_databases_older_than_liberty_are_refused(tmp_path):
    conf = database.make_at(tmp_path, "liberty")
    _execute(
        conf,
        "DROP TABLE alembic_version",
        "CREATE TABLE migrate_version (version INTEGER)",
        "INSERT INTO migrate_version VALUES (41)",
    )
    with pytest.raises(exception.Conflict, match="version 41"):
        database.run(conf, migration.sync)


@pytest.mark.parametrize(("old", "new"), [("ocata01", "ocata_contract01"), ("pike01", "pike_contract01")])
def test_revisions_that_were_renamed_are_understood(tmp_path, old, new):
    conf = database.make_at(tmp_path, new)
    _execute(conf, "UPDATE alembic_version SET version_num = :old", old=old)
    assert _check(conf) == migration.EXPAND_NEEDED
    assert database.run(conf, migration.sync)[-1] == "Database is synced successfully."
    assert _version(conf) == [revisions.CONTRACT_HEAD]


def test_tables_without_any_revision_are_refused(tmp_path):
    conf = database.make_at(tmp_path, "mitaka02")
    _execute(conf, "DROP TABLE alembic_version")
    with pytest.raises(exception.Conflict, match="version_control"):
        database.run(conf, migration.sync)
    database.run(conf, migration.version_control, "mitaka02")
    assert database.run(conf, migration.sync)[-1] == "Database is synced successfully."


def test_a_newer_own_revision_stays(tmp_path):
    conf = database.make_current(tmp_path)
    _execute(conf, "UPDATE imagesvc_alembic_version SET version_num = 'imagesvc_0009'")
    assert _check(conf) == migration.UP_TO_DATE
    assert database.run(conf, migration.sync) == ["Database is up to date. No migrations needed."]


def test_a_failure_midway_leaves_nothing_behind(tmp_path, monkeypatch):
    conf = database.make_at(tmp_path, "mitaka02")
    before = database.dump(conf)
    monkeypatch.setattr(migration.data_migrations, "run", lambda _connection: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        database.run(conf, migration.sync)
    assert database.dump(conf) == before
