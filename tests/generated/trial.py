"""Puts a real service to the trial, and reads its logs afterwards."""

import contextlib
import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.fixtures.daemons import ROOT, Deployment, deployed
from tests.fixtures.http_server import read_all
from tests.generated import judge, wire
from tests.generated.asks import Ask, Asks, mangled_parts
from tests.generated.values import INJECTED
from tests.generated.world import IDENTITIES, World

_OPTIONS: dict[str, dict[str, Any]] = {
    "paste_deploy": {"flavor": "trusted-auth"},
    "DEFAULT": {"workers": 2, "body_idle_timeout": 5},
    "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": "9"},
}
#: They may be named, and nobody is there.
_URLS = [f"http://127.0.0.1:9/{number}" for number in range(100)]
#: What a server may say of what is no request at all.
_REFUSALS = {b"400", b"408", b"413", b"414", b"431", b"501", b"505"}
_STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document, with locations that the service takes."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "doc" / "source" / "api" / "openapi.yaml").read_text())
    read["components"]["schemas"]["new_location"]["properties"]["url"]["examples"] = _URLS
    return read


@dataclasses.dataclass
class Trial:
    """:ivar statuses: how often which operation was answered how."""

    service: Deployment
    world: World
    statuses: Counter[tuple[str, int]] = dataclasses.field(default_factory=Counter)

    def ask(self, count: int, *, is_repeatable: bool) -> None:
        """``count`` requests; the test fails at the first answer that is wrong.

        :param is_repeatable: the same requests every time.
        """
        line = wire.Wire(self.service.api_port)
        asks = Asks(document(), self.world.places, IDENTITIES)

        @_settings(count, is_repeatable=is_repeatable)
        @given(asks.any())
        def run(ask: Ask) -> None:
            note(f"asked {ask}")
            answer = line.send(ask)
            self.statuses[ask.operation["operationId"] if ask.operation else "", answer.status] += 1
            if ask.method in {"PUT", "PATCH", "POST", "DELETE"} and answer.status < 300:
                self.world.changed(ask.target)
            note(f"answered {answer.status} {answer.headers} {answer.body[:1000]!r}")
            assert judge.faults(document(), ask, answer) == []

        with contextlib.closing(line):
            run()
        self._check_logs()

    def mangle(self, count: int, *, is_repeatable: bool) -> None:
        """``count`` requests with foreign bytes in them, a connection each."""
        line = wire.Wire(self.service.api_port)
        asks = Asks(document(), self.world.places, IDENTITIES)

        @_settings(count, is_repeatable=is_repeatable)
        @given(
            asks.any(), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), mangled_parts), min_size=1, max_size=4)
        )
        def run(ask: Ask, cuts: list[tuple[float, int, bytes]]) -> None:
            data = wire.encoded(ask)
            for where, length, part in cuts:
                place = int(where * len(data))
                data = data[:place] + part + data[place + length :]
            note(f"sent {data!r}")
            answer = self._dropped(line, data)
            note(f"answered {answer[:2000]!r}")
            statuses = _STATUS_LINE.findall(answer)
            assert not answer or statuses
            assert all(status < b"500" or status in _REFUSALS for status in statuses)
            assert b"Traceback" not in answer
            assert INJECTED.lower().encode() not in answer.lower().partition(b"\r\n\r\n")[0]

        run()
        self._check_logs()

    @staticmethod
    def _dropped(line: wire.Wire, data: bytes) -> bytes:
        with line.connect() as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(data)
                sock.shutdown(1)
            return read_all(sock)

    def _check_logs(self) -> None:
        for name in ("glance-api", "glance-registry"):
            log = self.service.log(name)
            assert "Traceback" not in log, log[log.index("Traceback") - 2000 :][:6000]
            assert not re.search(rf"(?m)^{INJECTED}", log)
            assert self.service.processes[name].poll() is None


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Trial]:
    """A service of its own to be tried."""
    with deployed(directory, _OPTIONS) as service, contextlib.closing(World(service.url)) as world:
        world.renew()
        yield Trial(service, world)


def _settings(count: int, *, is_repeatable: bool) -> settings:
    return settings(
        max_examples=count,
        derandomize=is_repeatable,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
