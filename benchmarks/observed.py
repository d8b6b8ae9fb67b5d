"""What it costs to be observed: metrics, traces and a line for each request, each on beside all off, in turns.

`make bench-observed`. Warm W1 is answered from the response cache, on the fast path; cold W2 is compiled and fetched.
Spans are exported to an address that refuses them: making them is what counts here, and sending them is another
thread's. What is told are ratios, on to off, round by round.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks import workloads
from benchmarks.callers import EVERYTHING, Issuer
from benchmarks.candidates import Candidate, ours
from benchmarks.layers import TITLES, median_ratio
from benchmarks.phase import KEPT_SECONDS, Cell, Result, need_tools
from benchmarks.turns import in_turns, phases, prepare

OFF: Final = "off"

OBSERVED: Final[Mapping[str, Mapping[str, str]]] = {
    "metrics": {"METRICS": "true"},
    "traces": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
    "traces, one in a hundred": {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
    },
    "access log": {"ACCESS_LOG": "true"},
}
"""By what is observed with: the settings that turn it on."""

CELLS: Final = (Cell(True, "W1", 0, 32, EVERYTHING), Cell(True, "W2", 0, 32, EVERYTHING), Cell(False, "W2", 0, 32))


def measure(scratch: Path, *, rounds: int, seconds: int) -> dict[Cell, Mapping[str, list[Result]]]:
    """Return what each server made of each cell."""

    def servers(mock_url: str, issued: Issuer, of_phase: Sequence[Cell]) -> list[Candidate]:
        cell = of_phase[0]
        return [
            ours(
                mock_url,
                kept_seconds=KEPT_SECONDS if cell.cache else 0,
                name=name,
                issuer=issued if cell.caller.has_token else None,
                rationed=cell.cache,
                settings=settings,
            )
            for name, settings in {OFF: {}, **OBSERVED}.items()
        ]

    measured: dict[Cell, Mapping[str, list[Result]]] = {}
    for of_phase, phase in phases(CELLS, scratch, workloads.write(scratch), servers):
        prepare(phase, of_phase)
        measured |= in_turns(phase, (OFF, *OBSERVED), of_phase, rounds=rounds, seconds=seconds)
    return measured


def table(measured: Mapping[Cell, Mapping[str, list[Result]]]) -> str:
    """Return the ratios, a row for each way of being observed."""
    heads = [f"{cell.name}: {title}" for cell in measured for title in TITLES.values()]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name in OBSERVED:
        found = [median_ratio(results[name], results[OFF], what) for results in measured.values() for what in TITLES]
        lines.append(f"| {name} | " + " | ".join(found) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="make bench-observed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2)
    given = parser.parse_args(arguments)
    need_tools()
    with tempfile.TemporaryDirectory(prefix="opportunity-graph-") as scratch:
        print(table(measure(Path(scratch), rounds=given.rounds, seconds=given.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
