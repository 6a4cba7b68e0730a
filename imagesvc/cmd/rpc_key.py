"""The command of glance-manage that makes and replaces the keys which sign messages on rabbit://."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from oslo_config import cfg

from imagesvc import exception
from imagesvc.rpc import keys

#: Step, what does it, its help text.
_STEPS: tuple[tuple[str, Callable[[Path], str], str], ...] = (
    ("create", keys.create, "Make the file with its first key."),
    ("add", keys.add, "Accept a second key; messages are still signed with the first."),
    ("activate", keys.activate, "Sign with the second key; the first is still accepted."),
    ("retire", keys.retire, "Accept only the key that signs."),
)


def add_command(subparsers: Any) -> None:
    """``glance-manage rpc_key STEP [FILE]``."""
    parser = subparsers.add_parser("rpc_key", help="Make or replace the keys that sign messages on rabbit://.")
    steps = parser.add_subparsers(title="Steps", dest="step", metavar="STEP", required=True)
    for name, do, text in _STEPS:
        step = steps.add_parser(name, help=text, description=text)
        step.add_argument("file", nargs="?", metavar="FILE", help="Default: signing_key_file in [rpc].")
        step.set_defaults(run=_run, do=do)


def _run(conf: cfg.ConfigOpts) -> int:
    path = conf.command.file or conf.rpc.signing_key_file
    if not path:
        raise exception.ConfigurationError(reason="name a file, or set signing_key_file in [rpc]")
    print(conf.command.do(Path(path)), flush=True)
    return 0
