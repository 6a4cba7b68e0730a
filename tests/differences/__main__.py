"""Ask two services the same and say where their answers differ: ``python -m tests.differences --peer URL``.

Both must believe identity headers (flavor trusted-auth, or a pipeline with the filter context and without authtoken) and have the
configuration of :mod:`tests.differences.settings`; ``--print-configuration DIRECTORY`` says what a peer needs.  Without ``--ours``
this tree's daemons are started for it.  The exit status is 1 when there is a difference that ``expected.yaml`` does not name, or
when it names one that is not there.  ``--record`` keeps the peer's statuses in ``recorded.json``, by which a functional test
judges this service where there is no peer.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.differences import answers, cases, settings
from tests.differences.conversation import Service
from tests.differences.expectations import Expectations
from tests.fixtures.daemons import deployed


def main() -> int:
    arguments = _arguments()
    if arguments.print_configuration:
        _say(settings.peer_sections(Path(arguments.print_configuration)))
        return 0
    prefix = uuid.uuid4().hex[:8]
    peer, wanted = Service(arguments.peer, prefix), cases.load(arguments.only)
    if arguments.record:
        return _record(peer, wanted)
    with contextlib.ExitStack() as stack:
        ours = arguments.ours or stack.enter_context(_started())
        return _Report(arguments.verbose).run(wanted, peer, Service(ours, prefix), not arguments.only)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--peer", default="", metavar="URL", help="a running Glance")
    parser.add_argument("--ours", metavar="URL", help="a running imagesvc")
    parser.add_argument("--only", default="", metavar="NOUN[/CASE]", help="cases whose name begins so")
    parser.add_argument("--record", action="store_true", help="keep the statuses of the peer's answers")
    parser.add_argument("--verbose", action="store_true", help="also say what is expected")
    parser.add_argument("--print-configuration", metavar="DIRECTORY", help="for a peer with its data there")
    arguments = parser.parse_args()
    if not (arguments.peer or arguments.print_configuration):
        parser.error("--peer is needed")
    return arguments


@contextlib.contextmanager
def _started() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory, deployed(Path(directory), settings.options(directory)) as service:
        yield service.url


def _record(peer: Service, wanted: list[cases.Case]) -> int:
    recorded = {case.name: [answer["status"] for answer in peer.answers_to(case)] for case in wanted}
    before = json.loads(cases.RECORDED.read_text()) if cases.RECORDED.exists() else {}
    known = {case.name for case in cases.load()}
    merged = {name: statuses for name, statuses in sorted({**before, **recorded}.items()) if name in known}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(statuses)}" for name, statuses in merged.items())
    cases.RECORDED.write_text(f"{{\n{lines}\n}}\n")
    _say(f"{len(recorded)} cases recorded")
    return 0


class _Report:
    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._expectations = Expectations()
        self._requests = self._unexpected = 0

    def run(self, wanted: list[cases.Case], peer: Service, ours: Service, is_all: bool) -> int:
        for case in wanted:
            pairs = zip(peer.answers_to(case), ours.answers_to(case), case.steps, strict=True)
            for number, (theirs, mine, step) in enumerate(pairs, 1):
                self._requests += 1
                self._judge(case.name, number, step, theirs, mine)
        stale = self._expectations.unmet() if is_all else []
        for text in stale:
            _say(f"expected, but not there: {text}")
        _say(f"{len(wanted)} cases, {self._requests} requests, {self._unexpected} differences that are not expected")
        return 1 if self._unexpected or stale else 0

    def _judge(
        self, case: str, number: int, step: Mapping[str, Any], theirs: answers.Answer, mine: answers.Answer
    ) -> None:
        for aspect, text in answers.differences(theirs, mine).items():
            reason = self._expectations.reason(case, number, mine["status"], aspect)
            self._unexpected += reason is None
            if reason is None or self._verbose:
                said = f"{case}, step {number} ({step.get('as', 'member')}: {step['do']}): {aspect}: {text}"
                _say(f"{said}{f'; expected: {reason}' if reason else ''}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
