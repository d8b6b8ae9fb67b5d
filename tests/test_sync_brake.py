"""`sync.brake`: deletions of an hour are judged together, by whatever ways and processes they come."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulator import PAGE_FAULTS
from store.deal_ids import deal_id
from store.deals import Evidence, delete
from sync.brake import BRAKE_SECONDS
from sync.job import SECOND
from sync.run import Problem
from sync.status import State
from sync.unseen import Unseen
from tests import loops
from tests.sync_world import ROWS, World, open_world, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME
FILLED = 30.0
DUE = 600.0
SWEEPS = {"sweep_seconds": DUE, "increment_seconds": DUE, "increment_longest_seconds": DUE, "full_sweep_seconds": DUE}
TWO_SWEEPS = 2 * DUE + 30
Way = Callable[[World, int], Awaitable[None]]


def lose(world: World, source: str, count: int) -> list[str]:
    """Make the vendor lose records without a word in its audit trail; return their ids."""
    records = getattr(world.simulator, source).records
    lost = list(records)[10 : 10 + count]
    for id_ in lost:
        del records[id_]
    return [str(id_) for id_ in lost]


async def by_the_audit_trail(world: World, count: int) -> None:
    for id_ in list(world.simulator.nexudus.records)[:count]:
        world.simulator.nexudus.delete(id_)
    await asyncio.sleep(DUE + 30)


async def by_single_requests(world: World, count: int) -> None:
    for id_ in lose(world, "nexudus", count):
        await world.fetch("nexudus", id_)
    await asyncio.sleep(1)


async def by_sweeps(world: World, count: int) -> None:
    lose(world, "nexudus", count)
    await asyncio.sleep(TWO_SWEEPS)


async def by_what_a_sweep_has_not_seen(world: World, count: int) -> None:
    lose(world, "nexudus", count)
    world.simulator.nexudus.faults.add(PAGE_FAULTS["row-without-id"], kinds={"list"}, times=None)
    await asyncio.sleep(DUE + 30)


@pytest.mark.parametrize("last", [by_the_audit_trail, by_single_requests, by_sweeps, by_what_a_sweep_has_not_seen])
async def test_deletions_by_all_ways_count_together(last: Way) -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        await asyncio.sleep(FILLED)
        await by_sweeps(world, 6)
        await by_the_audit_trail(world, 7)
        await by_single_requests(world, 7)
        assert len(world.stored("nexudus")) == ROWS - 20
        assert (await world.status("nexudus")).state is State.CURRENT
        await last(world, 1)
        assert len(world.stored("nexudus")) == ROWS - 20
        assert (await world.status("nexudus")).state is State.BRAKED


async def test_a_list_that_loses_a_few_deals_at_each_reading_does_not_empty_the_store() -> None:
    async with open_world(sources=("chartmogul",), **SWEEPS) as world:
        await asyncio.sleep(FILLED)
        for _ in range(12):
            lose(world, "chartmogul", 4)
            await asyncio.sleep(DUE)
        assert len(world.stored("chartmogul")) == ROWS - 20
        status = await world.status("chartmogul")
        assert (status.state, status.last_error) == (State.BRAKED, Problem.DELETION_BRAKE)


@pytest.mark.parametrize("tombstone_seconds", [30 * 86_400.0, 0.0])
async def test_what_a_sweep_finds_gone_waits_for_the_hour_of_another_process(tombstone_seconds: float) -> None:
    """Also where nothing is to be known of deals that are gone: the count is of them."""
    async with open_world(sources=("chartmogul",), is_open=False) as world:
        settings: dict[str, Any] = {"tombstone_seconds": tombstone_seconds, **SWEEPS}
        async with world_sync(world, **settings):
            await asyncio.sleep(FILLED)
            lose(world, "chartmogul", 15)
            await asyncio.sleep(TWO_SWEEPS)
            assert len(world.stored("chartmogul")) == ROWS - 15
        async with world_sync(world, **settings):
            lose(world, "chartmogul", 15)
            await asyncio.sleep(TWO_SWEEPS)
            assert len(world.stored("chartmogul")) == ROWS - 15
            assert (await world.status("chartmogul")).state is State.BRAKED
            await asyncio.sleep(BRAKE_SECONDS)
            assert len(world.stored("chartmogul")) == ROWS - 30
            assert (await world.status("chartmogul")).state is State.CURRENT


async def test_what_the_operator_has_let_go_does_not_count_afterwards() -> None:
    async with open_world(sources=("chartmogul",), deals=(200, 400), is_open=False) as world:
        async with world_sync(world, brake_share=1.0, **SWEEPS):
            await asyncio.sleep(FILLED)
            lose(world, "chartmogul", 200)
            await asyncio.sleep(TWO_SWEEPS)
            left = len(world.simulator.chartmogul.records)
            assert len(world.stored("chartmogul")) == left
        async with world_sync(world, **SWEEPS):
            for is_held_back in (False, True):
                lose(world, "chartmogul", 15)
                await asyncio.sleep(TWO_SWEEPS)
                assert len(world.stored("chartmogul")) == left - 15
                assert ((await world.status("chartmogul")).state is State.BRAKED) is is_held_back


async def test_what_others_delete_while_a_sweep_asks_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        await asyncio.sleep(FILLED)
        finds = Unseen._finds

        async def find_later(self: Unseen, *given: Any) -> bool:
            keys = [deal_id("nexudus", "", str(id_)) for id_ in list(world.simulator.nexudus.records)[-20:]]
            at = int(world.now() * SECOND)
            world.database.run(lambda connection: delete(connection, keys, evidence=Evidence.AUDIT, at=at))
            return await finds(self, *given)

        monkeypatch.setattr(Unseen, "_finds", find_later)
        before = len(world.stored("nexudus"))
        await by_what_a_sweep_has_not_seen(world, 3)
        assert len(world.stored("nexudus")) == before - 20
        assert (await world.status("nexudus")).state is State.BRAKED
