"""Bringing a database to the schema of this release; what glance-manage's ``db`` commands do.

Connections come from :mod:`imagesvc.registry.db.exclusive`: one migration at a time, and on SQLite and PostgreSQL all of it or
nothing.  What a step has to say to the operator goes through ``report``, a function of one line.
"""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from imagesvc import exception
from imagesvc.registry.db import data_migrations, planner, revisions, scripts

Report = Callable[[str], None]

#: Exit codes of ``db check``, which are Glance's.
UP_TO_DATE, EXPAND_NEEDED, MIGRATE_NEEDED, CONTRACT_NEEDED = 0, 3, 4, 5

#: Revisions of sqlalchemy-migrate and of Ocata's own tree, and what they are called since.
_SQLALCHEMY_MIGRATE = {42: "liberty", 43: "mitaka01", 44: "mitaka02", 45: "ocata_contract01"}
_RENAMED = {"ocata01": "ocata_contract01", "pike01": "pike_contract01"}

_IN_FLIGHT = ("saving", "uploading", "importing")


# -- what the commands do ----------------------------------------------------------------------------


def sync(connection: Connection, report: Report, *, force: bool = False) -> None:
    """Do everything: expand, migrate, contract, then our own tables.

    :param force: adopt a Glance database even while images are being written.
    """
    _prepare(connection)
    _refuse_busy_adoption(connection, force)
    if is_contracted(connection) and _is_own_current(connection):
        report("Database is up to date. No migrations needed.")
        return
    if not is_contracted(connection):
        _expand_glance(connection, report)
        migrate(connection, report)
        contract(connection, report)
    _upgrade_own(connection)
    report("Database is synced successfully.")


def expand(connection: Connection, report: Report, *, force: bool = False) -> None:
    """Add what this release needs and former ones do not mind, in Glance's tables and in our own."""
    _prepare(connection)
    _refuse_busy_adoption(connection, force)
    if is_expanded(connection) and _is_own_current(connection):
        report("Database expansion is up to date. No expansion needed.")
        return
    if not is_expanded(connection):
        _expand_glance(connection, report)
    _upgrade_own(connection)


def migrate(connection: Connection, report: Report) -> None:
    """Rewrite rows for the new schema."""
    _prepare(connection)
    if is_contracted(connection):
        report("Database migration is up to date. No migration needed.")
        return
    if not is_expanded(connection):
        raise exception.Conflict(reason="The database must be expanded first: run 'glance-manage db expand'.")
    rows = data_migrations.run(connection)
    report(f"Migrated {rows} rows" if rows else "Database migration is up to date. No migration needed.")


def contract(connection: Connection, report: Report) -> None:
    """Remove what this release no longer needs."""
    _prepare(connection)
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
    _prepare(connection)
    _refuse_unknown({revision})
    scripts.GLANCE.upgrade(connection, revision)
    _report_upgrade(connection, revision, report)


def version_control(connection: Connection, revision: str, report: Report) -> None:
    """Declare the database to be at a revision of Glance's tree, without looking at it."""
    _refuse_unknown({revision})
    scripts.GLANCE.stamp(connection, revision)
    report(f"Placed database under migration control at revision: {revision}")


def check(connection: Connection) -> int:
    """Which step comes next, as an exit code; changes nothing."""
    heads = _renamed(scripts.GLANCE.current(connection))
    _refuse_unknown(heads)
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
    return any(revision >= revisions.OWN_HEAD for revision in _stamped(connection, revisions.OWN_VERSION_TABLE))


# -- databases that come from elsewhere --------------------------------------------------------------


def _prepare(connection: Connection) -> None:
    """Give an old database's revision its present name, and refuse one this release cannot know how to treat."""
    tables = set(sa.inspect(connection).get_table_names())
    stamped = _stamped(connection, revisions.GLANCE_VERSION_TABLE) if "alembic_version" in tables else set()
    if stamped & set(_RENAMED):
        scripts.GLANCE.stamp(connection, _renamed(stamped).pop())
    elif stamped:
        _refuse_unknown(stamped)
    elif "migrate_version" in tables and "images" in tables:
        scripts.GLANCE.stamp(connection, _revision_of_sqlalchemy_migrate(connection))
    elif "images" in tables and not _was_interrupted(tables):
        raise exception.Conflict(
            reason="The database has tables but no revision, so it is not known how to upgrade it. If you know its release, "
            "say so with 'glance-manage db version_control --version REVISION'."
        )


def _was_interrupted(tables: set[str]) -> bool:
    """MySQL keeps the tables of a first migration that was interrupted; alembic makes its version table before them."""
    return revisions.GLANCE_VERSION_TABLE in tables


def _revision_of_sqlalchemy_migrate(connection: Connection) -> str:
    table = sa.table("migrate_version", sa.column("version", sa.Integer))
    number = connection.scalar(sa.select(table.c.version))
    if number not in _SQLALCHEMY_MIGRATE:
        raise exception.Conflict(
            reason=f"The database is at version {number} of sqlalchemy-migrate; bring it to version 42 (Liberty) with the "
            "release it belongs to first."
        )
    return _SQLALCHEMY_MIGRATE[number]


def _renamed(stamped: set[str]) -> set[str]:
    return {_RENAMED.get(revision, revision) for revision in stamped}


def _refuse_unknown(stamped: set[str]) -> None:
    unknown = stamped - scripts.GLANCE.known
    if unknown:
        raise exception.Conflict(
            reason=f"Revision {', '.join(sorted(unknown))} is not known to this release, which knows Glance's revisions up to "
            f"{revisions.CONTRACT_HEAD}. A newer release has probably upgraded the database. Nothing was changed."
        )


def _refuse_busy_adoption(connection: Connection, force: bool) -> None:
    """Glance's own uploads have no intents, so the first sync of its database must not meet one."""
    tables = set(sa.inspect(connection).get_table_names())
    if force or "images" not in tables or _stamped(connection, revisions.OWN_VERSION_TABLE):
        return
    images = sa.table("images", sa.column("status", sa.String), sa.column("deleted", sa.Boolean))
    busy = sa.select(sa.func.count()).where(images.c.status.in_(_IN_FLIGHT), images.c.deleted == sa.false())
    count = connection.scalar(busy)
    if count:
        raise exception.Conflict(
            reason=f"{count} image(s) are being saved, uploaded or imported. Let Glance finish and stop it first, or repeat "
            "the command with --force. Nothing was changed."
        )


def _stamped(connection: Connection, version_table: str) -> set[str]:
    if not sa.inspect(connection).has_table(version_table):
        return set()
    column = sa.column("version_num", sa.String)
    return set(connection.execute(sa.select(column).select_from(sa.table(version_table))).scalars())
