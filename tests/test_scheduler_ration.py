"""`resolvers.fetching.scheduler` at the end of a ration: who waits, who is refused, and that nobody starves."""

import asyncio

import pytest

from resolvers.chartmogul import CHARTMOGUL
from resolvers.errors import UpstreamRateLimited
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.rate_limiter import Rate
from simulator import faults
from tests import loops
from tests.schedulers import IDS, a_world
from tests.waiting import until

LOOPS = loops.WITH_ITS_OWN_TIME


async def test_what_could_not_leave_before_the_deadline_is_refused_at_once() -> None:
    async with a_world(rates=[Rate(3, 60)]) as world:
        await world.one(IDS[0])  # after the sign-in and the first read the last that fits
        outcome = await asyncio.wait_for(world.one(IDS[1]), 0.2)
        assert isinstance(outcome, UpstreamRateLimited)
        assert outcome.retry_after_seconds == pytest.approx(60, abs=2)
        assert len(world.reads) == 1


async def test_what_can_still_join_the_next_request_is_not_refused() -> None:
    async with a_world(rates=[Rate(1, 0.3)]) as world:
        await world.one(IDS[0])
        waiting = asyncio.create_task(world.one(IDS[1]))
        await asyncio.sleep(0.01)
        # The request after the next one would be too late.
        assert str((await world.one(IDS[2], UpstreamContext(0.55))).id) == IDS[2]
        await waiting
        assert [len(call.ids) for call in world.reads] == [1, 2]


async def test_the_ids_that_fit_are_fetched_and_the_others_refused_at_once() -> None:
    async with a_world(CHARTMOGUL, rates=[Rate(3, 60)], CHARTMOGUL_CACHE_FRESH_SECONDS="0") as world:
        ids = list(world.simulator.chartmogul.records)[:6]
        found = await asyncio.wait_for(world.fetch(*ids), 0.5)
        assert [record.uuid for record in found[:2]] == ids[:2]
        assert {type(outcome) for outcome in found[2:]} == {UpstreamRateLimited}
        assert found[5].retry_after_seconds == pytest.approx(120, abs=2)  # three of the four go after a minute
        assert len(world.reads) == 2


async def test_one_huge_operation_cannot_starve_small_ones() -> None:
    async with a_world(CHARTMOGUL, rates=[Rate(1, 0.03)], CHARTMOGUL_CACHE_FRESH_SECONDS="0") as world:
        ids = list(world.simulator.chartmogul.records)
        huge = asyncio.create_task(world.fetch(*ids[:50], operation=UpstreamContext(5)))
        await until(lambda: len(world.reads) >= 2)
        started = asyncio.get_running_loop().time()
        small = await asyncio.gather(*(world.one(source_id) for source_id in ids[50:53]))

        assert [record.uuid for record in small] == ids[50:53]
        # Four operations take turns: about eight requests, not the 48 that were before them.
        assert asyncio.get_running_loop().time() - started < 0.5
        assert not huge.done()
        huge.cancel()


async def test_newcomers_may_push_the_last_records_of_an_operation_beyond_its_deadline() -> None:
    """The price of fairness: they are refused then. Its first record keeps its turn, and the newcomers get theirs."""
    async with a_world(CHARTMOGUL, rates=[Rate(1, 0.05)], CHARTMOGUL_CACHE_FRESH_SECONDS="0") as world:
        ids = list(world.simulator.chartmogul.records)
        operation = UpstreamContext(0.6)  # time enough for all six, were it alone
        several = asyncio.create_task(world.fetch(*ids[:6], operation=operation))
        await asyncio.sleep(0)
        newcomers = [asyncio.create_task(world.one(source_id)) for source_id in ids[6:18]]
        found = await several

        assert found[0].uuid == ids[0]
        assert isinstance(found[-1], UpstreamRateLimited)
        assert -0.01 < asyncio.get_running_loop().time() - operation.deadline < 0.5
        assert [record.uuid for record in await asyncio.gather(*newcomers)] == ids[6:18]


async def test_records_in_doubt_do_not_keep_others_waiting() -> None:
    """A list that leaves many records in doubt asks for them singly, some at a time: the ration is everybody's."""
    async with a_world(rates=[Rate(1, 0.02)], NEXUDUS_CONFIRM_MISSING="true") as world:
        missing = [str(number) for number in range(2, 41)]
        doubtful = asyncio.create_task(world.fetch(IDS[9], *missing, operation=UpstreamContext(5)))
        await until(lambda: len(world.reads) >= 3)
        await world.one(IDS[0])
        assert len(world.reads) < 15
        doubtful.cancel()


async def test_a_throttled_source_is_left_alone_by_everybody_for_as_long_as_it_asks() -> None:
    async with a_world() as world:
        world.simulator.nexudus.faults.add(faults.status(409, headers={"Retry-After": "30"}), times=1)
        refused = await world.one(IDS[0])
        assert (refused.code, refused.retry_after_seconds) == ("UPSTREAM_RATE_LIMITED", 30)

        for passed, still in ((0, 30), (12, 18), (17, 1)):  # after 0, 12 and 29 seconds
            await asyncio.sleep(passed)
            refused = await asyncio.wait_for(world.one(IDS[1], UpstreamContext(0.5)), 0.4)
            assert isinstance(refused, UpstreamRateLimited)
            assert refused.retry_after_seconds == pytest.approx(still, abs=0.5)
        assert len(world.reads) == 1

        await asyncio.sleep(1)
        assert str((await world.one(IDS[1])).id) == IDS[1]


@pytest.mark.parametrize("asked", ["86400", "Thu, 31 Dec 2099 23:59:59 GMT"])
async def test_an_odd_wish_is_believed_for_a_minute_at_most(asked: str) -> None:
    """One odd reply must not switch a source off for a day."""
    async with a_world() as world:
        world.simulator.nexudus.faults.add(faults.status(409, headers={"Retry-After": asked}), times=1)
        assert (await world.one(IDS[0])).retry_after_seconds >= 86_400
        refused = await world.one(IDS[1])
        assert refused.retry_after_seconds == pytest.approx(60, abs=0.5)
        assert len(world.reads) == 1
        await asyncio.sleep(60)
        assert str((await world.one(IDS[1])).id) == IDS[1]
