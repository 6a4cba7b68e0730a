"""The life of an image: which status may follow which.  The only place that spells the words.

Pure: compare-and-set in the database makes a transition happen, this says whether it may.
"""

from typing import Final

from imagesvc import exception

QUEUED: Final = "queued"
SAVING: Final = "saving"
UPLOADING: Final = "uploading"
IMPORTING: Final = "importing"
ACTIVE: Final = "active"
DEACTIVATED: Final = "deactivated"
KILLED: Final = "killed"
PENDING_DELETE: Final = "pending_delete"
DELETED: Final = "deleted"

_NEXT: Final[dict[str, frozenset[str]]] = {
    QUEUED: frozenset({SAVING, UPLOADING, IMPORTING, ACTIVE, DELETED}),
    SAVING: frozenset({ACTIVE, KILLED, DELETED, QUEUED}),
    UPLOADING: frozenset({IMPORTING, QUEUED, DELETED}),
    IMPORTING: frozenset({ACTIVE, DELETED, QUEUED}),
    # Glance has no deactivated -> pending_delete, so there a deactivated image cannot be deleted with delayed_delete.
    ACTIVE: frozenset({PENDING_DELETE, DELETED, DEACTIVATED}),
    DEACTIVATED: frozenset({ACTIVE, PENDING_DELETE, DELETED}),
    KILLED: frozenset({DELETED}),
    PENDING_DELETE: frozenset({DELETED, ACTIVE}),
    DELETED: frozenset(),
}

#: Images in these states are nobody's to see, by id or in a list.
GONE: Final = frozenset({PENDING_DELETE, DELETED})

#: Images in these states are never listed; ``killed`` ones can still be shown and deleted by id.
UNLISTED: Final = GONE | {KILLED}

#: Images that count as their project's, and those of them whose data is coming, all of them and those that are staged.
COUNTED: Final = frozenset(_NEXT) - UNLISTED
COMING: Final = frozenset({SAVING, UPLOADING, IMPORTING})
STAGED: Final = COMING - {SAVING}

#: While an image is in one of these, its disk_format and container_format may change.
FORMATS_OPEN: Final = frozenset({QUEUED, IMPORTING})

#: All words of this table.
STATUSES: Final = frozenset(_NEXT)


def may_become(current: str, wanted: str) -> bool:
    """Whether ``wanted`` may follow ``current``; staying as it is counts as no."""
    return wanted in _NEXT.get(current, frozenset())


def check(current: str, wanted: str) -> None:
    """Raise InvalidStatusTransition unless ``wanted`` may follow ``current``."""
    if not may_become(current, wanted):
        raise exception.InvalidStatusTransition(current=current, wanted=wanted)
