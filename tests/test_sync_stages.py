"""Stages are read after sweeps: `sync.stages`."""

import asyncio
import logging

import pytest

from simulator import FAULTS, PAGE_FAULTS
from store.pipelines import pipelines
from sync.run import Problem
from sync.status import Capability, State
from tests import logged, loops
from tests.sync_world import World, open_world, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME
FILLED = 30.0
OFTEN = {"sweep_seconds": 7_200.0, "increment_seconds": 600.0, "increment_longest_seconds": 600.0}
DUE = 7_300.0
"""Seconds after which the next sweep has ended."""


def shown(world: World) -> list[tuple[str | None, int | None]]:
    """Return the stages of Nexudus' first board in their order, and their positions."""
    found = world.database.run(pipelines)
    return [(stage.name, stage.position) for one in found if one.name == "Sales Pipeline" for stage in one.stages]


def rename(world: World, name: str) -> None:
    """Give the first column of each board of that name another name."""
    for column in world.simulator.nexudus.columns.values():
        if (column["CrmBoardName"], column["Position"]) == ("Sales Pipeline", 0):
            column["Name"] = name


STAGES = [("Enquiry", 0), ("Office Tour", 1), ("Proposal", 2), ("Negotiation", 3), ("Won", 4), ("Lost", 5)]


async def test_stages_are_known_after_the_first_sweep_by_one_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="opportunity_graph.sync")
    async with open_world() as world:
        await asyncio.sleep(FILLED)
        assert shown(world) == STAGES
        assert len(world.calls("nexudus", "stages")) == 1
        (run,) = world.runs("nexudus", "stages")
        assert (run.state, run.rows, run.changed, run.requests) == ("complete", 72, 72, 1)
        assert "nexudus stages: complete: 72 rows, 72 changed, 0 deleted, 1 requests" in caplog.text
        assert Capability.STAGES in (await world.status("nexudus")).capabilities
        assert world.runs("chartmogul", "stages") == []
        assert Capability.STAGES not in (await world.status("chartmogul")).capabilities


async def test_stages_are_read_again_after_a_sweep_whenever_that_comes() -> None:
    async with open_world(sources=("nexudus",), is_open=False) as world:
        async with world_sync(world, **OFTEN):
            await asyncio.sleep(1_000)
        async with world_sync(world, **OFTEN):  # which reads stages at once, and deals when it is time
            await asyncio.sleep(FILLED)
            rename(world, "Lead")
            await asyncio.sleep(6_300)
            assert shown(world) == [("Lead", 0), *STAGES[1:]]
            assert len(world.calls("nexudus", "stages")) == 3
            sweep, stages = world.runs("nexudus", "sweep")[-1], world.runs("nexudus", "stages")[-1]
            assert 0 <= stages.started_at - sweep.ended_at < 1_000_000


async def test_a_list_of_several_pages_is_written_when_it_is_read() -> None:
    async with open_world(sources=("nexudus",), page_rows=50) as world:
        await asyncio.sleep(FILLED)
        assert len(world.calls("nexudus", "stages")) == 2
        assert shown(world) == STAGES
        (run,) = world.runs("nexudus", "stages")
        assert (run.rows, run.changed) == (72, 72)


async def test_without_the_role_all_else_is_well_and_it_is_tried_again_in_an_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="opportunity_graph.sync")
    async with open_world(sources=("nexudus",)) as world:
        world.simulator.nexudus.columns_role_missing = True
        await asyncio.sleep(FILLED)
        status = await world.status("nexudus")
        assert (status.state, status.last_error, status.is_complete) == (State.CURRENT, None, True)
        assert Capability.STAGES not in status.capabilities
        assert shown(world) == []
        asked = len(world.calls("nexudus", "stages"))
        await asyncio.sleep(3_000)
        assert len(world.calls("nexudus", "stages")) == asked
        await asyncio.sleep(1_000)
        assert len(world.calls("nexudus", "stages")) > asked
        (told,) = (record for record in logged.records(caplog) if "stages" in record.getMessage())
        assert told.levelno == logging.INFO
        assert told.getMessage() == "nexudus stages: may not be read by this account; what is known of them stays"
        world.simulator.nexudus.columns_role_missing = False
        await asyncio.sleep(3_700)
        assert shown(world) == STAGES
        assert Capability.STAGES in (await world.status("nexudus")).capabilities


async def test_a_role_that_is_taken_away_leaves_what_was_known() -> None:
    async with open_world(sources=("nexudus",), **OFTEN) as world:
        await asyncio.sleep(FILLED)
        world.simulator.nexudus.columns_role_missing = True
        await asyncio.sleep(DUE)
        assert len(world.calls("nexudus", "stages")) > 1
        assert shown(world) == STAGES


async def test_a_failure_leaves_what_was_known_and_fails_no_sweep() -> None:
    async with open_world(sources=("nexudus",), **OFTEN) as world:
        await asyncio.sleep(FILLED)
        rule = world.simulator.nexudus.faults.add(FAULTS["500"], kinds={"stages"}, times=None)
        await asyncio.sleep(DUE)
        assert rule.used > 1
        assert shown(world) == STAGES
        assert [run.state for run in world.runs("nexudus", "sweep")] == ["complete"] * 2
        status = await world.status("nexudus")
        assert (status.state, status.last_error) == (State.CURRENT, "UPSTREAM_UNAVAILABLE"), (
            "told, but deals are current"
        )
        world.simulator.nexudus.faults.clear()
        await asyncio.sleep(400)
        assert (await world.status("nexudus")).last_error is None


async def test_what_is_wrong_with_deals_is_told_first() -> None:
    async with open_world(sources=("nexudus",), **OFTEN) as world:
        world.simulator.nexudus.faults.add(FAULTS["500"], kinds={"stages"}, times=None)
        world.simulator.nexudus.faults.add(PAGE_FAULTS["wrong-total"], kinds={"list"})
        await asyncio.sleep(FILLED)
        status = await world.status("nexudus")
        assert (status.state, status.last_error) == (State.INCOMPLETE, Problem.COUNT_DIFFERS)


async def test_a_stage_that_is_gone_is_forgotten_if_the_list_is_whole() -> None:
    async with open_world(sources=("nexudus",), **OFTEN) as world:
        await asyncio.sleep(FILLED)
        columns = world.simulator.nexudus.columns
        for number in [number for number, column in columns.items() if column["Name"] == "Proposal"]:
            del columns[number]
        world.simulator.nexudus.faults.add(PAGE_FAULTS["moved-order"], kinds={"stages"})
        await asyncio.sleep(DUE)
        assert shown(world) == STAGES, "a list that may lack some is no evidence"
        await asyncio.sleep(DUE)
        assert shown(world) == STAGES[:2] + STAGES[3:]


async def test_stages_outlive_a_restart() -> None:
    async with open_world(sources=("nexudus",), is_open=False) as world:
        async with world_sync(world):
            await asyncio.sleep(FILLED)
        world.simulator.nexudus.columns_role_missing = True
        async with world_sync(world):
            await asyncio.sleep(FILLED)
            assert shown(world) == STAGES
