"""What users of other systems complain about, each as a test of `sync.sweep`, `sync.increment` and `sync.deletions`."""

import asyncio
import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.transport import TransportSettings
from resolvers.stored_record import decode
from simulator import PAGE_FAULTS, faults
from simulator.fault_rules import Exchange
from simulator.replies import Reply
from store.deal_ids import deal_id
from store.deals import Evidence, delete
from store.sequence import hold
from store.tables import DEALS
from sync.job import SECOND
from sync.run import Problem
from sync.status import Capability, State
from tests import loops
from tests.sync_world import DAY_SECONDS, ROWS, TODAY, World, open_world, small_writes, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME
FILLED = 30.0
"""Seconds in which a small account is read."""

SWEEPS = {"sweep_seconds": 600.0, "increment_seconds": 600.0, "increment_longest_seconds": 600.0}
"""Settings by which sweeps come as often as increments."""


def all_of(world: World, source: str) -> set[str]:
    return {str(id_) for id_ in getattr(world.simulator, source).records}


def forget(world: World, source: str, count: int) -> set[str]:
    """Make the vendor lose records without a word in its audit trail; return their ids."""
    records = getattr(world.simulator, source).records
    lost = list(records)[10 : 10 + count]
    for id_ in lost:
        del records[id_]
    return {str(id_) for id_ in lost}


def and_then(work: Callable[[], object]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what gives a page as it is, and then does something."""

    def change(page: dict[str, Any]) -> dict[str, Any]:
        work()
        return page

    return change


# 1. Deletions never arrive, or everything is deleted after a run that broke off.


async def test_fault_1_deletions_arrive_within_a_minute_where_the_audit_trail_may_be_read() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(FILLED)
        gone = next(iter(world.simulator.nexudus.records))
        world.simulator.nexudus.delete(gone)
        await asyncio.sleep(75)
        assert world.stored("nexudus") == all_of(world, "nexudus")
        assert world.deal("nexudus", gone).evidence == "audit"


async def test_fault_1_without_the_audit_trail_a_deal_goes_after_two_complete_sweeps_and_not_after_one() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        (gone,) = forget(world, "nexudus", 1)
        await asyncio.sleep(600)
        assert world.deal("nexudus", gone).misses == 1
        assert gone in world.stored("nexudus")
        assert (await world.status("nexudus")).drift == 1
        await asyncio.sleep(600)
        assert world.deal("nexudus", gone).evidence == "sweeps"
        status = await world.status("nexudus")
        assert status.drift == 0
        assert Capability.DELETIONS not in status.capabilities


@pytest.mark.parametrize("fault", ["truncated", "500", "503"])
async def test_fault_1_nothing_is_deleted_because_a_sweep_breaks_off(fault: str) -> None:
    made = {"truncated": faults.truncated(), "500": faults.ooops(500), "503": faults.status(503)}[fault]
    async with open_world(sources=("chartmogul",), page_rows=15) as world:
        await asyncio.sleep(FILLED)
        everything = world.stored("chartmogul")
        assert len(everything) == ROWS
        world.simulator.chartmogul.faults.add(made, times=None, kinds={"list"}, after=2)
        await asyncio.sleep(1_500)
        assert world.stored("chartmogul") == everything
        status = await world.status("chartmogul")
        assert status.state is State.FAILING
        assert str(status.last_error).startswith("UPSTREAM_")
        world.simulator.chartmogul.faults.clear()
        await asyncio.sleep(900)
        assert (await world.status("chartmogul")).state is State.CURRENT


async def test_fault_1_a_list_that_is_empty_all_of_a_sudden_deletes_nothing_and_says_so() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(FILLED)
        everything = world.stored("chartmogul")
        records = dict(world.simulator.chartmogul.records)
        world.simulator.chartmogul.records.clear()
        await asyncio.sleep(1_500)
        assert world.stored("chartmogul") == everything
        status = await world.status("chartmogul")
        assert (status.state, status.last_error) == (State.BRAKED, Problem.DELETION_BRAKE)
        world.simulator.chartmogul.records.update(records)
        await asyncio.sleep(600)
        assert (await world.status("chartmogul")).state is State.CURRENT


async def test_fault_1_an_operator_can_let_the_brake_go() -> None:
    async with open_world(sources=("chartmogul",), brake_share=1.0) as world:
        await asyncio.sleep(FILLED)
        forget(world, "chartmogul", 30)
        await asyncio.sleep(900)
        assert world.stored("chartmogul") == all_of(world, "chartmogul")


async def test_fault_1_the_brake_holds_for_the_audit_trail_too_and_nothing_is_forgotten() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(FILLED)
        for id_ in list(world.simulator.nexudus.records)[:30]:
            world.simulator.nexudus.delete(id_)
        await asyncio.sleep(300)
        assert len(world.stored("nexudus")) == ROWS
        assert (await world.status("nexudus")).state is State.BRAKED


async def test_fault_1_a_record_that_is_not_found_alone_is_deleted_at_once() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(FILLED)
        (gone,) = forget(world, "nexudus", 1)
        assert (await world.fetch("nexudus", gone))[0] is None
        await asyncio.sleep(1)
        assert world.deal("nexudus", gone).evidence == "not_found"


async def test_fault_1_a_record_that_a_list_by_ids_does_not_have_is_not_deleted_for_it() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(FILLED)
        gone = forget(world, "nexudus", 1)
        other = next(iter(world.simulator.nexudus.records))
        await asyncio.gather(*[world.fetch("nexudus", id_) for id_ in (*gone, other)])
        assert [call.kind for call in world.calls("nexudus")][-1] == "list-by-ids"
        await asyncio.sleep(1)
        assert gone <= world.stored("nexudus")


async def test_fault_1_a_deal_that_comes_back_is_there_again() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(FILLED)
        records = world.simulator.chartmogul.records
        id_, record = next(iter(records.items()))
        del records[id_]
        await asyncio.sleep(650)
        assert id_ not in world.stored("chartmogul")
        records[id_] = record
        await asyncio.sleep(310)
        assert id_ in world.stored("chartmogul")


# 2. Rows are skipped or doubled while a list moves under the pages.


@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
async def test_fault_2_rows_that_come_twice_are_counted_once(source: str) -> None:
    async with open_world(sources=(source,), page_rows=12, is_open=False) as world:
        getattr(world.simulator, source).list_repeats = 3
        async with world_sync(world):
            await asyncio.sleep(FILLED)
            assert world.stored(source) == all_of(world, source)
            assert (await world.status(source)).rows == ROWS
            assert {run.rows for run in world.runs(source, "sweep")} == {ROWS}


async def test_fault_2_a_row_that_a_moving_list_skips_is_not_taken_for_deleted() -> None:
    async with open_world(sources=("nexudus",), page_rows=6, **SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        records = world.simulator.nexudus.records

        def lose_one(page: dict[str, object]) -> dict[str, object]:
            del records[min(records)]
            return page

        for _ in range(4):
            world.simulator.nexudus.faults.add(faults.page(lose_one), kinds={"list"}, after=4)
            await asyncio.sleep(600)
        assert all_of(world, "nexudus") <= world.stored("nexudus")
        problems = [run.error_code for run in world.runs("nexudus", "sweep")]
        assert Problem.COUNT_DIFFERS in problems


async def test_fault_2_an_order_that_moves_proves_nothing_missing() -> None:
    async with open_world(sources=("chartmogul",), page_rows=15) as world:
        await asyncio.sleep(FILLED)
        world.simulator.chartmogul.faults.add(PAGE_FAULTS["moved-order"], times=None, kinds={"list"})
        lost = forget(world, "chartmogul", 3)
        await asyncio.sleep(1_500)
        assert lost <= world.stored("chartmogul")
        status = await world.status("chartmogul")
        assert (status.state, status.last_error) == (State.INCOMPLETE, Problem.MOVED_ORDER)


async def test_fault_2_a_list_that_goes_round_in_a_circle_comes_to_an_end() -> None:
    async with open_world(sources=("chartmogul",), page_rows=15) as world:
        await asyncio.sleep(FILLED)
        count = len(world.calls("chartmogul", "list"))
        first = {"has_more": True, "cursor": None}

        def circle(page: dict[str, Any]) -> dict[str, Any]:
            first["cursor"] = first["cursor"] or page["cursor"]
            return {**page, **(first if not page["has_more"] else {})}

        world.simulator.chartmogul.faults.add(faults.page(circle), times=None, kinds={"list"})
        await asyncio.sleep(330)
        assert (await world.status("chartmogul")).last_error == Problem.MOVED_ORDER
        assert len(world.calls("chartmogul", "list")) - count < 200
        assert len(world.stored("chartmogul")) == ROWS
        world.simulator.chartmogul.faults.clear()
        await asyncio.sleep(330)
        assert (await world.status("chartmogul")).state is State.CURRENT


async def test_fault_2_a_change_that_slips_between_the_pages_of_an_increment_is_seen_all_the_same() -> None:
    async with open_world(sources=("nexudus",), page_rows=6, is_open=False) as world:
        simulated = world.simulator.nexudus
        changed = sorted(simulated.records)[:14]
        async with world_sync(world):
            await asyncio.sleep(300)
        for id_ in changed:
            simulated.update(id_, {"Name": "changed"})
        await asyncio.sleep(300)  # longer than increments overlap
        simulated.faults.add(faults.page(and_then(lambda: simulated.records.pop(changed[0]))), kinds={"list"})
        async with world_sync(world):
            await asyncio.sleep(300)
        assert {world.deal("nexudus", id_).name for id_ in changed[1:]} == {"changed"}
        assert {run.error_code for run in world.runs("nexudus", "increment")} == {None}


async def test_fault_2_sweeps_take_over_from_increments_whose_order_always_moves() -> None:
    async with open_world(sources=("nexudus",), page_rows=6) as world:
        await asyncio.sleep(300)
        simulated = world.simulator.nexudus
        simulated.faults.add(PAGE_FAULTS["moved-order"], times=None, kinds={"list"})
        for id_ in list(simulated.records)[:14]:
            simulated.update(id_, {"Name": "changed"})
        before = world.state("nexudus").changes_until
        await asyncio.sleep(400)
        assert Capability.CHANGED_SINCE not in (await world.status("nexudus")).capabilities
        assert world.state("nexudus").changes_until == before
        assert [run.error_code for run in world.runs("nexudus", "increment")][-1] == Problem.MOVED_ORDER


# 3. Late rows behind the watermark.


async def test_fault_3_a_row_that_comes_late_behind_the_last_increment_is_seen() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(300)
        id_ = next(iter(world.simulator.nexudus.records))
        late = TODAY + timedelta(seconds=loops.now() - 100)
        world.simulator.nexudus.records[id_] |= {"Name": "late", "UpdatedOn": f"{late:%Y-%m-%dT%H:%M:%SZ}"}
        await asyncio.sleep(75)
        assert world.deal("nexudus", id_).name == "late"


# 4. A run that succeeds with rows missing, and nobody notices.


async def test_fault_4_a_count_that_differs_from_the_vendors_is_told() -> None:
    async with open_world(sources=("nexudus",), page_rows=15, **SWEEPS) as world:
        world.simulator.nexudus.faults.add(PAGE_FAULTS["wrong-total"], times=None, kinds={"list"})
        await asyncio.sleep(FILLED)
        status = await world.status("nexudus")
        assert (status.state, status.drift, status.is_complete) == (State.INCOMPLETE, -7, False)
        assert status.last_error == Problem.COUNT_DIFFERS


async def test_fault_4_a_row_that_cannot_be_read_keeps_its_stored_deal() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        world.simulator.nexudus.faults.add(PAGE_FAULTS["unreadable-row"], times=None, kinds={"list"})
        await asyncio.sleep(1_500)
        assert world.stored("nexudus") == all_of(world, "nexudus")
        assert (await world.status("nexudus")).state is State.CURRENT


@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
async def test_fault_4_a_row_that_cannot_be_read_proves_no_stored_deal_unchanged(source: str) -> None:
    async with open_world(sources=(source,), **SWEEPS) as world:
        await asyncio.sleep(FILLED)
        simulated = getattr(world.simulator, source)
        whole = {id_ for id_ in simulated.records if world.deal(source, id_).is_whole}
        simulated.faults.add(PAGE_FAULTS["unreadable-row"], times=None, kinds={"list"})
        await asyncio.sleep(1_500)
        simulated.faults.add(faults.status(503), times=None, kinds={"get"})
        ages = {}
        for id_ in whole:
            (stale,) = (await world.fetch(source, str(id_)))[1].stale
            ages[id_] = stale.age_seconds
        old = {id_ for id_, age in ages.items() if age > 1_400}
        assert old
        assert not any(world.deal(source, id_).is_whole for id_ in old)
        assert max(age for id_, age in ages.items() if id_ not in old) < 700
        simulated.faults.clear()
        await asyncio.sleep(700)
        assert all(world.deal(source, id_).is_whole for id_ in whole)


async def test_fault_4_a_row_that_leaves_fields_out_proves_no_stored_deal_unchanged() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        world.simulator.nexudus.partial_fields.add("Notes")
        await asyncio.sleep(FILLED)
        id_ = next(iter(world.simulator.nexudus.records))
        await world.fetch("nexudus", id_)
        await asyncio.sleep(1_500)
        world.simulator.nexudus.faults.add(faults.status(503), times=None, kinds={"get"})
        (stale,) = (await world.fetch("nexudus", id_))[1].stale
        assert stale.age_seconds > 1_400, "its notes may have been changed since"


@pytest.mark.parametrize("fault", ["unreadable-row", "row-without-id"])
@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
async def test_fault_4_a_copy_that_lacks_a_row_nobody_can_read_is_not_complete(source: str, fault: str) -> None:
    async with open_world(sources=(source,), **SWEEPS) as world:
        getattr(world.simulator, source).faults.add(PAGE_FAULTS[fault], times=None, kinds={"list"})
        await asyncio.sleep(3_600)
        status = await world.status(source)
        assert status.rows == ROWS - 1
        assert (status.state, status.is_complete) == (State.INCOMPLETE, False)
        getattr(world.simulator, source).faults.clear()
        await asyncio.sleep(700)
        status = await world.status(source)
        assert (status.rows, status.state, status.is_complete) == (ROWS, State.CURRENT, True)


async def test_fault_4_rows_without_an_id_prove_nothing_missing_but_a_request_for_it_does() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        (lost,) = forget(world, "nexudus", 1)
        world.simulator.nexudus.faults.add(PAGE_FAULTS["row-without-id"], times=None, kinds={"list"})
        world.simulator.nexudus.faults.add(faults.status(503), times=None, kinds={"get"})
        await asyncio.sleep(1_500)
        assert lost in world.stored("nexudus")
        world.simulator.nexudus.faults.rules.pop()
        await asyncio.sleep(1_000)
        assert world.deal("nexudus", lost).evidence == "not_found"
        assert world.stored("nexudus") == all_of(world, "nexudus")
        assert (await world.status("nexudus")).last_error == Problem.UNREADABLE_ROWS


async def test_fault_4_a_row_that_makes_its_page_fail_keeps_no_other_back_and_is_told_and_not_deleted() -> None:
    async with open_world(sources=("nexudus",), page_rows=20, **SWEEPS) as world:
        world.simulator.nexudus.audit_role_missing = True
        await asyncio.sleep(FILLED)
        bad, new = list(world.simulator.nexudus.records)[17], world.simulator.nexudus.create({"Name": "new"})
        world.simulator.nexudus.faults.add(faults.stops_page(bad), times=None, kinds={"list"})
        await asyncio.sleep(2_000)
        assert world.stored("nexudus") == all_of(world, "nexudus")
        assert str(new) in world.stored("nexudus")
        assert world.deal("nexudus", bad).misses == 0
        status = await world.status("nexudus")
        assert (status.state, status.last_error) == (State.INCOMPLETE, Problem.UNREADABLE_ROWS)
        world.simulator.nexudus.faults.clear()
        await asyncio.sleep(700)
        assert (await world.status("nexudus")).state is State.CURRENT


async def test_fault_4_a_copy_that_lacks_a_row_which_makes_its_page_fail_is_not_complete() -> None:
    async with open_world(sources=("nexudus",), is_open=False, **SWEEPS) as world:
        world.simulator.nexudus.faults.add(PAGE_FAULTS["row-that-stops-its-page"], times=None, kinds={"list"})
        async with world_sync(world, **SWEEPS):
            await asyncio.sleep(300)
            status = await world.status("nexudus")
            assert (status.rows, status.is_complete) == (ROWS - 1, False)
            assert (status.state, status.last_error) == (State.INCOMPLETE, Problem.UNREADABLE_ROWS)


# 5. 429 in the middle, the watermark never moves, an endless loop.


async def test_fault_5_a_sweep_goes_on_where_it_was_refused() -> None:
    async with open_world(sources=("chartmogul",), page_rows=6) as world:
        refusal = faults.status(429, headers={"Retry-After": "40"})
        for after in (3, 5, 6):
            world.simulator.chartmogul.faults.add(refusal, times=1, kinds={"list"}, after=after)
        await asyncio.sleep(280)
        assert world.stored("chartmogul") == all_of(world, "chartmogul")
        lists = [call for call in world.calls("chartmogul", "list") if call.status == 200]
        assert len(lists) == 10  # no page was read twice


async def test_fault_5_a_page_is_read_again_of_which_only_some_deals_could_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = small_writes(monkeypatch, refused=(2,))
    async with open_world(sources=("chartmogul",), page_rows=ROWS) as world:
        while len(written) < 3:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.1)
        assert (len(world.stored("chartmogul")), world.state("chartmogul").sweep_rows) == (20, 0)
        await asyncio.sleep(60)
        assert world.stored("chartmogul") == all_of(world, "chartmogul")
        assert written == [10, 10, 0, 0, 0, *[10] * (ROWS // 10 - 2)]
        assert [run.changed for run in world.runs("chartmogul", "sweep")] == [ROWS]


async def test_fault_5_an_increment_of_many_pages_goes_on_where_it_was_refused() -> None:
    async with open_world(sources=("nexudus",), page_rows=6) as world:
        await asyncio.sleep(300)
        for id_ in list(world.simulator.nexudus.records)[:30]:
            world.simulator.nexudus.update(id_, {"Name": "many"})
        for after in (2, 4):
            world.simulator.nexudus.faults.add(faults.ooops(500), times=3, kinds={"list"}, after=after)
        before = world.state("nexudus").changes_until
        await asyncio.sleep(200)
        assert all(world.deal("nexudus", id_).name == "many" for id_ in list(world.simulator.nexudus.records)[:30])
        assert (world.state("nexudus").changes_until or 0) > (before or 0)


# 7. Filters silently ignored by the vendor.


async def test_fault_7_an_ignored_filter_is_noticed_and_sweeps_take_over() -> None:
    async with open_world(sources=("nexudus",)) as world:
        world.simulator.nexudus.list_range_ignored = True
        await asyncio.sleep(120)
        status = await world.status("nexudus")
        assert Capability.CHANGED_SINCE not in status.capabilities
        id_ = next(iter(world.simulator.nexudus.records))
        world.simulator.nexudus.update(id_, {"Name": "changed"})
        await asyncio.sleep(310)
        assert world.deal("nexudus", id_).name == "changed"


# 8. Stage ids without names, deleted stages null.


@pytest.mark.parametrize("hours", [-5, -1, 2, 12])
async def test_fault_7_a_filter_that_is_read_in_another_time_zone_hides_no_change_for_long(hours: int) -> None:
    async with open_world(sources=("nexudus",)) as world:
        world.simulator.nexudus.filter_zone_hours = hours
        await asyncio.sleep(FILLED + 120)
        changed = next(iter(world.simulator.nexudus.records))
        world.simulator.nexudus.update(changed, {"Name": "changed"})
        await asyncio.sleep(75 if hours > 0 else 320)
        assert world.deal("nexudus", changed).name == "changed"
        status = await world.status("nexudus")
        assert (Capability.CHANGED_SINCE in status.capabilities) is (hours > 0)
        assert status.last_error == (None if hours > 0 else Problem.FILTER_DIFFERS)
        # What the increments before have missed was not seen until then.
        assert (world.state("nexudus").changes_until is None) is (hours < 0)
        assert len(world.calls("nexudus", "get")) == (hours < 0)


async def test_fault_7_a_deal_that_slips_between_two_pages_is_no_fault_of_the_filter() -> None:
    """One leaves the list, one comes in its place: the vendor counts as many as before."""
    async with open_world(sources=("nexudus",), page_rows=6, is_open=False) as world:
        simulated = world.simulator.nexudus
        before, witness, behind = (sorted(simulated.records)[some] for some in (slice(6), 6, slice(7, 13)))
        simulated.update(witness, {"Name": "the last change"})
        async with world_sync(world):
            await asyncio.sleep(FILLED)
            for id_ in before + behind[1:]:
                simulated.update(id_, {"Name": "changed"})

            def shift() -> None:
                del simulated.records[before[0]]
                simulated.update(behind[0], {"Name": "comes"})

            simulated.faults.add(faults.page(and_then(shift)), kinds={"list"})
            await asyncio.sleep(60)
            assert before[0] not in simulated.records
            assert {run.error_code for run in world.runs("nexudus", "increment")} == {None}
            assert Capability.CHANGED_SINCE in (await world.status("nexudus")).capabilities


async def test_fault_7_a_deal_that_is_gone_from_a_list_of_changes_is_no_fault_of_its_filter() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(FILLED / 2)
        records = world.simulator.nexudus.records
        del records[max(records, key=lambda one: records[one]["UpdatedOn"])]
        await asyncio.sleep(300)
        assert Capability.CHANGED_SINCE in (await world.status("nexudus")).capabilities
        assert len(world.calls("nexudus", "get")) >= 1


async def test_fault_7_changes_are_read_where_no_deal_has_a_time_of_its_last_change() -> None:
    async with open_world(sources=("nexudus",)) as world:
        for record in world.simulator.nexudus.records.values():
            record["UpdatedOn"] = "0001-01-01T00:00:00Z"  # as .NET has a date that is not set
        await asyncio.sleep(25_000)  # two sweeps
        changed = next(iter(world.simulator.nexudus.records))
        world.simulator.nexudus.update(changed, {"Name": "changed"})
        await asyncio.sleep(400)
        assert world.deal("nexudus", changed).name == "changed"
        assert {run.error_code for run in world.runs("nexudus", "increment")} == {None}


async def test_fault_8_the_last_known_name_of_a_stage_stays() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        await asyncio.sleep(FILLED)
        records = world.simulator.nexudus.records
        one, other, *_ = [id_ for id_ in records if records[id_]["CrmBoardColumnName"]]
        name, other_name = records[one]["CrmBoardColumnName"], records[other]["CrmBoardColumnName"]
        records[one] |= {"CrmBoardColumnName": None, "Name": "nameless"}
        records[other] |= {"CrmBoardColumnName": None, "CrmBoardColumnId": records[one]["CrmBoardColumnId"]}
        await asyncio.sleep(600)
        deal = world.deal("nexudus", one)
        assert (deal.name, deal.stage_name) == ("nameless", name)
        assert world.deal("nexudus", other).stage_name == name
        assert other_name


async def test_fault_8_what_lists_leave_out_is_never_taken_from_them() -> None:
    async with open_world(sources=("nexudus",), is_open=False, **SWEEPS) as world:
        records = world.simulator.nexudus.records
        id_ = next(id_ for id_ in records if records[id_]["TeamDescription"])
        world.simulator.nexudus.partial_fields = {"TeamDescription"}
        async with world_sync(world, **SWEEPS):
            await asyncio.sleep(FILLED)
            assert decode("nexudus", world.deal("nexudus", id_).body).team_description is None
            await world.fetch("nexudus", id_)
            await asyncio.sleep(1)
            records[id_]["Name"] = "changed"
            await asyncio.sleep(600)
            deal = world.deal("nexudus", id_)
            assert deal.name == "changed"
            assert decode("nexudus", deal.body).team_description == records[id_]["TeamDescription"]


# 11. Read-after-write shows the old record; a poll older than the write overwrites it.


@pytest.mark.parametrize("hanging", [0, 2])
async def test_fault_11_a_page_that_was_asked_for_before_a_read_by_id_does_not_overwrite_it(hanging: int) -> None:
    """Nor one that was asked for a minute before, since the source hung."""
    patient = TransportSettings(attempt_timeout_seconds=30.0)
    async with open_world(sources=("chartmogul",), transport=patient) as world:
        await asyncio.sleep(FILLED)
        simulated, is_made = world.simulator.chartmogul, asyncio.Event()
        id_, gone, *_ = simulated.records

        async def travels(exchange: Exchange) -> Reply:
            """Make the page; meanwhile a record is changed, another one deleted, and both are read."""
            real = copy.deepcopy(await exchange.real())
            is_made.set()
            await asyncio.sleep(5)
            return real

        simulated.faults.add(faults.hang(), times=hanging, kinds={"list"})
        simulated.faults.add(faults.Fault("travels", travels), kinds={"list"})
        await is_made.wait()
        await asyncio.sleep(2)
        simulated.update(id_, {"pipeline_stage": "written"})
        del simulated.records[gone]
        for one in (id_, gone):
            await world.schedulers["chartmogul"].fetch_many([one], UpstreamContext(100.0))
        await asyncio.sleep(0.5)
        written = world.deal("chartmogul", id_)
        assert (written.stage_name, gone in world.stored("chartmogul")) == ("written", False)
        await asyncio.sleep(10)
        sweep = world.runs("chartmogul", "sweep")[-1]
        assert (sweep.ended_at - sweep.started_at) // (60 * SECOND) == hanging // 2
        assert world.deal("chartmogul", id_) == written
        assert gone not in world.stored("chartmogul")


# Clocks of other processes.


@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
async def test_what_another_process_has_read_by_id_with_a_clock_that_is_ahead_keeps_no_change_away(source: str) -> None:
    async with open_world(sources=(source,), **SWEEPS) as world:
        await asyncio.sleep(FILLED)
        vendor = getattr(world.simulator, source)
        first, second, gone = list(vendor.records)[:3]
        with world.database.engine.begin() as connection:
            ahead = int((world.now() + 3_600) * SECOND)
            ids = [deal_id(source, "", str(one)) for one in (first, second)]
            hold(connection)
            connection.execute(update(DEALS).where(DEALS.c.id.in_(ids)).values(read_at=ahead))
            delete(connection, [deal_id(source, "", str(gone))], evidence=Evidence.NOT_FOUND, at=ahead)
        name, column = ("Name", "name") if source == "nexudus" else ("pipeline_stage", "stage_name")
        vendor.records[first][name] = "changed"
        del vendor.records[second]
        await asyncio.sleep(2_000)
        assert getattr(world.deal(source, first), column) == "changed"
        assert world.stored(source) == all_of(world, source)


async def test_what_a_clock_that_is_ahead_has_read_does_not_keep_away_what_is_read_by_id() -> None:
    async with open_world(sources=("nexudus",), sweep_seconds=86_400.0) as world:
        await asyncio.sleep(FILLED)
        records = world.simulator.nexudus.records
        one, other, *_ = records
        with world.database.engine.begin() as connection:
            hold(connection)
            connection.execute(update(DEALS).values(read_at=int((world.now() + 3_600) * SECOND)))
        records[one]["Name"] = "read by id"
        await world.fetch("nexudus", one)
        await asyncio.sleep(1)
        assert world.deal("nexudus", one).name == "read by id"
        assert world.deal("nexudus", other).read_at <= world.now() * SECOND


@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
async def test_what_only_a_clock_that_is_ahead_has_read_and_no_list_has_any_more_goes(source: str) -> None:
    async with open_world(sources=(source,), **SWEEPS) as world:
        await asyncio.sleep(FILLED)
        (gone,) = forget(world, source, 1)
        with world.database.engine.begin() as connection:
            hold(connection)
            ahead = int((world.now() + 365 * DAY_SECONDS) * SECOND)
            connection.execute(update(DEALS).where(DEALS.c.source_id == gone).values(read_at=ahead))
        await asyncio.sleep(2_000)
        assert gone not in world.stored(source)
