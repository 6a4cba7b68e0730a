"""The differences that are on purpose: ``expected.yaml``."""

import fnmatch
from pathlib import Path
from typing import Any

import yaml

from tests.differences import cases


class Expectations:
    """Remembers which of them were met."""

    def __init__(self, path: Path = cases.HERE / "expected.yaml") -> None:
        self._entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self._met: set[int] = set()

    def reason(self, case: str, number: int, status: int, aspect: str) -> str | None:
        """Why this difference is on purpose; None when nobody expects it.

        :param number: of the step, from 1.
        :param status: of our answer.
        """
        for index, entry in enumerate(self._entries):
            if _is_about(entry, case, number, status, aspect):
                self._met.add(index)
                return str(entry["reason"])
        return None

    def unmet(self, case: str = "") -> list[str]:
        """What is expected everywhere, of one case or of all, and was not seen."""
        expected = [(index, entry) for index, entry in enumerate(self._entries) if "unless" not in entry]
        unmet = [entry for index, entry in expected if index not in self._met]
        unmet = [entry for entry in unmet if not case or fnmatch.fnmatchcase(case, entry["case"])]
        return [f"{entry['case']}: {entry['aspect']}" for entry in unmet]


def _is_about(entry: dict[str, Any], case: str, number: int, status: int, aspect: str) -> bool:
    return (
        fnmatch.fnmatchcase(case, entry["case"])
        and fnmatch.fnmatchcase(aspect, entry["aspect"])
        and number in entry.get("steps", [number])
        and status == entry.get("only", status)
    )
