"""Which data directories the file driver has, what state they are in, and which one takes a new image."""

# ruff: noqa: PTH100, PTH101, PTH103, PTH116 - paths are texts here, as in glance_store
import dataclasses
import logging
import os
import stat
from collections.abc import Sequence

from glance_store import exceptions

from imagesvc.store.staging import Directory

LOG = logging.getLogger(__name__)

_DIRECTORY_MODE = 0o750


@dataclasses.dataclass(frozen=True, slots=True)
class Datadir:
    """A data directory and its priority; higher is preferred."""

    directory: Directory
    priority: int = 0


def parse(datadir: str | None, datadirs: Sequence[str] | None, default: str) -> list[Datadir]:
    """The directories that the options name, most preferred first.

    :param datadir: filesystem_store_datadir; :param datadirs: filesystem_store_datadirs, each ``path[:priority]``.
    :param default: path used when neither is set.
    :raises glance_store.exceptions.BadStoreConfiguration: both are set, a priority is no number, a path is empty or
        stands twice with different priorities.
    """
    if datadir and datadirs:
        raise bad("set either filesystem_store_datadir or filesystem_store_datadirs, not both")
    if not datadirs:
        return [Datadir(Directory(_absolute(datadir or default)))]
    priorities: dict[str, int] = {}
    for text in datadirs:
        path, priority = _with_priority(text)
        if priorities.setdefault(path, priority) != priority:
            raise bad(f"directory {path} stands twice in filesystem_store_datadirs")
    ordered = sorted(priorities.items(), key=lambda item: -item[1])
    return [Datadir(Directory(path), priority) for path, priority in ordered]


def _with_priority(text: str) -> tuple[str, int]:
    path, colon, number = (part.strip() for part in text.rpartition(":"))
    if not colon:
        return _absolute(number), 0
    try:
        return _absolute(path), int(number or 0)
    except ValueError:
        raise bad(f"priority {number!r} in filesystem_store_datadirs is no number") from None


def _absolute(path: str) -> str:
    if not path:
        raise bad("a data directory has an empty name")
    return os.path.abspath(path)


def prepare(datadirs: Sequence[Datadir], file_mode: int | None) -> None:
    """Create what is missing and check that files can be made.

    :param file_mode: permission bits of image files; classes that may read them get search permission.
    :raises glance_store.exceptions.BadStoreConfiguration: a directory cannot be used.
    """
    for datadir in datadirs:
        root = datadir.directory.root
        try:
            os.makedirs(root, _DIRECTORY_MODE, exist_ok=True)
            _check_mode(root, file_mode)
            datadir.directory.prepare()
        except OSError as exc:
            raise bad(f"cannot use directory {root}: {exc.strerror}") from exc
        if not os.access(root, os.W_OK | os.X_OK):
            raise bad(f"no permission to write in {root}")


def _check_mode(root: str, file_mode: int | None) -> None:
    mode = stat.S_IMODE(os.stat(root).st_mode)
    if mode & stat.S_IWOTH:
        LOG.warning("Directory %s for images is writable by everybody (mode %o); nothing is changed.", root, mode)
    wanted = mode
    if file_mode is not None and file_mode & stat.S_IRWXG:
        wanted |= stat.S_IXGRP
    if file_mode is not None and file_mode & stat.S_IRWXO:
        wanted |= stat.S_IXOTH
    if wanted != mode:
        os.chmod(root, wanted)


def choose(datadirs: Sequence[Datadir], size: int) -> Directory:
    """The directory for a new image of ``size`` bytes (0 when unknown): highest priority with room, then most room.

    :raises glance_store.exceptions.StorageFull: it fits nowhere.
    """
    if len(datadirs) == 1:
        return datadirs[0].directory
    fitting = [(item.priority, room, item.directory) for item in datadirs if (room := _room(item)) >= size and room]
    if not fitting:
        raise exceptions.StorageFull
    return max(fitting, key=lambda item: item[:2])[2]


def _room(datadir: Datadir) -> int:
    status = os.statvfs(datadir.directory.root)
    return status.f_bavail * status.f_bsize


def bad(reason: str) -> exceptions.BadStoreConfiguration:
    """The error that makes a store unusable for new data."""
    return exceptions.BadStoreConfiguration(store_name="file", reason=reason)
