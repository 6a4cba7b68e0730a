"""SQLite: its file, and engines with the settings that keep acknowledged commits.

Not by oslo.db, which opens the file anew for every transaction (ten times the cost of a short read) and leaves the
durability settings as they are.
"""

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from oslo_config import cfg
from oslo_db.sqlalchemy import exc_filters
from sqlalchemy.engine import URL, Connection, Engine

from imagesvc import exception

#: Seconds SQLite itself waits for another process's write before it reports the database as locked.
LOCK_SECONDS = 5
#: Execution option with the statement that opens a transaction, None to open none.
BEGIN = "imagesvc_begin"


def path_of(url: URL) -> Path:
    return Path(str(url.database)).absolute()


def create_file(url: URL) -> None:
    """Make an empty database that the world cannot read, unless there is one; its directory too.

    Made by root in another user's directory, it belongs to that user: the daemon must be able to write it.

    :raises exception.ConfigurationError: it cannot be made there.
    """
    path = path_of(url)
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _create_empty(path)
    except OSError as error:
        raise exception.ConfigurationError(reason=f"Cannot create the database {path}: {error.strerror}.") from error


def _create_empty(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o640))
    except FileExistsError:
        return
    owner = path.parent.stat()
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)
    _fsync(path.parent)


def _fsync(directory: Path) -> None:
    """SQLite syncs the directory for the files it makes itself; this one is ours."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_engine(url: URL, options: cfg.ConfigOpts, *, lock_seconds: int, foreign_keys: bool) -> Engine:
    """An engine on an existing file; connects to nothing yet.

    :param options: the [database] section.
    """
    path = path_of(url)
    engine = sqlalchemy.create_engine(
        url,
        creator=_creator(url, path, lock_seconds),
        hide_parameters=True,  # an error's text must not show them
        pool_size=options.max_pool_size,
        max_overflow=options.max_overflow,
        pool_timeout=options.pool_timeout,
    )
    _set_verbosity(options.connection_debug)
    exc_filters.register_engine(engine)
    _pin_settings(engine, foreign_keys)
    _replace_stale_connections(engine, path)
    return engine


def _set_verbosity(connection_debug: int) -> None:
    """What oslo.db does with the option for the other databases."""
    level = logging.DEBUG if connection_debug == 100 else logging.INFO if connection_debug >= 50 else logging.WARNING
    logging.getLogger("sqlalchemy.engine").setLevel(level)


def _creator(url: URL, path: Path, lock_seconds: int) -> Callable[[], sqlite3.Connection]:
    """Opens an existing file only: a daemon must not leave an empty database behind (glance-manage creates it)."""
    arguments = dict(url.get_dialect()().create_connect_args(url)[1])
    arguments.update(uri=True, timeout=lock_seconds, isolation_level=None, check_same_thread=False)

    def connect() -> sqlite3.Connection:
        try:
            connection: sqlite3.Connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", **arguments)
        except sqlite3.OperationalError as error:
            if _inode(path) is None:
                raise
            # SQLite has the same words for a missing file and for one it may not read, oslo.db takes both as missing.
            denied = sqlite3.OperationalError(f"{path} cannot be opened; are its owner and mode right?")
            denied.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise denied from error
        return connection

    return connect


def _inode(path: Path) -> int | None:
    """The file's inode, 0 when this process may not know, None when there is no file."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
    except OSError:
        return 0


def _pin_settings(engine: Engine, foreign_keys: bool) -> None:
    @sqlalchemy.event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        # FULL, because WAL with NORMAL loses acknowledged commits in a power cut.
        connection.execute("PRAGMA journal_mode = WAL").close()
        connection.execute("PRAGMA synchronous = FULL").close()
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}").close()

    @sqlalchemy.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Python's sqlite3 would begin only before the first write, so reads would see no snapshot.
        begin_with = connection.get_execution_options().get(BEGIN, "BEGIN")
        if begin_with is not None:
            connection.exec_driver_sql(begin_with)


def _replace_stale_connections(engine: Engine, path: Path) -> None:
    """Never reuse a connection in a forked child, nor after the file was replaced, say by a restored backup."""

    def identity() -> tuple[int, int | None]:
        return os.getpid(), _inode(path)

    @sqlalchemy.event.listens_for(engine, "connect")
    def remember(_connection: sqlite3.Connection, record: Any) -> None:
        record.info["identity"] = identity()

    @sqlalchemy.event.listens_for(engine, "checkout")
    def compare(_connection: sqlite3.Connection, record: Any, _proxy: object) -> None:
        if record.info["identity"] != identity():
            raise sqlalchemy.exc.DisconnectionError("the connection is another process's or file's")
