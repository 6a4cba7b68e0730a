"""The two files behind the flavor basic: passwords, and what their owners are."""

import dataclasses
import logging
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from imagesvc import exception

LOG = logging.getLogger(__name__)

#: Seconds within which a change of a file takes effect.
_LOOK_EVERY = 1.0
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
#: As Keystone's own roles imply each other.
_IMPLIED = {"admin": ("member", "reader"), "member": ("reader",)}


@dataclasses.dataclass(frozen=True, slots=True)
class User:
    """:param hashed: bcrypt's text of the password."""

    name: str
    hashed: bytes
    project: str
    roles: tuple[str, ...]


class BasicUsers:
    """Who there is; looks again when a file has changed.

    Files that cannot be used stop the start; later they change nothing, and the log says why.

    :param monotonic: seconds that never go back.
    :raises ConfigurationError: a file cannot be used; the message names it and its line.
    """

    def __init__(self, htpasswd_file: str, users_file: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._paths = Path(htpasswd_file), Path(users_file)
        self._monotonic = monotonic
        self._looking = threading.Lock()
        self._complaint = ""
        self._seen = self._stamps()
        self._users = self._read()
        self._look_at = monotonic() + _LOOK_EVERY

    def find(self, name: str) -> User | None:
        """The user of this name who has both a password and a project."""
        if self._monotonic() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look_again()
            finally:
                self._looking.release()
        return self._users.get(name)

    def any_password(self) -> bytes:
        """The hash of one of the passwords."""
        return next(iter(self._users.values())).hashed

    def _look_again(self) -> None:
        self._look_at = self._monotonic() + _LOOK_EVERY
        stamps = self._stamps()
        if stamps == self._seen:
            return
        try:
            self._users = self._read()
            self._seen, self._complaint = stamps, ""
        except exception.ConfigurationError as error:
            if error.msg != self._complaint:
                LOG.error("The users stay as they were: %s", error.msg)  # noqa: TRY400 - its text says where
                self._complaint = error.msg

    def _stamps(self) -> list[Any]:
        return [_stamp(path) for path in self._paths]

    def _read(self) -> Mapping[str, User]:
        passwords = dict(_passwords(self._paths[0]))
        users = {
            name: User(name, passwords[name], project, roles)
            for name, project, roles in _users(self._paths[1])
            if name in passwords
        }
        without = sorted(set(passwords) - set(users))
        if not users:
            raise exception.ConfigurationError(reason=f"no user of {self._paths[0]} is in {self._paths[1]}")
        if without:
            LOG.warning("%s says nothing about users of %s: %s", self._paths[1], self._paths[0], ", ".join(without))
        return users


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Lines that say something, each with where it stands."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise exception.ConfigurationError(reason=f"{path} cannot be read: {_reason(error)}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield f"{path}, line {number}", line.strip()


def _reason(error: Exception) -> str:
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)


def _passwords(path: Path) -> Iterator[tuple[str, bytes]]:
    for where, line in _lines(path):
        name, _, hashed = line.partition(":")
        if not name or not _BCRYPT.fullmatch(hashed):
            raise exception.ConfigurationError(reason=f"{where}: name:hash is expected, with a hash by htpasswd -B")
        yield name, hashed.encode()
    if path.stat().st_mode & stat.S_IROTH:
        LOG.warning("%s can be read by everybody on this host; chmod o-r would change that", path)


def _users(path: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for where, line in _lines(path):
        fields = [field.strip() for field in line.split(":")]
        if len(fields) != 3 or not all(fields):
            raise exception.ConfigurationError(reason=f"{where}: name:project:role,role is expected")
        name, project, roles = fields
        named = [role.strip().lower() for role in roles.split(",") if role.strip()]
        yield (
            name,
            project,
            tuple(dict.fromkeys([*named, *(more for role in named for more in _IMPLIED.get(role, ()))])),
        )
