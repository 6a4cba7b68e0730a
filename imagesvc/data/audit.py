"""Files in file stores that the registry does not know.

Nothing is deleted here.  A file that no location and no upload accounts for is set aside, after two sightings one audit
apart, when it is old enough; a second name of a file is dropped, because the first keeps the bytes.  When the registry
cannot be asked, nothing happens at all.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence

from imagesvc.context import RequestContext
from imagesvc.rpc.rpcapi import RegistryAPI
from imagesvc.store import staging
from imagesvc.store.manager import StoreManager

LOG = logging.getLogger(__name__)

#: Files asked about in one call.
_ASK = 200

_Blob = Mapping[str, str]


class Audit:
    """Remembers what it saw the last time.

    :param min_age: seconds a file must have been unchanged before it counts.
    """

    def __init__(self, registry: RegistryAPI, stores: StoreManager, min_age: float) -> None:
        self._registry = registry
        self._stores = stores
        self._min_age = min_age
        self._seen: set[tuple[str, float]] = set()

    def release_settled(self) -> None:
        """Drop staged names of uploads that are complete, where a crash or a lost answer left them.

        While an upload is not settled the registry knows it, and its staged name must stay.
        """
        for directory in self._directories():
            entries = [item for item in self._list(directory.staged) if item.links > 1 and _is_id(item.name)]
            for entry in self._unknown(directory, entries):
                self._stores.offload(directory.release, entry.name)
                LOG.info("Upload %s was settled long ago; its second name is gone.", entry.name)

    def run(self) -> int:
        """Look at all file stores and set aside what was unknown the last time too; the number of files."""
        sighted: set[tuple[str, float]] = set()
        moved = 0
        for directory in self._directories():
            for entry in self._unknown(directory, self._old(directory)):
                sighting = (entry.path, entry.mtime)
                if sighting in self._seen:
                    where = self._stores.offload(directory.quarantine, entry)
                    LOG.warning("No image knows file %s; it was moved to %s.", entry.path, where)
                    moved += 1
                else:
                    LOG.warning("No image knows file %s.", entry.path)
                    sighted.add(sighting)
        self._seen = sighted
        return moved

    def _directories(self) -> list[staging.Directory]:
        return [directory for _, directory in self._stores.directories()]

    def _old(self, directory: staging.Directory) -> list[staging.Entry]:
        entries = self._list(directory.staged) + self._list(directory.images)
        newest = time.time() - self._min_age
        return [entry for entry in entries if entry.mtime <= newest and _is_id(staging.upload_of(entry))]

    def _list(self, listing: staging.Listing) -> list[staging.Entry]:
        return self._stores.offload(lambda: list(listing()))

    def _unknown(self, directory: staging.Directory, entries: Sequence[staging.Entry]) -> Iterator[staging.Entry]:
        """Those entries that the registry knows under none of their names."""
        context = RequestContext(overwrite=False)
        for start in range(0, len(entries), _ASK):
            asked = [(entry, _names(directory, entry)) for entry in entries[start : start + _ASK]]
            blobs = [blob for _, names in asked for blob in names]
            unknown = {_key(blob) for blob in self._registry.blobs_unknown(context, blobs)}
            yield from (entry for entry, names in asked if all(_key(blob) in unknown for blob in names))


def _names(directory: staging.Directory, entry: staging.Entry) -> list[_Blob]:
    """What rows may call a file."""
    if not directory.holds(entry):
        return [{"upload_id": staging.upload_of(entry)}]
    return [{"image_id": entry.name, "url": url} for url in directory.urls(entry.name)]


def _key(blob: _Blob) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(blob.items()))


def _is_id(name: str) -> bool:
    """Whether a name is one that this service could have given."""
    try:
        return str(uuid.UUID(name)) == name.lower()
    except ValueError:
        return False
