"""Changes to tables that may be repeated: what is already there, or already gone, is left as it is.

Migration scripts use these instead of alembic's operations, because MySQL and MariaDB commit every change of a table at once,
so a migration that was interrupted starts again from its middle.  On SQLite and PostgreSQL all of it is one transaction.
"""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy
from alembic import op
from sqlalchemy import Column, TextClause, UniqueConstraint
from sqlalchemy.engine.reflection import Inspector

#: Options of Glance's tables and of our own; the first are what Glance made them with, wherever it ran.
GLANCE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8",
}
OWN: dict[str, Any] = {**GLANCE, "mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def create_table(name: str, *columns: Column[Any] | UniqueConstraint, options: dict[str, Any]) -> None:
    if not _inspect().has_table(name):
        op.create_table(name, *columns, **options)


def drop_table(name: str) -> None:
    if _inspect().has_table(name):
        op.drop_table(name)


def add_column(table: str, column: Column[Any]) -> None:
    if not has_column(table, column.name):
        op.add_column(table, column)


def drop_column(table: str, column: str) -> None:
    if has_column(table, column):
        op.drop_column(table, column)


def create_index(
    name: str, table: str, columns: Sequence[str | TextClause], nulls_first: Collection[str] = (), **options: Any
) -> None:
    """Make an index.

    :param nulls_first: columns in which PostgreSQL shall have null before everything, as the others do by themselves.
    :param options: what SQLAlchemy understands for single databases.
    """
    if name in _indexes(table):
        return
    first = nulls_first if op.get_bind().dialect.name == "postgresql" else ()
    parts = [sqlalchemy.text(f"{column} NULLS FIRST") if column in first else column for column in columns]
    op.create_index(name, table, parts, **options)


def drop_index(name: str, table: str) -> None:
    if name in _indexes(table):
        op.drop_index(name, table_name=table)


def has_column(table: str, column: str) -> bool:
    return column in {found["name"] for found in _inspect().get_columns(table)}


def _indexes(table: str) -> set[str | None]:
    return {index["name"] for index in _inspect().get_indexes(table)}


def _inspect() -> Inspector:
    inspector: Inspector = sqlalchemy.inspect(op.get_bind())
    return inspector
