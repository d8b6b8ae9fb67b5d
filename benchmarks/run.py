"""Measures this server side by side with what people would pick instead: `make bench`.

All servers of a phase are up at once and take turns, round by round, so that a slow minute is everybody's.
Only ratios within one run mean anything: two runs, or two machines, are not to be compared in requests per second.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import chart, report, workloads
from benchmarks.candidates import OURS, ROOT, Candidate, candidates
from benchmarks.processes import LOAD_CPU, Mock, Process, StolenTime, pinned, post
from benchmarks.verify import verify

RESULTS = ROOT / "benchmarks" / "results"

KEPT_SECONDS = 600
"""Warm. Longer than the few rounds of a cell take: else records that came in one moment would go in one, and have to
be fetched again within 2 seconds of 30, or within none."""


@dataclass(frozen=True)
class Cell:
    """One thing to measure."""

    cache: bool
    workload: str
    latency_ms: int
    connections: int

    @property
    def name(self) -> str:
        """Its name in the results."""
        return f"{'warm' if self.cache else 'cold'} {self.latency_ms} ms {self.workload} c{self.connections}"

    @property
    def rounds(self) -> int:
        """How many rounds it takes instead of one: a client that waits for slow sources asks some 40 times a second."""
        return 3 if self.latency_ms and self.connections == 1 else 1


def cells(chosen: list[str]) -> list[Cell]:
    """Return everything that is measured, cold first."""
    cold = [Cell(False, w, ms, c) for w in chosen for ms in (0, 20) for c in (1, 32)]
    return cold + [Cell(True, w, 0, c) for w in chosen for c in (1, 32)]


class Phase:
    """The servers that are up, cold or warm, and what has been measured of them."""

    def __init__(self, found: list[Candidate], mock: Mock, files: workloads.Files, scratch: Path) -> None:
        self._mock = mock
        self._files = files
        self._servers: dict[str, tuple[Candidate, Process]] = {}
        self.facts: dict[str, dict[str, float]] = {}
        for candidate in found:
            started = time.monotonic()
            log = scratch / f"{candidate.port}.log"
            process = Process(candidate.command, candidate.environment, ROOT, log)
            if self._is_up(candidate, process):
                self._servers[candidate.name] = candidate, process
                seconds = time.monotonic() - started
                self.facts[candidate.name] = {
                    "start_seconds": round(seconds, 2),
                    "idle_mb": round(process.megabytes(), 1),
                }
            else:
                tell(f"{candidate.name} does not start and is left out:\n{log.read_text()[-500:]}")
                process.stop()

    @property
    def candidates(self) -> list[Candidate]:
        """Who is up."""
        return [candidate for candidate, _ in self._servers.values()]

    def bodies(self, candidate: Candidate, workload: str) -> Path:
        """Return what a candidate is asked."""
        return self._files.bodies(workload, tailcall=not candidate.speaks_our_schema)

    def measure(self, name: str, cell: Cell, seconds: int) -> dict[str, float]:
        """Put a load on one server, while the others stand still: what they clear up now would be its loss.

        It finishes first what it has begun: stopped in mid-request, it would find all replies too late afterwards.
        """
        candidate, process = self._servers[name]
        others = [other for candidate, other in self._servers.values() if candidate.name != name]
        for other in others:
            other.pause()
        try:
            return self._measure(candidate, process, cell, seconds)
        finally:
            process.finish()
            for other in others:
                other.pause(go_on=True)

    def _measure(self, candidate: Candidate, process: Process, cell: Cell, seconds: int) -> dict[str, float]:
        self._mock.counts(latency_ms=cell.latency_ms)
        bodies = self.bodies(candidate, cell.workload)
        if cell.cache:  # answers that nobody asks for go while the others have their turns
            load(candidate, bodies, 8, 1)
            self._mock.settled()
        stolen = StolenTime()
        cpu = process.cpu_seconds()
        found = load(candidate, bodies, cell.connections, seconds)
        upstream = self._mock.settled()
        cpu = process.cpu_seconds() - cpu
        requests = max(1, found.pop("requests"))
        return {
            "stolen": stolen.share(),
            "rps": round(requests / found.pop("seconds"), 1),
            **found,
            "cpu_ms": round(1000 * cpu / requests, 4),
            "upstream": round(upstream / requests, 2),
        }

    def warm_up(self, workload: str, seconds: int) -> None:
        """Let every server see a workload before it counts."""
        self._mock.counts(latency_ms=0)
        for candidate in self.candidates:
            if candidate.takes(workload):
                load(candidate, self.bodies(candidate, workload), 8, seconds)

    def upstream_requests(self) -> None:
        """Count what one W2 costs, and 32 equal ones at once, with sources slow enough for all to arrive meanwhile."""
        for candidate in self.candidates:
            body = self.bodies(candidate, "W2").read_bytes().splitlines()[3]
            for name, times in (("one_w2", 1), ("equal_w2", 32)):
                self._mock.settled()
                self._mock.counts(latency_ms=300)
                threads = [threading.Thread(target=post, args=(candidate.url, body)) for _ in range(times)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.facts[candidate.name][name] = self._mock.settled()

    def close(self) -> None:
        """Note the memory, and end them."""
        for name, (_, process) in self._servers.items():
            self.facts[name]["after_mb"] = round(process.megabytes(), 1)
            process.stop()

    def _is_up(self, candidate: Candidate, process: Process) -> bool:
        body = self.bodies(candidate, "W1").read_bytes().splitlines()[0]
        until = time.monotonic() + 30
        while time.monotonic() < until and process.is_running:
            try:
                answer = post(candidate.url, body)
            except (OSError, ValueError):
                time.sleep(0.01)
                continue
            if answer.get("errors"):
                tell(f"{candidate.name}: {answer}")
            return not answer.get("errors")
        return False


def load(candidate: Candidate, bodies: Path, connections: int, seconds: int) -> dict[str, float]:
    """Run wrk."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    command += ["-s", str(Path(__file__).parent / "load.lua"), candidate.url]
    environment = {**os.environ, "BODIES": str(bodies), "GRAPHQL_PATH": candidate.path, "RUN": f"{time.monotonic_ns()}"}
    done = subprocess.run(
        pinned(command, LOAD_CPU), env=environment, capture_output=True, text=True, check=True, timeout=seconds + 60
    )
    found: dict[str, float] = json.loads(
        next(line for line in done.stdout.splitlines() if line.startswith("JSON "))[5:]
    )
    return found


def tell(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def run(chosen: list[str], rounds: int, seconds: int, only: set[str] | None, phases: Sequence[bool]) -> dict[str, Any]:
    """Measure everything, without the caches (False), then with them (True); return the results."""
    scratch = Path(tempfile.gettempdir()) / "opportunity-graph-bench"
    files = workloads.write(scratch)
    mock = Mock(scratch, files.records, 9300)
    measured: dict[str, dict[str, list[dict[str, float]]]] = {}
    facts: dict[str, dict[str, dict[str, float]]] = {}
    left_out: list[str] = []
    try:
        for cache in phases:
            of_phase = [cell for cell in cells(chosen) if cell.cache is cache]
            found, left_out = candidates(
                mock.url, scratch, kept_seconds=KEPT_SECONDS if cache else 0, first_port=9311 if cache else 9301
            )
            phase = Phase([c for c in found if only is None or c.name in only], mock, files, scratch)
            try:
                left_out += verify(phase.candidates, files) if not cache else []
                for workload in chosen:
                    phase.warm_up(workload, min(2, seconds))
                if not cache:
                    phase.upstream_requests()
                for number, cell in enumerate(of_phase, 1):
                    taking = [c.name for c in phase.candidates if c.takes(cell.workload)]
                    results = measured[cell.name] = {name: [] for name in taking}
                    for round_ in range(rounds * cell.rounds):
                        for name in taking if round_ % 2 == 0 else reversed(taking):
                            results[name].append(phase.measure(name, cell, seconds))
                    ours = report.median(results.get(OURS, []), "rps")
                    others = {name: report.median(r, "rps") for name, r in results.items() if name != OURS}
                    best = max(others, key=lambda name: others[name], default="")
                    tell(f"{number}/{len(of_phase)} {cell.name}: {ours:.0f}/s, {best} {others.get(best, 0):.0f}/s")
            finally:
                phase.close()
                facts["warm" if cache else "cold"] = phase.facts
    finally:
        mock.process.stop()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "left_out": left_out,
        "facts": facts,
        "cells": measured,
    }


def main() -> None:
    """Take the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.split("\n")[0])
    parser.add_argument("--workloads", default=",".join(workloads.NAMES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--phase", choices=("cold", "warm"), help="measure only one of the two")
    parser.add_argument("--only", help="names of candidates, separated by commas")
    parser.add_argument("--compare", type=Path, help="an earlier run's JSON")
    parser.add_argument("--chart", type=Path, help="draw the chart into this file")
    given = parser.parse_args()
    if not (shutil.which("wrk") and shutil.which("cc")):
        raise SystemExit("make bench needs wrk and cc; on Debian: apt-get install wrk gcc libc6-dev")
    only = set(given.only.split(",")) if given.only else None
    phases = (given.phase == "warm",) if given.phase else (False, True)
    found = run(given.workloads.split(","), given.rounds, given.seconds, only, phases)
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
