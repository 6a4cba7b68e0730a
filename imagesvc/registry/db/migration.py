"""Bringing a database to the schema of this release; what glance-manage's ``db`` commands do.

Connections come from :mod:`imagesvc.registry.db.exclusive`: one migration at a time, and on SQLite and PostgreSQL all of it or
nothing.  What a step has to say to the operator goes through ``report``, a function of one line.
"""

from collections.abc import Callable

from sqlalchemy.engine import Connection

from imagesvc import exception
from imagesvc.registry.db import adoption, data_migrations, planner, revisions, scripts

Report = Callable[[str], None]

#: Exit codes of ``db check``, which are Glance's.
UP_TO_DATE, EXPAND_NEEDED, MIGRATE_NEEDED, CONTRACT_NEEDED = 0, 3, 4, 5


# -- what the commands do ----------------------------------------------------------------------------


def sync(connection: Connection, report: Report, *, force: bool = False) -> None:
    """Do everything: expand, migrate, contract, then our own tables.

    :param force: adopt a Glance database even while images are being written.
    """
    adoption.prepare(connection)
    adoption.refuse_busy(connection, force=force)
    if is_contracted(connection) and _is_own_current(connection):
        report("Database is up to date. No migrations needed.")
        return
    is_adopted = bool(adoption.stamped(connection, revisions.OWN_VERSION_TABLE))
    if not is_contracted(connection):
        _expand_glance(connection, report)
        migrate(connection, report)
        contract(connection, report)
    _upgrade_own(connection)
    if not is_adopted and (count := adoption.delayed(connection)):
        report(f"Data of {count} deleted images waits for glance-scrubber; it stays where it is.")
    report("Database is synced successfully.")


def expand(connection: Connection, report: Report, *, force: bool = False) -> None:
    """Add what this release needs and former ones do not mind, in Glance's tables and in our own."""
    adoption.prepare(connection)
    adoption.refuse_busy(connection, force=force)
    if is_expanded(connection) and _is_own_current(connection):
        report("Database expansion is up to date. No expansion needed.")
        return
    if not is_expanded(connection):
        _expand_glance(connection, report)
    _upgrade_own(connection)


def migrate(connection: Connection, report: Report) -> None:
    """Rewrite rows for the new schema."""
    adoption.prepare(connection)
    if is_contracted(connection):
        report("Database migration is up to date. No migration needed.")
        return
    if not is_expanded(connection):
        raise exception.Conflict(reason="The database must be expanded first: run 'glance-manage db expand'.")
    rows = data_migrations.run(connection)
    report(f"Migrated {rows} rows" if rows else "Database migration is up to date. No migration needed.")


def contract(connection: Connection, report: Report) -> None:
    """Remove what this release no longer needs."""
    adoption.prepare(connection)
    heads = scripts.GLANCE.current(connection)
    if revisions.CONTRACT_HEAD in heads:
        report("Database contraction is up to date. No contraction needed.")
        return
    if revisions.EXPAND_HEAD not in heads:
        raise exception.Conflict(reason="The database must be expanded first: run 'glance-manage db expand'.")
    if data_migrations.are_pending(connection):
        raise exception.Conflict(reason="Rows must be migrated first: run 'glance-manage db migrate'.")
    scripts.GLANCE.upgrade(connection, revisions.CONTRACT_HEAD)
    planner.assume_sizes(connection)  # SQLite forgets what it knew of a table that was rebuilt
    _report_upgrade(connection, revisions.CONTRACT_HEAD, report)


def upgrade(connection: Connection, revision: str, report: Report, *, force: bool = False) -> None:
    """Go to a revision of Glance's tree; ``heads`` is the same as :func:`sync`."""
    if revision in ("head", "heads", revisions.CONTRACT_HEAD):
        sync(connection, report, force=force)
        return
    adoption.prepare(connection)
    adoption.refuse_unknown({revision})
    scripts.GLANCE.upgrade(connection, revision)
    _report_upgrade(connection, revision, report)


def version_control(connection: Connection, revision: str, report: Report) -> None:
    """Declare the database to be at a revision of Glance's tree, without looking at it."""
    adoption.refuse_unknown({revision})
    scripts.GLANCE.stamp(connection, revision)
    report(f"Placed database under migration control at revision: {revision}")


def check(connection: Connection) -> int:
    """Which step comes next, as an exit code; changes nothing."""
    heads = adoption.renamed(scripts.GLANCE.current(connection))
    adoption.refuse_unknown(heads)
    contracted = revisions.CONTRACT_HEAD in heads
    if not (contracted or revisions.EXPAND_HEAD in heads) or not _is_own_current(connection):
        return EXPAND_NEEDED
    if contracted:
        return UP_TO_DATE
    return MIGRATE_NEEDED if data_migrations.are_pending(connection) else CONTRACT_NEEDED


def version(connection: Connection) -> list[str]:
    """Revisions of Glance's tree the database is at; empty when it has no schema."""
    return sorted(scripts.GLANCE.current(connection))


def is_expanded(connection: Connection) -> bool:
    return not scripts.GLANCE.current(connection).isdisjoint((revisions.EXPAND_HEAD, revisions.CONTRACT_HEAD))


def is_contracted(connection: Connection) -> bool:
    return revisions.CONTRACT_HEAD in scripts.GLANCE.current(connection)


# -- steps -------------------------------------------------------------------------------------------


def _expand_glance(connection: Connection, report: Report) -> None:
    scripts.GLANCE.upgrade(connection, revisions.EXPAND_HEAD)
    _report_upgrade(connection, revisions.EXPAND_HEAD, report)


def _upgrade_own(connection: Connection) -> None:
    if not _is_own_current(connection):
        scripts.OWN.upgrade(connection, revisions.OWN_HEAD)
    planner.assume_sizes(connection)


def _report_upgrade(connection: Connection, revision: str, report: Report) -> None:
    current = ", ".join(version(connection))
    report(f"Upgraded database to: {revision}, current revision(s): {current}")


def _is_own_current(connection: Connection) -> bool:
    return any(revision >= revisions.OWN_HEAD for revision in adoption.stamped(connection, revisions.OWN_VERSION_TABLE))
