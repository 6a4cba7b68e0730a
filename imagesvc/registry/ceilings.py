"""Most that projects may have together, and who knows it."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

MIB = 2**20

#: The limits Keystone knows of this service, and how much is one.
UNITS: Mapping[str, int] = {
    "image_size_total": MIB,
    "image_stage_total": MIB,
    "image_count_total": 1,
    "image_count_uploading": 1,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Ceiling:
    """Most that some projects may have together.

    :param key: whose lock keeps others from counting at the same time.
    :param projects: whose images count; None is nobody's.
    :param most: bytes or images by the names of ``UNITS``; without a name there is no limit.
    """

    key: str | None
    projects: tuple[str | None, ...]
    most: Mapping[str, int]


class Source(Protocol):
    """Knows what projects may have."""

    #: Whether somebody else is asked, who has limits for each project.
    is_remote: bool

    def of(self, project_id: str | None, *, under_way: bool = False) -> tuple[Ceiling, ...]:
        """The ceilings above a project, the widest first and its own last; if remote, not to be asked inside a transaction.

        :param under_way: for work that has begun already; limits known from earlier are good enough for it.
        :raises LimitsUnavailable: nobody can say.
        """


class OneForAll:
    """The same amount of storage for every project.

    :param storage: bytes, None for no limit.
    """

    is_remote = False

    def __init__(self, storage: int | None) -> None:
        self._most = None if storage is None else {"image_size_total": storage}

    def of(self, project_id: str | None, *, under_way: bool = False) -> tuple[Ceiling, ...]:  # noqa: ARG002
        """As of :class:`Source`."""
        return () if self._most is None else (Ceiling(project_id, (project_id,), self._most),)
