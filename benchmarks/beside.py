"""Measures this checkout beside another one of the same project, in turns: `make bench-beside BASE=FOLDER`.

Both servers run in processes of their own, over the same mock of the sources, one with a load and the other standing
still. What is told are ratios, this to the other, round by round; nothing else may run on the machine meanwhile. Warm,
the documented rates hold, as the server ships; cold they do not, as no load could go beyond two records a second.
"""

import argparse
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import workloads
from benchmarks.callers import CALLERS, PLAIN, issuer
from benchmarks.candidates import ROOT, ours
from benchmarks.phase import KEPT_SECONDS, Cell, Phase, Result, in_turns, need_tools, tell
from benchmarks.processes import Mock

THIS, BASE = "this", "base"
Measured = Mapping[Cell, Mapping[str, list[Result]]]


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
    files = workloads.write(scratch)
    measured: dict[Cell, Mapping[str, list[Result]]] = {}
    memory = []
    with ExitStack() as stack:
        mock = stack.enter_context(Mock(scratch, files.records))
        issued = stack.enter_context(issuer())
        for cache in sorted({cell.cache for cell in chosen}):
            of_phase = [cell for cell in chosen if cell.cache is cache]
            kept = KEPT_SECONDS if cache else 0
            found = [
                ours(
                    mock.url,
                    kept_seconds=kept,
                    name=name,
                    folder=folder,
                    issuer=issued if has_token else None,
                    rationed=cache,
                )
                for has_token in sorted({cell.caller.has_token for cell in of_phase})
                for name, folder in ((THIS, ROOT), (BASE, base))
            ]
            with Phase(found, mock, files, scratch) as phase:
                if len(phase.facts) < len(found):
                    raise SystemExit("Without both servers there is nothing to compare.")
                if cache:
                    phase.prime()
                else:
                    for workload in dict.fromkeys(cell.workload for cell in of_phase):
                        phase.warm_up(workload, 1)
                measured |= in_turns(phase, (THIS, BASE), of_phase, rounds=rounds, seconds=seconds)
            memory += [
                f"| {'warm' if cache else 'cold'} | {label} | {facts['idle_mb']} | {facts['after_mb']} "
                f"| {facts['after_resident_mb']} |"
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


def ratios(these: Sequence[Result], others: Sequence[Result], what: str) -> list[float]:
    """Return the ratio of each round."""
    return [this[what] / (other[what] or 1e-9) for this, other in zip(these, others, strict=True)]


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
