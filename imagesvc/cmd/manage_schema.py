"""The commands of glance-manage that bring the database to the schema of this release."""

from oslo_config import cfg

from imagesvc.cmd.commands import Command, Word, say
from imagesvc.registry.db import exclusive, migration

_NEXT_STEP = {
    migration.UP_TO_DATE: "Database is up to date. No upgrades needed.",
    migration.EXPAND_NEEDED: "Your database is not up to date. Your first step is to run `glance-manage db expand`.",
    migration.MIGRATE_NEEDED: "Your database is not up to date. Your next step is to run `glance-manage db migrate`.",
    migration.CONTRACT_NEEDED: "Your database is not up to date. Your next step is to run `glance-manage db contract`.",
}


def _sync(conf: cfg.ConfigOpts) -> int:
    revision = conf.command.revision or "heads"
    with exclusive.exclusive(conf) as connection:
        migration.upgrade(connection, revision, say, force=conf.command.force)
    return 0


def _expand(conf: cfg.ConfigOpts) -> int:
    with exclusive.exclusive(conf) as connection:
        migration.expand(connection, say, force=conf.command.force)
    return 0


def _migrate(conf: cfg.ConfigOpts) -> int:
    with exclusive.exclusive(conf) as connection:
        migration.migrate(connection, say)
    return 0


def _contract(conf: cfg.ConfigOpts) -> int:
    with exclusive.exclusive(conf) as connection:
        migration.contract(connection, say)
    return 0


def _version_control(conf: cfg.ConfigOpts) -> int:
    with exclusive.exclusive(conf) as connection:
        migration.version_control(connection, conf.command.revision or "liberty", say)
    return 0


def _version(conf: cfg.ConfigOpts) -> int:
    with exclusive.reading(conf) as connection:
        current = migration.version(connection) if connection is not None else []
    say(", ".join(current) if current else "The database has no schema yet.")
    return 0


def _check(conf: cfg.ConfigOpts) -> int:
    with exclusive.reading(conf) as connection:
        code = migration.check(connection) if connection is not None else migration.EXPAND_NEEDED
    say(_NEXT_STEP[code])
    return code


_FORCE = Word(
    "force", "Take over a Glance database even while images are being written to it.", is_switch=True, has_place=False
)
_REVISION = Word("revision", "A revision of Glance's schema.", "VERSION", flag="version")

COMMANDS = (
    Command("sync", _sync, "Create or upgrade the whole schema: expand, migrate and contract.", (_REVISION, _FORCE)),
    Command("upgrade", _sync, "Upgrade the schema to a revision, by default to the newest.", (_REVISION, _FORCE)),
    Command("expand", _expand, "Add what this release needs; the former release can go on working.", (_FORCE,)),
    Command("migrate", _migrate, "Rewrite rows for the new schema."),
    Command("contract", _contract, "Remove what only the former release needed."),
    Command("check", _check, "Exit 0: up to date, 3: expand needed, 4: migrate needed, 5: contract needed."),
    Command("version", _version, "Print the revision the schema is at."),
    Command(
        "version_control",
        _version_control,
        "Declare the schema to be at a revision, by default liberty.",
        (_REVISION,),
    ),
)
