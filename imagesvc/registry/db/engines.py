"""SQLAlchemy engines: how each kind of database is opened, pooled and put into transactions.

Servers (MySQL, MariaDB, PostgreSQL) are opened by oslo.db, SQLite by :mod:`imagesvc.registry.db.sqlite`; errors go through
oslo.db's filters on both ways, so the rest of the registry sees one set of exceptions.
"""

import contextlib
import functools
import importlib.util
import logging
from pathlib import Path
from typing import Any

import sqlalchemy
from oslo_config import cfg
from oslo_db.sqlalchemy import engines as oslo_engines
from oslo_db.sqlalchemy import exc_filters
from sqlalchemy.engine import URL, Engine, make_url

from imagesvc import exception
from imagesvc.registry.db import location_urls, sqlite

LOG = logging.getLogger(__name__)

#: Seconds to wait for a database server to accept a connection.
CONNECT_TIMEOUT = 5
#: What ends connections to a host that is not there any more, without a word: 25 s after its last sign of life.
_POSTGRESQL_KEEPALIVE = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}


def database_url(conf: cfg.ConfigOpts) -> URL:
    """The URL to connect to, with old spellings and missing drivers put right.

    :raises exception.ConfigurationError: the configured URL cannot be used; the message never shows a password.
    """
    if not conf.database.connection:
        return URL.create("sqlite", database=str(Path(conf.state_path).absolute() / "glance.sqlite"))
    try:
        url = make_url(conf.database.connection)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise exception.ConfigurationError(reason="[database] connection is not a SQLAlchemy URL.") from None
    if "@" in (url.host or ""):
        raise exception.ConfigurationError(reason="[database] connection: write an @ in the password as %40.")
    if conf.database.connection_parameters:
        url = url.update_query_string(conf.database.connection_parameters, append=True)
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise exception.ConfigurationError(reason="[database] connection must name a file: memory is not shared.")
        return url
    return _with_connect_arguments(_with_driver(url))


def _with_driver(url: URL) -> URL:
    """The driver that is installed, where the URL leaves open or has open which it is to be."""
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    if url.get_backend_name() == "mariadb":
        # oslo.db recognises errors of "mysql" alone.
        url = url.set(drivername=url.drivername.replace("mariadb", "mysql", 1))
    if url.drivername in ("mysql", "mysql+mysqldb"):
        return url.set(drivername="mysql+mysqldb" if _importable("MySQLdb") else _pymysql_for(url))
    if url.drivername == "postgresql":
        # SQLAlchemy 2.1 takes this for psycopg, older releases took it for psycopg2, and guides mean either.
        return url.set(drivername=f"postgresql+{'psycopg' if _importable('psycopg') else 'psycopg2'}")
    return url


def _pymysql_for(url: URL) -> str:
    # Not the query: it may hold a password.
    shown = url.set(query={}).render_as_string(hide_password=True)
    _say_once(f"mysqlclient is not installed; using PyMySQL for {shown}.")
    return "mysql+pymysql"


@functools.cache
def _say_once(line: str) -> None:
    LOG.info("%s", line)


def _importable(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _with_connect_arguments(url: URL) -> URL:
    """What drivers get unless the operator's URL says otherwise."""
    wanted = {"connect_timeout": str(CONNECT_TIMEOUT)}
    if url.get_backend_name() == "mysql":
        # oslo.db would ask for utf8, which on MySQL cannot carry all of Unicode to our own tables.
        wanted["charset"] = "utf8mb4"
    elif url.get_backend_name() == "postgresql":
        wanted |= _POSTGRESQL_KEEPALIVE
    return url.update_query_dict({name: value for name, value in wanted.items() if name not in url.query})


def create_engine(
    conf: cfg.ConfigOpts,
    *,
    lock_seconds: int = sqlite.LOCK_SECONDS,
    answer_seconds: int | None = None,
    foreign_keys: bool = True,
) -> Engine:
    """An engine for this process; connects to nothing yet.

    :param lock_seconds: how long a statement waits for another transaction's lock.
    :param answer_seconds: after how long a MySQL server that does not answer a statement is taken for lost; None for never.
    :param foreign_keys: whether SQLite enforces them; rebuilding a table needs them off.
    :raises exception.ConfigurationError: the URL, its driver or the key of locations cannot be used.
    """
    # What it does not know it would log with a traceback; here it is told, or logged where it cannot be.
    logging.getLogger(exc_filters.__name__).setLevel(logging.CRITICAL)
    url = database_url(conf)
    urls = location_urls.LocationUrls(conf.metadata_encryption_key)
    try:
        engine = _create_engine(url, conf, lock_seconds, answer_seconds, foreign_keys=foreign_keys)
    except (ImportError, sqlalchemy.exc.NoSuchModuleError):
        raise exception.ConfigurationError(
            reason=f"[database] connection needs a driver for {url.drivername} that is not installed."
        ) from None
    engine.update_execution_options(**{location_urls.OPTION: urls})
    return engine


def _create_engine(
    url: URL, conf: cfg.ConfigOpts, lock_seconds: int, answer_seconds: int | None, *, foreign_keys: bool
) -> Engine:
    if url.get_backend_name() == "sqlite":
        return sqlite.create_engine(url, conf.database, lock_seconds=lock_seconds, foreign_keys=foreign_keys)
    if answer_seconds is not None and url.get_backend_name() == "mysql":
        patience = {"read_timeout": str(answer_seconds), "write_timeout": str(answer_seconds)}
        url = url.update_query_dict({name: value for name, value in patience.items() if name not in url.query})
    return _create_server_engine(url, conf, lock_seconds)


def _create_server_engine(url: URL, conf: cfg.ConfigOpts, lock_seconds: int) -> Engine:
    options = conf.database
    engine: Engine = oslo_engines.create_engine(
        url,
        mysql_sql_mode=options.mysql_sql_mode or None,
        mysql_wsrep_sync_wait=options.mysql_wsrep_sync_wait,
        connection_recycle_time=options.connection_recycle_time,
        connection_debug=options.connection_debug,
        connection_trace=options.connection_trace,
        max_pool_size=options.max_pool_size,
        max_overflow=options.max_overflow,
        pool_timeout=options.pool_timeout,
        max_retries=0,  # a missing database must not keep the daemon from starting
        thread_checkin=False,
    )
    engine.hide_parameters = True  # an error's text must not show them
    setting = _SESSION[engine.dialect.name].format(seconds=lock_seconds)

    def set_up(connection: Any, _record: object) -> None:
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(f"SET SESSION {setting}")
        connection.commit()  # or PostgreSQL forgets it with the first transaction that is rolled back

    sqlalchemy.event.listen(engine, "connect", set_up)
    if engine.driver == "pymysql":
        sqlalchemy.event.listen(engine, "do_connect", _encode_password)
    if engine.dialect.name == "postgresql":
        sqlalchemy.event.listen(engine, "handle_error", _drop_excerpt)
    return engine


def _drop_excerpt(context: Any) -> None:
    """Cut PostgreSQL's excerpt of the statement, in which psycopg2 has put the values, out of an error's text."""
    # The last one is not even unset where no other listener made one of it: at the ping of a connection that was cut.
    chained = getattr(context, "chained_exception", None)
    for error in (context.original_exception, context.sqlalchemy_exception, chained):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\nLINE ")[0], *error.args[1:])


def _encode_password(_dialect: object, _record: object, _arguments: object, keywords: dict[str, Any]) -> None:
    """PyMySQL would take Latin-1 for it, where guides' CREATE USER and mysqlclient take UTF-8."""
    if isinstance(keywords.get("password"), str):
        keywords["password"] = keywords["password"].encode()


#: Intersecting indexes of columns that hold a handful of values reads most of a table.  The server's own patience is 50 s for
#: a row and a day for a table that a backup has locked (MySQL), or endless.
_SESSION = {
    "mysql": "optimizer_switch = 'index_merge_intersection=off', innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}",
    "postgresql": "lock_timeout = '{seconds}s'",
}


def writer_of(engine: Engine) -> Engine:
    """The same pool for transactions that write: on SQLite they take the write lock first, so they never deadlock."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{sqlite.BEGIN: "BEGIN IMMEDIATE"})
    return engine


def reader_of(engine: Engine) -> Engine:
    """The same pool for transactions that only read and see one snapshot (SQLite's and InnoDB's default)."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine


def looker_of(engine: Engine) -> Engine:
    """The same pool for reads of one statement each, which sees one snapshot without a transaction around it.

    Not so on PostgreSQL: drivers may talk to the server to end its AUTOCOMMIT, at a moment when SQLAlchemy expects no failure and loses
    the connection's place in the pool.
    """
    if engine.dialect.name == "postgresql":
        return engine
    return engine.execution_options(**{sqlite.BEGIN: None})
