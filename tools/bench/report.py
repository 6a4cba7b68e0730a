"""What came out: lines for the eye, a table of ratios, a picture of it."""

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import Round

PEER = "glance"
#: Of process trees in the picture.
_COLOURS = {
    "glance": "tab:gray",
    "glance-api": "tab:blue",
    "glance-registry": "tab:orange",
    "database": "tab:green",
    "broker": "tab:red",
}


@dataclasses.dataclass
class Result:
    """One case on one catalogue: the rounds of each service, in order.

    :param is_transfer: whether its rates are MiB/s and its cost CPU seconds per GiB, instead of 1/s and milliseconds.
    """

    title: str
    images: int
    is_transfer: bool
    rounds: dict[str, list[Round]] = dataclasses.field(default_factory=dict)

    def add(self, name: str, one: Round) -> None:
        self.rounds.setdefault(name, []).append(one)

    def last_line(self, name: str) -> str:
        one = self.rounds[name][-1]
        parts = ", ".join(f"{part} {cpu:.2f}" for part, cpu in one.parts.items())
        if self.is_transfer:
            return f"  {name:17} {one.rate:9.1f} MiB/s {one.cpu:7.2f} CPU-s/GiB ({parts})"
        p50, p99 = (1000 * one.percentile(share) for share in (0.5, 0.99))
        return f"  {name:17} {one.rate:9.1f} /s    {one.cpu:7.2f} CPU-ms ({parts}), p50 {p50:.1f} ms, p99 {p99:.1f} ms"

    @property
    def ours(self) -> list[str]:
        return [name for name in self.rounds if name != PEER]

    def rate(self, name: str) -> float:
        """How many times Glance's rate, in the median of the rounds."""
        return _median(self.rounds[name], "rate") / _median(self.rounds[PEER], "rate")

    def cost(self, name: str) -> float:
        """How many times Glance's CPU time per unit, in the median of the rounds."""
        theirs = _median(self.rounds[PEER], "cpu")
        return _median(self.rounds[name], "cpu") / theirs if theirs else 0.0

    def parts(self, name: str) -> dict[str, float]:
        """What each process tree spends on a unit, in CPU times of all of Glance's, in the median of the rounds."""
        theirs = _median(self.rounds[PEER], "cpu")
        rounds = [one.parts for one in self.rounds[name]]
        return {part: statistics.median(one[part] for one in rounds) / theirs if theirs else 0.0 for part in rounds[0]}

    def ratios(self) -> str:
        """A line for each of ours; empty without a peer."""
        if PEER not in self.rounds:
            return ""
        return "\n".join(
            f"  => {name}: {self.rate(name):.2f} times Glance, CPU {self.cost(name):.2f} times" for name in self.ours
        )

    def plain(self) -> dict[str, Any]:
        """All figures, for JSON."""
        rounds = {
            name: [
                {
                    "rate": one.rate,
                    "cpu": one.cpu,
                    "parts": one.parts,
                    "p50": one.percentile(0.5),
                    "p99": one.percentile(0.99),
                }
                for one in rounds
            ]
            for name, rounds in self.rounds.items()
        }
        return {"case": self.title, "images": self.images, "rounds": rounds}


def _median(rounds: Sequence[Round], what: str) -> float:
    return statistics.median(getattr(one, what) for one in rounds)


def table(results: Sequence[Result]) -> str:
    """Ratios to Glance in reStructuredText's simple table; without a peer, rates."""
    if not results:
        return ""
    names = results[0].ours
    rows = [("case", "images", *(f"{name}: {what}" for name in names for what in ("rate", "CPU")))]
    rows += [
        (result.title, str(result.images), *(cell for name in names for cell in _cells(result, name)))
        for result in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def _cells(result: Result, name: str) -> tuple[str, str]:
    if PEER not in result.rounds:
        rounds = result.rounds[name]
        return f"{_median(rounds, 'rate'):.1f}", f"{_median(rounds, 'cpu'):.2f}"
    return f"{result.rate(name):.2f}x", f"{result.cost(name):.2f}x"


def draw(results: Sequence[Result], path: Path) -> None:
    """Bars of the ratios to Glance with a dot for every round; nothing without a peer."""
    import matplotlib as mpl  # takes a second that most runs need not spend

    compared = [result for result in results if PEER in result.rounds]
    if not compared:
        return
    mpl.use("svg")
    from matplotlib import pyplot as plt  # after the choice of what it draws with

    names = compared[0].ours
    figure, axes = plt.subplots(figsize=(9, 0.45 * len(compared) * len(names) + 1.5), layout="constrained")
    height = 0.8 / len(names)
    for index, name in enumerate(names):
        places = [number + index * height for number in range(len(compared))]
        axes.barh(places, [result.rate(name) for result in compared], height, label=name, alpha=0.8)
        for place, result in zip(places, compared, strict=True):
            theirs = _median(result.rounds[PEER], "rate")
            dots = [one.rate / theirs for one in result.rounds[name]]
            axes.plot(dots, [place] * len(dots), "k.", markersize=4)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(
        [number + 0.4 - height / 2 for number in range(len(compared))],
        [f"{result.title}, {result.images} images" for result in compared],
    )
    axes.invert_yaxis()
    axes.set_xlabel("times the rate of Glance 33.0.0 (bars: medians, dots: rounds)")
    axes.legend()
    figure.savefig(path)


def draw_parts(results: Sequence[Result], path: Path) -> None:
    """Stacked bars of what each process tree has of a unit's CPU time, Glance's whole being 1; nothing without a peer."""
    import matplotlib as mpl  # takes a second that most runs need not spend

    compared = [result for result in results if PEER in result.rounds]
    if not compared:
        return
    mpl.use("svg")
    from matplotlib import pyplot as plt  # after the choice of what it draws with

    bars = [(result, name) for result in compared for name in (*result.ours, PEER)]
    figure, axes = plt.subplots(figsize=(9, 0.25 * len(bars) + 1.5), layout="constrained")
    for place, (result, name) in enumerate(bars):
        begins = 0.0
        for part, share in result.parts(name).items():
            axes.barh(place, share, 0.8, begins, color=_COLOURS[part], label=part)
            begins += share
    axes.set_yticks(range(len(bars)), [f"{result.title}, {result.images}: {name}" for result, name in bars], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("CPU time of a unit (1: all that Glance 33.0.0 and its database spend)")
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(handles.values(), handles.keys())
    figure.savefig(path)
