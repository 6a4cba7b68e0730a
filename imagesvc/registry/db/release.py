"""Giving a database back to Glance: everything of ours is settled and removed, and the schema is Glance's again.

What is ours is known by its name: tables and indexes begin with ``imagesvc_`` (an index of our tables may have ``ix_`` before
it), columns stand in :data:`OWN_COLUMNS`.  So it does not matter how far a migration, or a release before, had come.

On SQLite and PostgreSQL all of it is one transaction.  MySQL and MariaDB commit with every table, so the order counts there:
from the first step on no registry takes the schema for current, the ledger of calls goes next, without which nothing writes, and
the version table goes last, so whoever is interrupted finds it and goes on.
"""

from collections.abc import Callable, Iterator

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from imagesvc import exception
from imagesvc.registry.db import adoption, children, ddl, models, revisions, scripts, session, uploads
from imagesvc.registry.db.transaction import Transaction

Report = Callable[[str], None]

#: Our columns of Glance's tables.
OWN_COLUMNS = {
    "images": ("version",),
    "image_tags": ("image_created_at",),
    "image_properties": ("image_created_at",),
}

_PREFIX = "imagesvc_"
_LEDGER = models.rpc_ops.name
#: Seconds to wait for transactions that are under way.
_LOCK_SECONDS = 120

_images = models.images
_intents = models.upload_intents
_locations = models.image_locations

#: The janitor's ledger.
_IS_TO_BE_REMOVED = (_locations.c.status == children.PENDING_DELETE, _locations.c.deleted == sa.false())


def release(connection: Connection, report: Report, *, force: bool = False) -> None:
    """Remove everything of ours; with nothing of ours in it the database is left as it is.

    :param force: end uploads that are under way, and leave leftovers of aborted ones where they are.
    :raises exception.Conflict: an image is being written, or leftovers are still to be removed; nothing was changed.
    """
    tables = _own_tables(connection)
    if not tables and not any(_own_parts(connection)):
        report("There is nothing of imagesvc in this database.")
        return
    _refuse_newer(connection)
    _lock(connection, tables)
    if not force:
        _refuse_unsettled(connection, tables)
    _begin(connection, tables)
    _settle(connection, tables, Transaction(connection, session.now_ms(connection)), report)
    _remove(connection)
    report("The database is Glance's again. To come back, run 'glance-manage db_sync'.")


# -- what is ours ------------------------------------------------------------------------------------


def _own_tables(connection: Connection) -> list[str]:
    return sorted(name for name in sa.inspect(connection).get_table_names() if name.startswith(_PREFIX))


def _own_parts(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """(kind, table, name) of our indexes and columns of Glance's tables."""
    inspector = sa.inspect(connection)
    for table in inspector.get_table_names():
        if table.startswith(_PREFIX):
            continue
        for index in inspector.get_indexes(table):
            if (index["name"] or "").startswith(_PREFIX):
                yield "index", table, str(index["name"])
        found = {column["name"] for column in inspector.get_columns(table)}
        yield from (("column", table, name) for name in OWN_COLUMNS.get(table, ()) if name in found)


def _refuse_newer(connection: Connection) -> None:
    unknown = adoption.stamped(connection, revisions.OWN_VERSION_TABLE) - scripts.OWN.known
    if unknown:
        raise exception.Conflict(
            reason=f"Revision {', '.join(sorted(unknown))} is of a newer release of imagesvc; use its glance-manage. "
            "Nothing was changed."
        )


# -- what is not settled -----------------------------------------------------------------------------


def _refuse_unsettled(connection: Connection, tables: list[str]) -> None:
    busy = {image.image_id: image for image in adoption.in_flight(connection)}
    leftovers: list[str] = []
    if _intents.name in tables:
        columns = _intents.c
        live = sa.select(columns.image_id, columns.store, columns.host).where(columns.state == uploads.LIVE)
        for image_id, store, host in connection.execute(live):
            busy[image_id] = adoption.Busy(image_id, f"upload to store {store} by host {host}")
        leftovers = _uploads(connection, uploads.ABORTED)
    if busy:
        raise exception.Conflict(
            reason=f"{adoption.named(sorted(busy.values()))}. Let them finish and stop glance-api first, or repeat the command "
            "with --force: these images will be queued again. Nothing was changed."
        )
    if leftovers:
        raise exception.Conflict(
            reason=f"{len(leftovers)} aborted uploads may have left data behind: {adoption.some(leftovers)}. A running "
            "glance-api removes it within seconds; or repeat the command with --force to leave it there. Nothing was changed."
        )


def _uploads(connection: Connection, state: str) -> list[str]:
    """Uploads in ``state`` that may have bytes in a store, in words."""
    columns = _intents.c
    found = sa.select(columns.upload_id, columns.image_id, columns.store).where(columns.state == state)
    return [
        f"upload {upload_id} of image {image_id} to store {store}"
        for upload_id, image_id, store in connection.execute(found.order_by(columns.created_ms, columns.upload_id))
    ]


# -- steps -------------------------------------------------------------------------------------------


def _lock(connection: Connection, tables: list[str]) -> None:
    """Keep registries out, where a database can: from looking at what is under way until the end nothing begins.

    Theirs are taken in the order in which registries take theirs, so nobody waits for each other.
    """
    if connection.dialect.name == "postgresql":
        names = ", ".join([*sorted(tables, key=lambda name: name != _LEDGER), _images.name, _locations.name])
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
    elif connection.dialect.name in {"mysql", "mariadb"}:
        connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}")


def _begin(connection: Connection, tables: list[str]) -> None:
    """From here on no registry takes the schema for current, and none can write: every call writes to the ledger first."""
    if revisions.OWN_VERSION_TABLE in tables:
        connection.execute(sa.delete(sa.table(revisions.OWN_VERSION_TABLE)))
    if _LEDGER in tables:
        models.rpc_ops.drop(connection)


def _settle(connection: Connection, tables: list[str], tx: Transaction, report: Report) -> None:
    if _intents.name in tables:
        for state in (uploads.LIVE, uploads.ABORTED):
            for upload in _uploads(connection, state):
                report(f"What {upload} left behind stays there.")
    if count := _requeue(connection, tx):
        report(f"Queued {count} images again that were being written.")
    if count := _hand_over_deletions(connection, tx):
        report(f"Data of {count} deleted images is still to be removed: run Glance's glance-scrubber.")
    for line in _give_up_locations(connection, tx):
        report(line)


def _requeue(connection: Connection, tx: Transaction) -> int:
    """saving, uploading, importing -> queued; how many."""
    no_data = dict.fromkeys(("size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"))
    statement = sa.update(_images).where(_images.c.status.in_(adoption.IN_FLIGHT), _images.c.deleted == sa.false())
    return connection.execute(statement.values(status="queued", updated_at=tx.now, **no_data)).rowcount


def _hand_over_deletions(connection: Connection, tx: Transaction) -> int:
    """Make deleted images with data what Glance makes of them with delayed_delete, so its scrubber finds it; how many."""
    with_data = sa.select(_locations.c.image_id).where(*_IS_TO_BE_REMOVED)
    statement = sa.select(_images.c.id).where(_images.c.deleted == sa.true(), _images.c.id.in_(with_data))
    image_ids = sorted(connection.execute(statement).scalars())
    for image_id in image_ids:
        connection.execute(sa.update(_images).where(_images.c.id == image_id).values(status="pending_delete"))
        _mark_deleted(connection, tx, _locations.c.image_id == image_id)
    return len(image_ids)


def _give_up_locations(connection: Connection, tx: Transaction) -> list[str]:
    """What was removed from images that are there still, which no tool of Glance looks for; in words."""
    statement = sa.select(_locations.c.id, _locations.c.image_id).where(*_IS_TO_BE_REMOVED).order_by(_locations.c.id)
    found = connection.execute(statement).all()
    _mark_deleted(connection, tx)
    return [f"The data of location {row_id}, once of image {image_id}, stays there." for row_id, image_id in found]


def _mark_deleted(connection: Connection, tx: Transaction, *which: sa.ColumnElement[bool]) -> None:
    statement = sa.update(_locations).where(*_IS_TO_BE_REMOVED, *which)
    connection.execute(statement.values(deleted=True, deleted_at=tx.now, updated_at=tx.now))


def _remove(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        for kind, table, name in list(_own_parts(connection)):
            if kind == "index":
                ddl.drop_index(name, table)
            else:
                ddl.drop_column(table, name)
        # False sorts first: the version table is the last to go.
        for name in sorted(_own_tables(connection), key=lambda name: name == revisions.OWN_VERSION_TABLE):
            ddl.drop_table(name)
