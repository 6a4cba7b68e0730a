"""glance-manage: brings the database to the schema of this release, and keeps the keys of the bus."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

from oslo_config import cfg
from oslo_log import log

from imagesvc import conf as options
from imagesvc import exception
from imagesvc.cmd import rpc_key
from imagesvc.registry.db import exclusive, migration

_NEXT_STEP = {
    migration.UP_TO_DATE: "Database is up to date. No upgrades needed.",
    migration.EXPAND_NEEDED: "Your database is not up to date. Your first step is to run `glance-manage db expand`.",
    migration.MIGRATE_NEEDED: "Your database is not up to date. Your next step is to run `glance-manage db migrate`.",
    migration.CONTRACT_NEEDED: "Your database is not up to date. Your next step is to run `glance-manage db contract`.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the process's exit code."""
    conf = cfg.ConfigOpts()
    conf.register_cli_opt(cfg.SubCommandOpt("command", title="Commands", handler=_add_commands, help="What to do."))
    options.parse_args(conf, sys.argv[1:] if argv is None else argv, "glance-manage")
    conf.set_default("use_stderr", True)  # the operator at the terminal watches, wherever daemons log to
    log.setup(conf, "glance-manage")
    try:
        exit_code: int = conf.command.run(conf)
    except exception.ImageServiceError as error:
        logging.getLogger(__name__).debug("%s failed", conf.command.name, exc_info=True)
        print(f"glance-manage: {error.msg}", file=sys.stderr)
        return 1
    return exit_code


# -- commands: each takes the configuration and returns an exit code ---------------------------------


def _sync(conf: cfg.ConfigOpts) -> int:
    revision = conf.command.revision or "heads"
    with exclusive.exclusive(conf) as connection:
        migration.upgrade(connection, revision, _say, force=conf.command.force)
    return 0


def _expand(conf: cfg.ConfigOpts) -> int:
    with exclusive.exclusive(conf) as connection:
        migration.expand(connection, _say, force=conf.command.force)
    return 0


def _migrate(conf: cfg.ConfigOpts) -> int:
    with exclusive.exclusive(conf) as connection:
        migration.migrate(connection, _say)
    return 0


def _contract(conf: cfg.ConfigOpts) -> int:
    with exclusive.exclusive(conf) as connection:
        migration.contract(connection, _say)
    return 0


def _version_control(conf: cfg.ConfigOpts) -> int:
    with exclusive.exclusive(conf) as connection:
        migration.version_control(connection, conf.command.revision or "liberty", _say)
    return 0


def _version(conf: cfg.ConfigOpts) -> int:
    with exclusive.reading(conf) as connection:
        current = migration.version(connection) if connection is not None else []
    _say(", ".join(current) if current else "The database has no schema yet.")
    return 0


def _check(conf: cfg.ConfigOpts) -> int:
    with exclusive.reading(conf) as connection:
        code = migration.check(connection) if connection is not None else migration.EXPAND_NEEDED
    _say(_NEXT_STEP[code])
    return code


def _say(line: str) -> None:
    print(line, flush=True)  # in order with the log lines, even in a pipe


# -- the command line --------------------------------------------------------------------------------

_FORCE = ("force",)
_REVISION = ("revision",)

#: Command, what runs it, its arguments, its help text.
_COMMANDS: tuple[tuple[str, Callable[[cfg.ConfigOpts], int], tuple[str, ...], str], ...] = (
    ("sync", _sync, _REVISION + _FORCE, "Create or upgrade the whole schema: expand, migrate and contract."),
    ("upgrade", _sync, _REVISION + _FORCE, "Upgrade the schema to a revision, by default to the newest."),
    ("expand", _expand, _FORCE, "Add what this release needs; the former release can go on working."),
    ("migrate", _migrate, (), "Rewrite rows for the new schema."),
    ("contract", _contract, (), "Remove what only the former release needed."),
    ("check", _check, (), "Exit 0: up to date, 3: expand needed, 4: migrate needed, 5: contract needed."),
    ("version", _version, (), "Print the revision the schema is at."),
    ("version_control", _version_control, _REVISION, "Declare the schema to be at a revision, by default liberty."),
)


def _add_commands(subparsers: Any) -> None:
    """``db sync --version V`` and so on, and the older ``db_sync [V]``."""
    database = subparsers.add_parser("db", help="Commands for the database.")
    actions = database.add_subparsers(title="Database commands", dest="action", metavar="COMMAND", required=True)
    for name, run, arguments, text in _COMMANDS:
        _add_arguments(actions.add_parser(name, help=text, description=text), run, arguments, "--version")
        _add_arguments(subparsers.add_parser(f"db_{name}", help=text, description=text), run, arguments, None)
    rpc_key.add_command(subparsers)


def _add_arguments(
    parser: argparse.ArgumentParser,
    run: Callable[[cfg.ConfigOpts], int],
    arguments: tuple[str, ...],
    revision_flag: str | None,
) -> None:
    parser.set_defaults(run=run)
    if "revision" in arguments and revision_flag:
        parser.add_argument(revision_flag, dest="revision", metavar="VERSION", help="A revision of Glance's schema.")
    elif "revision" in arguments:
        parser.add_argument("revision", nargs="?", metavar="VERSION", help="A revision of Glance's schema.")
    if "force" in arguments:
        parser.add_argument(
            "--force",
            action="store_true",
            help="Take over a Glance database even while images are being written to it.",
        )


if __name__ == "__main__":
    sys.exit(main())
