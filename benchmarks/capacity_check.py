"""The model of `make capacity` beside a real run: the same requests at the same moments, counted alike."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import aiohttp
import msgspec

from benchmarks.capacity_demand import BY_ID, MIX, Demand, Kind, Request
from benchmarks.capacity_figures import Figures, Machines, Run
from benchmarks.capacity_measured import measured
from benchmarks.capacity_outcome import Outcome
from benchmarks.capacity_servers import DEALS, SYNC, Served, copies, served
from benchmarks.capacity_simulation import simulate
from benchmarks.capacity_tables import table
from sync.settings import SyncSettings

WITHIN: Final = {**MIX, Kind.MANY: 0.15, Kind.PAGE: 0.23, Kind.EXPORT: 0.002, Kind.SUMMARY: 0.018}
BEYOND: Final = {**WITHIN, Kind.MANY: 0.8, Kind.HOT: 0.0, Kind.ONE: 0.0, Kind.PAGE: 0.18}
"""Requests of which few are many: within both rations, and beyond."""
PEOPLES: Final = {"get", "list-by-ids"}
"""Kinds of calls, as the simulator names them, that serve somebody who waits."""

POLL_SECONDS: Final = 2.0
"""Between two looks at how old the copies are."""


async def drive(server: Served, demand: Demand, seconds: float) -> Outcome:
    """Send a demand to a server for so long; return what came of it."""
    outcome = Outcome(seconds)
    chance = random.Random(1)  # noqa: S311 - a load, not a secret
    await server.calls()
    before, began = server.processor_time(), time.monotonic()

    async def look() -> None:
        while True:
            for one in await copies(server):
                outcome.copy_ages.setdefault(one["source"], []).extend(_ages([one]))
            await asyncio.sleep(POLL_SECONDS)

    async def ask(request: Request) -> None:
        await asyncio.sleep(began + request.at - time.monotonic())
        asked = time.monotonic()
        try:
            answer = await server.ask(request, chance)
        except (aiohttp.ClientError, TimeoutError):
            outcome.refused["server"] += 1
            return
        outcome.answered[request.kind] += 1
        outcome.waits.setdefault(request.kind, []).append(time.monotonic() - asked)
        _count(outcome, request, answer)

    looking = asyncio.create_task(look())
    await asyncio.gather(*map(ask, demand.requests(seconds)))
    looking.cancel()
    its = server.processor_time() - before
    outcome.processor_seconds, outcome.slowness = its.used, its.slowness
    for source, kinds in (await server.calls()).items():
        outcome.upstream[source] = sum(kind in PEOPLES for kind in kinds)
        outcome.background[source] = sum(kind not in PEOPLES and not kind.startswith("token") for kind in kinds)
    return outcome


def _count(outcome: Outcome, request: Request, answer: Any) -> None:
    if request.kind is Kind.EXPORT:
        outcome.rows += answer
    elif request.kind is Kind.PAGE:
        outcome.rows += len(answer["data"]["opportunities"]["nodes"])
    elif request.kind in BY_ID:
        data = answer["data"]
        records = data["opportunitiesById"] if "opportunitiesById" in data else [data["opportunity"]]
        found = [one for one in records or [None] * len(request.ids) if one is not None]
        stale = len((answer.get("extensions") or {}).get("stale", ()))
        outcome.records[request.source] += len(found) - stale
        outcome.stale[request.source] += stale
        outcome.refused[request.source] += len(request.ids) - len(found)
        outcome.ages += _ages(found)


def _ages(found: Iterable[Mapping[str, str]]) -> list[float]:
    now = time.time()
    return [now - datetime.fromisoformat(one["asOf"]).timestamp() for one in found if one["asOf"]]


async def check(name: str, processes: int, demand: Demand, seconds: float) -> str:
    """Return a table of the model and of a real run of so many processes.

    Where other programs had the processors, the server's work took longer by a factor, and so it does in the model.
    """
    machines = Machines(processes, 1 if processes > 1 else None)
    sync = msgspec.structs.replace(SyncSettings(), **SYNC)
    async with served(processes) as server:
        figures, found = await measured(server, Figures(), shares_store=machines.shares_store)
        await asyncio.sleep(Figures().records_seconds + 1)  # until the records of the measurement are old
        ages = {one["source"]: _ages([one])[0] for one in await copies(server)}
        real = await drive(server, demand, seconds)
    run = Run(seconds, settling_seconds=0.0, copy_ages=ages)
    here = replace(machines, slowness=real.slowness)
    columns = {
        "model": simulate(demand, machines, sync=sync, run=run, is_steady=False),
        "model, figures of here": simulate(demand, here, figures=figures, sync=sync, run=run, is_steady=False),
        "real run": real,
    }
    compared = table(["", *columns], [[row, *map(text, columns.values())] for row, text in ROWS.items()])
    told = ", ".join(f"{what} {value * 1e3:.2f}" for what, value in found.items())
    title = (
        f"{name}: {processes} process{'es' * (processes > 1)}, {demand.per_second:g} requests a second, {seconds:g} s"
    )
    return (
        f"{title}\n\n{compared}\n\nProcessor time here, ms: {told}. "
        f"A second's work took the server {real.slowness:.1f} s: others had the processors too."
    )


def _pair(of: Mapping[str, float], digits: int = 0) -> str:
    return " / ".join(f"{of.get(source, 0):.{digits}f}" for source in DEALS)


ROWS: Final[Mapping[str, Callable[[Outcome], str]]] = {
    "requests answered": lambda one: f"{one.answered.total()}",
    "records by id: Nexudus / ChartMogul": lambda one: _pair(one.records),
    "the same from the copy, as the source had no time": lambda one: _pair(one.stale),
    "refused": lambda one: _pair(one.refused),
    "requests to the source for somebody": lambda one: _pair(one.upstream),
    "requests to the source for the copy": lambda one: _pair(one.background),
    "rows of lists and files": lambda one: f"{one.rows}",
    "wait by id, p50 / p99, ms": lambda one: " / ".join(f"{one.wait(s, by_id=True) * 1e3:.0f}" for s in (0.5, 0.99)),
    "wait for a page, p50 / p99, ms": lambda one: " / ".join(
        f"{one.wait(s, by_id=False) * 1e3:.0f}" for s in (0.5, 0.99)
    ),
    "age of records by id, p50 / p99, s": lambda one: f"{one.age(0.5):.0f} / {one.age(0.99):.0f}",
    "greatest age of the copy, s": lambda one: _pair({source: one.copy_age(source) for source in DEALS}),
    "processor time of the server, s": lambda one: f"{one.processor_seconds:.1f}",
}
"""What is compared, and how it is written."""
