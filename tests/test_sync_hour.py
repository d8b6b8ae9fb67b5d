"""An hour of `sync.service` with both vendors' rations on: what it costs, and how old the store becomes."""

import asyncio
import os
import random
from typing import Any

from store.deals import deal_id, find
from tests import loops
from tests.sync_world import World, open_world

LOOPS = loops.WITH_ITS_OWN_TIME
HOUR = 3_600
DEALS = (5_000, 10_000) if "FUZZ_EXAMPLES" in os.environ else (200, 400)
"""`make fuzz` takes the time for as many as a large account has."""

CHANGES = 60

NEXUDUS_HOUR, CHARTMOGUL_HOUR = 5_000, 40 * HOUR


async def staleness(world: World, source: str, change: Any, is_there: Any, times: int, most: float) -> list[float]:
    """Change something now and then; return in how many seconds the store knew of each change."""
    chance, waits, waiting = random.Random(source), [], []

    async def wait(token: Any) -> None:
        began = loops.now()
        while not is_there(token):
            await world.database.written.wait()
        waits.append(loops.now() - began)

    for _ in range(times):
        await asyncio.sleep(chance.expovariate(1 / (HOUR * 0.85 / times)))
        waiting.append(asyncio.create_task(wait(change(chance))))
    async with asyncio.timeout(most):
        await asyncio.gather(*waiting)
    return sorted(waits)


def changes_of(world: World, source: str) -> tuple[Any, Any]:
    """Return what changes a random deal, creates one or deletes one, and what tells whether the store knows."""
    vendor = getattr(world.simulator, source)
    field = "Name" if source == "nexudus" else "pipeline_stage"

    def change(chance: random.Random) -> tuple[str, str | None]:
        name, what = f"changed {chance.random()}", chance.random()
        if what < 0.1:
            return str(vendor.create({field: name} if source == "nexudus" else {})), ""
        victim = chance.choice(list(vendor.records))
        if what < 0.2 and source == "nexudus":
            vendor.delete(victim)
            return str(victim), None
        vendor.update(victim, {field: name})
        return str(victim), name

    def is_there(token: tuple[str, str | None]) -> bool:
        source_id, name = token
        key = deal_id(source, "", source_id)
        deal = world.database.run(lambda connection: find(connection, [key])).get(key)
        if name is None or deal is None or deal.deleted_at is not None:
            # Another change may have deleted it meanwhile.
            return deal is not None and deal.deleted_at is not None
        return name.encode() in deal.body or name not in str(
            vendor.records.get(int(source_id) if source == "nexudus" else source_id)
        )

    return change, is_there


async def test_an_hour_costs_less_than_a_twentieth_of_each_ration_and_nothing_grows_old() -> None:
    async with open_world(deals=DEALS, rationed=True) as world:
        nexudus, chartmogul = await asyncio.gather(
            staleness(world, "nexudus", *changes_of(world, "nexudus"), CHANGES, 300),
            staleness(world, "chartmogul", *changes_of(world, "chartmogul"), CHANGES, 700),
        )
        await asyncio.sleep(max(0.0, HOUR - loops.now()))
        hour = loops.now() / HOUR
        assert len(world.calls("nexudus")) < 0.05 * NEXUDUS_HOUR * hour
        assert len(world.calls("chartmogul")) < 0.05 * CHARTMOGUL_HOUR * hour
        print(len(world.calls("nexudus")), len(world.calls("chartmogul")), hour, nexudus[-5:], chartmogul[-5:])
        print(nexudus[len(nexudus) // 2], chartmogul[len(chartmogul) // 2])
        assert nexudus[int(len(nexudus) * 0.99)] < 75
        assert chartmogul[-1] < 300 + 30
        assert {call.status for upstream in world.simulator.upstreams for call in upstream.calls} <= {200, 404}
        for source, ids in (
            ("nexudus", world.simulator.nexudus.records),
            ("chartmogul", world.simulator.chartmogul.records),
        ):
            assert world.stored(source) == {str(id_) for id_ in ids}
            status = await world.status(source)
            assert status.is_complete
