"""What was measured of lists, as tables."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.during_sweep import DuringSweep
from benchmarks.list_candidates import OURS, POSTGRAPHILE, STRAWBERRY
from benchmarks.list_requests import SUMMARIES
from benchmarks.list_stores import FILE, MEMORY, POSTGRESQL
from benchmarks.phase import Cell, Result
from benchmarks.report import figures, weather
from benchmarks.sweeps import Sweep
from benchmarks.turns import ratios


@dataclass
class Results:
    """What was measured, and what could not be."""

    measured: dict[Cell, Mapping[str, list[Result]]] = field(default_factory=dict)
    facts: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    """By size and server."""
    swept: list[Sweep] = field(default_factory=list)
    beside_sweeps: list[DuringSweep] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def upstream(self) -> int:
        """How many requests the sources got while lists were asked for."""
        return int(
            sum(one["upstream_all"] for results in self.measured.values() for r in results.values() for one in r)
        )


def tables(found: Results) -> str:
    """Return everything as Markdown."""
    names = list(dict.fromkeys(name for results in found.measured.values() for name in results))
    lines = ["", "| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for cell, results in found.measured.items():
        lines.append(f"| {cell.name} | " + " | ".join(figures(results.get(name, [])) for name in names) + " |")
    lines += ["", "Requests per second (p50 / p99 in ms; ms of CPU and upstream requests for each request).", ""]
    lines += [
        f"Requests to the sources in all of it: {found.upstream}.",
        "",
        *_ratios(found),
        "",
        *_swept(found.swept),
        "",
        *_beside_sweeps(found.beside_sweeps),
    ]
    lines += ["", *weather({cell.name: dict(results) for cell, results in found.measured.items()})]
    lines += ["", "| deals | server | MB idle | MB after |", "|---" * 4 + "|"]
    for size, facts in found.facts.items():
        lines += [f"| {size} | {name} | {one['idle_mb']} | {one['after_mb']} |" for name, one in facts.items()]
    return "\n".join([*lines, "", *found.left_out])


def page(found: Results) -> str:
    """Return what `docs/lists.md` has of it: requests per second, medians of the rounds, with p50 and p99."""
    names = list(dict.fromkeys(name for results in found.measured.values() for name in results))
    lines = ["", "| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for cell, results in found.measured.items():
        connections = "1 connection" if cell.connections == 1 else f"{cell.connections} connections"
        row = [_figures(results.get(name, [])) for name in names]
        size = cell.name.partition(", ")[0]
        lines.append(f"| {size}, {cell.workload}, {connections} | " + " | ".join(row) + " |")
    return "\n".join([*lines, "", f"Requests to the sources in all of it: {found.upstream}."])


def _figures(rounds: Sequence[Result]) -> str:
    if not rounds:
        return "-"
    rps, p50, p99 = (statistics.median(one[what] for one in rounds) for what in ("rps", "p50", "p99"))
    return f"{rps:,.0f} ({p50:.1f} / {p99:.1f})"


GOALS = (
    (MEMORY, POSTGRAPHILE, 2.0),
    (FILE, POSTGRAPHILE, 2.0),
    (POSTGRESQL, POSTGRAPHILE, 1.0),
    (FILE, STRAWBERRY[FILE], 10.0),
    (POSTGRESQL, STRAWBERRY[POSTGRESQL], 10.0),
)
"""Ours over a kind of store, a peer, and how many times its requests per second it shall do."""


def _ratios(found: Results) -> Iterator[str]:
    """Yield a row for each goal: the median of the rounds' ratios, in each cell."""
    chosen = [cell for cell in found.measured if cell.workload not in SUMMARIES]
    yield "| requests/s, as a ratio | goal | " + " | ".join(cell.name for cell in chosen) + " |"
    yield "|---" * (len(chosen) + 2) + "|"
    for kind, peer, goal in GOALS:
        row = []
        for cell in chosen:
            this, other = (found.measured[cell].get(name) for name in (OURS[kind], peer))
            row.append(f"{statistics.median(ratios(this, other, 'rps')):.2f}" if this and other else "-")
        if set(row) != {"-"}:
            yield f"| {OURS[kind]}, to {peer} | {goal:g} | " + " | ".join(row) + " |"


def _swept(found: Sequence[Sweep]) -> Iterator[str]:
    """Yield a row for each kind of store."""
    if not found:
        return
    yield "| sweep | deals | first, s | MB idle | MB filled | connections | p50 during / after, ms | p99 | p99, ratio |"
    yield "|---" * 9 + "|"
    for one in found:
        for number in one.during:
            (p50, p50_after), (p99, p99_after) = (one.figure(number, what) for what in ("p50", "p99"))
            ratio = "cut off" if one.is_cut_off(number) else f"{p99 / p99_after:.2f}"
            memory = f"{one.first_seconds:.1f} | {one.idle_mb:.0f} | {one.filled_mb:.0f}"
            yield (
                f"| {one.kind} | {one.deals:,} | {'- | - | -' if one.is_rationed else memory} | {number} "
                f"| {p50:.1f} / {p50_after:.1f} | {p99:.1f} / {p99_after:.1f} | {ratio} |"
            )


def _beside_sweeps(found: Sequence[DuringSweep]) -> Iterator[str]:
    """Yield a row for each thing that goes on during a sweep."""
    if not found:
        return
    yield "| beside a sweep | during | after | ratio |"
    yield "|---" * 4 + "|"
    for one in found:
        names = ("a file of all deals, s", "search, p50, ms", "search, p99, ms")
        for name, during, after in zip(names, one.during.figures(), one.after.figures(), strict=True):
            yield f"| {one.kind}, {name} | {during:.2f} | {after:.2f} | {during / after:.2f} |"
        if len(one.delays) > 1:
            hundredths = statistics.quantiles(one.delays, n=100)
            yield f"| {one.kind}, {len(one.delays):,} changes in a stream, p50, s | {hundredths[49]:.2f} | - | - |"
            yield f"| {one.kind}, {len(one.delays):,} changes in a stream, p99, s | {hundredths[98]:.2f} | - | - |"
