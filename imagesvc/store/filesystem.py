"""The file driver: a glance_store driver that keeps every promise it makes through a crash.

Options, URLs (``file:///dir/<image id>``) and behaviour towards users are those of glance_store's own file driver; how a
file comes to be is :mod:`imagesvc.store.staging`.  Beyond glance_store's contract it knows uploads by their ids, so that
an upload can be fenced and cleaned up from another process.
"""

# ruff: noqa: PTH116 - paths are texts here, as in glance_store
import contextlib
import errno
import hashlib
import json
import logging
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, Protocol

import glance_store.driver
import glance_store.location
from glance_store import capabilities, exceptions

from imagesvc import concurrency, exception
from imagesvc.conf import store as options
from imagesvc.store import datadirs, staging
from imagesvc.store.body import FileBody

LOG = logging.getLogger(__name__)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_COPY_BYTES = 1024 * 1024

#: url, size, md5, hash, metadata: what glance_store's add() returns.
Added = tuple[str, int, str | None, str | None, dict[str, Any]]


class Sink(Protocol):
    """Where data goes in order; ``finish`` makes it durable."""

    def update(self, data: memoryview) -> None: ...

    def finish(self) -> None: ...


class Source(Protocol):
    """A reader that can do the work itself: it hashes while it pushes everything into the sink."""

    def drain(self, sink: Sink) -> tuple[int, str, str]:
        """Bytes, md5 and hash, both hexadecimal; raises when the data is bad, and then the sink was not finished."""


class StoreLocation(glance_store.location.StoreLocation):
    """``file://`` and ``filesystem://`` URLs."""

    path: str

    def process_specs(self) -> None:
        self.path = self.specs["path"]

    def get_uri(self) -> str:
        return f"file://{self.path}"

    def parse_uri(self, uri: str) -> None:
        self.validate_schemas(uri, valid_schemas=("file://", "filesystem://"))
        self.path = _path(uri)
        if not self.path:
            raise exceptions.BadStoreUri(message="the URL names no path")


class Store(glance_store.driver.Store):
    """See the module; one instance per configured store, used by many threads."""

    _CAPABILITIES = (
        capabilities.BitMasks.READ_RANDOM | capabilities.BitMasks.WRITE_ACCESS | capabilities.BitMasks.DRIVER_REUSABLE
    )
    OPTIONS = options.FILE

    def __init__(self, conf: Any, backend: str | None = None) -> None:
        super().__init__(conf, backend)
        if backend:
            self.store_conf = glance_store.driver.BackendGroupConfiguration(self.OPTIONS, backend, conf=conf)
        else:
            self.store_conf = conf.glance_store
        self._datadirs: list[datadirs.Datadir] = []
        self._roots: dict[str, staging.Directory] = {}
        self._mountpoints: list[dict[str, str]] = []

    # -- configuration -----------------------------------------------------------------------------

    def get_schemes(self) -> tuple[str, ...]:
        return ("file", "filesystem")

    def configure_add(self) -> None:
        """Read the options and prepare the directories.

        :raises glance_store.exceptions.BadStoreConfiguration: the store cannot take images.
        """
        conf = self.store_conf
        default = str(Path(self.conf.state_path, "images"))
        self._mode = _file_mode(conf.filesystem_store_file_perm)
        self._sparse: bool = conf.filesystem_thin_provisioning
        self._chunk = max(conf.filesystem_store_chunk_size, _COPY_BYTES)
        self._datadirs = datadirs.parse(conf.filesystem_store_datadir, conf.filesystem_store_datadirs, default)
        self._url_prefix = f"file://{self._datadirs[0].directory.root}"
        self._mountpoints = _mountpoints(conf.filesystem_store_metadata_file)
        # Rows may have been written while a directory was configured by another of its names.
        self._roots = {os.path.realpath(item.root): item for item in self.directories}
        self._roots.update({item.root: item for item in self.directories})
        # Last, so that a store that cannot be written to can still be read.
        datadirs.prepare(self._datadirs, self._mode)

    @property
    def directories(self) -> list[staging.Directory]:
        """The data directories, for the janitor."""
        return [item.directory for item in self._datadirs]

    def owns(self, url: str) -> bool:
        """Whether the URL names a file in a directory of this store."""
        try:
            self._resolve(_path(url))
        except exceptions.NotFound:
            return False
        return True

    # -- writing -----------------------------------------------------------------------------------

    @capabilities.check
    def add(
        self,
        image_id: str,
        image_file: Any,
        image_size: int,
        hashing_algo: str,
        context: Any = None,  # noqa: ARG002 - glance_store's signature
        verifier: Any = None,
    ) -> Added:
        """glance_store's way to store an image; see :meth:`receive`."""
        upload_id = str(uuid.uuid4())
        reader = image_file if hasattr(image_file, "drain") else _Plain(image_file, image_size, hashing_algo, verifier)
        try:
            added = self.receive(image_id, upload_id, reader, image_size)
        except BaseException:
            self.discard(image_id, upload_id)
            raise
        self.release(upload_id)
        return added

    def receive(
        self,
        image_id: str,
        upload_id: str,
        reader: Source,
        size: int | None,
        offload: concurrency.Offload = concurrency.DIRECT,
    ) -> Added:
        """Store what ``reader`` has, durably, under the image's name; :meth:`release` or :meth:`discard` must follow.

        :param size: bytes to expect, 0 or None when unknown.
        """
        with _errors(image_id):
            directory = offload(datadirs.choose, self._datadirs, size or 0)
            staged = offload(directory.stage, upload_id, sparse=self._sparse, mode=self._mode)
        try:
            with _errors(image_id):
                offload(staged.reserve, size or 0)
                total, checksum, value = reader.drain(staged)
                path = directory.final(image_id)
                _publish(staged, path, upload_id, offload)
        finally:
            offload(staged.close)
        return f"file://{path}", total, checksum, value, self._metadata(path)

    def _metadata(self, path: str) -> dict[str, str]:
        for item in self._mountpoints:
            if path.startswith(item["mountpoint"].rstrip("/") + "/"):
                return dict(item)
        if self._mountpoints:
            LOG.error("No mountpoint in filesystem_store_metadata_file holds %s.", path)
        return {}

    def release(self, upload_id: str) -> None:
        """The upload is complete: only the image's own name stays."""
        for directory in self.directories:
            directory.release(upload_id)

    def discard(self, image_id: str, upload_id: str) -> None:
        """The upload is aborted: remove what it left, and nothing else; repeatable."""
        with _errors(image_id):
            for directory in self.directories:
                directory.discard(image_id, upload_id)

    @capabilities.check
    def delete(self, location: Any, context: Any = None) -> None:  # noqa: ARG002 - glance_store's signature
        directory, path = self._resolve(location.store_location.path)
        with _errors(path):
            directory.delete(path)

    # -- reading -----------------------------------------------------------------------------------

    @capabilities.check
    def get(
        self,
        location: Any,
        offset: int = 0,
        chunk_size: int | None = None,
        context: Any = None,  # noqa: ARG002 - glance_store's signature
    ) -> tuple[Iterator[bytes], int]:
        body = self.open(location.store_location.path, offset, chunk_size)
        return body, chunk_size or body.size

    def get_size(self, location: Any, context: Any = None) -> int:  # noqa: ARG002 - glance_store's signature
        body = self.open(location.store_location.path)
        body.close()
        return body.size

    def open(
        self,
        path: str,
        offset: int = 0,
        length: int | None = None,
        offload: concurrency.Offload = concurrency.DIRECT,
    ) -> FileBody:
        """An image's bytes; only regular files in a data directory are opened, and no link is followed.

        :raises glance_store.exceptions.NotFound: there is no such file.
        """
        _, path = self._resolve(path)
        with _errors(path):
            fd, size = offload(_open_regular, path)
        return FileBody(fd, size, offset, length, self._chunk, offload)

    def _resolve(self, path: str) -> tuple[staging.Directory, str]:
        """The data directory that holds ``path``, and the path as this driver writes it."""
        parent, _, name = os.path.normpath(path).rpartition("/")
        directory = self._roots.get(parent)
        if directory is not None and name and not name.startswith("."):
            return directory, f"{directory.root}/{name}"
        raise exceptions.NotFound(image="outside the store")


class _Plain:
    """Any object with read() as a :class:`Source`, for callers that know only glance_store."""

    def __init__(self, file: Any, size: int, algorithm: str, verifier: Any) -> None:
        self._file = file
        self._size = size
        self._hashes = [hashlib.new("md5", usedforsecurity=False), hashlib.new(algorithm, usedforsecurity=False)]
        self._updates: list[Callable[[bytes], Any]] = [item.update for item in (*self._hashes, verifier) if item]

    def drain(self, sink: Sink) -> tuple[int, str, str]:
        total = 0
        while chunk := self._file.read(_COPY_BYTES):
            for update in self._updates:
                update(chunk)
            sink.update(memoryview(chunk))
            total += len(chunk)
        if self._size and total != self._size:
            raise exceptions.Invalid
        sink.finish()
        return total, self._hashes[0].hexdigest(), self._hashes[1].hexdigest()


def _publish(staged: staging.StagedFile, path: str, upload_id: str, offload: concurrency.Offload) -> None:
    try:
        offload(staged.publish, path)
    except FileNotFoundError as exc:
        raise exception.UploadFenced(upload_id=upload_id) from exc


def _open_regular(path: str) -> tuple[int, int]:
    """Descriptor and size of a regular file.

    Looked at before it is opened, because opening a device can have effects, and after it, because names change.
    """
    if stat.S_ISREG(os.stat(path, follow_symlinks=False).st_mode):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode):
            return fd, status.st_size
        os.close(fd)
    raise FileNotFoundError(errno.ENOENT, "not a regular file", path)


def _file_mode(digits: int) -> int | None:
    """Permission bits of filesystem_store_file_perm; None keeps the default."""
    if digits <= 0:
        return None
    try:
        mode = int(str(digits), 8)
    except ValueError:
        raise datadirs.bad(f"filesystem_store_file_perm {digits} is not octal") from None
    if not mode & stat.S_IRUSR or mode > 0o777:
        raise datadirs.bad(f"filesystem_store_file_perm {digits} would hide images from the service itself")
    return mode


def _mountpoints(path: str | None) -> list[dict[str, str]]:
    """What filesystem_store_metadata_file says: objects with id and mountpoint."""
    if not path:
        return []
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError) as exc:
        raise datadirs.bad(f"filesystem_store_metadata_file cannot be read: {exc}") from exc
    items = [found] if isinstance(found, dict) else found
    if not isinstance(items, list) or not all(_is_mountpoint(item) for item in items):
        raise datadirs.bad("filesystem_store_metadata_file must hold objects with the texts id and mountpoint")
    return items


def _is_mountpoint(item: Any) -> bool:
    return isinstance(item, dict) and all(isinstance(item.get(key), str) for key in ("id", "mountpoint"))


def _path(url: str) -> str:
    """The path of a file URL, as it is: these URLs were never quoted."""
    return url.partition("://")[2].strip()


@contextlib.contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        _translate(exc, name)


def _translate(exc: OSError, name: str) -> NoReturn:
    if exc.errno in _FULL:
        raise exceptions.StorageFull from exc
    if exc.errno in _DENIED:
        raise exceptions.StorageWriteDenied from exc
    if isinstance(exc, FileExistsError):
        raise exceptions.Duplicate(image=name) from exc
    if isinstance(exc, FileNotFoundError):
        raise exceptions.NotFound(image=name) from exc
    raise exc
