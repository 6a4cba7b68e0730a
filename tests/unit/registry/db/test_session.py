import os
import sqlite3
import threading
import time

import pytest
import sqlalchemy
from oslo_db import exception as db_exc
from sqlalchemy import func, select

from imagesvc import exception
from imagesvc.registry.db import exclusive, migration, models, revisions, session
from tests.fixtures import database


@pytest.fixture
def conf(tmp_path):
    return database.make_current(tmp_path)


@pytest.fixture
def db(conf):
    opened = session.Database(conf)
    yield opened
    opened.dispose()


def _insert(name):
    return lambda connection: connection.execute(models.projects.insert().values(project_id=name))


def _projects(connection):
    return list(connection.scalars(select(models.projects.c.project_id)))


@pytest.fixture
def hasty(monkeypatch):
    """Retries without pauses, so that tests see the tries and not the time."""
    monkeypatch.setattr(session.time, "sleep", lambda _seconds: None)


# -- transactions ------------------------------------------------------------------------------------


def test_what_is_written_can_be_read(db):
    db.run_write(_insert("a"))
    with db.read() as connection:
        assert _projects(connection) == ["a"]


def test_the_result_comes_back(db):
    assert db.run_write(lambda connection: connection.scalar(select(func.count()).select_from(models.images))) == 0


def test_an_error_rolls_everything_back(db):
    def fail(connection):
        _insert("a")(connection)
        raise exception.ImageNotFound(image_id="x")

    with pytest.raises(exception.ImageNotFound):
        db.run_write(fail)
    with db.read() as connection:
        assert _projects(connection) == []


def test_a_duplicate_is_the_callers_to_interpret(db):
    db.run_write(_insert("a"))
    with pytest.raises(db_exc.DBDuplicateEntry):
        db.run_write(_insert("a"))


def test_foreign_keys_are_enforced(db):
    values = {"image_id": "none", "value": "v", "created_at": sqlalchemy.func.current_timestamp(), "deleted": False}
    with pytest.raises(db_exc.DBReferenceError):
        db.run_write(lambda connection: connection.execute(models.image_tags.insert().values(values)))


def test_a_reader_sees_one_snapshot_while_others_write(db):
    with db.read() as connection:
        assert _projects(connection) == []
        db.run_write(_insert("a"))
        assert _projects(connection) == []
    with db.read() as connection:
        assert _projects(connection) == ["a"]


def test_a_writer_reads_what_it_may_change(db):
    """A writer that began by reading an old snapshot could not write any more: it takes the lock first."""

    def count_and_insert(connection):
        known = len(_projects(connection))
        _insert(f"p{known}")(connection)

    threads = [threading.Thread(target=lambda: [db.run_write(count_and_insert) for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as connection:
        assert len(_projects(connection)) == 40


def test_the_settings_that_keep_acknowledged_commits(db):
    with db.read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


# -- failures ----------------------------------------------------------------------------------------


def _busy():
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return sqlalchemy.exc.OperationalError("UPDATE", {}, error)


@pytest.mark.parametrize("error", [db_exc.DBDeadlock(), db_exc.DBConnectionError(), _busy()], ids=repr)
def test_transient_failures_are_tried_again(db, hasty, error):
    failures = [error] * (session.MAX_TRIES - 1)

    def flaky(connection):
        _insert("a")(connection)
        if failures:
            raise failures.pop()
        return "done"

    assert db.run_write(flaky) == "done"
    with db.read() as connection:
        assert _projects(connection) == ["a"]


def test_reading_is_tried_again(db, hasty):
    failures = [db_exc.DBConnectionError()] * (session.MAX_TRIES - 1)

    def flaky(connection):
        if failures:
            raise failures.pop()
        return _projects(connection)

    assert db.run_read(flaky) == []


def test_tries_end(db, hasty):
    tries = []

    def deadlock(_connection):
        tries.append(1)
        raise db_exc.DBDeadlock

    with pytest.raises(exception.DatabaseUnavailable):
        db.run_write(deadlock)
    assert len(tries) == session.MAX_TRIES


def test_time_for_tries_ends(db, hasty, monkeypatch):
    monkeypatch.setattr(session, "RETRY_SECONDS", 0.0)
    tries = []

    def deadlock(_connection):
        tries.append(1)
        raise db_exc.DBDeadlock

    with pytest.raises(exception.DatabaseUnavailable):
        db.run_write(deadlock)
    assert len(tries) == 1


def test_a_value_the_database_cannot_hold_is_bad_input(db):
    def overflow(_connection):
        raise db_exc.DBDataError

    with pytest.raises(exception.Invalid, match="character set"):
        db.run_write(overflow)


def test_a_defect_of_ours_is_not_hidden(db):
    with pytest.raises((sqlalchemy.exc.OperationalError, db_exc.DBError)), db.read() as connection:
        connection.exec_driver_sql("SELEC 1")


def test_no_error_shows_the_values(db, caplog):
    secret = "s3cr" + "et"
    statement = sqlalchemy.text("INSERT INTO imagesvc_projects (nil) VALUES (:value)")
    with pytest.raises((sqlalchemy.exc.DBAPIError, db_exc.DBError, exception.DatabaseUnavailable)) as caught:
        db.run_write(lambda connection: connection.execute(statement, {"value": secret}))
    assert secret not in f"{caught.getrepr(style='long')}{caplog.text}"


def test_a_file_that_may_not_be_written_is_unavailable(db, tmp_path):
    def write_to_read_only(connection):
        connection.exec_driver_sql("PRAGMA query_only = ON")
        try:
            _insert("a")(connection)
        finally:
            connection.exec_driver_sql("PRAGMA query_only = OFF")

    with pytest.raises(exception.DatabaseUnavailable):
        db.run_write(write_to_read_only)


# -- the schema --------------------------------------------------------------------------------------


def test_no_file_means_no_schema_and_makes_none(tmp_path):
    db = session.Database(database.make_conf(tmp_path))
    for attempt in (db.check_schema, lambda: db.run_write(_insert("a")), lambda: db.read().__enter__()):
        with pytest.raises(exception.SchemaMissing, match="glance-manage db_sync"):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_the_schema_may_come_later(tmp_path):
    conf = database.make_conf(tmp_path)
    db = session.Database(conf)
    with pytest.raises(exception.SchemaMissing):
        db.check_schema()
    database.run(conf, migration.sync)
    db.check_schema()
    db.run_write(_insert("a"))


@pytest.mark.parametrize("revision", ["mitaka02", "2024_1_expand01", "2024_1_contract01"])
def test_half_a_schema_is_none(tmp_path, revision):
    conf = database.make_at(tmp_path, revision)
    with pytest.raises(exception.SchemaMissing):
        session.Database(conf).check_schema()


def test_the_schema_of_the_former_release_will_do_when_it_is_expanded(tmp_path):
    conf = database.make_at(tmp_path, revisions.FORMER_CONTRACT_HEAD)
    with pytest.raises(exception.SchemaMissing):
        session.Database(conf).check_schema()
    database.run(conf, migration.expand)
    db = session.Database(conf)
    db.run_write(_insert("a"))
    for step in (migration.migrate, migration.contract):
        database.run(conf, step)
    db.run_write(_insert("b"))
    session.Database(conf).run_write(_insert("c"))


def test_a_schema_that_went_away_is_noticed(db, conf):
    db.check_schema()
    with exclusive.exclusive(conf) as connection:
        for table in reversed(models.metadata.sorted_tables):
            connection.exec_driver_sql(f"DROP TABLE {table.name}")
        connection.exec_driver_sql("DROP TABLE alembic_version")
    with pytest.raises(exception.SchemaMissing):
        db.run_write(_insert("a"))
    with pytest.raises(exception.SchemaMissing):
        db.check_schema()


def test_a_column_that_never_was_is_no_matter_of_the_schema(db):
    with pytest.raises((db_exc.DBError, sqlalchemy.exc.DBAPIError), match="nonsense"), db.read() as connection:
        connection.exec_driver_sql("SELECT nonsense FROM images")
    db.check_schema()


# -- processes and files -----------------------------------------------------------------------------


def test_a_forked_child_opens_its_own_connection(db):
    db.run_write(_insert("parent"))
    child = os.fork()
    if child == 0:
        try:
            db.run_write(_insert("child"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    with db.read() as connection:
        assert sorted(_projects(connection)) == ["child", "parent"]


def test_a_restored_file_is_opened_anew(db, conf, tmp_path):
    db.run_write(_insert("old"))
    restored = database.make_current(tmp_path / "backup")
    assert restored is not conf
    for leftover in tmp_path.glob("glance.sqlite*"):
        leftover.unlink()
    (tmp_path / "backup" / "glance.sqlite").rename(tmp_path / "glance.sqlite")
    with db.read() as connection:
        assert _projects(connection) == []


# -- the clock ---------------------------------------------------------------------------------------


def test_the_clock_is_the_databases_in_milliseconds(db):
    before = time.time_ns() // 1_000_000
    with db.read() as connection:
        now = session.now_ms(connection)
    assert before <= now <= time.time_ns() // 1_000_000


@pytest.mark.parametrize(("name", "words"), [("mysql", "UTC_TIMESTAMP(3)"), ("postgresql", "clock_timestamp()")])
def test_servers_are_asked_for_their_clock(name, words):
    asked = []

    class Connection:
        dialect = type("Dialect", (), {"name": name})

        def execute(self, statement):
            asked.append(str(statement))
            return self

        def scalar_one(self):
            return 1234

    assert session.now_ms(Connection()) == 1234
    assert words in asked[0]
