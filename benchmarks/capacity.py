"""What a deployment can do, without one: a simulation of processes, both rations, and sync: `make capacity`.

`make capacity CHECK=1` runs real servers over the simulator beside it, and prints both. No figure is asserted.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from benchmarks.capacity_check import BEYOND, WITHIN, check
from benchmarks.capacity_demand import Demand
from benchmarks.capacity_figures import Machines, Run
from benchmarks.capacity_growth import DEALS_EACH, OF_ACCOUNTS, OF_DEALS, of_accounts, of_deals
from benchmarks.capacity_outcome import Outcome
from benchmarks.capacity_servers import DEALS, can_have_several
from benchmarks.capacity_simulation import simulate
from benchmarks.capacity_tables import percent, table

PROCESSES: Final = (1, 2, 4)
PER_SECOND: Final = (1.0, 10.0, 100.0, 1_000.0)
DATABASE_PROCESSORS: Final = 2
LOOKED_AT: Final = 30_000
"""Requests of a cell, about: fewer seconds of more."""

SHORTEST_SECONDS, LONGEST_SECONDS = 40.0, 400.0
CHECKED: Final = {"within the rations": (5.0, WITHIN), "beyond them": (5.0, BEYOND)}
CHECK_SECONDS: Final = 60.0

COLUMNS: Final = (
    *("processes", "requests a second", "records by id a second", "of them from the copy, %", "rows of lists a second"),
    *("wait by id, p50 / p99, ms", "wait for a page, p50 / p99, ms", "age of a record, p99, s"),
    *("age of the copies: Nexudus / ChartMogul, s", "used of processors / database / rations, %", "limit"),
)
"""From the copy: because the ration had no room in time. One process has no database."""


def cell(processes: int, per_second: float) -> Outcome:
    """Return what comes of one demand; several processes share a store in PostgreSQL."""
    seconds = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, LOOKED_AT / per_second))
    demand = Demand(per_second, dict.fromkeys(DEALS, DEALS_EACH))
    machines = Machines(processes, DATABASE_PROCESSORS if processes > 1 else None)
    return simulate(demand, machines, run=Run(seconds))


def cells(processes: int, per_second: float, outcome: Outcome) -> Sequence[str]:
    """Return a line of the table: `COLUMNS` names them."""
    given, stale = outcome.records.total(), outcome.stale.total()

    def waits(*, by_id: bool) -> str:
        return " / ".join(f"{outcome.wait(share, by_id=by_id) * 1e3:,.0f}" for share in (0.5, 0.99))

    return (
        f"{processes}",
        f"{per_second:,.0f}",
        f"{(given + stale) / outcome.seconds:,.0f}",
        percent(stale / max(1, given + stale)),
        f"{outcome.rows / outcome.seconds:,.0f}",
        waits(by_id=True),
        waits(by_id=False),
        f"{outcome.age(0.99):.0f}",
        " / ".join(f"{outcome.copy_age(source):,.0f}" for source in DEALS),
        " / ".join(percent(share) for share in outcome.used.values()),
        ", ".join(outcome.limits) or "none",
    )


def rows(processes: Sequence[int], per_second: Sequence[float]) -> Iterable[Sequence[str]]:
    """Yield the lines of the table, simulated on all processors."""
    pairs = [(number, rate) for number in processes for rate in per_second]
    with ProcessPoolExecutor() as pool:
        for pair, outcome in zip(pairs, pool.map(cell, *zip(*pairs, strict=True)), strict=True):
            yield cells(*pair, outcome)


def checks(seconds: float) -> Iterable[str]:
    """Yield a table of the model and of a real run for each demand: one process, and two where that can be."""
    several = can_have_several()
    for processes in (1, 2) if several else (1,):
        for name, (per_second, mix) in CHECKED.items():
            yield asyncio.run(check(name, processes, Demand(per_second, DEALS, mix), seconds)) + "\n"
    if not several:
        yield "Two processes were not run: they need PostgreSQL, and a server that knows WORKERS."


def main() -> int:
    """Run as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.capacity", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="run real servers beside the model: ten minutes")
    parser.add_argument("--seconds", type=float, default=CHECK_SECONDS, help="of each real run")
    parser.add_argument("--processes", type=int, nargs="+", default=PROCESSES)
    parser.add_argument("--per-second", type=float, nargs="+", default=PER_SECOND, help="requests that are asked for")
    given = parser.parse_args()
    if given.check:
        for text in checks(given.seconds):
            print(text, flush=True)
        return 0
    print(table(COLUMNS, rows(given.processes, given.per_second)))
    print(f"\n{table(OF_DEALS, of_deals())}\n\n{table(OF_ACCOUNTS, of_accounts())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
