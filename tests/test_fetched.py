"""`sync.fetched`: records by id and the store feed each other."""

import asyncio
import copy
from typing import Any

import pytest
from sqlalchemy import Connection, update

from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.transport import TransportSettings
from simulator import faults
from simulator.fault_rules import Exchange
from simulator.replies import Reply
from store.deal_rows import FOUND_BY_ID
from store.deals import Evidence, deal_id, delete, doubt, find
from store.sequence import hold
from store.tables import DEALS
from sync.brake import BRAKE_SECONDS
from sync.fetched import GATHERING_SECONDS
from sync.job import SECOND
from sync.status import State
from tests import loops, stores
from tests.stores import key
from tests.sync_world import ROWS, World, open_world

LOOPS = loops.WITH_ITS_OWN_TIME
HASTY = TransportSettings(attempt_timeout_seconds=1.0)


def rename(world: World, name: str) -> str:
    """Rename a deal without any trace in time; return its id."""
    records = world.simulator.nexudus.records
    id_ = min(records)
    records[id_]["Name"] = name
    return str(id_)


async def test_a_record_that_is_fetched_by_id_is_stored_moments_later() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        id_ = rename(world, "by id")
        assert (await world.fetch("nexudus", id_))[0].name == "by id"
        await asyncio.sleep(0.5)
        deal = world.deal("nexudus", id_)
        assert (deal.name, deal.is_whole) == ("by id", 1)


async def test_a_record_that_is_found_unchanged_moves_the_time_of_its_copy_and_nothing_else() -> None:
    async with open_world(sources=("nexudus",), sweep_seconds=86_400.0) as world:
        await asyncio.sleep(30)
        id_ = min(world.simulator.nexudus.records)
        before, number = world.deal("nexudus", id_)._asdict(), world.database.run(stores.current)
        await asyncio.sleep(20)
        asked_at = world.now()
        await world.fetch("nexudus", id_)
        await asyncio.sleep(1)
        after = world.deal("nexudus", id_)._asdict()
        assert after == before | {"read_at": after["read_at"]}
        assert after["read_at"] / SECOND == pytest.approx(asked_at, abs=0.5)
        assert world.database.run(stores.current) == number


async def test_a_record_that_was_read_just_now_is_not_written_for_its_time() -> None:
    async with open_world(sources=("nexudus",), sweep_seconds=86_400.0) as world:
        await asyncio.sleep(30)
        id_ = min(world.simulator.nexudus.records)
        with world.database.engine.begin() as connection:
            hold(connection)
            connection.execute(update(DEALS).values(read_at=int((world.now() - 5) * SECOND)))
        before = world.deal("nexudus", id_)
        await world.fetch("nexudus", id_)
        await asyncio.sleep(1)
        assert world.deal("nexudus", id_) == before


async def test_many_that_come_together_are_written_together() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(30)
        records = world.simulator.chartmogul.records
        for id_ in list(records)[:30]:
            records[id_]["pipeline_stage"] = "together"
        await asyncio.gather(*[world.fetch("chartmogul", id_) for id_ in list(records)[:30]])
        await asyncio.sleep(1)
        deals = [world.deal("chartmogul", id_) for id_ in list(records)[:30]]
        assert {deal.stage_name for deal in deals} == {"together"}
        assert len({deal.sequence for deal in deals}) <= 2


async def test_what_was_fetched_last_is_stored_when_the_server_stops() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        id_ = rename(world, "last")
        await world.fetch("nexudus", id_)
    assert world.deal("nexudus", id_).name == "last"


@pytest.mark.parametrize("fault", [faults.status(503), faults.hang()], ids=["503", "hang"])
async def test_a_source_that_fails_is_served_from_the_store_flagged_stale_with_its_age(fault: faults.Fault) -> None:
    async with open_world(sources=("chartmogul",), transport=HASTY) as world:
        await asyncio.sleep(30)
        id_ = next(iter(world.simulator.chartmogul.records))
        world.simulator.chartmogul.faults.add(fault, times=None)
        record, operation = await world.fetch("chartmogul", id_)
        assert record.uuid == id_
        (stale,) = operation.stale
        assert stale.source_id == id_
        assert 29 < stale.age_seconds < 40
        assert stale.code.startswith("UPSTREAM_")


async def test_a_clock_that_is_ahead_makes_no_copy_younger() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(30)
        world.simulator.chartmogul.faults.add(faults.status(503), times=None)
        one, other, *_ = world.simulator.chartmogul.records
        with world.database.engine.begin() as connection:
            hold(connection)
            connection.execute(update(DEALS).values(read_at=int((world.now() + 3_600) * SECOND)))
            doubt(connection, [deal_id("chartmogul", "", other)])  # which no sweep is known to have confirmed
        _, operation = await world.fetch("chartmogul", one)
        assert 29 < operation.stale[0].age_seconds < 40
        assert (await world.fetch("chartmogul", other))[0].code == "UPSTREAM_UNAVAILABLE"


@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
async def test_an_age_counts_from_the_last_reading_that_would_have_shown_a_change(source: str) -> None:
    """Of what has changed, or of all: ChartMogul lists nothing else."""
    async with open_world(sources=(source,)) as world:
        await asyncio.sleep(1_000)
        getattr(world.simulator, source).faults.add(faults.status(503), times=None)
        _, operation = await world.fetch(source, next(iter(getattr(world.simulator, source).records)))
        assert operation.stale[0].age_seconds < 300


async def test_who_accepts_no_copy_so_old_gets_the_error_of_the_source() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(30)
        world.simulator.chartmogul.faults.add(faults.status(503), times=None)
        id_ = next(iter(world.simulator.chartmogul.records))
        for longest, is_accepted in ((20, False), (60, True)):
            operation = UpstreamContext(5.0)
            operation.longest_ages["chartmogul", id_] = longest
            (outcome,) = await world.schedulers["chartmogul"].fetch_many([id_], operation)
            assert (getattr(outcome, "code", None) is None) is is_accepted
            assert bool(operation.stale) is is_accepted


async def test_who_wants_it_fresh_gets_the_error_and_so_does_who_asks_for_what_is_not_stored() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(30)
        world.simulator.chartmogul.faults.add(faults.status(503), times=None)
        id_ = next(iter(world.simulator.chartmogul.records))
        assert (await world.fetch("chartmogul", id_, wants_fresh=True))[0].code == "UPSTREAM_UNAVAILABLE"
        unknown = "00000000-0000-0000-0000-000000000000"
        assert (await world.fetch("chartmogul", unknown))[0].code == "UPSTREAM_UNAVAILABLE"


async def test_a_listed_record_refreshes_the_record_cache() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(30)
        scheduler, id_ = world.schedulers["chartmogul"], list(world.simulator.chartmogul.records)[-1]
        await world.fetch("chartmogul", id_)
        world.simulator.chartmogul.records[id_]["pipeline_stage"] = "listed"
        await asyncio.sleep(270)  # the next sweep has come
        entry = scheduler.cached(id_, UpstreamContext(5.0))
        assert entry is not None
        assert entry.record is not None
        assert entry.record.pipeline_stage == "listed"


async def travels(exchange: Exchange) -> Reply:
    """Give the answer of now, three seconds later."""
    real = copy.deepcopy(await exchange.real())
    await asyncio.sleep(3)
    return real


async def test_a_listed_record_is_not_replaced_by_one_that_was_asked_for_before() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(200)
        scheduler, id_ = world.schedulers["chartmogul"], next(iter(world.simulator.chartmogul.records))
        await world.fetch("chartmogul", id_)
        world.simulator.chartmogul.faults.add(faults.Fault("travels", travels), kinds={"get"})
        fetch = asyncio.create_task(world.fetch("chartmogul", id_))
        await asyncio.sleep(1)
        world.simulator.chartmogul.update(id_, {"pipeline_stage": "listed"})
        await world.sync.refresh(["chartmogul"])
        assert not fetch.done()
        assert world.deal("chartmogul", id_).stage_name == "listed"
        await fetch
        await asyncio.sleep(1)
        entry = scheduler.cached(id_, UpstreamContext(5.0))
        assert entry is not None
        assert entry.record is not None
        assert entry.record.pipeline_stage == world.deal("chartmogul", id_).stage_name == "listed"


@pytest.mark.parametrize(("age_seconds", "is_kept"), [(0.5, False), (1.5, True)])
async def test_what_was_asked_for_before_another_process_had_it_is_not_kept(age_seconds: float, is_kept: bool) -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(200)
        scheduler, id_ = world.schedulers["chartmogul"], next(iter(world.simulator.chartmogul.records))
        world.simulator.chartmogul.faults.add(faults.Fault("travels", travels), kinds={"get"})
        fetch = asyncio.create_task(world.fetch("chartmogul", id_))
        await asyncio.sleep(1)
        scheduler.forget(id_, age_seconds=age_seconds)
        assert (await fetch)[0].uuid == id_
        assert (scheduler.cached(id_, UpstreamContext(5.0)) is not None) is is_kept


def leave_out(world: World, id_: str) -> None:
    """Have ChartMogul's list leave a deal out, which it has all the same."""

    def change(page: dict[str, Any]) -> dict[str, Any]:
        return page | {"entries": [row for row in page["entries"] if row["uuid"] != id_]}

    world.simulator.chartmogul.faults.add(faults.page(change), times=None, kinds={"list"})


async def test_a_deal_that_lists_leave_out_stays_as_long_as_it_is_found_by_its_id() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(30)
        id_ = next(iter(world.simulator.chartmogul.records))
        leave_out(world, id_)
        for _ in range(4):
            await asyncio.sleep(300)  # in which there is one sweep
            assert world.deal("chartmogul", id_).misses == 1
            await world.fetch("chartmogul", id_)
            await asyncio.sleep(1)
            assert world.deal("chartmogul", id_).misses == FOUND_BY_ID
        assert id_ in world.stored("chartmogul")


async def test_what_is_found_by_its_id_while_a_sweep_misses_it_is_there_again() -> None:
    """It is written when the sweep has ended, by which it is gone."""
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(30)
        id_ = next(iter(world.simulator.chartmogul.records))
        leave_out(world, id_)
        await asyncio.sleep(300)
        world.simulator.chartmogul.faults.rules[0].times = 0
        is_asked = asyncio.Event()

        async def answers_late(exchange: Exchange) -> Reply:
            is_asked.set()
            await asyncio.sleep(5)
            real = copy.deepcopy(await exchange.real())
            assert isinstance(real.data, dict)
            real.data["entries"] = [row for row in real.data["entries"] if row["uuid"] != id_]
            return real

        world.simulator.chartmogul.faults.add(faults.Fault("late", answers_late), kinds={"list"})
        await is_asked.wait()
        await asyncio.sleep(5 - GATHERING_SECONDS / 2)
        await world.fetch("chartmogul", id_)
        await asyncio.sleep(GATHERING_SECONDS * 0.75)
        assert id_ not in world.stored("chartmogul")
        await asyncio.sleep(1)
        assert id_ in world.stored("chartmogul")


async def test_records_that_seem_to_be_gone_one_by_one_are_held_back_when_they_are_too_many() -> None:
    async with open_world(sources=("nexudus",), sweep_seconds=86_400.0) as world:
        await asyncio.sleep(30)
        ids = list(world.simulator.nexudus.records)[:40]
        for id_ in ids:
            del world.simulator.nexudus.records[id_]
            await world.fetch("nexudus", id_)
            await asyncio.sleep(1)
        assert len(world.stored("nexudus")) == ROWS - 20
        assert (await world.status("nexudus")).state is State.BRAKED
        await asyncio.sleep(BRAKE_SECONDS)
        assert (await world.status("nexudus")).state is State.CURRENT


async def test_several_processes_together_hold_back_what_seems_to_be_gone_one_by_one() -> None:
    """What another process of the same store has deleted counts, and so does what it had before it was started anew."""
    async with open_world(sources=("nexudus",), sweep_seconds=86_400.0) as first:
        await asyncio.sleep(30)
        ids = list(first.simulator.nexudus.records)[:40]
        for is_held_back, some in enumerate((ids[:20], ids[20:40])):
            given: dict[str, Any] = {"database": first.database, "simulator": first.simulator, "enabled": False}
            async with open_world(sources=("nexudus",), **given) as other:
                for number, id_ in enumerate(some):
                    del first.simulator.nexudus.records[id_]
                    await (first if number % 2 else other).fetch("nexudus", id_)
                    await asyncio.sleep(1)
                assert ((await other.status("nexudus")).state is State.BRAKED) is bool(is_held_back)
        assert len(first.stored("nexudus")) == ROWS - 20


async def test_what_two_processes_find_gone_at_once_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has deleted it, and all that the brake lets go, when this one gets the lock."""
    async with open_world(sources=("nexudus",), sweep_seconds=86_400.0) as world:
        await asyncio.sleep(30)
        ids = list(world.simulator.nexudus.records)[:20]
        met: list[int] = []

        def wait_for_the_other(connection: Connection) -> None:
            hold(connection)
            keys = [key(f"nexudus:{id_}") for id_ in ids]
            met.append(delete(connection, keys, evidence=Evidence.NOT_FOUND, at=int(world.now() * SECOND)))

        monkeypatch.setattr("sync.brake.hold", wait_for_the_other)
        del world.simulator.nexudus.records[ids[0]]
        await world.fetch("nexudus", ids[0])
        await asyncio.sleep(1)
        assert met == [20]
        assert (await world.status("nexudus")).state is State.CURRENT


async def test_a_store_that_fails_does_not_fail_a_read(caplog: pytest.LogCaptureFixture) -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(30)
        world.database.error = RuntimeError("secret words")
        id_ = next(iter(world.simulator.chartmogul.records))
        assert (await world.fetch("chartmogul", id_))[0].uuid == id_
        await asyncio.sleep(1)
        world.database.error = None
    assert "could not be stored: RuntimeError" in caplog.text
    assert "secret words" not in caplog.text


@pytest.mark.parametrize(("ahead", "is_fresh"), [(30, True), (300, False)])
async def test_what_a_clock_that_is_ahead_has_read_is_not_fresh(
    monkeypatch: pytest.MonkeyPatch, ahead: int, is_fresh: bool
) -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(30)
        id_ = next(iter(world.simulator.chartmogul.records))

        async def found(_: Any, keys: Any, *, since: int) -> Any:
            deals = world.database.run(lambda connection: find(connection, keys))
            return [(deal, int((world.now() + ahead) * SECOND)) for deal in deals.values()]

        monkeypatch.setattr("sync.fetched.find_fetched", found)
        monkeypatch.setattr(world.database, "is_shared", True)
        store = world.schedulers["chartmogul"].record_store
        assert store is not None
        assert (id_ in await store.fresh([id_], 30.0)) is is_fresh
