"""Deals that a sweep could not see are asked for by their ids: `sync.unseen`."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from simulator import FAULTS, faults
from store.deal_rows import FOUND_BY_ID
from store.deals import Deal
from sync.rows import Read, Rows
from sync.run import Problem
from sync.status import State
from sync.unseen import MOST_ASKED, MOST_UNREADABLE
from tests import loops
from tests.sync_world import ROWS, World, open_world, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME
FILLED = 30.0
SWEEPS = {"sweep_seconds": 600.0, "increment_seconds": 600.0, "increment_longest_seconds": 600.0}
DUE = 600.0
EACH_SWEEPS = SWEEPS | {"full_sweep_seconds": DUE}
BOTH = pytest.mark.parametrize("source", ["nexudus", "chartmogul"])


def ids(world: World, source: str) -> list[Any]:
    return list(getattr(world.simulator, source).records)


def lose(world: World, source: str, lost: list[Any]) -> set[str]:
    """Make the vendor lose records without a word in its audit trail; return their ids."""
    for id_ in lost:
        del getattr(world.simulator, source).records[id_]
    return {str(id_) for id_ in lost}


def hide(world: World, source: str, hidden: list[Any]) -> None:
    """Let the rows of these records come without their ids."""

    def change(page: dict[str, Any]) -> dict[str, Any]:
        name = "Records" if "Records" in page else "entries"
        rows = [None if row.get("Id", row.get("uuid")) in hidden else row for row in page[name]]
        return {**page, name: rows}

    getattr(world.simulator, source).faults.add(faults.page(change), kinds={"list"}, times=None)


def asked(world: World, source: str) -> list[str]:
    """Return the ids that were asked for, one by one."""
    return [call.ids[0] for call in world.calls(source, "get")]


@BOTH
async def test_a_deal_that_is_gone_is_deleted_though_a_row_makes_its_page_fail_or_has_no_id(source: str) -> None:
    async with open_world(sources=(source,), **SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        bad, *gone = ids(world, source)[10:13]
        lost = lose(world, source, gone)
        if source == "nexudus":
            world.simulator.nexudus.faults.add(faults.stops_page(bad), kinds={"list"}, times=None)
            world.simulator.nexudus.faults.add(FAULTS["500"], ids=[bad], kinds={"get"}, times=None)
        else:
            hide(world, source, [bad])
        await asyncio.sleep(DUE)
        assert world.stored(source) == {str(id_) for id_ in ids(world, source)}, "the bad one among them"
        for id_ in lost:
            deal = world.deal(source, id_)
            assert deal.evidence == "not_found"
        (seen,) = set(asked(world, source)) - {str(bad), *lost}
        assert seen in world.stored(source), "which the source has to find before it is believed"
        assert (await world.status(source)).last_error == Problem.UNREADABLE_ROWS
        assert sum(run.deleted for run in world.runs(source, "sweep")) == 2


async def test_what_is_there_all_the_same_is_as_it_is_there_now() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        await asyncio.sleep(FILLED)
        id_ = ids(world, "nexudus")[10]
        hide(world, "nexudus", [id_])
        world.simulator.nexudus.records[id_] |= {"Name": "changed"}  # and its `UpdatedOn` does not tell
        await asyncio.sleep(DUE)
        assert world.deal("nexudus", id_).name == "changed"
        outcome, operation = await world.fetch("nexudus", id_)
        assert (outcome.name, operation.stale) == ("changed", [])


async def test_what_was_missed_before_and_is_there_is_missed_no_more() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        id_ = ids(world, "nexudus")[10]
        record = world.simulator.nexudus.records.pop(id_)
        await asyncio.sleep(DUE)
        assert world.deal("nexudus", id_).misses == 1
        world.simulator.nexudus.records[id_] = record
        hide(world, "nexudus", [id_])
        await asyncio.sleep(DUE)
        assert world.deal("nexudus", id_).misses == FOUND_BY_ID


async def test_a_complete_sweep_asks_for_nothing() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        lose(world, "nexudus", ids(world, "nexudus")[10:12])
        await asyncio.sleep(DUE)
        assert asked(world, "nexudus") == []


async def test_a_sweep_asks_for_a_few_and_all_have_their_turn() -> None:
    async with open_world(sources=("chartmogul",), page_rows=25, full_sweep_seconds=600.0, brake_count=100) as world:
        await asyncio.sleep(FILLED)
        hidden = ids(world, "chartmogul")[5:35]
        hide(world, "chartmogul", hidden)
        await asyncio.sleep(DUE)
        assert len(set(asked(world, "chartmogul"))) == len(asked(world, "chartmogul")) == MOST_ASKED
        await asyncio.sleep(DUE)
        assert set(asked(world, "chartmogul")) == set(hidden)
        assert len(asked(world, "chartmogul")) == len(hidden)
        await asyncio.sleep(DUE)
        assert len(asked(world, "chartmogul")) == len(hidden) + MOST_ASKED


async def test_more_than_can_be_believed_are_not_even_asked_for() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        hide(world, "nexudus", ids(world, "nexudus")[:1])
        lost = lose(world, "nexudus", ids(world, "nexudus")[10:31])
        await asyncio.sleep(DUE)
        assert lost <= world.stored("nexudus")
        assert asked(world, "nexudus") == []
        status = await world.status("nexudus")
        assert (status.state, status.last_error) == (State.BRAKED, Problem.DELETION_BRAKE)


async def test_records_that_fail_leave_the_others_to_the_next_sweep() -> None:
    """Each of them is a failure of the source, and its breaker is there for people too."""
    async with open_world(sources=("chartmogul",), full_sweep_seconds=600.0) as world:
        await asyncio.sleep(FILLED)
        bad = ids(world, "chartmogul")[5 : 5 + MOST_UNREADABLE]
        lost = ids(world, "chartmogul")[20:22]
        hide(world, "chartmogul", bad)
        world.simulator.chartmogul.faults.add(FAULTS["500"], ids=bad, kinds={"get"}, times=None)
        lose(world, "chartmogul", lost)
        await asyncio.sleep(2 * DUE)
        assert world.stored("chartmogul") == {str(id_) for id_ in ids(world, "chartmogul")}
        assert {run.state for run in world.runs("chartmogul", "sweep")} == {"complete"}


@pytest.mark.parametrize("fault", ["503", "401", "html"])
async def test_a_source_that_does_not_answer_ends_it_and_nothing_is_deleted(fault: str) -> None:
    async with open_world(sources=("chartmogul",), full_sweep_seconds=600.0) as world:
        await asyncio.sleep(FILLED)
        hide(world, "chartmogul", ids(world, "chartmogul")[:1])
        lost = lose(world, "chartmogul", ids(world, "chartmogul")[10:20])
        world.simulator.chartmogul.faults.add(FAULTS[fault], kinds={"get"}, times=None)
        await asyncio.sleep(DUE)
        assert lost <= world.stored("chartmogul")
        assert len(set(asked(world, "chartmogul"))) == (MOST_UNREADABLE if fault == "html" else 1)
        run = world.runs("chartmogul", "sweep")[-1]
        assert (run.state, run.error_code) == ("complete", Problem.UNREADABLE_ROWS)


async def test_a_refusal_by_rate_is_waited_for_and_nothing_is_asked_twice() -> None:
    async with open_world(sources=("chartmogul",), full_sweep_seconds=600.0) as world:
        await asyncio.sleep(FILLED)
        hide(world, "chartmogul", ids(world, "chartmogul")[:1])
        lost = lose(world, "chartmogul", ids(world, "chartmogul")[10:14])
        refusal = faults.status(429, headers={"Retry-After": "40"})
        world.simulator.chartmogul.faults.add(refusal, times=3, kinds={"get"}, after=2)
        await asyncio.sleep(DUE + 150)
        assert not lost & world.stored("chartmogul")
        answered = [call.ids[0] for call in world.calls("chartmogul", "get") if call.status != 429]
        assert len(answered) == len(set(answered)) == 5 + 1


@pytest.mark.parametrize("answered", [0, 1, 3])
async def test_what_a_process_that_ends_has_left_is_asked_for_after_the_next_sweep(
    answered: int,
) -> None:
    async with open_world(sources=("chartmogul",), is_open=False) as world:
        async with world_sync(world):
            await asyncio.sleep(FILLED)
        hide(world, "chartmogul", ids(world, "chartmogul")[:2])
        lost = lose(world, "chartmogul", ids(world, "chartmogul")[10:14])
        hang = world.simulator.chartmogul.faults.add(faults.hang(), kinds={"get"}, times=None, after=answered)
        async with world_sync(world):
            await asyncio.sleep(310)
            assert hang.used
        there = {str(id_) for id_ in ids(world, "chartmogul")}
        assert there <= world.stored("chartmogul") <= there | lost
        world.simulator.chartmogul.faults.rules.remove(hang)
        async with world_sync(world):
            await asyncio.sleep(400)
            assert world.stored("chartmogul") == there
            assert len(there) == ROWS - 4


@BOTH
async def test_a_source_that_finds_none_of_its_deals_is_not_believed(source: str) -> None:
    """Each sweep lacks fewer deals than the brake holds back, and sweep after sweep they would all be deleted."""
    async with open_world(sources=(source,), **EACH_SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        getattr(world.simulator, source).faults.add(FAULTS["404"], kinds={"get"}, times=None)
        for first in (0, 15, 30):
            hide(world, source, ids(world, source)[first : first + 15])
            await asyncio.sleep(DUE)
            assert world.stored(source) == {str(id_) for id_ in ids(world, source)}
        assert len(asked(world, source)) == 3 * 2, "one that is hidden, and one that is not"
        assert (await world.status(source)).last_error == Problem.UNREADABLE_ROWS


async def test_a_deal_that_cannot_be_stored_keeps_back_no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        await asyncio.sleep(FILLED)
        hidden = ids(world, "nexudus")[10:13]
        hide(world, "nexudus", hidden)
        deals = Rows.deals

        async def fail(self: Rows, reads: Sequence[Read], **given: Any) -> list[Deal]:
            if any(one.source_id == str(hidden[0]) for one in reads):
                raise ZeroDivisionError
            return await deals(self, reads, **given)

        monkeypatch.setattr(Rows, "deals", fail)
        await asyncio.sleep(2 * DUE)
        assert set(asked(world, "nexudus")) == {str(id_) for id_ in hidden}
        assert [run.rows for run in world.runs("nexudus", "sweep") if run.rows][1:] == [ROWS - len(hidden)] * 2
