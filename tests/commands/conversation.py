"""Has one case's steps done at one service."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.commands import cases, outcomes, proxy
from tests.differences import cases as differing
from tests.fixtures.peer import caller

_ROOT = Path(__file__).resolve().parents[2]
_PYTHON = _ROOT / ".venv-client" / "bin" / "python"


class Clients:
    """The clients' libraries in a process that runs commands."""

    def __init__(self) -> None:
        assert _PYTHON.exists(), "tools/test installs the clients into .venv-client"
        command = [str(_PYTHON), str(Path(__file__).with_name("runner.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, words: list[str], directory: str, text: str = "") -> dict[str, Any]:
        """What came of a command."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"words": words, "directory": directory, "input": text}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)


@contextlib.contextmanager
def clients() -> Iterator[Clients]:
    running = Clients()
    try:
        yield running
    finally:
        running.close()


def outcomes_of(case: cases.Case, url: str, using: Clients) -> list[outcomes.Outcome]:
    """The outcome of each step at the service at ``url``; nothing of the case is left there afterwards."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        stack.callback(_clean, url, cases.constants(case))
        fronts = {
            who: stack.enter_context(proxy.between(url, cases.identity(case, who)))
            for who in sorted({step.who for step in case.steps})
        }
        names = cases.constants(case)
        for name, content in case.files.items():
            Path(directory, name).write_text(cases.filled(content, names))
        return [_outcome(step, names, fronts[step.who], directory, using) for step in case.steps]


def _outcome(step: cases.Step, names: dict[str, str], front: str, directory: str, using: Clients) -> outcomes.Outcome:
    answer = using.run(step.words(front, names), directory, cases.filled(step.input, names))
    if step.save:
        found = outcomes.ids(answer["output"])
        names[step.save] = found[-1] if found else "nothing"
    return outcomes.comparable(answer, names, front, directory)


def _clean(url: str, names: dict[str, str]) -> None:
    """Remove images, and namespaces of metadata definitions."""
    admin = caller(url, names["admin"], "admin", "member", "reader")
    projects = set(differing.projects(names["word"]).values())
    for hidden in ("false", "true"):
        found = admin.list(f"?visibility=all&limit=1000&os_hidden={hidden}").json()["images"]
        for image in (image for image in found if image["owner"] in projects):
            admin.patch(image["id"], {"op": "replace", "path": "/protected", "value": False})
            admin.delete(image["id"])
    for space in admin.request("GET", "/v2/metadefs/namespaces?limit=1000").json()["namespaces"]:
        path = f"/v2/metadefs/namespaces/{space['namespace']}"
        admin.request("PUT", path, json={"namespace": space["namespace"], "protected": False})
        admin.request("DELETE", path)
