"""Transactions: every access of the registry to its database goes through :class:`Database`.

What leaves this file is either a domain error of :mod:`imagesvc.exception` or oslo.db's DBDuplicateEntry and
DBReferenceError, which only the statement's author can interpret.
"""

import contextlib
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import sqlalchemy
from oslo_config import cfg
from oslo_db import exception as db_exc
from sqlalchemy.engine import Connection

from imagesvc import exception
from imagesvc.registry.db import engines, errors, revisions, trips

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: Tries of one transaction, and seconds after which no further one is made: callers wait for 15.
MAX_TRIES = 5
RETRY_SECONDS = 10.0
#: Seconds after which a server that does not answer is taken for lost: no caller waits for longer.
ANSWER_SECONDS = 30


class _Process:
    """What belongs to one process and must not be shared with its children."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.pid = os.getpid()
        engine = engines.create_engine(conf, answer_seconds=ANSWER_SECONDS)
        if engine.dialect.name != "sqlite":
            trips.save(engine)
        self.engine = engine
        self.looker = engines.looker_of(engine)
        self.reader = engines.reader_of(engine)
        self.writer = engines.writer_of(engine)
        # SQLite has one writer at a time; waiting here is fair and wakes at once, SQLite's own waiting polls.
        self.turn = threading.Lock() if engine.dialect.name == "sqlite" else None


class Database:
    """The registry's database; connects when first used, anew in each process, and again whenever it must.

    Safe to share between threads and across fork.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._inherited: list[_Process | None] = []
        self._schema_seen = False

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads and sees one snapshot throughout.

        :raises exception.SchemaMissing: glance-manage db_sync has not been run.
        :raises exception.DatabaseUnavailable: the database does not answer.
        """
        self.check_schema()
        with self._translated(), self._current().reader.connect() as connection:
            yield connection

    def run_read(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn(connection)`` in a transaction as :meth:`read` makes them, again after a lost connection, and return its result.

        :raises exception.SchemaMissing: glance-manage db_sync has not been run.
        :raises exception.DatabaseUnavailable: the tries or the time are used up.
        """
        return self._run(self._read_once, fn)

    def run_look(self, fn: Callable[[Connection], T]) -> T:
        """As :meth:`run_read` for a read of one statement, which costs less; several would each see a snapshot of its own."""
        return self._run(self._look_once, fn)

    def run_write(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn(connection)`` in one transaction, commit it and return its result.

        After a deadlock, a serialization failure, a lock that was not given or a lost connection everything is rolled
        back and ``fn`` runs again, so it must change nothing but the database.  A connection lost during the commit
        leaves open whether it took place: ``fn`` must recognise its own earlier success (the operation ledger does).

        :raises exception.SchemaMissing: glance-manage db_sync has not been run.
        :raises exception.DatabaseUnavailable: the tries or the time are used up; nothing is known to be written.
        """
        return self._run(self._write_once, fn)

    def _run(self, once: Callable[[Callable[[Connection], T]], T], fn: Callable[[Connection], T]) -> T:
        self.check_schema()
        stop = time.monotonic() + RETRY_SECONDS
        for attempt in range(1, MAX_TRIES + 1):
            try:
                return once(fn)
            except (db_exc.DBError, sqlalchemy.exc.DBAPIError) as error:
                if not errors.is_transient(error):
                    self._raise_translated(error)
                LOG.info("Database transaction failed (try %d of %d): %s", attempt, MAX_TRIES, errors.cause_of(error))
                if attempt == MAX_TRIES or time.monotonic() >= stop:
                    raise exception.DatabaseUnavailable from error
            except sqlalchemy.exc.TimeoutError as error:
                raise exception.DatabaseUnavailable from error
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - spreads contenders, guards nothing
        raise AssertionError("unreachable: the last try returns or raises")

    def check_schema(self, *, anew: bool = False) -> None:
        """Make sure the schema is the one this release works on; costs nothing once it was.

        :param anew: look again, and believe what is found: the database may have been given back to Glance.
        :raises exception.SchemaMissing: it is not; asked again, the database is looked at again.
        :raises exception.DatabaseUnavailable: the database does not answer.
        """
        if self._schema_seen and not anew:
            return
        with self._translated(), self._current().reader.connect() as connection:
            glance = _stamped(connection, revisions.GLANCE_VERSION_TABLE)
            own = _stamped(connection, revisions.OWN_VERSION_TABLE)
        self._schema_seen = revisions.is_current(glance, own)
        if not self._schema_seen:
            raise exception.SchemaMissing

    def dispose(self) -> None:
        """Close this process's pooled connections; the next use opens new ones."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None and process.pid == os.getpid():
            process.engine.dispose()

    def _read_once(self, fn: Callable[[Connection], T]) -> T:
        with self._current().reader.connect() as connection:
            return fn(connection)

    def _look_once(self, fn: Callable[[Connection], T]) -> T:
        with self._current().looker.connect() as connection:
            return fn(connection)

    def _write_once(self, fn: Callable[[Connection], T]) -> T:
        process = self._current()
        with contextlib.ExitStack() as stack:
            if process.turn is not None:
                if not process.turn.acquire(timeout=RETRY_SECONDS):
                    raise exception.DatabaseUnavailable
                stack.callback(process.turn.release)
            return fn(stack.enter_context(process.writer.begin()))

    def _current(self) -> _Process:
        with self._lock:
            if self._process is None or self._process.pid != os.getpid():
                # A parent's connections are kept, for even closing them here could end them for the parent too.
                self._inherited.append(self._process)
                self._process = _Process(self._conf)
            return self._process

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (db_exc.DBError, sqlalchemy.exc.DBAPIError) as error:
            self._raise_translated(error)
        except sqlalchemy.exc.TimeoutError as error:
            raise exception.DatabaseUnavailable from error

    def _raise_translated(self, error: Exception) -> None:
        """Raise the domain error for a driver's, or the driver's own when there is none (a defect of ours)."""
        if isinstance(error, db_exc.DBDuplicateEntry | db_exc.DBReferenceError):
            raise error
        if errors.is_missing_schema(error):
            self._schema_seen = False
            raise exception.SchemaMissing from error
        if errors.is_missing_column(error):
            self.check_schema(anew=True)
            raise error
        if isinstance(error, db_exc.DBDataError) or errors.is_bad_value(error):
            raise exception.Invalid(
                reason="The database has no room for a value of this request, for example a character beyond its character set."
            ) from error
        if errors.is_transient(error) or errors.is_environment(error):
            LOG.warning("The database is unavailable: %s", errors.cause_of(error))
            raise exception.DatabaseUnavailable from error
        raise error


def now_ms(connection: Connection) -> int:
    """Milliseconds since 1970 on the database's clock, the one clock all registries share."""
    statement = _CLOCKS.get(connection.dialect.name)
    if statement is None:
        return time.time_ns() // 1_000_000  # SQLite runs in this process: its clock is this host's
    return int(connection.execute(statement).scalar_one())


_MYSQL_CLOCK = sqlalchemy.text("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000")
_CLOCKS = {
    "mysql": _MYSQL_CLOCK,
    "mariadb": _MYSQL_CLOCK,
    "postgresql": sqlalchemy.text("SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)"),
}


def _stamped(connection: Connection, version_table: str) -> set[str]:
    column = sqlalchemy.column("version_num", sqlalchemy.String)
    return set(connection.execute(sqlalchemy.select(column).select_from(sqlalchemy.table(version_table))).scalars())
