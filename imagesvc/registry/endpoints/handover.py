"""Images that get another owner: what they hold is charged to him, and he must have room for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagesvc.registry import fields, states
from imagesvc.registry.db import images, location_jobs, quotas, uploads
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.charges import Ceilings, CeilingsOf, Room, check_count, hold


def gives_away(changes: Sequence[Any]) -> bool:
    """Whether a PATCH names an owner."""
    return any(_names_owner(change) for change in changes)


def _names_owner(change: Any) -> bool:
    return isinstance(change, Mapping) and change.get("path") in (["owner"], ("owner",)) and "value" in change


def begin(tx: Transaction, ceilings_of: CeilingsOf, image_id: str, changes: Sequence[Any]) -> "Handover":
    """Lock what is given and all that limits who gets it; to be done before anything is read without a lock.

    :param changes: of a PATCH; the last one that names an owner counts.
    """
    uploads.live_of_image(tx, image_id)
    location_jobs.lock_of_image(tx, image_id)
    owner, heir = images.lock(tx, image_id), _heir(changes)
    # Who limits both counts the image already.
    ceilings = tuple(ceiling for ceiling in ceilings_of(heir) if owner not in ceiling.projects)
    hold(tx, ceilings, "image_count_total", "image_count_uploading", "image_size_total")
    return Handover(tx, image_id, heir, ceilings)


class Handover:
    """An image on its way to another owner."""

    def __init__(self, tx: Transaction, image_id: str, heir: str | None, ceilings: Ceilings) -> None:
        self._tx = tx
        self._image_id = image_id
        self._heir = heir
        self._ceilings = ceilings
        self._room = Room(tx, ceilings)

    def check(self, status: str) -> None:
        """Refuse an image, and an upload under way, where there are as many already as there may be.

        :raises ProjectLimitExceeded: the new owner's limit is reached.
        """
        check_count(self._tx, self._ceilings, "image_count_total", states.COUNTED)
        if status in states.COMING:
            check_count(self._tx, self._ceilings, "image_count_uploading", states.COMING)

    def settle(self) -> None:
        """Once the image is his, all its bytes must have room, and what is still coming is his, too.

        :raises StorageQuotaExceeded: there is less room.
        """
        self._room.check(quotas.held(self._tx, self._image_id))
        uploads.give(self._tx, self._image_id, self._heir)
        location_jobs.give(self._tx, self._image_id, self._heir)


def _heir(changes: Sequence[Any]) -> str | None:
    """:raises InvalidParameter: he cannot be anybody's name."""
    *_, last = filter(_names_owner, changes)
    owner: str | None = fields.WRITABLE["owner"]("owner", last["value"])
    return owner
