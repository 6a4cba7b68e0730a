"""What commands said, made comparable: ids, times, hosts and the widths of columns are replaced."""

import re
from collections.abc import Mapping
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?")
_REQUEST = re.compile(r"req-<\w+>|req-[0-9a-f-]+")
_TAGS = re.compile(r'(\btags"?\s*[|:]\s*\[?)([^|\]\n]*)')
_LIST_OF_TAGS = re.compile(r'"tags": \[[^\]]*\]')
#: What glanceclient misses, in the order of a set.
_LIST_OF_OPTIONS = re.compile(r"--[\w-]+(?:, --[\w-]+)+")
#: Where Glance and this service say the same in other words.
_SAID = re.compile(r"(HTTP (?:Client Error for url: |\S+ ?\S* \S*)|HttpException: |HTTP )?(\b[45]\d\d)\b.*")

_STORE = re.compile(r"/[\w/.-]+/(fast|cheap|os_glance_\w+)\b")
_EXPLAINED = "| Attribute | Description |"
#: What follows is the schema, whose descriptions are each service's own.
_SCHEMA = "Failed validating"

#: Characters of a line that may have been broken, wherever there was a space.
_CELL = 60
_WORDS = re.compile(r"\['[^\[\]{}]*'\]")

Outcome = dict[str, Any]


def comparable(answer: Mapping[str, Any], names: Mapping[str, str], url: str, directory: str) -> Outcome:
    """(exit status, lines of output, what remains of the errors) of an answer of the runner.

    :param names: known values by the names they are shown by.
    """
    known = {value: f"<{name}>" for name, value in names.items()} | {url: "<url>", url.partition("://")[2]: "<host>"}
    known[directory] = "<directory>"
    return {
        "status": answer["status"],
        "output": [_tight(line) for line in _lines(answer["output"], known)],
        "errors": [_tight(_short(line)) for line in _lines(answer["errors"], known)],
    }


def _lines(text: str, known: Mapping[str, str]) -> list[str]:
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, known[value])
    text = _TIME.sub("<time>", _REQUEST.sub("<request>", _UUID.sub("<uuid>", text)))
    text = re.sub(r"-{3,}", "--", re.sub(r"[ \t\r]+", " ", text))
    text = _TAGS.sub(_sorted, text.partition(_SCHEMA)[0])
    text = _WORDS.sub(lambda found: str(sorted(found[0][1:-1].split(", "))), text)
    text = _LIST_OF_OPTIONS.sub(lambda found: ", ".join(sorted(found[0].split(", "))), text)
    lines = _joined([line.strip() for line in text.split("\n") if line.strip() and line.strip() != "+"])
    # A schema's attributes have no order.
    return sorted(line[: line.find("|", 1) + 1] for line in lines) if _EXPLAINED in lines else lines


def _joined(lines: list[str]) -> list[str]:
    """Lines with each row of a table in one: where a cell is broken depends on how long the name of a directory is."""
    joined: list[str] = []
    for line in lines:
        if line.startswith("| |") and joined and joined[-1].startswith("|"):
            joined[-1] = joined[-1].rstrip("| ") + line.removeprefix("| |").strip()
        else:
            joined.append(line)
    return [_STORE.sub(r"<stores>/\1", line) for line in joined]


def _tight(line: str) -> str:
    return line.replace(" ", "") if len(line) > _CELL else line


def _sorted(match: re.Match[str]) -> str:
    return match[1] + " " + ", ".join(sorted(item.strip(" '\"\n") for item in match[2].split(","))) + " "


def _short(line: str) -> str:
    """A message up to the status it tells; the words behind it are each service's own."""
    found = _SAID.search(line)
    return f"<HTTP {found[2]}>" if found else line


def differences(theirs: Outcome, mine: Outcome) -> dict[str, str]:
    """What differs, as ``aspect: "theirs; ours"``."""
    return {
        aspect: f"{_only(theirs[aspect], mine[aspect])}; ours {_only(mine[aspect], theirs[aspect])}"
        for aspect in ("status", "output", "errors")
        if theirs[aspect] != mine[aspect]
    }


def _only(one: Any, other: Any) -> Any:
    """Lines that the other has not, or all if they are the same in another order."""
    if not isinstance(one, list):
        return one
    return [line for line in one if line not in other] or (
        "the same in another order" if len(one) == len(other) else []
    )


def ids(text: str) -> list[str]:
    """Every id in a text."""
    return _UUID.findall(text)
