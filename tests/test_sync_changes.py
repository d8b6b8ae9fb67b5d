"""What is logged while `sync.sweep`, `sync.increment`, `sync.deletions` and `sync.fetched` keep the store current."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from simulator import PAGE_FAULTS, faults
from store.changes import Change, ChangeFilter, Field, Kind, Log, Origin, changes_after, log_of
from tests.loops import WITH_ITS_OWN_TIME
from tests.sync_world import ROWS, InlineDatabase, World, columns, open_world, small_writes, world_sync

LOOPS = WITH_ITS_OWN_TIME


def logged(world: World, source: str = "nexudus") -> Sequence[Change]:
    wanted = ChangeFilter(accounts=[(source, "")])
    return world.database.run(lambda connection: changes_after(connection, 0, wanted, count=1_000)).changes


def log(world: World) -> Log:
    return world.database.run(log_of)


def some(world: World, source: str = "nexudus") -> list[Any]:
    return sorted(world.stored(source))


async def test_a_first_sweep_logs_nothing_and_what_comes_later_is_logged_with_its_origin() -> None:
    async with open_world(sources=("nexudus",), page_rows=7) as world:
        await asyncio.sleep(30)
        assert log(world).last == 0
        assert log(world).generation > 0
        changed, gone = (int(one) for one in some(world)[:2])
        world.simulator.nexudus.update(changed, {"Name": "another"})
        world.simulator.nexudus.delete(gone)
        await asyncio.sleep(300)
        found = {(one.kind, one.source_id, one.origin) for one in logged(world)}
        assert found == {
            (Kind.UPDATED, str(changed), Origin.INCREMENT),
            (Kind.DELETED, str(gone), Origin.AUDIT_TRAIL),
        }
        (update,) = [one for one in logged(world) if one.kind is Kind.UPDATED]
        assert [(one.field, one.after) for one in update.fields or ()] == [(Field.NAME, ("another",))]


async def test_what_only_sweeps_show_is_logged_as_seen_by_them() -> None:
    async with open_world(sources=("chartmogul",), page_rows=7) as world:
        await asyncio.sleep(30)
        changed, gone = some(world, "chartmogul")[:2]
        world.simulator.chartmogul.update(changed, {"pipeline_stage": "Another"})
        world.simulator.chartmogul.delete(gone)
        await asyncio.sleep(1_200)
        assert [(one.kind, one.source_id, one.origin) for one in logged(world, "chartmogul")] == [
            (Kind.UPDATED, changed, Origin.SWEEP),
            (Kind.DELETED, gone, Origin.SWEEP),
        ]


async def test_a_customers_name_that_is_learnt_is_no_change_of_its_deals() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(900)
        assert all(world.deal("chartmogul", one).customer_name for one in some(world, "chartmogul")[:1])
        assert log(world).last == 0


async def test_a_deal_that_is_read_by_its_id_is_logged_as_read() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        changed = int(some(world)[0])
        world.simulator.nexudus.update(changed, {"Name": "another"})
        await world.fetch("nexudus", changed)
        await asyncio.sleep(1)
        assert [(one.source_id, one.origin) for one in logged(world)] == [(str(changed), Origin.READ)]
        await asyncio.sleep(300)
        assert len(logged(world)) == 1, "a list that has the same tells nothing new"


async def test_a_store_that_goes_on_after_a_restart_has_what_happened_meanwhile() -> None:
    """The first sweep of another process derives all columns anew, and finds what has changed and nothing else."""
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        before = log(world)
        database, simulator = world.database, world.simulator
    changed = int(some(world)[0])
    simulator.nexudus.update(changed, {"Name": "another"})
    async with open_world(sources=("nexudus",), database=database, simulator=simulator) as world:
        await asyncio.sleep(30_000)
        assert [(one.kind, one.source_id) for one in logged(world)] == [(Kind.UPDATED, str(changed))]
        assert log(world).has(before.generation, before.last)


async def test_what_another_version_of_this_program_derives_is_no_change_of_a_deal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even of one that has changed in something else meanwhile."""
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        database, simulator = world.database, world.simulator
    changed = int(some(world)[0])
    simulator.nexudus.update(changed, {"Name": "another"})

    def of_today(source: str, record: Any) -> Any:
        found, attributes = columns(source, record)
        return replace(found, status="a new word", kind="recurring"), attributes

    monkeypatch.setattr("tests.sync_world.columns", of_today)
    async with open_world(sources=("nexudus",), database=database, simulator=simulator) as world:
        await asyncio.sleep(30_000)
        assert world.deal("nexudus", changed).status == "a new word"
        (entry,) = logged(world)
        assert [(one.field, one.after) for one in entry.fields or ()] == [(Field.NAME, ("another",))]


async def test_a_store_that_is_another_one_begins_another_log() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        before = log(world)
        simulator = world.simulator
        await asyncio.sleep(1)
        async with open_world(sources=("nexudus",), database=InlineDatabase(), simulator=simulator) as other:
            await asyncio.sleep(30)
            assert log(other).last == 0
            assert not log(other).has(before.generation, before.last)


async def test_a_row_without_an_id_keeps_no_change_from_the_log() -> None:
    """Nor does it last for ever that there is one: a sweep of all other rows is basis enough."""
    async with open_world(sources=("nexudus",), is_open=False) as world:
        changed = sorted(world.simulator.nexudus.records)[20]
        world.simulator.nexudus.faults.add(PAGE_FAULTS["row-without-id"], times=None, kinds={"list"})
        async with world_sync(world):
            await asyncio.sleep(60)
            assert world.state("nexudus").last_sweep_at is None
            world.simulator.nexudus.update(changed, {"Name": "another"})
            await world.fetch("nexudus", changed)
            await asyncio.sleep(1)
            assert str(changed) in {one.source_id for one in logged(world)}


async def test_a_server_that_is_to_keep_no_changes_forgets_them() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        world.simulator.nexudus.update(int(some(world)[0]), {"Name": "another"})
        await asyncio.sleep(300)
        assert len(logged(world)) == 1
        database, simulator = world.database, world.simulator
    async with open_world(sources=("nexudus",), database=database, simulator=simulator, changes_seconds=0) as world:
        await asyncio.sleep(30_000)
        assert (log(world).generation, logged(world)) == (0, [])
        simulator.nexudus.update(int(some(world)[0]), {"Name": "a third"})
        await asyncio.sleep(300)
        assert logged(world) == []


@pytest.mark.parametrize("bound", [{"most_changes": 5}, {"changes_seconds": 90}])
async def test_the_log_stays_within_its_bounds(bound: dict[str, Any]) -> None:
    async with open_world(sources=("nexudus",), page_rows=7, **bound) as world:
        await asyncio.sleep(30)
        for number, id_ in enumerate(map(int, some(world)[:12])):
            world.simulator.nexudus.update(id_, {"Name": f"another {number}"})
            await asyncio.sleep(60)
        await asyncio.sleep(120)
        assert log(world).last == 12
        assert 1 <= len(logged(world)) <= 5
        assert log(world).dropped == 12 - len(logged(world))


async def test_a_sweep_that_breaks_off_logs_each_change_once() -> None:
    async with open_world(sources=("chartmogul",), page_rows=7) as world:
        await asyncio.sleep(30)
        changed = some(world, "chartmogul")[:20]
        for one in changed:
            world.simulator.chartmogul.update(one, {"pipeline_stage": "Another"})
        world.simulator.chartmogul.faults.add(faults.ooops(500), times=3, kinds={"list"}, after=3)
        await asyncio.sleep(1_200)
        assert sorted(one.source_id for one in logged(world, "chartmogul")) == changed


async def test_a_page_of_which_only_some_deals_could_be_written_is_logged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_world(sources=("chartmogul",), page_rows=ROWS) as world:
        await asyncio.sleep(30)
        written = small_writes(monkeypatch, refused=(2, 6))  # in the midst of the page, and with its position
        for record in world.simulator.chartmogul.records.values():
            record["pipeline_stage"] = "Another"
        await asyncio.sleep(600)
        assert written.count(0) >= 2
        found = [(one.kind, one.source_id, one.origin) for one in logged(world, "chartmogul")]
        assert sorted(found) == [(Kind.UPDATED, one, Origin.SWEEP) for one in some(world, "chartmogul")]
        assert {one.position for one in logged(world, "chartmogul")} == set(range(1, ROWS + 1))
