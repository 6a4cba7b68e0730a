"""How many bytes a project may still store, while nobody else of it can take them."""

from imagesvc import exception
from imagesvc.registry import states
from imagesvc.registry.db import quotas
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.limits import Limits


def of_project(tx: Transaction, limits: Limits, project_id: str | None, without: str | None = None) -> int | None:
    """Bytes the project may still store, None without quota; nobody else can take them until the transaction ends.

    :param without: an upload that does not count.
    """
    if limits.storage is None:
        return None
    quotas.lock(tx, project_id)
    return max(0, limits.storage - quotas.used(tx, project_id, states.UNLISTED, without))


def check(wanted: int | None, room: int | None, limits: Limits) -> None:
    """Refuse ``wanted`` bytes where there is no ``room``; an upload of unknown size needs room for one byte.

    :raises StorageQuotaExceeded: saying how many there are.
    """
    if room is not None and (room < 1 if wanted is None else room < wanted):
        raise exception.StorageQuotaExceeded(quota=limits.storage, remaining=room)
