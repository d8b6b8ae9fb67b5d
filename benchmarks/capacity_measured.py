"""Processor time of each kind of request on this machine, for a model of this machine."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from benchmarks.capacity_demand import Kind, Request
from benchmarks.capacity_figures import Figures
from benchmarks.capacity_servers import DEALS, Served

TRIED: Final = {Kind.HOT: 400, Kind.ONE: 60, Kind.PAGE: 200, Kind.SUMMARY: 40, Kind.EXPORT: 4}
"""How many requests of a kind its processor time is measured by."""

PEOPLE_AT_ONCE: Final = 8


async def measured(server: Served, figures: Figures, *, shares_store: bool) -> tuple[Figures, Mapping[str, float]]:
    """Return the figures with those that this machine has, and what was measured, in seconds by name."""
    found: dict[str, float] = {}
    chance = random.Random(0)  # noqa: S311 - a load, not a secret
    for kind, count in TRIED.items():
        last = len(server.ids["chartmogul"]) - 1
        requests = [
            Request(0, kind, "chartmogul", (0,) if kind is Kind.HOT else (last - number,)) for number in range(count)
        ]
        await server.ask(requests[0], chance)
        before = server.processor_time()
        waiting = asyncio.Semaphore(PEOPLE_AT_ONCE)

        async def ask(request: Request, waiting: asyncio.Semaphore = waiting) -> None:
            async with waiting:
                await server.ask(request, chance)

        await asyncio.gather(*map(ask, requests))
        found[kind] = (server.processor_time() - before).used / count
    deals = sum(DEALS.values())
    page = "shared_page_seconds" if shares_store else "page_seconds"
    figures = replace(
        figures,
        stored_answer_seconds=found[Kind.HOT],
        request_seconds=max(0.0, found[Kind.ONE] - figures.answer_seconds - figures.request_record_seconds),
        export_deal_seconds=found[Kind.EXPORT] / deals,
        sweep_row_seconds=server.reading_seconds / deals,
        **{page: found[Kind.PAGE]},
    )
    return figures, found | {"a row that sync reads": figures.sweep_row_seconds}
