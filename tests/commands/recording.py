"""What the clients said of a Glance, kept in a file: lines, for they are read by people when they change."""

import json
from collections.abc import Mapping

from tests.commands import cases, outcomes


def read() -> dict[str, list[outcomes.Outcome]]:
    found: dict[str, list[outcomes.Outcome]] = json.loads(cases.RECORDED.read_text(encoding="utf-8"))
    return found


def write(new: Mapping[str, list[outcomes.Outcome]]) -> None:
    """Add to it, and leave out what is no case any more."""
    before = read() if cases.RECORDED.exists() else {}
    known = {case.name for case in cases.load()}
    merged = {name: kept for name, kept in sorted({**before, **new}.items()) if name in known}
    cases.RECORDED.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
