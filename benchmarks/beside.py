"""Measures this checkout beside another one of the same project, in turns: `make bench-beside BASE=FOLDER`.

Both servers run in processes of their own, over the same mock of the sources, one with a load and the other standing
still. What is told are ratios, this to the other, round by round; nothing else may run on the machine meanwhile. Warm,
the documented rates hold, as the server ships; cold they do not, as no load could go beyond two records a second.
"""

import argparse
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import workloads
from benchmarks.callers import CALLERS, PLAIN, Issuer
from benchmarks.candidates import ROOT, Candidate, ours
from benchmarks.phase import KEPT_SECONDS, Cell, Phase, Result, need_tools, tell
from benchmarks.turns import Measured, in_turns, phases, prepare, ratios

THIS, BASE = "this", "base"


def cells(*, is_quick: bool = False) -> list[Cell]:
    """Return what is measured; quickly, only W1 with one connection, too."""
    found = []
    for cache in (False, True):
        for workload in workloads.NAMES:
            for connections in (32,) if is_quick and workload != "W1" else (1, 32):
                callers = CALLERS if cache and workload == "W1" else (PLAIN,)
                found += [Cell(cache, workload, 0, connections, caller) for caller in callers]
    return found


def beside(base: Path, chosen: Sequence[Cell], scratch: Path, *, rounds: int, seconds: int) -> str:
    """Measure; return the tables. Both servers are started as `python server.py` in their folders."""

    def servers(mock_url: str, issued: Issuer, of_phase: Sequence[Cell]) -> list[Candidate]:
        cache = of_phase[0].cache
        return [
            ours(
                mock_url,
                kept_seconds=KEPT_SECONDS if cache else 0,
                name=name,
                folder=folder,
                issuer=issued if has_token else None,
                rationed=cache,
            )
            for has_token in sorted({cell.caller.has_token for cell in of_phase})
            for name, folder in ((THIS, ROOT), (BASE, base))
        ]

    measured: dict[Cell, Mapping[str, list[Result]]] = {}
    ended: list[tuple[str, Phase]] = []
    for of_phase, phase in phases(chosen, scratch, workloads.write(scratch), servers):
        if not all(phase.takes(name, cell) for name in (THIS, BASE) for cell in of_phase):
            raise SystemExit("Without both servers there is nothing to compare.")
        prepare(phase, of_phase)
        measured |= in_turns(phase, (THIS, BASE), of_phase, rounds=rounds, seconds=seconds)
        ended.append(("warm" if of_phase[0].cache else "cold", phase))
    memory = [
        f"| {name} | {label} | {facts['idle_mb']} | {facts['after_mb']} | {facts['after_resident_mb']} |"
        for name, phase in ended
        for label, facts in phase.facts.items()
    ]
    lines = [
        *_rates(measured),
        *_shares(measured),
        "",
        "| | server | MB idle (PSS) | MB after (PSS) | MB after (RSS) |",
        "|---" * 5 + "|",
    ]
    return "\n".join([*lines, *memory])


def _rates(measured: Measured) -> list[str]:
    """Return a row for each cell: the medians, the median of the rounds' ratios, and the least and the most of them."""
    lines = [f"| | {THIS}, requests/s | {BASE} | ratio | least to most | CPU, ratio | bad |", "|---" * 7 + "|"]
    for cell, results in measured.items():
        this, base = results[THIS], results[BASE]
        rates = ratios(this, base, "rps")
        medians = [f"{statistics.median(one['rps'] for one in rounds):,.0f}" for rounds in (this, base)]
        bad = " / ".join(f"{sum(one['bad'] for one in rounds):.0f}" for rounds in (this, base))
        lines.append(
            f"| {cell.name} | {medians[0]} | {medians[1]} | {statistics.median(rates):.2f} "
            f"| {min(rates):.2f} to {max(rates):.2f} | {statistics.median(ratios(this, base, 'cpu_ms')):.2f} | {bad} |"
        )
    return lines


def _shares(measured: Measured) -> list[str]:
    """Return what each server does for callers with a token or an `Origin`, to what it does for plain ones."""
    lines = []
    for cell, results in measured.items():
        plain = measured.get(replace(cell, caller=PLAIN))
        if plain and cell.caller != PLAIN:
            shares = [statistics.median(ratios(results[name], plain[name], "rps")) for name in (THIS, BASE)]
            lines.append(f"| {cell.name} | {shares[0]:.2f} | {shares[1]:.2f} |")
    return ["", f"| of plain | {THIS} | {BASE} |", "|---" * 3 + "|", *lines] if lines else []


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="make bench-beside", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("base", type=Path, help="the folder of the other checkout")
    parser.add_argument("--quick", action="store_true", help="some three minutes instead of fifteen")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--only", help="only cells whose names begin so, separated by commas: cold, 'warm 0 ms W1'")
    given = parser.parse_args(arguments)
    base = given.base.resolve()
    if not (base / "server.py").exists():
        raise SystemExit("BASE must be the folder of another checkout, with a server.py.")
    need_tools()
    chosen = [
        cell
        for cell in cells(is_quick=given.quick)
        if not given.only or cell.name.startswith(tuple(given.only.split(",")))
    ]
    tell(f"{len(chosen)} cells")
    rounds, seconds = given.rounds or (3 if given.quick else 5), given.seconds or (1 if given.quick else 2)
    with tempfile.TemporaryDirectory(prefix="opportunity-graph-") as scratch:
        print(beside(base, chosen, Path(scratch), rounds=rounds, seconds=seconds))


if __name__ == "__main__":
    main()
