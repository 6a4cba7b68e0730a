"""Cases as data: what ``cases/*.yaml`` may say, and how it becomes requests.

A file is one noun's list of cases.  A case is a conversation with steps in order::

    - name: the owner shares an image
      images: {image: {visibility: shared, upload: some bytes}}   # there before the first step
      steps:
        - {do: POST /v2/images/{image}/members, json: {member: "{other}"}}
        - {as: other, do: GET /v2/images/{image}}

A case that is new or changed is recorded from a Glance with ``python -m tests.differences --peer URL --record --only NOUN``.

``as`` is one of :data:`PEOPLE`, member if it is not said.  ``json``, ``text`` or ``octets`` is the body, ``headers`` more headers,
``save: {name: key}`` keeps a value of the answer's body.  ``{name}`` stands for something saved, an image's id, or the project of
somebody.
"""

import dataclasses
import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
#: Statuses of a Glance's answers by case.
RECORDED = HERE / "recorded.json"
PATCH_TYPE = "application/openstack-images-v2.1-json-patch"

#: Roles by name; everybody has a project of his own in each case, but the reader is in the member's.
PEOPLE = {
    "member": "member,reader",
    "reader": "reader",
    "other": "member,reader",
    "third": "member,reader",
    "admin": "admin,member,reader",
    "service": "service",
    "roleless": "",
}
_PROJECTS = {"reader": "member"}
_NAME = re.compile(r"\{(\w+)\}")


@dataclasses.dataclass(frozen=True)
class Case:
    """One conversation."""

    name: str
    images: Mapping[str, Mapping[str, Any]]
    steps: tuple[Mapping[str, Any], ...]


def load(only: str = "") -> list[Case]:
    """All cases whose name, ``noun/...``, begins with ``only``."""
    cases = []
    for path in sorted((HERE / "cases").glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            name = f"{path.stem}/{entry['name']}"
            unknown = entry.keys() - {"name", "images", "steps"}
            if unknown:
                raise ValueError(f"{name}: unknown keys {sorted(unknown)}")
            cases.append(Case(name, entry.get("images", {}), tuple(entry["steps"])))
    return [case for case in cases if case.name.startswith(only)]


def projects(prefix: str) -> dict[str, str]:
    """Project ids by person."""
    return {who: f"{prefix}-{_PROJECTS.get(who, who)}" for who in PEOPLE}


def constants(prefix: str) -> dict[str, str]:
    """Names that every case may use: texts of a length, and ids of images that are not there yet, one in capital letters."""
    small, capital = (str(uuid.uuid5(uuid.NAMESPACE_OID, f"{prefix} {number}")) for number in range(2))
    return {"x255": "x" * 255, "x256": "x" * 256, "fresh": small, "FRESH": capital.upper()}


def identity(who: str, prefix: str) -> dict[str, str]:
    """Headers of somebody; nobody has none."""
    if who == "nobody":
        return {}
    project = projects(prefix)[who]
    return {
        "X-Identity-Status": "Confirmed",
        "X-Roles": PEOPLE[who],
        "X-Project-Id": project,
        "X-User-Id": f"user-{who}",
        "X-Auth-Token": "token",
    }


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """``value`` with every ``{name}`` in its texts replaced that is known."""
    if isinstance(value, str):
        return _NAME.sub(lambda match: names.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    if isinstance(value, dict):
        return {filled(key, names): filled(item, names) for key, item in value.items()}
    return value


def body_of(step: Mapping[str, Any], names: Mapping[str, str]) -> tuple[bytes | None, str | None]:
    """(body, its media type) of a step."""
    if "json" in step:
        is_patch = step["do"].startswith("PATCH")
        return json.dumps(filled(step["json"], names)).encode(), PATCH_TYPE if is_patch else "application/json"
    if "text" in step:
        return step["text"].encode(), "application/json"
    if "octets" in step:
        return step["octets"].encode(), "application/octet-stream"
    return None, None
