"""Cases as data: what ``cases/*.yaml`` may say, and how it becomes command lines.

A file is a list of cases.  A case is what one user or a few do one after the other, in a directory of their own::

    - name: the owner shares an image
      files: {disk: some bytes}                        # there before the first step
      steps:
        - openstack image create --id {a} --file disk shared
        - {as: other, run: "glance image-show {a}"}
        - {cloud: "cloud.get_image('{a}')"}            # openstacksdk; images: glanceclient

``as`` is one of :data:`tests.differences.cases.PEOPLE`, member if it is not said.  ``input`` is given to standard input.  ``{a}`` to ``{h}`` are ids of images, ``{none}``
that of none, ``{member}`` and so on the projects of people, ``{case}`` a word that is the case's own.  ``save: NAME`` keeps the last id of
the output.
"""

import dataclasses
import re
import shlex
import uuid
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.differences.cases import identity as named
from tests.differences.cases import projects

HERE = Path(__file__).parent
#: What a Glance answered, by case.
RECORDED = HERE / "recorded.json"
#: Differences that are on purpose.
EXPECTED = HERE / "expected.yaml"
#: A service never forgets an id that was used.
_RUN = uuid.uuid4().hex
_NAME = re.compile(r"\{(\w+)\}")
_KEYS = {"as", "run", "cloud", "images", "input", "save"}


@dataclasses.dataclass(frozen=True)
class Step:
    """One command.

    :ivar program: openstack, glance, cloud or images.
    :ivar text: the rest of the line, or an expression.
    """

    program: str
    text: str
    who: str = "member"
    input: str = ""
    save: str = ""

    def words(self, url: str, names: Mapping[str, str]) -> list[str]:
        """The command line for a service."""
        if self.program in {"cloud", "images"}:
            return [self.program, url, filled(self.text, names)]
        own = {
            "openstack": ["--os-auth-type", "none", "--os-endpoint", url],
            "glance": ["--os-image-url", url, "--os-auth-token", "none"],
        }
        return [self.program, *own[self.program], *(filled(word, names) for word in shlex.split(self.text))]


@dataclasses.dataclass(frozen=True)
class Case:
    """What is done one after the other.

    :ivar files: content by name.
    """

    name: str
    files: Mapping[str, str]
    steps: tuple[Step, ...]


def load(only: str = "") -> list[Case]:
    """All cases whose name, ``noun/...``, begins with ``only``."""
    cases = []
    for path in sorted((HERE / "cases").glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            steps = tuple(_step(step) for step in entry["steps"])
            cases.append(Case(f"{path.stem}/{entry['name']}", entry.get("files", {}), steps))
    return [case for case in cases if case.name.startswith(only)]


def _step(step: Any) -> Step:
    given = {"run": step} if isinstance(step, str) else step
    if unknown := given.keys() - _KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    common = {"who": given.get("as", "member"), "input": given.get("input", ""), "save": given.get("save", "")}
    if "run" in given:
        program, _, text = given["run"].partition(" ")
        return Step(program, text, **common)
    program = "cloud" if "cloud" in given else "images"
    return Step(program, given[program], **common)


def constants(case: Case) -> dict[str, str]:
    """What every step of a case may name; the ids follow each other as their letters do."""
    word = f"{zlib.crc32(f'{case.name} {_RUN}'.encode()):08x}"
    ids = {name: f"{word}-0000-4000-8000-{number:012x}" for number, name in enumerate(("none", *"abcdefgh"))}
    return {**projects(word), **ids, "word": word, "case": f"case-{word}"}


def filled(text: str, names: Mapping[str, str]) -> str:
    """``text`` with every ``{name}`` replaced that is known."""
    return _NAME.sub(lambda match: names.get(match[1], match[0]), text)


def identity(case: Case, who: str) -> dict[str, str]:
    """Identity headers of somebody; nobody has none."""
    return named(who, constants(case)["word"]) if who != "nobody" else {}
