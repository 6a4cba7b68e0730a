"""Rows that the database writes down as JSON: one text each, which costs a tenth of what drivers in Python take for columns.

What comes back is what JSON has: numbers, texts, null; of booleans and times each database has a form of its own
(:func:`to_bool`, :func:`to_time`).
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from imagesvc import jsontext

Row = list[Any]


class row(FunctionElement[str]):  # noqa: N801 - SQLAlchemy's functions are named like this
    """The row of its arguments as the text of a JSON array."""

    name = "jsonrows_row"
    inherit_cache = True
    type = Text()


@compiles(row)
def _json_array(element: row, compiler: Any, **options: Any) -> str:
    """SQLite, MariaDB from 10.2 and MySQL from 5.7.8."""
    return f"json_array({compiler.process(element.clauses, **options)})"


@compiles(row, "postgresql")
def _json_build_array(element: row, compiler: Any, **options: Any) -> str:
    return f"CAST(json_build_array({compiler.process(element.clauses, **options)}) AS TEXT)"


def fetch(connection: Connection, statement: Any, arguments: Mapping[str, Any]) -> list[Row]:
    """The rows of a SELECT, or of several by UNION ALL, whose one column is a :class:`row`."""
    texts = connection.execute(statement, arguments).scalars().all()
    rows: list[Row] = jsontext.loads(f"[{','.join(texts)}]")
    return rows


def to_bool(value: int | bool | None) -> bool | None:
    return None if value is None else bool(value)


def to_time(text: str | None) -> str | None:
    """A time as :mod:`imagesvc.objects` writes it; databases differ in the separator and in zeros at the end."""
    return None if text is None else dt.datetime.fromisoformat(text).isoformat()
