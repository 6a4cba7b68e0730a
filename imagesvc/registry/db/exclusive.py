"""Connections for glance-manage: one migration at a time, on a database that may not exist or not answer yet."""

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence

import sqlalchemy
from oslo_config import cfg
from oslo_db import exception as db_exc
from sqlalchemy.engine import Connection, Engine

from imagesvc import exception
from imagesvc.registry.db import engines, errors, sqlite

LOG = logging.getLogger(__name__)

#: Seconds to wait for another migration that runs at the same time.
LOCK_SECONDS = 120

#: Statements that take a lock, the last giving 0 or a transient error when it was not given in time; one that releases it.
_MYSQL = ((f"SELECT GET_LOCK('imagesvc_db_sync', {LOCK_SECONDS})",), "SELECT RELEASE_LOCK('imagesvc_db_sync')")
_LOCKS = {
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "postgresql": (
        (f"SET lock_timeout = '{LOCK_SECONDS}s'", "SELECT pg_advisory_lock(1768777587)"),
        "SELECT pg_advisory_unlock(1768777587)",
    ),
}


@contextlib.contextmanager
def exclusive(conf: cfg.ConfigOpts) -> Iterator[Connection]:
    """A connection for one migration at a time; makes SQLite's file, and commits at the end.

    :raises exception.DatabaseUnavailable: another migration does not end, or the database does not answer.
    """
    if engines.database_url(conf).get_backend_name() == "sqlite":
        sqlite.create_file(engines.database_url(conf))
    with _engine(conf) as engine, _told():
        _wait_for(engine, conf)
        with _lock(engine), engines.writer_of(engine).begin() as connection:
            yield connection


@contextlib.contextmanager
def reading(conf: cfg.ConfigOpts) -> Iterator[Connection | None]:
    """A connection to look with; None when there is no database yet."""
    url = engines.database_url(conf)
    if url.get_backend_name() == "sqlite" and not sqlite.path_of(url).exists():
        yield None
        return
    with _engine(conf) as engine, _told():
        _wait_for(engine, conf)
        with engine.connect() as connection:
            yield connection


@contextlib.contextmanager
def _engine(conf: cfg.ConfigOpts) -> Iterator[Engine]:
    engine = engines.create_engine(conf, lock_seconds=LOCK_SECONDS, foreign_keys=False)
    try:
        yield engine
    finally:
        engine.dispose()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of the database, not of ours, in the words of its driver and without a traceback."""
    try:
        yield
    except (db_exc.DBError, sqlalchemy.exc.DBAPIError) as error:
        is_ours = not (errors.is_transient(error) or errors.is_environment(error))
        if is_ours and not isinstance(error, db_exc.DBNonExistentDatabase):
            raise
        raise exception.DatabaseUnavailable(msg=f"The database cannot be used: {errors.cause_of(error)}") from error


def _wait_for(engine: Engine, conf: cfg.ConfigOpts) -> None:
    """Operators run db_sync while the database server is still starting."""
    left = conf.database.max_retries
    while True:
        try:
            engine.connect().close()
        except (db_exc.DBError, sqlalchemy.exc.DBAPIError) as error:
            if left == 0 or not errors.is_unreachable(error):
                raise
            LOG.warning("SQL connection failed. %s attempts left.", left if left > 0 else "Unlimited")
            left -= left > 0
            time.sleep(conf.database.retry_interval)
        else:
            return


@contextlib.contextmanager
def _lock(engine: Engine) -> Iterator[None]:
    """Held by a connection of its own until the migration is committed: on MySQL every change of a table commits.

    SQLite needs none: its writers take the database's lock first.
    """
    if engine.dialect.name not in _LOCKS:
        yield
        return
    take, release = _LOCKS[engine.dialect.name]
    with engine.connect() as guard:
        if not _is_given(guard, take):
            raise exception.DatabaseUnavailable(msg="Another migration of this database is still running.")
        yield
        guard.execute(sqlalchemy.text(release))  # an error closes the connection, which releases it too


def _is_given(guard: Connection, take: Sequence[str]) -> bool:
    try:
        answers = [guard.execute(sqlalchemy.text(statement)) for statement in take]
    except (db_exc.DBError, sqlalchemy.exc.DBAPIError) as error:
        if errors.is_lock_timeout(error):
            return False
        raise
    return answers[-1].scalar() != 0
