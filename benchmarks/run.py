"""Measures this server side by side with what people would pick instead: `make bench`.

All servers of a phase are up at once and take turns, round by round, so that a slow minute is everybody's.
Only ratios within one run mean anything: two runs, or two machines, are not to be compared in requests per second.
"""

import argparse
import json
import tempfile
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import chart, report, workloads
from benchmarks.callers import BY_NAME, CALLERS, PLAIN, Caller, Issuer
from benchmarks.candidates import OURS, ROOT, Candidate, ours, peers
from benchmarks.phase import KEPT_SECONDS, Cell, Phase, need_tools, tell
from benchmarks.turns import in_turns, phases
from benchmarks.verify import verify

RESULTS = ROOT / "benchmarks" / "results"


def cells(chosen: Sequence[str], callers: Sequence[Caller] = ()) -> list[Cell]:
    """Return everything that is measured, cold first; other callers than plain ones ask this server only.

    They ask for whatever they are named for; where none is named, for a warm W1 with 32 connections.
    """
    found = [Cell(False, w, ms, c) for w in chosen for ms in (0, 20) for c in (1, 32)]
    found += [Cell(True, w, 0, c) for w in chosen for c in (1, 32)]
    if callers:
        return [Cell(one.cache, one.workload, one.latency_ms, one.connections, who) for one in found for who in callers]
    return found + [Cell(True, "W1", 0, 32, caller) for caller in CALLERS if caller != PLAIN and "W1" in chosen]


def run(
    chosen: Sequence[Cell],
    scratch: Path,
    rounds: int,
    seconds: int,
    *,
    only: Collection[str] | None = None,
    rationed: bool = False,
) -> dict[str, Any]:
    """Measure everything, without the caches, then with them; return the results."""
    files = workloads.write(scratch)
    measured: dict[str, dict[str, list[dict[str, float]]]] = {}
    ended: dict[str, Phase] = {}
    left_out: list[str] = []

    def servers(mock_url: str, issued: Issuer, of_phase: Sequence[Cell]) -> list[Candidate]:
        cache = of_phase[0].cache
        kept = KEPT_SECONDS if cache else 0
        found, missing = peers(mock_url, scratch, kept_seconds=kept, only=only)
        left_out.extend(missing)
        if only is None or OURS in only:
            tokens = [issued] if any(cell.caller.has_token for cell in of_phase) else []
            found[:0] = [
                ours(mock_url, kept_seconds=kept, issuer=which, rationed=rationed and cache)
                for which in (None, *tokens)
            ]
        return found

    for of_phase, phase in phases(chosen, scratch, files, servers):
        cache = of_phase[0].cache
        if not phase.candidates:
            raise SystemExit("No server is up.")
        left_out += phase.left_out
        left_out += verify(phase.candidates, files) if not cache else []
        if rationed and cache:
            phase.prime()
        for workload in dict.fromkeys(cell.workload for cell in of_phase):
            phase.warm_up(workload, min(2, seconds))
        if not cache:
            phase.upstream_requests()
        for number, cell in enumerate(of_phase, 1):
            names = [c.name for c in phase.candidates if cell.caller == PLAIN or c.name == OURS]
            tell(f"{number}/{len(of_phase)}")
            results = in_turns(phase, names, [cell], rounds=rounds, seconds=seconds)
            measured[cell.name] = dict(results[cell])
        ended["warm" if cache else "cold"] = phase
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "left_out": list(dict.fromkeys(left_out)),
        "facts": {state: phase.facts for state, phase in ended.items()},
        "cells": measured,
    }


def main() -> None:
    """Take the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.split("\n")[0])
    parser.add_argument("--workloads", default=",".join(workloads.NAMES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--phase", choices=("cold", "warm"), help="measure only one of the two")
    parser.add_argument("--callers", help=f"who asks this server, of {', '.join(BY_NAME)}; separated by commas")
    parser.add_argument("--rationed", action="store_true", help="warm, this server keeps the sources' documented rates")
    parser.add_argument("--only", help="names of candidates, separated by commas")
    parser.add_argument("--compare", type=Path, help="an earlier run's JSON")
    parser.add_argument("--chart", type=Path, help="draw the chart into this file")
    given = parser.parse_args()
    need_tools()
    only = set(given.only.split(",")) if given.only else None
    callers = [BY_NAME[name] for name in given.callers.split(",")] if given.callers else []
    chosen = cells(given.workloads.split(","), callers)
    if given.phase:
        chosen = [cell for cell in chosen if cell.cache is (given.phase == "warm")]
    scratch = Path(tempfile.gettempdir()) / "opportunity-graph-bench"
    found = run(chosen, scratch, given.rounds, given.seconds, only=only, rationed=given.rationed)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{found['at'].replace(':', '')[:17]}.json"
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(report.tables(found))
    if given.compare:
        print(report.comparison(json.loads(given.compare.read_text("utf-8")), found))
    if given.chart:
        given.chart.write_text(chart.draw(found), "utf-8")
    tell(f"Kept as {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
