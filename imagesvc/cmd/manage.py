"""glance-manage: what operators do to the database and to the keys of the bus.

A noun's commands stand in a file of their own and are plugged in here.
"""

import logging
import sys
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from imagesvc import conf as options
from imagesvc import exception, secrecy
from imagesvc.cmd import commands, manage_copy, manage_metadefs, manage_release, manage_schema, rpc_key

#: Commands that are ``db NAME`` and ``db_NAME``.
_DATABASE = (*manage_schema.COMMANDS, *manage_copy.COMMANDS, *manage_metadefs.COMMANDS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the process's exit code."""
    secrecy.restrict_new_files()
    conf = cfg.ConfigOpts()
    conf.register_cli_opt(cfg.SubCommandOpt("command", title="Commands", handler=_add_commands, help="What to do."))
    options.parse_args(conf, sys.argv[1:] if argv is None else argv, "glance-manage")
    conf.set_default("use_stderr", True)  # the operator at the terminal watches, wherever daemons log to
    secrecy.set_up_logging(conf, "glance-manage")
    try:
        exit_code: int = conf.command.run(conf)
    except exception.ImageServiceError as error:
        logging.getLogger(__name__).debug("%s failed", conf.command.name, exc_info=True)
        print(f"glance-manage: {error.msg}", file=sys.stderr)
        return 1
    return exit_code


def _add_commands(subparsers: Any) -> None:
    commands.add(subparsers, _DATABASE)
    manage_release.add_command(subparsers)
    rpc_key.add_command(subparsers)


if __name__ == "__main__":
    sys.exit(main())
