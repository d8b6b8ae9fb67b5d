"""Measures lists of deals beside what people would pick instead: `make bench-lists`.

This server over a store in memory, in a file of SQLite and in PostgreSQL; PostGraphile over the same deals in a table
of PostgreSQL that is made for it; and Strawberry with SQLAlchemy as their pages show it, over such a table in both. In
turns, as all comparisons are. The database runs beside the load, so that it has a processor that an embedded store has
not. Nothing syncs meanwhile, but in what `benchmarks/sweeps.py` and `benchmarks/during_sweep.py` add.
"""

import argparse
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import during_sweep, list_requests, sweeps, workloads
from benchmarks.list_candidates import candidates
from benchmarks.list_report import Results, page, tables
from benchmarks.list_requests import ANYWHERE, PAGE, SUMMARIES, depth
from benchmarks.list_stores import MEMORY, deals, postgresql, stores
from benchmarks.peer_stores import peer_stores
from benchmarks.phase import Cell, Phase, need_tools, tell
from benchmarks.processes import Mock
from benchmarks.syncing import ration, simulated_sources
from benchmarks.turns import in_turns
from tests.postgres import Server

DEEP = (1_000, 2_000)
"""Pages far down a list of 100,000 deals, by their numbers: one in the middle, and the last."""

SIZES = {"15,000": (5_000, 10_000), "100,000": (33_000, 67_000)}


@dataclass(frozen=True)
class ListCell(Cell):
    """A cell of the comparison of lists: cold, as nothing needs to be fetched first, and sources play no part."""

    cache: bool = False
    workload: str = PAGE
    latency_ms: int = 0
    connections: int = 1
    deals: str = ""

    @property
    def name(self) -> str:
        """Its name in the results."""
        return f"{self.deals} deals, {self.workload}, c{self.connections}"


def cells(size: str, depths: Sequence[int]) -> list[ListCell]:
    """Return what is measured over a store of a size; with `depths` also pages so deep in the list, and totals."""
    found = [
        ListCell(deals=size, workload=workload, connections=connections)
        for workload in (PAGE, ANYWHERE)
        for connections in (1, 32)
    ]
    found += [ListCell(deals=size, workload=depth(number)) for number in depths]
    return [*found, *(ListCell(deals=size, workload=summary) for summary in (SUMMARIES if depths else ()))]


def run(
    sizes: Mapping[str, tuple[int, int]],
    depths: Sequence[int],
    kinds: Collection[str],
    scratch: Path,
    *,
    rounds: int,
    seconds: int,
    only: Collection[str] | None = None,
) -> Results:
    """Measure everything; `kinds` are the stores over which a sweep is measured."""
    found = Results()
    files = workloads.write(scratch)
    list_requests.write(files)
    with postgresql() as server:
        if kinds:
            _sweep(found, next(iter(sizes.values())), kinds, server, files, scratch)
        with Mock(scratch, files.records) as mock:
            for size, counts in sizes.items():
                deep = depths if size == list(sizes)[-1] else ()
                tell(f"Filling stores with {size} deals")
                rows = deals(*counts)
                list_requests.write_anywhere(files, [row.columns.updated_at or 0 for row in rows])
                with stores(server, scratch, rows) as made:
                    peers = peer_stores(made, scratch)
                    chosen = candidates(made, peers, mock.url, found.left_out, only)
                    up = [one for one in chosen if only is None or one.name in only]
                    with Phase(up, mock, files, scratch, probe=PAGE) as phase:
                        _measure(found, phase, files, size, deep, rounds=rounds, seconds=seconds)
                    found.facts[size] = phase.facts
    return found


def _measure(
    found: Results,
    phase: Phase,
    files: workloads.Files,
    size: str,
    depths: Sequence[int],
    *,
    rounds: int,
    seconds: int,
) -> None:
    if not phase.candidates:
        raise SystemExit("No server is up.")
    list_requests.write_deep(files, phase.candidates, [number for number in depths if number > 1])
    compared = [PAGE, ANYWHERE, *map(depth, depths)]
    found.left_out += phase.left_out
    found.left_out += list_requests.differences(phase.candidates, files, compared)
    phase.warm_up(PAGE, min(2, seconds))
    names = [candidate.name for candidate in phase.candidates]
    found.measured |= in_turns(phase, names, cells(size, depths), rounds=rounds, seconds=seconds)


def _sweep(
    found: Results,
    counts: tuple[int, int],
    kinds: Collection[str],
    server: Server | None,
    files: workloads.Files,
    scratch: Path,
) -> None:
    with stores(server, scratch, []) as empty:
        urls = {kind: url for kind, url in empty.urls.items() if kind in kinds}
        with simulated_sources(scratch, counts) as sources:
            for kind, url in urls.items():
                tell(f"Sweeps, {kind}")
                found.swept.append(sweeps.measure(kind, url, sources, files, scratch, in_memory=kind == MEMORY))
                tell(f"Beside a sweep, {kind}")
                found.beside_sweeps.append(during_sweep.measure(kind, url, sources, files, scratch))
            ration(sources)
            for kind, url in urls.items():
                tell(f"Sweeps, {kind}{sweeps.RATIONED}")
                found.swept.append(sweeps.measure_rationed(kind, url, sources, files, scratch))


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the command line."""
    parser = argparse.ArgumentParser(prog="make bench-lists", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three minutes instead of twelve")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--sizes", default=",".join(SIZES).replace(",000", "000"), help="of 15000 and 100000")
    parser.add_argument("--only", help="names of servers, separated by semicolons")
    parser.add_argument("--no-sweeps", action="store_true", help="without what a sweep does to readers")
    given = parser.parse_args(arguments)
    need_tools()
    chosen = {name: SIZES[name] for name in SIZES if name.replace(",", "") in given.sizes.split(",")}
    kinds = () if given.no_sweeps else (MEMORY,)
    with tempfile.TemporaryDirectory(prefix="opportunity-graph-") as scratch:
        found = run(
            chosen,
            DEEP if "100,000" in chosen else (),
            kinds,
            Path(scratch),
            rounds=given.rounds or (1 if given.quick else 2),
            seconds=given.seconds or (1 if given.quick else 2),
            only=given.only.split(";") if given.only else None,
        )
    print(tables(found))
    print(page(found))


if __name__ == "__main__":
    main()
