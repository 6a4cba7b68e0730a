"""Crash-safe files of one data directory of the file driver.

::

    <datadir>/<image_id>               an image: complete, durable, never written to again
    <datadir>/.staging/<upload_id>     an upload under way; once it is published, the image's second name until the
                                       upload is settled
    <datadir>/.quarantine/<name>.<ns>  what the audit set aside

The order is: write the staged file, fsync it, link it to its final name (which fails if that name exists), fsync the
directory; only then may the registry call the image active, and only then goes the staged name.  Any other order loses
data in a power cut.

Whoever renames the staged name away has fenced the upload: it can no longer be linked.  Whether a final name is an
upload's own is decided by inode, never by name, so that a process that was paused for any length of time removes nothing
but its own.

This module raises OSError; nothing here retries a failed fsync, because a second one may falsely succeed.
"""

# ruff: noqa: PTH102, PTH104, PTH108, PTH116, PTH120 - system calls stand by their names: their order is the point
import contextlib
import ctypes
import dataclasses
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_STAGING = ".staging"
_QUARANTINE = ".quarantine"
_FENCED = ".fenced"
_SUSPECT = ".suspect"
_DIRECTORY_MODE = 0o750
_FILE_MODE = 0o640

#: Holes are looked for in pieces of this size; smaller ones would cost more than they save.
_HOLE_BYTES = 64 * 1024
_ZEROS = bytes(_HOLE_BYTES)

#: The disk is set to work whenever this much is written, so that the fsync at the end has little left to wait for.
_WRITEBACK_BYTES = 16 * 1024 * 1024

_FALLOC_FL_KEEP_SIZE = 1
_SYNC_FILE_RANGE_WRITE = 2
_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong, ctypes.c_uint)
_libc.fstatfs.argtypes = (ctypes.c_int, ctypes.c_void_p)

_TMPFS_MAGIC = 0x01021994


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A file of a data directory as the audit sees it; ``mtime`` in seconds since the epoch."""

    name: str
    path: str
    mtime: float
    links: int


#: Lists entries when it is called.
Listing = Callable[[], Iterator[Entry]]


class StagedFile:
    """A file being written under its staged name; :meth:`update` and :meth:`finish` may run on a thread of their own."""

    def __init__(self, path: str, *, sparse: bool, mode: int | None) -> None:
        self._path = path
        self._sparse = sparse
        self._mode = mode
        self._fd = _create(path)
        self._size = 0
        self._started = 0

    def reserve(self, size: int) -> None:
        """Take ``size`` bytes of space now, so that a full disk is known before the transfer.

        A file system that cannot do that is no error.  One in memory would fetch every page for it while the client waits,
        half of the work of writing: there it is only looked whether there is room.
        """
        if size == 0 or self._sparse:
            return
        if _is_in_memory(self._fd):
            status = os.fstatvfs(self._fd)
            if status.f_blocks and size > status.f_bavail * status.f_frsize:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
            return
        if _libc.fallocate(self._fd, _FALLOC_FL_KEEP_SIZE, 0, size) == 0:
            return
        code = ctypes.get_errno()
        if code not in {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINTR}:
            raise OSError(code, os.strerror(code), self._path)

    def update(self, data: memoryview) -> None:
        """Append ``data``."""
        if self._sparse:
            for start in range(0, len(data), _HOLE_BYTES):
                piece = data[start : start + _HOLE_BYTES]
                if piece.tobytes() != _ZEROS[: len(piece)]:
                    self._write(piece, self._size + start)
        else:
            self._write(data, self._size)
        self._size += len(data)
        if self._size - self._started >= _WRITEBACK_BYTES:
            # Only a hint: an error of the disk is the fsync's to report.
            _libc.sync_file_range(self._fd, self._started, self._size - self._started, _SYNC_FILE_RANGE_WRITE)
            self._started = self._size

    def _write(self, data: memoryview, offset: int) -> None:
        while data:
            written = os.pwrite(self._fd, data, offset)
            data = data[written:]
            offset += written

    def finish(self) -> None:
        """Make what was written durable."""
        if self._sparse:
            os.ftruncate(self._fd, self._size)
        if self._mode is not None:
            os.fchmod(self._fd, self._mode)
        os.fsync(self._fd)

    def publish(self, final: str) -> None:
        """Give the finished file its final name as well, durably.

        :raises FileExistsError: the name is taken.
        :raises FileNotFoundError: the upload has been fenced.
        """
        try:
            os.link(self._path, final, follow_symlinks=False)
        except FileExistsError:
            # A network file system may repeat a link whose first answer was lost.
            if not os.path.samestat(os.fstat(self._fd), os.stat(final, follow_symlinks=False)):
                raise
        _sync_directory(os.path.dirname(final))

    def close(self) -> None:
        """Release the descriptor; may be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Directory:
    """One data directory.

    :param root: absolute path; exists.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._staging = f"{root}/{_STAGING}"
        self._quarantine = f"{root}/{_QUARANTINE}"

    def prepare(self) -> None:
        """Make the directory for staged files; it must be on the same file system as the images."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._staging, _DIRECTORY_MODE)

    def final(self, image_id: str) -> str:
        """The path of an image's file."""
        return f"{self.root}/{_plain(image_id)}"

    def urls(self, image_id: str) -> list[str]:
        """All URLs under which rows may know an image's file, those of other releases included."""
        roots = dict.fromkeys((self.root, os.path.realpath(self.root)))
        return [f"{scheme}://{root}/{image_id}" for root in roots for scheme in ("file", "filesystem")]

    def holds(self, entry: Entry) -> bool:
        """Whether an entry is an image's file, not a staged one."""
        return not entry.path.startswith(self._staging + "/")

    def stage(self, upload_id: str, *, sparse: bool = False, mode: int | None = None) -> StagedFile:
        """Start an upload's file.

        :param sparse: leave holes where the data is zero.
        :param mode: permission bits of the finished file, None for 0640 less the process's umask.
        :raises FileExistsError: the upload has one already.
        """
        path = self._staged(upload_id)
        try:
            return StagedFile(path, sparse=sparse, mode=mode)
        except FileNotFoundError:
            self.prepare()
            return StagedFile(path, sparse=sparse, mode=mode)

    def release(self, upload_id: str) -> None:
        """Drop the staged name of an upload that is complete; its image keeps the final one."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._staged(upload_id))

    def discard(self, image_id: str, upload_id: str) -> None:
        """Remove all that an aborted upload has left; may be repeated, also after a crash in its middle."""
        fenced = self._staged(upload_id) + _FENCED
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._staged(upload_id), fenced)
        try:
            pin = os.open(fenced, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            if os.fstat(pin).st_nlink > 1:
                self._withdraw(self.final(image_id), fenced + _SUSPECT, pin)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fenced)
        finally:
            os.close(pin)

    def _withdraw(self, final: str, suspect: str, pin: int) -> None:
        """Remove the final name if it is the file that ``pin`` holds.

        The name is moved away before it is looked at: a look followed by an unlink could remove the file of a later
        upload when this process is stopped between the two.
        """
        with contextlib.suppress(FileNotFoundError):
            os.rename(final, suspect)
        try:
            own = os.path.samestat(os.fstat(pin), os.stat(suspect, follow_symlinks=False))
        except FileNotFoundError:
            return
        if not own:
            with contextlib.suppress(FileExistsError):
                os.link(suspect, final, follow_symlinks=False)
        os.unlink(suspect)
        _sync_directory(self.root)

    def delete(self, path: str) -> None:
        """Remove an image's file durably, a staged name that a crash left it included.

        :raises FileNotFoundError: there is none.
        """
        status = os.stat(path, follow_symlinks=False)
        os.unlink(path)
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            for entry in self.staged():
                if os.path.samestat(status, os.stat(entry.path, follow_symlinks=False)):
                    os.unlink(entry.path)
        _sync_directory(self.root)

    def staged(self) -> Iterator[Entry]:
        """The staged files, of live uploads and of dead ones; none where a link leads elsewhere."""
        return iter(()) if Path(self._staging).is_symlink() else _entries(self._staging)

    def images(self) -> Iterator[Entry]:
        """The images' files."""
        return (entry for entry in _entries(self.root) if not entry.name.startswith("."))

    def quarantine(self, entry: Entry) -> str:
        """Set a file aside; the path where it is now."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._quarantine, _DIRECTORY_MODE)
        target = f"{self._quarantine}/{entry.name}.{time.time_ns()}"
        os.rename(entry.path, target)
        _sync_directory(self._quarantine)
        return target

    def _staged(self, upload_id: str) -> str:
        return f"{self._staging}/{_plain(upload_id)}"


def upload_of(entry: Entry) -> str:
    """The upload id that a staged entry belongs to."""
    return entry.name.split(".", 1)[0]


def _plain(name: str) -> str:
    """Refuse a name that is more than one: ids are made by this service, but nothing here relies on it."""
    if not name or "/" in name or "." in name or "\0" in name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), name)
    return name


def _create(path: str) -> int:
    """A descriptor of a new file, in a directory that is one itself and no link to another.

    :raises NotADirectoryError: it is a link.
    """
    directory, _, name = path.rpartition("/")
    place = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return os.open(
            name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE, dir_fd=place
        )
    finally:
        os.close(place)


def _entries(directory: str) -> Iterator[Entry]:
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as found:
        for item in found:
            # Files come and go while they are listed.
            with contextlib.suppress(FileNotFoundError):
                status = item.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield Entry(item.name, item.path, status.st_mtime, status.st_nlink)


def _is_in_memory(fd: int) -> bool:
    # struct statfs begins with the type, a long; all of it has 120 bytes on 64 bits.
    status = (ctypes.c_long * 32)()
    return _libc.fstatfs(fd, status) == 0 and status[0] == _TMPFS_MAGIC


def _sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
