"""Fewer round trips to a database server: a short read needs one, where SQLAlchemy and its drivers make three.

A connection that answered a moment ago is not asked how it is; should it be lost, transactions run again
(:mod:`imagesvc.registry.db.session`).  On MySQL connections begin transactions only when told so, and nothing is rolled back
where none was begun.
"""

import contextlib
import time
from typing import Any

import sqlalchemy
from sqlalchemy.engine import Connection, Engine

from imagesvc.registry.db import sqlite

#: Seconds of rest after which a connection is asked whether it still lives.
REST_SECONDS = 1.0
#: The server's flag for "a transaction is open", which comes with every answer.
_IN_TRANSACTION = 0x0001


def save(engine: Engine) -> None:
    """Have a server's engine do without the trips that are not needed; before its first use."""
    engine.pool._pre_ping = False  # noqa: SLF001 - oslo.db leaves no choice
    _ask_after_a_rest(engine)
    if engine.dialect.name == "mysql":
        _begin_when_told(engine)
        _roll_back_what_was_begun(engine)


def _ask_after_a_rest(engine: Engine) -> None:
    @sqlalchemy.event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    @sqlalchemy.event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: object) -> None:
        since = record.info.get("rests_since")
        if since is None or time.monotonic() - since < REST_SECONDS:
            return
        if not engine.dialect._do_ping_w_event(connection):  # noqa: SLF001 - what the pool itself does
            raise sqlalchemy.exc.InvalidatePoolError


def _begin_when_told(engine: Engine) -> None:
    @sqlalchemy.event.listens_for(engine, "do_connect")
    def commit_each_statement(_dialect: object, _record: object, _arguments: object, keywords: dict[str, Any]) -> None:
        keywords["autocommit"] = True

    @sqlalchemy.event.listens_for(engine, "begin")
    def note(connection: Connection) -> None:
        connection.info[sqlite.BEGIN] = connection.get_execution_options().get(sqlite.BEGIN, "BEGIN")

    def do_begin(connection: Any) -> None:
        # By a cursor of the driver's: a statement of SQLAlchemy's costs three times as much.
        if (begin_with := connection.info[sqlite.BEGIN]) is not None:
            with contextlib.closing(connection.cursor()) as cursor:
                cursor.execute(begin_with)

    engine.dialect.do_begin = do_begin  # type: ignore[method-assign, assignment]


def _roll_back_what_was_begun(engine: Engine) -> None:
    roll_back = engine.dialect.do_rollback

    def do_rollback(connection: Any) -> None:
        # mysqlclient does not tell.
        if getattr(connection, "server_status", _IN_TRANSACTION) & _IN_TRANSACTION:
            roll_back(connection)

    engine.dialect.do_rollback = do_rollback  # type: ignore[method-assign, assignment]
