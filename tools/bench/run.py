#!/usr/bin/env python3
"""Measure a running imagesvc, beside a running Glance when there is one, and print ratios.

Rounds alternate between the two services, and every round is printed: a ratio is only worth what its rounds agree on.

    tools/serve &
    .venv/bin/python tools/bench/run.py --ours http://127.0.0.1:9292 --ours-pid PID [--peer URL --peer-pid PID]
"""

import argparse
import statistics
import sys

from cases import Case, all_cases, fill
from client import Client
from measure import Round, Target, peak_memory, run

_IDENTITY = {
    "X-Identity-Status": "Confirmed",
    "X-Roles": "admin,member,reader",
    "X-Project-Id": "bench",
    "X-User-Id": "bench",
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default="http://127.0.0.1:9292", help="base URL of imagesvc")
    parser.add_argument(
        "--ours-pid", type=int, action="append", default=[], help="pid of tools/serve or of each daemon"
    )
    parser.add_argument("--peer", help="base URL of Glance")
    parser.add_argument("--peer-pid", type=int, action="append", default=[], help="pid of Glance's master process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--catalogue", type=int, default=1000, help="images in the catalogue, at most 1000 are looked for"
    )
    parser.add_argument("--size", type=int, default=1 << 30, help="bytes of one transfer")
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of requests")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--no-keep-alive", action="store_true", help="one connection per request")
    return parser.parse_args()


def _targets(args: argparse.Namespace) -> list[Target]:
    targets = [Target("imagesvc", args.ours, tuple(args.ours_pid), _IDENTITY)]
    if args.peer:
        targets.append(Target("glance", args.peer, tuple(args.peer_pid), _IDENTITY))
    return targets


def _unit(case: Case) -> str:
    return (
        "MiB/s, {cpu:.2f} CPU-s/GiB" if case.bytes_moved else "/s, {cpu:.2f} CPU-ms, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    )


def _line(case: Case, target: Target, result: Round) -> str:
    figures = _unit(case).format(cpu=result.cpu, p50=1000 * result.percentile(0.5), p99=1000 * result.percentile(0.99))
    return f"  {target.name:9} {result.rate:9.1f} {figures}"


def _ratio(results: dict[str, list[Round]]) -> str:
    if len(results) < 2:
        return ""
    ours, peer = results["imagesvc"], results["glance"]
    rate = statistics.median(r.rate for r in ours) / statistics.median(r.rate for r in peer)
    cost = statistics.median(r.cpu for r in peer)
    cpu = f", CPU {statistics.median(r.cpu for r in ours) / cost:.2f}x" if cost else ""
    return f"  => {rate:.2f}x{cpu}"


def main() -> int:
    args = _arguments()
    targets = _targets(args)
    for target in targets:
        fill(Client(target.url, target.headers, keep_alive=True), args.catalogue)
    for case in all_cases(args.size, args.scale):
        if args.only not in case.name:
            continue
        print(case.name, flush=True)
        results: dict[str, list[Round]] = {}
        for _ in range(args.rounds):
            for target in targets:
                result = run(case, target, keep_alive=not args.no_keep_alive)
                results.setdefault(target.name, []).append(result)
                print(_line(case, target, result), flush=True)
        print(_ratio(results), flush=True)
    for target in targets:
        print(f"peak memory of one process, {target.name}: {peak_memory(target) / (1 << 20):.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
