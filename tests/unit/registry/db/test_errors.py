import sqlite3

import psycopg2
import pytest
import sqlalchemy
from oslo_db import exception as db_exc

from imagesvc.registry.db import errors


def _sqlite(code, words="words"):
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return sqlalchemy.exc.OperationalError("SELECT secret", {"secret": 1}, error)


class _PostgresqlError(Exception):
    def __init__(self, pgcode):
        super().__init__("words")
        self.pgcode = pgcode


def _postgresql(code):
    return sqlalchemy.exc.OperationalError("SELECT", {}, _PostgresqlError(code))


def _mysql(number):
    return sqlalchemy.exc.ProgrammingError("SELECT", {}, Exception(number, "words"))


@pytest.mark.parametrize(
    "error",
    [
        db_exc.DBDeadlock(),
        db_exc.DBConsistencyError(),
        db_exc.DBConnectionError(),
        _sqlite(sqlite3.SQLITE_BUSY),
        _sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT),
        _sqlite(sqlite3.SQLITE_LOCKED),
        _postgresql("40001"),
        _postgresql("40P01"),
        _postgresql("55P03"),
        _mysql(1020),
        _mysql(1927),
        db_exc.DBError(_postgresql("40001")),
    ],
    ids=repr,
)
def test_worth_another_try(error):
    assert errors.is_transient(error)


@pytest.mark.parametrize(
    ("words", "is_away"),
    [
        ('connection to server at "db", port 5432 failed: Connection refused', True),
        ('connection to server at "db", port 5432 failed: FATAL:  the database system is starting up', True),
        ('connection to server at "db" failed: FATAL:  terminating connection due to administrator command', True),
        ('could not translate host name "db" to address: Name or service not known', True),
        ('connection to server at "db", port 5432 failed: FATAL:  password authentication failed for user "g"', False),
        ('connection to server at "db", port 5432 failed: FATAL:  database "g" does not exist', False),
    ],
)
def test_postgresql_that_cannot_be_reached_has_only_words(words, is_away):
    error = db_exc.DBError(sqlalchemy.exc.OperationalError("SELECT", {}, psycopg2.OperationalError(words)))
    assert errors.is_unreachable(error) == errors.is_transient(error) == is_away


@pytest.mark.parametrize(
    "error", [db_exc.DBDuplicateEntry(), _sqlite(sqlite3.SQLITE_FULL), _postgresql("42P01"), _mysql(1146)], ids=repr
)
def test_not_worth_another_try(error):
    assert not errors.is_transient(error)


@pytest.mark.parametrize(
    "error",
    [db_exc.DBNonExistentTable("t"), db_exc.DBNonExistentDatabase("d"), _postgresql("42P01"), _mysql(1146)],
    ids=repr,
)
def test_no_schema(error):
    assert errors.is_missing_schema(error)


def test_a_missing_column_is_not_a_missing_schema():
    assert not errors.is_missing_schema(_mysql(1054))


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN]
)
def test_the_disk_is_the_environment(code):
    assert errors.is_environment(_sqlite(code))


@pytest.mark.parametrize("error", [_postgresql("22001"), _postgresql("22021"), _mysql(1366), _mysql(1267)], ids=repr)
def test_no_room_for_a_value_is_bad_input(error):
    assert errors.is_bad_value(error)
    assert errors.is_bad_value(db_exc.DBError(error))


@pytest.mark.parametrize("error", [_postgresql("42P01"), _mysql(1146), _sqlite(1), db_exc.DBDeadlock()], ids=repr)
def test_other_errors_are_no_bad_input(error):
    assert not errors.is_bad_value(error)


def test_a_server_that_only_reads_is_the_environment():
    assert errors.is_environment(sqlalchemy.exc.InternalError("INSERT", {}, _PostgresqlError("25006")))


def test_a_refused_login_is_the_environment():
    assert errors.is_environment(_postgresql("28P01"))
    assert errors.is_environment(db_exc.DBError(_postgresql("28P01")))


@pytest.mark.parametrize("number", [3, 6, 28, 126])
def test_files_that_mysql_cannot_use_are_the_environment(number):
    error = sqlalchemy.exc.InternalError("SELECT", {}, Exception(number, "Error on delete of '/tmp/x'"))
    assert errors.is_environment(error)
    assert errors.is_environment(db_exc.DBError(error))
    assert not errors.is_environment(_mysql(1064))


@pytest.mark.parametrize("code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT_NOTNULL, None])
def test_a_wrong_statement_is_ours(code):
    assert not errors.is_environment(_sqlite(code))


def test_the_cause_has_no_statement_and_no_parameters():
    assert errors.cause_of(_sqlite(1, "disk on fire\nsecond line")) == "disk on fire"
    assert errors.cause_of(db_exc.DBConnectionError(_sqlite(1, "gone"))) == "gone"
    assert errors.cause_of(db_exc.DBDeadlock()) == "DBDeadlock"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (_sqlite(sqlite3.SQLITE_ERROR, "no such column: images.version"), True),
        (_sqlite(sqlite3.SQLITE_ERROR, "table images has no column named version"), True),
        (_sqlite(sqlite3.SQLITE_ERROR, "no such table: images"), False),
        (_postgresql("42703"), True),
        (_postgresql("42P01"), False),
        (_mysql(1054), True),
        (_mysql(1146), False),
        (db_exc.DBError(_mysql(1054)), True),
    ],
    ids=repr,
)
def test_missing_column(error, expected):
    assert errors.is_missing_column(error) is expected
