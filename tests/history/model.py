"""The executable model of one image: what it is, and which operations it may answer how.

Pure, and short enough to be believed.  An upload is one step here: the data is there, or it is not; ``saving`` is an image
without data.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.history.log import Operation

ABSENT, PRESENT, DELETED = "absent", "present", "deleted"


class State(NamedTuple):
    """:ivar digest: of the data, None without."""

    life: str = ABSENT
    digest: str | None = None
    tags: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()


def step(state: State, operation: Operation) -> State | None:
    """The state after ``operation``, None if it could not happen, or not be answered so, in ``state``.

    One with an unknown outcome is taken to have happened.
    """
    if operation.outcome == "refused":
        return state if _may_refuse(state, operation) else None
    after = _EFFECTS[operation.kind](state, operation)
    if after is None or not operation.acknowledged:
        return after
    return after if _is_true(after, operation) else None


def shows(state: State, image: Mapping[str, Any]) -> bool:
    """Whether the API's view of an image is one of ``state``."""
    return (
        state.life == PRESENT
        and (image["status"] == "active") == (state.digest is not None)
        and image["digest"] == state.digest
        and tuple(sorted(image["tags"])) == state.tags
        and tuple(sorted(image["properties"].items())) == state.properties
    )


# -- effects ------------------------------------------------------------------------------------------


def _create(state: State, operation: Operation) -> State | None:
    if state.life != ABSENT:
        return None
    sent = operation.sent
    return State(PRESENT, None, tuple(sorted(sent["tags"])), tuple(sorted(sent["properties"].items())))


def _upload(state: State, operation: Operation) -> State | None:
    if state.life != PRESENT or state.digest is not None:
        return None
    return state._replace(digest=operation.sent["digest"])


def _patch(state: State, operation: Operation) -> State | None:
    if state.life != PRESENT:
        return None
    properties = dict(state.properties) | operation.sent["properties"]
    return state._replace(properties=tuple(sorted(properties.items())))


def _tag(state: State, operation: Operation) -> State | None:
    return state._replace(tags=tuple(sorted(operation.sent["tags"]))) if state.life == PRESENT else None


def _delete(state: State, _operation: Operation) -> State | None:
    return State(DELETED) if state.life == PRESENT else None


def _read(state: State, _operation: Operation) -> State | None:
    return state if state.life == PRESENT else None


_EFFECTS = {
    "create": _create,
    "upload": _upload,
    "patch": _patch,
    "tag": _tag,
    "delete": _delete,
    "show": _read,
    "download": _read,
}


# -- answers ------------------------------------------------------------------------------------------


def _is_true(state: State, operation: Operation) -> bool:
    """Whether an acknowledgement says what ``state``, the one after it, is."""
    if operation.kind in {"upload", "delete"}:
        return True
    if operation.kind == "download":
        return operation.seen.get("digest") == state.digest
    return shows(state, operation.seen)


def _may_refuse(state: State, operation: Operation) -> bool:
    if operation.status in {0, 503}:
        return True  # never sent, or answered with the promise that nothing was done
    if operation.status == 404:
        return state.life != PRESENT
    if operation.status == 410:
        return state.life == DELETED
    if operation.kind == "create":
        return state.life != ABSENT
    # 409 to an upload: there is data, or another upload is in the way, which is judged by the clock and not here.
    if "from active to" in operation.seen["message"]:
        return state.digest is not None
    return True
