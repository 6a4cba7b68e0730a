"""The file of the keys that sign messages on rabbit://, and the steps by which keys are replaced.

Each line is a key's name and its 32 bytes in hexadecimal.  The first key signs, all are accepted.  Replacing one takes three
steps, each on all hosts before the next: :func:`add` (the new one is accepted), :func:`activate` (it signs), :func:`retire`
(the old one is refused).  Running daemons notice a changed file by themselves.
"""

import dataclasses
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from imagesvc import exception

LOG = logging.getLogger(__name__)

_LINE = re.compile(r"([0-9a-z]{1,16}) +([0-9a-f]{64})")
_MOST_KEYS = 2
_HEADER = "# Keys that sign the messages between glance-api and glance-registry; the first signs, all are accepted.\n"
#: Seconds between two looks at the file.
_LOOK_INTERVAL = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key and the name by which messages refer to it."""

    name: str
    secret: bytes = dataclasses.field(repr=False)


class Keyring:
    """The keys of a file as they are now.

    :raises ConfigurationError: the file cannot be used; a file that goes bad later is reported and the keys read before
        go on to count.
    """

    def __init__(self, path: str | None) -> None:
        if not path:
            raise exception.ConfigurationError(
                reason="messages on rabbit:// are signed: make the key file with `glance-manage rpc_key create`, copy it to"
                " all hosts, and set signing_key_file in [rpc]"
            )
        self._path = Path(path)
        self._seen = self._identity()
        self._keys = read(self._path)
        self._next_look = time.monotonic() + _LOOK_INTERVAL

    @property
    def signing(self) -> Key:
        """The key to sign with."""
        return self._current()[0]

    def find(self, name: str) -> Key | None:
        """The accepted key called ``name``."""
        return next((key for key in self._current() if key.name == name), None)

    def _current(self) -> Sequence[Key]:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_INTERVAL
            self._look()
        return self._keys

    def _look(self) -> None:
        identity = self._identity()
        if identity == self._seen:
            return
        self._seen = identity
        try:
            self._keys = read(self._path)
        except exception.ConfigurationError as error:
            LOG.error("The signing keys stay as they were: %s", error.msg)  # noqa: TRY400 -- the text says it all
        else:
            LOG.info("Messages are signed with key %s now; accepted: %s", self._keys[0].name, _names(self._keys))

    def _identity(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode


def read(path: Path) -> list[Key]:
    """The keys of a file, the signing one first.

    :raises ConfigurationError: there is no such file, it is open to others, or holds something else.
    """
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except FileNotFoundError:
        raise exception.ConfigurationError(
            reason=f"signing_key_file {path} does not exist; `glance-manage rpc_key create` makes one"
        ) from None
    except OSError as error:
        raise exception.ConfigurationError(reason=f"signing_key_file {path}: {error.strerror}") from None
    if mode & 0o027:
        raise exception.ConfigurationError(
            reason=f"signing_key_file {path} has mode {mode:04o}: others must not read it, nor its group write it (chmod 640)"
        )
    return _parse(path, text)


def _parse(path: Path, text: str) -> list[Key]:
    lines = [line.strip() for line in text.splitlines()]
    found = [_LINE.fullmatch(line) for line in lines if line and not line.startswith("#")]
    keys = [Key(match[1], bytes.fromhex(match[2])) for match in found if match]
    if len(keys) != len(found) or not 1 <= len(keys) <= _MOST_KEYS or len({key.name for key in keys}) != len(keys):
        raise exception.ConfigurationError(
            reason=f"signing_key_file {path} must hold one or two keys as `glance-manage rpc_key` writes them"
        )
    return keys


# -- what glance-manage does -------------------------------------------------------------------------


def create(path: Path) -> str:
    """Make the file with one new key, readable by its owner only; says what was done.

    :raises ConfigurationError: it exists or cannot be made.
    """
    if path.exists():
        raise exception.ConfigurationError(reason=f"{path} exists; `add` begins the replacement of its key")
    _write(path, [_new_key()], 0o600)
    return f"Made {path}. Copy it to every host of glance-api and glance-registry."


def add(path: Path) -> str:
    """Have a second key accepted that does not sign yet."""
    keys = read(path)
    if len(keys) == _MOST_KEYS:
        raise exception.ConfigurationError(
            reason=f"{path} holds two keys already; `retire` drops the one that does not sign"
        )
    _rewrite(path, [*keys, _new_key()])
    return "A second key is accepted. Copy the file to every host, then run `activate`."


def activate(path: Path) -> str:
    """Have the second key sign; the first is still accepted."""
    keys = read(path)
    if len(keys) < _MOST_KEYS:
        raise exception.ConfigurationError(reason=f"{path} holds one key only; `add` makes another")
    _rewrite(path, keys[::-1])
    return "The new key signs. Copy the file to every host, wait a minute, then run `retire`."


def retire(path: Path) -> str:
    """Refuse the key that does not sign."""
    keys = read(path)
    if len(keys) < _MOST_KEYS:
        raise exception.ConfigurationError(reason=f"{path} holds one key only")
    _rewrite(path, keys[:1])
    return f"Only key {keys[0].name} is accepted. Copy the file to every host."


def _new_key() -> Key:
    return Key(secrets.token_hex(4), secrets.token_bytes(32))


def _rewrite(path: Path, keys: Sequence[Key]) -> None:
    found = path.stat()
    _write(path, keys, stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid))


def _write(path: Path, keys: Sequence[Key], mode: int, owner: tuple[int, int] | None = None) -> None:
    """Put a whole file in place at once."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(_HEADER + "".join(f"{key.name} {key.secret.hex()}\n" for key in keys))
            if owner is not None:
                os.fchown(fd, *owner)
            os.fchmod(fd, mode)
            file.flush()
            os.fsync(fd)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise exception.ConfigurationError(reason=f"cannot write {path}: {error.strerror}") from None


def _names(keys: Sequence[Key]) -> str:
    return ", ".join(key.name for key in keys)
