"""The command of glance-manage that gives the database back to Glance."""

from typing import Any

from oslo_config import cfg

from imagesvc.cmd.commands import say
from imagesvc.registry.db import exclusive, release

_TEXT = "Give the database back to Glance: settle and remove everything that Glance does not know."


def add_command(subparsers: Any) -> None:
    """``glance-manage release``."""
    parser = subparsers.add_parser("release", help=_TEXT, description=_TEXT)
    parser.add_argument(
        "--force",
        action="store_true",
        help="Do so even while images are being written, which are queued again.",
    )
    parser.set_defaults(run=_run)


def _run(conf: cfg.ConfigOpts) -> int:
    with exclusive.exclusive(conf) as connection:
        release.release(connection, say, force=conf.command.force)
    return 0
