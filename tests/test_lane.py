"""`resolvers.resilience.lane` in the loop's own time: a share of the ration, behind everybody."""

import asyncio
from collections.abc import Sequence

import pytest

from resolvers.chartmogul import RATES as CHARTMOGUL
from resolvers.errors import UpstreamRateLimited
from resolvers.nexudus import RATES as NEXUDUS
from resolvers.resilience.lane import BackgroundLane
from resolvers.resilience.rate_limiter import Rate, RateLimiter
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME
LONG = 1_000_000.0


class World:
    """One source's ration, its lane, and when requests went."""

    def __init__(self, rates: Sequence[Rate], *, hour: float = 0.3, minute: float = 0.2) -> None:
        self.rate_limiter = RateLimiter("there", rates, clock=loops.now)
        self.lane = BackgroundLane("there", self.rate_limiter, share_of_hour=hour, share_of_minute=minute)
        self.went: list[tuple[float, str]] = []

    async def list_page(self, within_seconds: float = LONG) -> None:
        deadline = loops.now() + within_seconds
        await self.lane.acquire(lambda: self.rate_limiter.try_acquire() or None, lambda: deadline - loops.now())
        self.lane.on_sent()
        self.went.append((loops.now(), "list"))

    async def record(self) -> None:
        await self.rate_limiter.acquire(lambda: LONG)
        self.rate_limiter.on_sent()
        self.went.append((loops.now(), "record"))


def most_in_any(moments: Sequence[float], seconds: float) -> int:
    return max(sum(start <= moment < start + seconds for moment in moments[n:]) for n, start in enumerate(moments))


@pytest.mark.parametrize(
    ("rates", "count", "shares"),
    [(NEXUDUS, 200, [(60, 24)]), (CHARTMOGUL, 100, [(1, 8)]), ((Rate(100, 3_605),), 89, [(3_600, 30)])],
)
async def test_lists_use_their_share_and_no_more(
    rates: Sequence[Rate], count: int, shares: list[tuple[float, int]]
) -> None:
    world = World(rates)
    started = loops.now()
    for _ in range(count):
        await world.list_page()
    moments = [moment for moment, _ in world.went]
    for seconds, most in shares:
        assert most_in_any(moments, seconds) == most
        assert count / (loops.now() - started + seconds) >= 0.75 * most / seconds


async def test_lists_wait_while_others_wait() -> None:
    world = World([Rate(1, 1.0)], minute=1)
    await world.record()
    others = [asyncio.create_task(world.record()) for _ in range(5)]
    await asyncio.sleep(0)
    listing = asyncio.create_task(world.list_page())
    await asyncio.sleep(0.5)
    later = asyncio.create_task(world.record())
    await asyncio.gather(*others, listing, later)
    assert [kind for _, kind in world.went] == ["record"] * 7 + ["list"]


async def test_what_lists_use_is_used_of_the_ration() -> None:
    world = World([Rate(10, 60)], minute=0.5)
    for _ in range(5):
        await world.list_page()
    assert [world.rate_limiter.delay(n) > 0 for n in (5, 6)] == [False, True]


async def test_a_share_that_is_used_up_leaves_others_theirs() -> None:
    world = World([Rate(10, 60)])
    for _ in range(2):
        await world.list_page()
    listing = asyncio.create_task(world.list_page())
    await asyncio.sleep(1)
    await world.record()
    assert loops.now() - world.went[0][0] < 2
    listing.cancel()


async def test_a_wait_beyond_the_time_left_is_refused_at_once_and_uses_nothing_up() -> None:
    world = World([Rate(10, 60)], minute=0.1)
    await world.list_page()
    started = loops.now()
    for _ in range(3):
        with pytest.raises(UpstreamRateLimited) as refused:
            await world.list_page(within_seconds=30)
        assert refused.value.retry_after_seconds == 60
    assert loops.now() == started


async def test_a_wait_for_others_ends_with_the_time_left_and_uses_nothing_up() -> None:
    world = World([Rate(1, 10)], minute=1)
    others = [asyncio.create_task(world.record()) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(UpstreamRateLimited):
        await world.list_page(within_seconds=5)
    await asyncio.gather(*others)
    await world.list_page(within_seconds=11)
    assert world.went[-1][1] == "list"


async def test_a_request_that_was_not_sent_uses_nothing_up() -> None:
    world = World([Rate(1, 60)], minute=1)
    await world.lane.acquire(lambda: world.rate_limiter.try_acquire() or None, lambda: LONG)
    world.lane.release()
    await world.list_page(within_seconds=1)


async def test_without_rates_only_others_are_waited_for() -> None:
    world = World([])
    started = loops.now()
    for _ in range(1_000):
        await world.list_page()
    assert loops.now() == started
