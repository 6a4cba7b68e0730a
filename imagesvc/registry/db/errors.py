"""What a database's error means: try again, no schema, out of order, or a defect of ours."""

import re
import sqlite3

import sqlalchemy
from oslo_db import exception as db_exc

_SQLITE_TRANSIENT = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_POSTGRESQL_LOCK_TIMEOUT = "55P03"
#: serialization_failure, deadlock_detected, lock_not_available
_POSTGRESQL_TRANSIENT = ("40001", "40P01", _POSTGRESQL_LOCK_TIMEOUT)
#: read_only_sql_transaction: what was the primary server is none any more.
_POSTGRESQL_READ_ONLY = "25006"
#: Before there is a connection libpq has no codes, only words.
_POSTGRESQL_UNREACHABLE = re.compile(
    r"failed: (?!FATAL)|could not translate host name|the database system is |terminating connection"
)
#: First characters of the codes of data exceptions.
_POSTGRESQL_BAD_VALUE = "22"
_POSTGRESQL_NO_TABLE = "42P01"
#: Record changed since it was read (MariaDB with innodb_snapshot_isolation), connection killed, server shuts down.
_MYSQL_TRANSIENT = (1020, 1927, 1053)
#: Characters that a column, or a comparison with one, has no room for (as different servers say it), too long, out of range.
_MYSQL_BAD_VALUE = (1366, 1267, 1271, 1300, 3988, 1406, 1264)
_MYSQL_NO_TABLE = 1146
#: Below it are the failures of the server's own files, at which a disk that is full or breaks shows first.
_MYSQL_FIRST_OF_STATEMENTS = 1000
_POSTGRESQL_NO_COLUMN = "42703"
_MYSQL_NO_COLUMN = 1054


def is_transient(error: Exception) -> bool:
    """Whether the same transaction, run again, may well succeed."""
    if isinstance(error, db_exc.DBDeadlock) or is_unreachable(error):
        return True
    driver_error = _driver_error(error)
    if isinstance(driver_error, sqlite3.Error):
        return _sqlite_code(driver_error) in _SQLITE_TRANSIENT
    return _sqlstate(driver_error) in _POSTGRESQL_TRANSIENT or _number(driver_error) in _MYSQL_TRANSIENT


def is_unreachable(error: Exception) -> bool:
    """Whether there is no server to talk to, or none that is ready yet, or none any more."""
    if isinstance(error, db_exc.DBConnectionError):
        return True
    driver_error = _driver_error(error)
    is_postgresql = type(driver_error).__module__.startswith("psycopg") and not _sqlstate(driver_error)
    return is_postgresql and bool(_POSTGRESQL_UNREACHABLE.search(str(driver_error)))


def is_lock_timeout(error: Exception) -> bool:
    """Whether PostgreSQL gave up waiting for a lock."""
    return _sqlstate(_driver_error(error)) == _POSTGRESQL_LOCK_TIMEOUT


def is_bad_value(error: Exception) -> bool:
    """Whether the database has no room for a value, so that the request is to blame."""
    driver_error = _driver_error(error)
    state = _sqlstate(driver_error) or ""
    return state.startswith(_POSTGRESQL_BAD_VALUE) or _number(driver_error) in _MYSQL_BAD_VALUE


def is_missing_schema(error: Exception) -> bool:
    if isinstance(error, db_exc.DBNonExistentTable | db_exc.DBNonExistentDatabase):
        return True
    driver_error = _driver_error(error)
    return _sqlstate(driver_error) == _POSTGRESQL_NO_TABLE or _number(driver_error) == _MYSQL_NO_TABLE


def is_missing_column(error: Exception) -> bool:
    """Whether a statement names a column that is not there: the schema has changed under way, or the statement is wrong."""
    driver_error = _driver_error(error)
    if isinstance(driver_error, sqlite3.Error):  # it has no code of its own for this
        return "no such column" in str(driver_error) or "has no column named" in str(driver_error)
    return _sqlstate(driver_error) == _POSTGRESQL_NO_COLUMN or _number(driver_error) == _MYSQL_NO_COLUMN


def is_environment(error: Exception) -> bool:
    """A full disk, a read-only file, a refused login: nothing the request or the code is to blame for."""
    driver_error = _driver_error(error)
    if isinstance(driver_error, sqlite3.Error):
        return _sqlite_code(driver_error) not in (None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT)
    is_read_only = _sqlstate(driver_error) == _POSTGRESQL_READ_ONLY
    is_about_files = 0 < (_number(driver_error) or 0) < _MYSQL_FIRST_OF_STATEMENTS
    return is_read_only or is_about_files or isinstance(_unwrapped(error), sqlalchemy.exc.OperationalError)


def _driver_error(error: Exception) -> BaseException:
    """The database driver's own exception inside SQLAlchemy's or oslo.db's."""
    return getattr(_unwrapped(error), "orig", None) or error


def _unwrapped(error: Exception) -> BaseException | None:
    """SQLAlchemy's exception inside oslo.db's."""
    return error.inner_exception if isinstance(error, db_exc.DBError) else error


def _sqlite_code(error: sqlite3.Error) -> int | None:
    """The primary result code; extended ones carry it in their low byte."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _sqlstate(error: BaseException) -> str | None:
    return getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)


def _number(error: BaseException) -> int | None:
    """The number of a MySQL driver's error."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, int) else None


def cause_of(error: Exception) -> str:
    """The driver's words without statement and parameters, which may hold secrets."""
    lines = str(_driver_error(error)).strip().splitlines() if _unwrapped(error) else []
    return lines[0] if lines else type(error).__name__
