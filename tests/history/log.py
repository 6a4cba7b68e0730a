"""What clients did and were told: the history that the checker judges."""

import dataclasses
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

Outcome = Literal["acknowledged", "refused", "unknown"]

#: The client that reads everything when all is over.
FINAL = "final"


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """One request.

    :ivar kind: create, upload, patch, tag, show, download or delete.
    :ivar start, end: monotonic seconds between which it had its effect, if it was answered.
    :ivar outcome: unknown means that it may have happened, may happen yet, or may not.
    :ivar status: of the answer; 0 without one.
    :ivar sent: create and tag: ``tags``; create and patch: ``properties``; upload: ``digest`` and ``size``.
    :ivar seen: what the answer says.  Of an image: ``status``, ``digest``, ``size``, ``tags``, ``properties``,
        ``locations``; of a download: ``digest`` and ``size`` of the received bytes; of a refusal: ``message``.
    """

    client: str
    kind: str
    image: str
    start: float
    end: float
    outcome: Outcome
    status: int
    sent: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seen: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def acknowledged(self) -> bool:
        return self.outcome == "acknowledged"

    @property
    def changes(self) -> bool:
        """Whether it has, or may have, an effect."""
        return self.outcome != "refused" and self.kind not in {"show", "download"}

    def __str__(self) -> str:
        told = {**self.sent, **({"seen": dict(self.seen)} if self.seen else {})}
        return f"{self.start:.3f}-{self.end:.3f} {self.client} {self.kind} {self.outcome} {self.status} {told}"


class History:
    """Operations in the order of their ends; many threads write, nobody reads before they are done."""

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self._operations = list(operations)
        self._acknowledged = sum(map(_is_progress, self._operations))
        self._lock = threading.Lock()

    def add(self, operation: Operation) -> None:
        with self._lock:
            self._operations.append(operation)
            self._acknowledged += _is_progress(operation)

    def __len__(self) -> int:
        return len(self._operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def acknowledged(self) -> int:
        """How many changes were acknowledged until now."""
        return self._acknowledged

    def by_image(self) -> dict[str, list[Operation]]:
        found = defaultdict(list)
        for operation in self._operations:
            found[operation.image].append(operation)
        return dict(found)

    def save(self, path: Path) -> None:
        """One JSON object a line, for :meth:`load` and for people."""
        path.write_text("".join(json.dumps(dataclasses.asdict(operation)) + "\n" for operation in self._operations))

    @classmethod
    def load(cls, path: Path) -> Self:
        return cls(Operation(**json.loads(line)) for line in path.read_text().splitlines())


def _is_progress(operation: Operation) -> bool:
    return operation.acknowledged and operation.changes
