"""The judge: history, final catalogue and files in, anomalies out.

Every image's operations must have an order (:mod:`tests.history.ordering`) that ends in what the catalogue shows in the end; what
has none is given the name of the promise it breaks.  What no order can tell - files, images that stay in between, answers that
must not be - is looked at one by one.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.history import ordering
from tests.history.log import FINAL, History, Operation

#: What a refusal may be, by kind of operation; 503 says that nothing was done, 0 that nobody was there.
REFUSALS = {
    "create": {0, 409, 503},
    "upload": {0, 404, 409, 410, 503},
    "patch": {0, 404, 503},
    "tag": {0, 404, 503},
    "show": {0, 404, 503},
    "download": {0, 404, 503},
    "delete": {0, 404, 503},
}


@dataclasses.dataclass(frozen=True, slots=True)
class Anomaly:
    """A broken promise.

    :ivar kind: its name: lost image, wrong bytes, lost patch, resurrected delete, stuck image, orphan blob, ...
    :ivar about: an image's id, or a file's name.
    """

    kind: str
    about: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.about}: {self.detail}"


@dataclasses.dataclass(frozen=True, slots=True)
class Remains:
    """What is there when all is over and settled.

    :ivar listed: image id to its view in the list.
    :ivar blobs, staged: names of files in the store, and of those that uploads left beside it.
    """

    listed: Mapping[str, Mapping[str, Any]]
    blobs: frozenset[str]
    staged: frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """What the deployment promises in seconds.

    :ivar late: after its end, an operation with an unknown outcome has no more effect.
    :ivar settled: after its end, an upload that failed is in nobody's way any more.
    :ivar patience: a request is answered, whatever the answer.
    """

    late: float
    settled: float
    patience: float


def check(history: History, remains: Remains, bounds: Bounds) -> list[Anomaly]:
    """Everything that is wrong.

    :param history: with a show and, where there is data, a download of each image by :data:`~tests.history.log.FINAL`.
    """
    anomalies = [anomaly for operation in history for anomaly in _check_answer(operation, bounds)]
    by_image = history.by_image()
    for image, operations in by_image.items():
        anomalies += _check_image(image, operations, bounds)
    anomalies += _check_remains(by_image, remains)
    return anomalies


# -- single answers -----------------------------------------------------------------------------------


def _check_answer(operation: Operation, bounds: Bounds) -> Iterator[Anomaly]:
    if operation.outcome == "refused" and operation.status not in REFUSALS[operation.kind]:
        yield Anomaly("bad answer", operation.image, str(operation))
    if operation.outcome == "unknown" and operation.status not in {0, 200, 503}:  # 200: a download that broke off
        yield Anomaly("bad answer", operation.image, str(operation))
    if operation.status == 503 and not operation.seen.get("retry_after"):
        yield Anomaly("bad answer", operation.image, f"503 without Retry-After: {operation}")
    if operation.end - operation.start > bounds.patience:
        yield Anomaly("no answer in time", operation.image, str(operation))


# -- one image ----------------------------------------------------------------------------------------


def _check_image(image: str, operations: Sequence[Operation], bounds: Bounds) -> Iterator[Anomaly]:
    failing = ordering.first_unexplained(operations, bounds.late)
    if failing is not None:
        yield Anomaly(_name(failing, operations), image, f"nothing explains {failing}")
    uploads = [operation for operation in operations if operation.kind == "upload"]
    last = next((upload for upload in reversed(uploads) if upload.client == FINAL), None)
    for operation in operations:
        if operation is last and _is_contended(operation):
            yield Anomaly("stuck image", image, f"everything is settled, and yet {operation}")
        elif _is_contended(operation) and not _is_upload_about(operation, uploads, bounds.settled):
            yield Anomaly("stuck image", image, f"no upload is about, and yet {operation}")
        elif operation.client == FINAL and operation.seen.get("status", "active") not in {"queued", "active"}:
            yield Anomaly("stuck image", image, str(operation))


def _is_contended(operation: Operation) -> bool:
    """Whether the answer says that somebody uploads right now, or has left something behind."""
    if operation.kind == "upload" and operation.status == 409:
        return "from saving to" in operation.seen["message"] or "being removed" in operation.seen["message"]
    return operation.seen.get("status") == "saving"


def _is_upload_about(operation: Operation, uploads: Iterable[Operation], settled: float) -> bool:
    return any(
        other is not operation and other.start < operation.end and operation.start < other.end + settled
        for other in uploads
    )


def _name(failing: Operation, operations: Sequence[Operation]) -> str:
    """Which promise the operation breaks whose answer nothing explains."""
    told = [operation for operation in operations if operation.acknowledged and operation.end < failing.start]
    final = [operation for operation in operations if operation.client == FINAL] or [failing]
    if failing.acknowledged and any(operation.kind == "delete" for operation in told):
        return "resurrected delete"
    if failing.kind == "download" and failing.acknowledged and failing.seen.get("digest") is not None:
        return "wrong bytes"
    if _is_missing(failing, operations, told):
        return "lost image" if any(_is_missing(last, operations, told) for last in final) else "stale read"
    if failing.kind == "upload" and failing.acknowledged:
        return "two uploads acknowledged"
    if "properties" in failing.seen and _has_lost(failing, told):
        return "lost patch" if any(_has_lost(last, told) for last in final) else "stale read"
    return "no order"


def _is_missing(read: Operation, operations: Iterable[Operation], told: Iterable[Operation]) -> bool:
    """Whether an image, or its data, is not there although it was acknowledged and nobody may have deleted it."""
    if any(other.kind == "delete" and other.changes and other.start < read.end for other in operations):
        return False
    kinds = {operation.kind for operation in told}
    if read.status == 404:
        return bool(kinds & {"create", "upload", "patch", "tag"})
    has_none = read.status == 204 or read.seen.get("status") in {"queued", "saving"}
    return "upload" in kinds and read.kind not in {"upload", "delete"} and has_none


def _has_lost(read: Operation, told: Iterable[Operation]) -> bool:
    """Whether the answer shows an older value of a property, or older tags, than was acknowledged before it was asked."""
    changes = [operation for operation in told if operation.kind in {"patch", "tag", "create"}]
    properties: dict[str, str] = {}
    tags: Sequence[str] = []
    for operation in changes:  # in the order of their ends; each client writes its own properties
        properties |= operation.sent.get("properties", {})
        tags = operation.sent.get("tags", tags)
    view = read.seen.get("properties")
    if view is None:
        return False
    return any(view.get(name) != value for name, value in properties.items()) or set(read.seen["tags"]) != set(tags)


# -- what is left -------------------------------------------------------------------------------------


def _check_remains(by_image: Mapping[str, Sequence[Operation]], remains: Remains) -> Iterator[Anomaly]:
    views = {
        image: operation.seen
        for image, operations in by_image.items()
        for operation in operations
        if operation.client == FINAL and operation.kind == "show" and operation.acknowledged
    }
    for image in remains.listed.keys() - by_image.keys():
        yield Anomaly("image that nobody made", image, "it is listed")
    for image in (remains.listed.keys() & by_image.keys()) ^ views.keys():
        yield Anomaly("list and show differ", image, f"listed: {image in remains.listed}, shown: {image in views}")
    for image in remains.listed.keys() & views.keys():
        if remains.listed[image] != views[image]:
            yield Anomaly("list and show differ", image, f"{remains.listed[image]}, but {views[image]}")
    yield from _check_files(by_image, views, remains)


def _check_files(
    by_image: Mapping[str, Sequence[Operation]], views: Mapping[str, Mapping[str, Any]], remains: Remains
) -> Iterator[Anomaly]:
    located = [url.rpartition("/")[2] for view in views.values() for url in view["locations"]]
    for name in {name for name in located if located.count(name) > 1}:
        yield Anomaly("blob of two rows", name, "two locations name it")
    for name in remains.blobs - set(located):
        yield Anomaly("orphan blob", name, "no image's location names it")
    for name in set(located) - remains.blobs:
        yield Anomaly("row without blob", name, "a location names it, but there is no such file")
    for name in remains.staged:
        yield Anomaly("orphan staging file", name, "all uploads are over")
    for image, view in views.items():
        if (view["status"] == "active") != bool(view["locations"]):
            yield Anomaly("status and locations differ", image, str(view))
        if view["status"] == "active" and view["size"] != _size(by_image[image], view["digest"]):
            yield Anomaly("wrong size", image, str(view))


def _size(operations: Iterable[Operation], digest: str) -> int | None:
    """Bytes of the upload with this digest."""
    return next((item.sent["size"] for item in operations if item.sent.get("digest") == digest), None)
