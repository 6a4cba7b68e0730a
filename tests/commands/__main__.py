"""Do the same with the clients at Glance and at this service, and say where they tell different things: ``python -m tests.commands``.

Both are started for it, with the same configuration, but those whose URL is given.  The exit status is 1 when there is a difference that ``expected.yaml`` does
not name, or when it names one that is not there.  ``--record`` keeps what the clients say of Glance in ``recorded.json``, by which a
functional test judges this service where there is no Glance.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.commands import cases, outcomes, recording, settings
from tests.commands.conversation import clients, outcomes_of
from tests.differences.expectations import Expectations
from tests.fixtures.daemons import ROOT, deployed
from tests.fixtures.peer import Peer


def main() -> int:
    arguments = _arguments()
    wanted = cases.load(arguments.only)
    with contextlib.ExitStack() as stack:
        using = stack.enter_context(clients())
        peer = arguments.peer or stack.enter_context(_glance())
        ours = arguments.ours or stack.enter_context(_ours())
        report = _Report(arguments.show)
        for case in wanted:
            theirs = outcomes_of(case, peer, using)
            if arguments.record:
                recording.write({case.name: theirs})
            report.judge(case, theirs, outcomes_of(case, ours, using))
        return report.end(is_all=not arguments.only)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--peer", metavar="URL", help="a running Glance with the options of tests/commands/settings.py")
    parser.add_argument("--ours", metavar="URL", help="the same, of this service")
    parser.add_argument("--only", default="", metavar="NOUN[/CASE]", help="cases whose name begins so")
    parser.add_argument("--record", action="store_true", help="keep what the clients say of Glance")
    parser.add_argument("--show", action="store_true", help="print all that the clients say of Glance")
    return parser.parse_args()


@contextlib.contextmanager
def _glance() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        peer = Peer(Path(directory) / "peer", settings.shared(Path(directory)))
        shutil.copy(ROOT / "etc" / "schema-image.json", peer.directory)
        peer.configure(enabled_import_methods="[glance-direct,web-download,copy-image]")
        peer.manage("db_sync")
        with peer.running():
            yield peer.url


@contextlib.contextmanager
def _ours() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        options = settings.options(Path(directory))
        with deployed(Path(directory), options) as service:
            yield service.url


class _Report:
    def __init__(self, shows: bool) -> None:
        self._shows = shows
        self._expectations = Expectations(cases.EXPECTED)
        self._commands = self._unexpected = 0

    def judge(self, case: cases.Case, theirs: list[outcomes.Outcome], mine: list[outcomes.Outcome]) -> None:
        for number, (one, other, step) in enumerate(zip(theirs, mine, case.steps, strict=True), 1):
            self._commands += 1
            if self._shows:
                _say(f"\n$ {step.program} {step.text}   [{one['status']}]", *one["output"], *one["errors"])
            for aspect, text in outcomes.differences(one, other).items():
                if self._expectations.reason(case.name, number, other["status"], aspect) is None:
                    self._unexpected += 1
                    _say(f"{case.name}, step {number} ({step.who}: {step.program} {step.text}): {aspect}: {text}")

    def end(self, is_all: bool) -> int:
        stale = self._expectations.unmet() if is_all else []
        _say(*(f"expected, but not there: {text}" for text in stale))
        _say(f"{self._commands} commands, {self._unexpected} differences that are not expected")
        return 1 if self._unexpected or stale else 0


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
