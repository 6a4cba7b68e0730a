"""Real registry processes for the tests of the seam."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imagesvc.rpc import transport
from tests.fixtures.rpc import make_conf

_ROOT = Path(__file__).parents[2]


class Registries:
    """Processes of :mod:`tests.fixtures.rpc_server` that share one state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.sockets = state / "rpc"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._callers: list[transport.Caller] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "ignore", "-m", "tests.fixtures.rpc_server", str(self.state)]
        with open(self.state / "log", "ab") as log:
            process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=log)
        self._processes.append(process)
        assert process.stdout.readline() == b"listening\n", (self.state / "log").read_text()
        return process

    def caller(self, **options: Any) -> transport.Caller:
        """A caller of these; ``options`` go to the group ``rpc``."""
        caller = transport.get_caller(make_conf(self.state, **options))
        self._callers.append(caller)
        return caller

    @property
    def effects(self) -> list[Any]:
        """What calls have done, in no order."""
        return [json.loads(path.read_text())["value"] for path in (self.state / "effects").iterdir()]

    @property
    def log(self) -> str:
        return (self.state / "log").read_text()

    def close(self) -> None:
        for caller in self._callers:
            caller.close()
        for process in self._processes:
            kill(process)
            process.stdout.close()


def freeze(process: subprocess.Popen[bytes]) -> None:
    """Stop ``process`` until it gets SIGCONT; returns when it does nothing any more."""
    os.kill(process.pid, signal.SIGSTOP)
    until(lambda: Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T")


def kill(process: subprocess.Popen[bytes]) -> None:
    """End it as power loss would."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGCONT)
    process.kill()
    process.wait()


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Poll until ``condition`` is true and return what it says."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return result


@pytest.fixture
def registries(tmp_path: Path) -> Iterator[Registries]:
    made = Registries(tmp_path)
    yield made
    made.close()
