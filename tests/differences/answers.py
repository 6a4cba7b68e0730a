"""Answers made comparable: what differs from run to run is replaced, what is text for people is left out."""

import json
import re
from collections.abc import Mapping
from typing import Any

import requests

#: Headers that are compared; of the last one only whether it is there.
HEADERS = (
    "Content-Type",
    "Location",
    "Allow",
    "Accept-Patch",
    "WWW-Authenticate",
    "OpenStack-image-import-methods",
    "OpenStack-image-store-ids",
    "Content-MD5",
    "Content-Range",
    "Retry-After",
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NO_ORDER = {"tags", "enum", "type", "required"}
_FOR_PEOPLE = {"description", "title"}

Answer = dict[str, Any]


def comparable(response: requests.Response, names: Mapping[str, str], base: str) -> Answer:
    """Status, headers and body without what differs between two services that behave alike.

    :param names: what was saved, by name; it is shown by its name.
    :param base: the service's own URL.
    """
    replaced = _Replacer({value: f"<{name}>" for name, value in names.items()} | {base.partition("://")[2]: "<host>"})
    headers = {name: replaced.text(response.headers[name]) for name in HEADERS if name in response.headers}
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(re.split(r",\s*", headers["Allow"])))
    headers["x-openstack-request-id"] = "there" if "x-openstack-request-id" in response.headers else "missing"
    return {"status": response.status_code, "headers": headers, "body": _body(response, replaced)}


def _body(response: requests.Response, replaced: "_Replacer") -> Any:
    if response.status_code >= 400:
        return "<error>" if response.content else ""
    try:
        return replaced.value(json.loads(response.content))
    except ValueError:
        return response.content.decode("latin-1")


class _Replacer:
    def __init__(self, names: Mapping[str, str]) -> None:
        # The longest first: one name may be part of another.
        self._names = sorted(names.items(), key=lambda item: -len(item[0]))

    def text(self, text: str) -> str:
        for value, shown in self._names:
            text = text.replace(value, shown)
        return _TIME.sub("<time>", _UUID.sub("<uuid>", text))

    def value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return sorted(items, key=str) if key in _NO_ORDER else items
        if isinstance(value, dict):
            kept = {name: item for name, item in value.items() if not (name in _FOR_PEOPLE and isinstance(item, str))}
            return {self.text(name): self.value(item, name) for name, item in kept.items()}
        return value


def differences(theirs: Answer, ours: Answer) -> dict[str, str]:
    """What differs, as ``aspect: "theirs, ours"``; after another status nothing else is of interest."""
    if theirs["status"] != ours["status"]:
        return {"status": f"{theirs['status']}, ours {ours['status']}"}
    found: dict[str, str] = {}
    for name in sorted({*theirs["headers"], *ours["headers"]}):
        _compare(f"header {name}", theirs["headers"].get(name), ours["headers"].get(name), found)
    _compare("body", theirs["body"], ours["body"], found)
    return found


def _compare(where: str, theirs: Any, ours: Any, found: dict[str, str]) -> None:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            _compare(f"{where}.{key}", theirs.get(key, "<missing>"), ours.get(key, "<missing>"), found)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            _compare(f"{where}[{number}]", one, other, found)
    elif theirs != ours or type(theirs) is not type(ours):
        found[where] = f"{theirs!r}, ours {ours!r}"
