"""What the commands of glance-manage that work on the database are made of.

Each is there twice: as ``db NAME --word VALUE``, and as older guides have it, ``db_NAME VALUE``.
"""

import argparse
import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from oslo_config import cfg

_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})


@dataclasses.dataclass(frozen=True)
class Word:
    """An argument of a command: ``--NAME VALUE``, and in the older form a value in its place.

    :param name: found as ``conf.command.NAME`` when the command runs; not given, it is None, and a switch is false.
    :param text: help.
    :param metavar: what the value is called in the help.
    :param flag: the option's name after the dashes, if that is another.
    :param is_switch: true or false; the option takes no value.
    :param has_place: whether the older form has it by its place, too; else it is an option there as well.
    """

    name: str
    text: str
    metavar: str | None = None
    flag: str | None = None
    is_switch: bool = False
    has_place: bool = True

    def add_option(self, parser: argparse.ArgumentParser) -> None:
        flag = f"--{self.flag or self.name}"
        if self.is_switch:
            parser.add_argument(flag, dest=self.name, action="store_true", help=self.text)
        else:
            parser.add_argument(flag, dest=self.name, metavar=self.metavar, help=self.text)

    def add_place(self, parser: argparse.ArgumentParser) -> None:
        convert: Callable[[str], Any] = _is_true if self.is_switch else str
        default = False if self.is_switch else None
        parser.add_argument(
            self.name, nargs="?", metavar=self.metavar or self.name, type=convert, default=default, help=self.text
        )


def _is_true(value: str) -> bool:
    return value.lower() in _TRUE


@dataclasses.dataclass(frozen=True)
class Command:
    """A command.

    :param run: gets the configuration, does it, and returns the process's exit code; what it raises of
        :mod:`imagesvc.exception` is told without a traceback, and the exit code is 1.
    """

    name: str
    run: Callable[[cfg.ConfigOpts], int]
    text: str
    words: tuple[Word, ...] = ()


def add(subparsers: Any, commands: Iterable[Command]) -> None:
    """Add ``db NAME`` and ``db_NAME`` for all of ``commands``."""
    database = subparsers.add_parser("db", help="Commands for the database.")
    actions = database.add_subparsers(title="Database commands", dest="action", metavar="COMMAND", required=True)
    for command in commands:
        _add(actions, command.name, command, has_places=False)
        _add(subparsers, f"db_{command.name}", command, has_places=True)


def _add(subparsers: Any, name: str, command: Command, *, has_places: bool) -> None:
    parser = subparsers.add_parser(name, help=command.text, description=command.text)
    parser.set_defaults(run=command.run)
    for word in command.words:
        if has_places and word.has_place:
            word.add_place(parser)
        else:
            word.add_option(parser)


def say(line: str) -> None:
    """A line for the operator, in order with the log lines even in a pipe."""
    print(line, flush=True)
