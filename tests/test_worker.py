"""`sync.worker`: nothing but its cancellation ends it, and no fault is another's."""

import asyncio
import logging
import re
from typing import Any

import pytest
from sqlalchemy import select

from simulator import faults
from store.errors import StoreUnavailable
from store.stages import listed_stages
from store.tables import DEALS, METADATA, DealColumns
from sync.job import SECOND
from sync.run import Problem
from sync.schedule import LONGEST_STORE_BACKOFF_SECONDS
from sync.status import State
from tests import logged, loops
from tests.sync_world import DAY_SECONDS, ROWS, InlineDatabase, World, open_world, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME
SWEEPS = {"sweep_seconds": 600.0}


async def test_a_fault_of_one_source_never_hides_the_other() -> None:
    async with open_world() as world:
        world.simulator.nexudus.faults.add(faults.status(503), times=None)
        await asyncio.sleep(60)
        assert world.stored("chartmogul") == set(world.simulator.chartmogul.records)
        assert (await world.status("nexudus")).state is State.FAILING
        assert (await world.status("chartmogul")).state is State.CURRENT


async def test_a_source_that_was_down_for_long_is_followed_again_within_minutes() -> None:
    async with open_world(sources=("nexudus",)) as world:
        world.simulator.nexudus.faults.add(faults.status(503), times=None)
        await asyncio.sleep(7_200)
        world.simulator.nexudus.faults.clear()
        await asyncio.sleep(400)
        assert (await world.status("nexudus")).state is State.CURRENT


async def test_a_store_that_was_away_is_filled_again() -> None:
    async with open_world(sources=("nexudus",), is_open=False) as world:
        world.database.error = StoreUnavailable("away")
        async with world_sync(world):
            await asyncio.sleep(60)
            world.database.error = None
            await asyncio.sleep(LONGEST_STORE_BACKOFF_SECONDS + 2)
            assert len(world.stored("nexudus")) == ROWS


async def test_after_an_outage_of_the_store_however_long_sync_goes_on_within_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_world(page_rows=20, **SWEEPS) as world:
        await asyncio.sleep(30)
        world.database.error = StoreUnavailable("away")
        asked = len(world.simulator.calls)
        await asyncio.sleep(7_200)
        assert len(world.simulator.calls) <= asked + 4  # no request for what could not be kept
        changed = min(world.simulator.nexudus.records)
        world.simulator.nexudus.update(changed, {"Name": "meanwhile"})
        world.database.error = None
        assert (await world.status("nexudus")).last_error == Problem.STORE_UNAVAILABLE
        await asyncio.sleep(LONGEST_STORE_BACKOFF_SECONDS + 2)
        assert world.deal("nexudus", changed).name == "meanwhile"
        assert [one.state for one in await world.sync.statuses()] == [State.CURRENT, State.CURRENT]
    assert "away" not in caplog.text  # the store itself tells why, once


async def test_a_run_goes_on_behind_an_outage_of_the_store() -> None:
    async with open_world(sources=("nexudus",), page_rows=2, rationed=True) as world:
        await asyncio.sleep(20)
        begun = world.state("nexudus").sweep_rows
        world.database.error = StoreUnavailable("away")
        await asyncio.sleep(120)
        world.database.error = None
        await world.sync.refresh()
        (run,) = world.runs("nexudus", "sweep")
        assert 0 < begun < run.rows == ROWS
        assert run.state == "complete"


async def test_of_a_store_that_takes_the_place_of_another_nobody_claims_that_all_customers_are_read() -> None:
    async with open_world(sources=("chartmogul",), page_rows=2, rationed=True, customers_per_minute=1_000) as world:
        await world.sync.refresh()
        await asyncio.sleep(30)
        assert (await world.status("chartmogul")).unread_customers == 0
        METADATA.drop_all(world.database.engine)
        METADATA.create_all(world.database.engine)
        seen: dict[State, set[int | None]] = {}
        for _ in range(4_000):
            await asyncio.sleep(0.1)
            status = await world.status("chartmogul")
            seen.setdefault(status.state, set()).add(status.unread_customers)
        assert seen[State.FILLING] == {None}
        assert max(one for one in seen[State.CURRENT] if one is not None) > 10


async def test_a_store_that_takes_the_place_of_another_is_filled_too(caplog: pytest.LogCaptureFixture) -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        METADATA.drop_all(world.database.engine)
        METADATA.create_all(world.database.engine)
        await asyncio.sleep(75)
        assert len(world.stored("nexudus")) == ROWS
        assert world.database.run(listed_stages)
        assert (await world.status("nexudus")).state is State.CURRENT
    assert "nexudus: the store is another one: all deals are read anew" in caplog.text


@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
@pytest.mark.parametrize("is_restarted", [True, False])
async def test_a_clock_that_was_ahead_does_not_make_a_copy_look_fresh_nor_stay_as_it_is(
    source: str, is_restarted: bool
) -> None:
    ahead = [DAY_SECONDS]
    async with open_world(sources=(source,), is_open=False) as world:
        true = world.now
        world.now = lambda: true() + ahead[0]  # type: ignore[method-assign]
        async with world_sync(world):
            await asyncio.sleep(30)
            if not is_restarted:
                ahead[0] = 0
                await asyncio.sleep(600)
                await shows_what_changed(world, source)
        if is_restarted:
            ahead[0] = 0
            async with world_sync(world):
                await asyncio.sleep(60)
                await shows_what_changed(world, source)


async def shows_what_changed(world: World, source: str) -> None:
    status = await world.status(source)
    assert status.state is State.CURRENT
    assert status.as_of is not None
    assert 0 < world.now() - status.as_of / SECOND < 600
    assert status.rows == ROWS
    assert all(deal.read_at <= world.now() * SECOND for deal in deals(world))


def deals(world: World) -> list[Any]:
    return world.database.run(lambda connection: list(connection.execute(select(DEALS))))


async def test_a_fault_of_ours_ends_nothing_and_its_words_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        world.database.error = ValueError("Ada Lovelace")
        await asyncio.sleep(120)
        world.database.error = None
        await asyncio.sleep(320)
        assert (await world.status("nexudus")).state is State.CURRENT
    assert "ValueError at " in caplog.text
    assert "Ada" not in caplog.text


async def test_a_restart_reads_nothing_anew_that_is_not_due() -> None:
    database = InlineDatabase()
    async with open_world(database=database) as world:
        await asyncio.sleep(100)
        lists = len(world.calls("nexudus", "list"))
    async with world_again(world) as again:
        await asyncio.sleep(30)
        assert len(again.calls("chartmogul", "list")) == 0
        assert len(again.calls("nexudus", "list")) == 1  # an increment
    assert lists


def world_again(world):  # type: ignore[no-untyped-def]
    """Open the same store over the same vendors."""
    world.simulator.nexudus.calls.clear()
    world.simulator.chartmogul.calls.clear()
    return open_world(database=world.database, simulator=world.simulator)


async def test_a_refresh_reads_what_changed_at_once_and_not_as_often_as_anybody_likes() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(90)
        id_ = min(world.simulator.nexudus.records)
        world.simulator.nexudus.update(id_, {"Name": "now"})
        began = loops.now()
        await world.sync.refresh(["nexudus"])
        assert world.deal("nexudus", id_).name == "now"
        assert loops.now() - began <= 10
        calls = len(world.calls("nexudus", "list"))
        await asyncio.gather(*[world.sync.refresh() for _ in range(50)])
        assert len(world.calls("nexudus", "list")) == calls + 1


async def test_a_refresh_that_accepts_an_age_waits_for_the_run_under_way() -> None:
    async with open_world(sources=("chartmogul",), page_rows=2, rationed=True) as world:
        await world.sync.refresh()
        await asyncio.sleep(90)
        (status,) = await world.sync.statuses()
        assert status.renewable_at is not None
        await world.sync.hasten()
        await asyncio.sleep(0.001)
        (status,) = await world.sync.statuses()
        assert status.renewable_at is None, "it is under way"
        sweeps = len(world.runs("chartmogul", "sweep"))
        await world.sync.refresh(max_age_seconds=30)
        assert len(world.runs("chartmogul", "sweep")) == sweeps
        (status,) = await world.sync.statuses()
        assert status.renewable_at is not None
        assert (status.age_seconds or 0) < 30
        await world.sync.refresh()
        assert len(world.runs("chartmogul", "sweep")) == sweeps + 1


@pytest.mark.parametrize("is_under_way", [False, True])
async def test_columns_are_soon_derived_anew_of_all_deals_also_if_a_sweep_is_under_way(
    is_under_way: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = ["before"]

    def columns(_source: str, _record: object) -> tuple[DealColumns, dict[str, Any]]:
        derived.append(derived[-1])
        # After its first pages, of the sweep that is asked for.
        if is_under_way and derived[-1] == "first" and derived.count("first") == 3:
            derived.append("second")
            world.sync.read_all()
        return DealColumns(name=derived[-1]), {}

    monkeypatch.setattr("tests.sync_world.columns", columns)
    monkeypatch.setattr("tests.sync_world.derivation", lambda _: derived[-1])
    async with open_world(sources=("nexudus",), page_rows=1) as world:
        await world.sync.refresh()
        await asyncio.sleep(120)
        sweeps = len(world.runs("nexudus", "sweep"))
        derived.append("first")
        world.sync.read_all()
        await asyncio.sleep(120)
        names = world.database.run(lambda connection: list(connection.scalars(select(DEALS.c.name))))
        assert len(names) > 3
        assert set(names) == {"second" if is_under_way else "first"}
        assert len(world.runs("nexudus", "sweep")) == sweeps + 1 + is_under_way
        count = len(derived)
        world.sync.read_all()
        await asyncio.sleep(120)
        assert len(derived) >= count + len(names)


async def test_a_refresh_before_the_first_sweep_has_ended_waits_for_it_and_for_no_other() -> None:
    async with open_world(page_rows=2, rationed=True) as world:
        await world.sync.refresh()
        assert [status.is_complete for status in await world.sync.statuses()] == [True, True]
        assert len(world.runs("nexudus", "sweep")) == len(world.runs("chartmogul", "sweep")) == 1


async def test_a_refresh_of_a_source_that_fails_ends_too() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(90)
        world.simulator.nexudus.faults.add(faults.status(503), times=None)
        async with asyncio.timeout(60):
            await world.sync.refresh()


async def test_each_run_is_one_line_of_counts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="opportunity_graph.sync")
    async with open_world(sources=("nexudus",)):
        await asyncio.sleep(30)
    lines = logged.lines(caplog, "opportunity_graph.sync")
    assert [line for line in lines if "sweep" in line] == [
        f"nexudus sweep: complete: {ROWS} rows, {ROWS} changed, 0 deleted, 1 requests, 0.0 s"
    ]


async def test_a_first_sweep_that_takes_long_says_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="opportunity_graph.sync")
    async with open_world(sources=("nexudus",), deals=(200, 200), page_rows=2, rationed=True):
        await asyncio.sleep(190)
    lines = [line for line in logged.lines(caplog) if "so far" in line]
    assert 2 <= len(lines) <= 12
    assert all(re.fullmatch(r"nexudus sweep: [0-9]+ rows of 200 so far", line) for line in lines)


async def test_what_a_run_did_is_kept() -> None:
    async with open_world(sources=("nexudus",), page_rows=15) as world:
        await asyncio.sleep(30)
        (run,) = world.runs("nexudus", "sweep")
        assert (run.state, run.rows, run.changed, run.requests) == ("complete", ROWS, ROWS, 4)


async def test_a_sweep_that_goes_on_after_a_restart_counts_each_deal_once_in_log_status_and_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[int, int]] = []

    def info(text: str, *values: Any) -> None:
        if "so far" in text:
            told.append((values[2], world.state("nexudus").sweep_rows))

    async with open_world(sources=("nexudus",), deals=(200, 200), page_rows=4, rationed=True, is_open=False) as world:
        async with world_sync(world):
            await asyncio.sleep(61)
        before = world.state("nexudus").sweep_rows
        assert before
        async with world_sync(world):
            monkeypatch.setattr("sync.worker.logger.info", info)
            await world.sync.refresh()
        assert told
        assert all(before < said == known for said, known in told)
        interrupted, run = world.runs("nexudus", "sweep")
        assert (interrupted.state, run.state, run.rows) == ("interrupted", "complete", 200)
