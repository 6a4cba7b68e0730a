"""One run of the benchmark: starts everything, measures in alternation, prints every round, and draws what came out."""

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import peer
import report
import stack
from cases import Case, all_cases
from measure import Target, peak_memory, run

_TRANSPORTS = ("local", "rabbit")
#: Measured with a connection for every request, too.
_CLOSING = ("show, 1 client", "show, 16 clients", "list of 20")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/bench/run", description=__doc__)
    parser.add_argument("--transport", choices=_TRANSPORTS, action="append", help="of imagesvc; all by default")
    parser.add_argument("--database", choices=("mariadb", "postgresql"), default="mariadb")
    parser.add_argument("--catalogue", type=int, action="append", help="images; 2000 and 20000 by default")
    parser.add_argument("--workers", type=int, default=2, help="of Glance, of glance-api and of glance-registry")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=1 << 30, help="bytes of one transfer")
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of requests")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--no-peer", action="store_true", help="without Glance, even if it is installed")
    parser.add_argument("--install-peer", action="store_true", help="install Glance into .venv-peer first")
    parser.add_argument("--output", type=Path, help="directory for bench.json and bench.svg")
    return parser.parse_args()


@contextlib.contextmanager
def _targets(args: argparse.Namespace, base: stack.Foundation, images: int) -> Iterator[list[Target]]:
    """Everything that is compared, all running at once and idle while another is measured."""
    with contextlib.ExitStack() as running:
        targets = [
            running.enter_context(stack.ours(base, transport, images, args.workers)) for transport in args.transport
        ]
        if not args.no_peer:
            targets.append(running.enter_context(stack.glance(base, images, args.workers)))
        yield targets


def _plan(args: argparse.Namespace, images: int) -> Iterator[tuple[Case, bool]]:
    """Cases and whether connections are kept: all on the smallest catalogue, on others what could grow with it."""
    smallest = images == min(args.catalogue)
    for case in all_cases(args.size, args.scale):
        if args.only in case.name and (smallest or case.grows):
            yield case, True
            if smallest and case.name in _CLOSING:
                yield case, False


def _measure(args: argparse.Namespace, base: stack.Foundation, images: int) -> Iterator[report.Result]:
    with _targets(args, base, images) as targets:
        for case, keep_alive in _plan(args, images):
            title = case.name + ("" if keep_alive else ", a connection each")
            result = report.Result(title, images, bool(case.bytes_moved))
            print(f"\n{title}, {images} images", flush=True)
            for _ in range(args.rounds):
                for target in targets:
                    result.add(target.name, run(case, target, keep_alive=keep_alive))
                    print(result.last_line(target.name), flush=True)
            print(result.ratios(), flush=True)
            yield result
        print()
        for target in targets:
            print(f"peak memory of one process, {target.name}: {peak_memory(target) / (1 << 20):.0f} MiB", flush=True)


def main() -> int:
    # What was started ends also when this is told to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    args = _arguments()
    args.transport = args.transport or list(_TRANSPORTS)
    args.catalogue = sorted(args.catalogue or [2000, 20000])
    args.no_peer = args.no_peer or not peer.is_installed()
    results: list[report.Result] = []
    with stack.foundation(args.database, with_broker="rabbit" in args.transport) as base:
        for images in args.catalogue:
            results += _measure(args, base, images)
    print("\n" + report.table(results))
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / "bench.json").write_text(json.dumps([result.plain() for result in results], indent=1) + "\n")
        report.draw(results, args.output / "bench.svg")
        report.draw_parts(results, args.output / "bench-parts.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
