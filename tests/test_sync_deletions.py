"""`sync.deletions`: what an audit trail tells of is judged by the run and by the hour, and not page by page."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection

from simulator import faults
from store.deal_ids import deal_id
from store.deals import Evidence, delete
from store.sequence import hold
from sync.brake import BRAKE_SECONDS
from sync.job import SECOND
from sync.status import State
from tests import loops
from tests.sync_world import ROWS, World, open_world

LOOPS = loops.WITH_ITS_OWN_TIME

RARE: dict[str, Any] = {"sources": ("nexudus",), "sweep_seconds": 86_400.0}
"""No sweep comes to find what is gone."""


def take_away(world: World, count: int) -> None:
    """Delete deals at the vendor, which its audit trail tells."""
    for id_ in list(world.simulator.nexudus.records)[:count]:
        world.simulator.nexudus.delete(id_)


async def test_pages_that_are_too_many_deletions_together_delete_nothing() -> None:
    async with open_world(page_rows=10, **RARE) as world:
        await asyncio.sleep(60)
        take_away(world, 30)
        await asyncio.sleep(600)
        assert len(world.stored("nexudus")) == ROWS
        assert (await world.status("nexudus")).state is State.BRAKED
        # The third page shows it; the others are not asked for.
        assert {call.query["page"] for call in world.calls("nexudus", "audit-trail")[2:]} == {"1", "2", "3"}


async def test_pages_that_are_not_are_deleted_with_the_last_one() -> None:
    async with open_world(page_rows=10, **RARE) as world:
        await asyncio.sleep(60)
        take_away(world, 20)
        world.simulator.nexudus.faults.add(faults.status(503), times=None, kinds={"audit-trail"}, after=1)
        await asyncio.sleep(100)
        assert len(world.stored("nexudus")) == ROWS
        world.simulator.nexudus.faults.clear()
        await asyncio.sleep(300)
        assert len(world.stored("nexudus")) == ROWS - 20
        assert (await world.status("nexudus")).state is State.CURRENT


async def test_runs_that_are_too_many_deletions_within_an_hour_are_held_back_until_it_is_over() -> None:
    """Those of all processes together."""
    async with open_world(**RARE) as world:
        await asyncio.sleep(60)
        take_away(world, 15)
        await asyncio.sleep(75)
        assert len(world.stored("nexudus")) == ROWS - 15
    async with open_world(database=world.database, simulator=world.simulator, **RARE) as other:
        take_away(other, 15)
        await asyncio.sleep(300)
        assert len(other.stored("nexudus")) == ROWS - 15
        assert (await other.status("nexudus")).state is State.BRAKED
        await asyncio.sleep(BRAKE_SECONDS)
        assert len(other.stored("nexudus")) == ROWS - 30
        assert (await other.status("nexudus")).state is State.CURRENT


async def test_a_run_that_was_kept_back_for_an_hour_begins_anew_and_counts_in_its_hour() -> None:
    async with open_world(page_rows=10, **RARE) as world:
        await asyncio.sleep(60)
        take_away(world, 15)
        world.simulator.nexudus.faults.add(faults.status(503), times=None, kinds={"audit-trail"}, after=1)
        await asyncio.sleep(BRAKE_SECONDS + 100)
        assert len(world.stored("nexudus")) == ROWS
        world.simulator.nexudus.faults.clear()
        for is_held_back in (False, True):
            await asyncio.sleep(400)
            assert len(world.stored("nexudus")) == ROWS - 15
            assert ((await world.status("nexudus")).state is State.BRAKED) is is_held_back
            take_away(world, 15)


async def test_an_operator_can_let_the_brake_go() -> None:
    async with open_world(page_rows=10, brake_share=1.0, **RARE) as world:
        await asyncio.sleep(60)
        for left in (ROWS - 40, 0):
            take_away(world, len(world.simulator.nexudus.records) - left)
            await asyncio.sleep(75)
            assert len(world.stored("nexudus")) == left


async def test_what_another_process_has_deleted_meanwhile_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_world(**RARE) as world:
        await asyncio.sleep(60)
        ids = list(world.simulator.nexudus.records)[:15]

        def wait_for_the_other(connection: Connection) -> None:
            hold(connection)
            keys = [deal_id("nexudus", "", str(id_)) for id_ in ids]
            delete(connection, keys, evidence=Evidence.AUDIT, at=int(world.now() * SECOND))

        monkeypatch.setattr("sync.brake.hold", wait_for_the_other)
        take_away(world, 15)
        await asyncio.sleep(75)
        assert len(world.stored("nexudus")) == ROWS - 15
        assert (await world.status("nexudus")).state is State.CURRENT


@pytest.mark.parametrize("is_told_again", [False, True])
async def test_a_deal_that_was_read_after_the_page_that_tells_of_its_deletion_stays(is_told_again: bool) -> None:
    """Also where the next page tells of it once more."""
    async with open_world(page_rows=10, **RARE) as world:
        await asyncio.sleep(60)
        records = world.simulator.nexudus.records
        id_, record = next(iter(records.items()))
        take_away(world, 15)
        if is_told_again:
            trail = world.simulator.nexudus.audit_trail
            trail.append(trail[0] | {"Id": trail[-1]["Id"] + 1})
        world.simulator.nexudus.faults.add(faults.status(503), times=None, kinds={"audit-trail"}, after=1)
        await asyncio.sleep(100)  # the first page has told of it
        records[id_] = {**record, "Name": "is there again"}
        await world.fetch("nexudus", id_)
        await asyncio.sleep(1)
        world.simulator.nexudus.faults.clear()
        await asyncio.sleep(300)
        assert world.stored("nexudus") == {str(one) for one in records}
