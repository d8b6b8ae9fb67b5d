"""Processor time of each kind of request on this machine, for a model of this machine."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from benchmarks.capacity_demand import Kind, Request
from benchmarks.capacity_figures import Figures
from benchmarks.capacity_servers import DEALS, Served

TRIED: Final = {Kind.HOT: 400, Kind.ONE: 60, Kind.PAGE: 200, Kind.SUMMARY: 40, Kind.EXPORT: 4}
"""How many requests of a kind its processor time is measured by."""

PEOPLE_AT_ONCE: Final = 8
IDLE_SECONDS: Final = 5.0
"""In which nobody asks: what a server does then is no request's part."""


async def measured(server: Served, figures: Figures, *, shares_store: bool) -> tuple[Figures, Mapping[str, float]]:
    """Return the figures with those that this machine has, and what was measured, in seconds by name."""
    found: dict[str, float] = {}
    before = server.processor_time()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (server.processor_time() - before).used / IDLE_SECONDS
    chance = random.Random(0)  # noqa: S311 - a load, not a secret
    for kind, count in TRIED.items():
        last = len(server.ids["chartmogul"]) - 1
        requests = [
            Request(0, kind, "chartmogul", (0,) if kind is Kind.HOT else (last - number,)) for number in range(count)
        ]
        await server.ask(requests[0], chance)
        before, began = server.processor_time(), time.monotonic()
        waiting = asyncio.Semaphore(PEOPLE_AT_ONCE)

        async def ask(request: Request, waiting: asyncio.Semaphore = waiting) -> None:
            async with waiting:
                await server.ask(request, chance)

        await asyncio.gather(*map(ask, requests))
        used = (server.processor_time() - before).used - idle * (time.monotonic() - began)
        found[kind] = max(0.0, used) / count
    deals = sum(DEALS.values())
    in_process = 0.0 if shares_store else figures.summary_deal_seconds * deals
    page = "shared_page_seconds" if shares_store else "page_seconds"
    figures = replace(
        figures,
        stored_answer_seconds=found[Kind.HOT],
        request_seconds=max(0.0, found[Kind.ONE] - figures.answer_seconds - figures.request_record_seconds),
        summary_answer_seconds=max(0.0, found[Kind.SUMMARY] - in_process),
        export_deal_seconds=found[Kind.EXPORT] / deals,
        sweep_row_seconds=server.reading_seconds / deals,
        **{page: found[Kind.PAGE]},
    )
    return figures, found | {"a row that sync reads": figures.sweep_row_seconds, "a second of nothing": idle}
