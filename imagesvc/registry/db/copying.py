"""Moving a catalogue from one database to another, of whatever kinds: how SQLite is left for a server.

Both are at this release's schema.  The rows go as they are, ids and times included, in one transaction of the target.
"""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc
from sqlalchemy.engine import Connection

from imagesvc import exception
from imagesvc.registry.db import errors, migration, models
from imagesvc.registry.db.location_urls import OPTION, LocationUrls

#: Rows that only matter to processes that are running: who does what, and what the last calls were answered.
_MOMENTARY = (models.rpc_ops, models.location_claims, models.leases)
_TABLES = [table for table in models.metadata.sorted_tables if table not in _MOMENTARY]
_BATCH = 1000


def copy(
    source: Connection, target: Connection, report: Callable[[str], None], *, prefix: tuple[str, str] = ("", "")
) -> None:
    """Write all rows of ``source`` into the empty tables of ``target``.

    :param prefix: what locations begin with in the source, and what they are to begin with in the target.
    :raises exception.Conflict: a schema is not this release's, the target has rows, an upload is under way in the source, or
        the target cannot hold a value; the message says which.
    """
    _require_schema(source, "source")
    _require_schema(target, "target")
    _require_rest(source)
    _require_emptiness(target)
    for table in _TABLES:
        count = _copy_table(source, target, table, prefix)
        if count:
            report(f"Copied {count} rows of {table.name}")
    if target.dialect.name == "postgresql":
        _advance_sequences(target)
    report("Database is copied successfully.")


def _require_schema(connection: Connection, role: str) -> None:
    if migration.check(connection) != migration.UP_TO_DATE:
        raise exception.Conflict(
            reason=f"The {role} database does not have the schema of this release: run 'glance-manage db sync' on it first."
        )


def _require_rest(source: Connection) -> None:
    live = sa.select(sa.func.count()).where(models.upload_intents.c.state == "live")
    if count := source.scalar(live):
        raise exception.Conflict(
            reason=f"{count} upload(s) are under way in the source database. Stop glance-api, wait until glance-registry has "
            "settled them (a minute), and stop glance-registry. Nothing was copied."
        )


def _require_emptiness(target: Connection) -> None:
    for table in _TABLES:
        if target.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise exception.Conflict(
                reason=f"The target database has rows in {table.name} already. Nothing was copied."
            )


def _copy_table(source: Connection, target: Connection, table: sa.Table, prefix: tuple[str, str]) -> int:
    count = 0
    urls: LocationUrls = target.get_execution_options()[OPTION]
    rows = source.execution_options(stream_results=True).execute(sa.select(table))
    for batch in rows.mappings().partitions(_BATCH):
        _insert(
            target,
            table,
            [_moved(row, urls, *prefix) if table is models.image_locations else dict(row) for row in batch],
        )
        count += len(batch)
    return count


def _moved(row: Mapping[Any, Any], urls: LocationUrls, old: str, new: str) -> dict[str, Any]:
    url = urls.opened(row["value"])
    if not (old or new) or not url.startswith(old):
        return dict(row)
    return {**row, "value": urls.sealed(new + url.removeprefix(old))}


def _insert(target: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    try:
        target.execute(table.insert(), rows)
    except (db_exc.DBError, sa.exc.DBAPIError) as error:
        if not (errors.is_bad_value(error) or isinstance(error, db_exc.DBDuplicateEntry)):
            raise
        raise exception.Conflict(
            reason=f"The target database cannot hold a row of {table.name}: {errors.cause_of(error)}. Nothing was copied."
        ) from error


def _advance_sequences(target: Connection) -> None:
    """PostgreSQL numbers new rows from a counter that explicit ids do not move."""
    for table in _TABLES:
        column = table.autoincrement_column
        if column is not None:
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            highest = sa.select(sa.func.max(column)).scalar_subquery()
            target.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(highest, 1), highest.is_not(None))))
