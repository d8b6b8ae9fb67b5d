"""`resolvers.resilience.lane` in the loop's own time: a share of the ration, behind everybody."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from httpclient.client import open_session
from resolvers.chartmogul import RATES as CHARTMOGUL
from resolvers.errors import UpstreamRateLimited, UpstreamUnavailable
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.nexudus import RATES as NEXUDUS
from resolvers.resilience.attempt import SendPermit
from resolvers.resilience.circuit_breaker import Verdict
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.lane import BackgroundLane
from resolvers.resilience.rate_limiter import Rate, RateLimiter
from resolvers.resilience.transport import Transport, TransportSettings
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME
LONG = 1_000_000.0


class World:
    """One source's ration, its lane, and when requests went."""

    def __init__(self, rates: Sequence[Rate], *, hour: float = 0.3, minute: float = 0.2, owed: float = 0) -> None:
        self.rate_limiter = RateLimiter("there", rates, clock=loops.now)
        self.lane = BackgroundLane(
            "there", self.rate_limiter, share_of_hour=hour, share_of_minute=minute, guaranteed_share=owed
        )
        self.went: list[tuple[float, str]] = []

    async def acquire(self, within_seconds: float = LONG) -> None:
        deadline = loops.now() + within_seconds

        async def acquire_in_line() -> bool:
            await self.rate_limiter.acquire(lambda: deadline - loops.now())
            return True

        await self.lane.acquire(
            lambda: self.rate_limiter.try_acquire() or None, acquire_in_line, lambda: deadline - loops.now()
        )

    async def list_page(self, within_seconds: float = LONG) -> None:
        await self.acquire(within_seconds)
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


@asynccontextmanager
async def crowded(world: World) -> AsyncIterator[None]:
    """Always have somebody wait for a record."""

    async def ask() -> None:
        while True:
            await world.record()

    tasks = [asyncio.create_task(ask()) for _ in range(3)]
    await asyncio.sleep(0)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


HOUR = (Rate(1, 1.0), Rate(100, 2_000.0))


@pytest.mark.parametrize(
    ("rates", "guaranteed", "seconds"),
    [(NEXUDUS[:2], 0.05, 200), (NEXUDUS[:2], 0.1, 200), (CHARTMOGUL, 0.05, 20), (HOUR, 0.05, 6_100)],
)
async def test_a_small_part_lists_have_whoever_waits_and_no_more_of_it(
    rates: Sequence[Rate], guaranteed: float, seconds: float
) -> None:
    world = World(rates, owed=guaranteed)
    async with crowded(world):
        started = loops.now()
        while loops.now() - started < seconds:
            await world.list_page()
    lists = [moment for moment, kind in world.went if kind == "list"]
    limit, window = rates[-1].limit, rates[-1].seconds
    assert most_in_any(lists, window - 1e-6) == guaranteed * limit
    assert most_in_any([moment for moment, _ in world.went], window - 1e-6) == limit
    assert len(lists) >= 0.9 * guaranteed * limit * seconds / window


async def test_what_lists_had_while_nobody_waited_counts_for_what_they_are_guaranteed() -> None:
    world = World([Rate(40, 60)], owed=0.05)
    for _ in range(2):
        await world.list_page()
    async with crowded(world):
        await world.list_page()
    assert world.went[-1][0] - world.went[0][0] >= 60


async def test_what_a_taken_over_lane_has_sent_counts_as_well() -> None:
    world = World([Rate(40, 60)], owed=0.05)
    world.lane.recall([30.0, 20.0])
    started = loops.now()
    async with crowded(world):
        await world.list_page()
    assert loops.now() - started >= 30


async def test_without_a_guaranteed_part_lists_wait_as_long_as_others_do() -> None:
    world = World(NEXUDUS, owed=0)
    async with crowded(world):
        with pytest.raises(UpstreamRateLimited):
            await world.list_page(within_seconds=100)


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
    await world.acquire()
    world.lane.release()
    await world.list_page(within_seconds=1)


async def test_without_rates_only_others_are_waited_for() -> None:
    world = World([])
    started = loops.now()
    for _ in range(1_000):
        await world.list_page()
    assert loops.now() == started


async def fetch_by(transport: Transport, *, seconds: float, is_background: bool = False) -> SendPermit:
    context = UpstreamContext(seconds)
    return await transport.acquire(SharedFetch(lambda: (context,), owner=context, is_background=is_background))


@asynccontextmanager
async def a_transport(rates: Sequence[Rate]) -> AsyncIterator[Transport]:
    """Two slots, and always one more request than has one."""
    rate_limiter = RateLimiter("there", rates, clock=loops.now)
    slots = ConcurrencyLimiter(2)
    async with open_session() as session:
        yield Transport(
            "there",
            session,
            TransportSettings(),
            lambda _: None,
            concurrency_limiter=slots,
            rate_limiter=rate_limiter,
            clock=loops.now,
        )


async def test_a_transport_lets_lists_have_their_part_among_people() -> None:
    async with a_transport([Rate(20, 10.0)]) as transport:
        went: list[str] = []

        async def go(kind: str) -> None:
            while True:
                permit = await fetch_by(transport, seconds=100, is_background=kind == "list")
                permit.on_sent()
                went.append(kind)
                permit.release(Verdict.GOOD)

        tasks = [asyncio.create_task(go(kind)) for kind in ("record", "record", "record", "list")]
        await asyncio.sleep(95)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert len(went) == 200
        assert 9 <= went.count("list") <= 10


async def test_what_waits_in_line_while_the_source_begins_to_fail_gives_everything_back() -> None:
    async with a_transport([Rate(1, 4.0)]) as transport:
        first = await fetch_by(transport, seconds=100)
        first.on_sent()
        listing = asyncio.create_task(fetch_by(transport, seconds=100, is_background=True))
        await asyncio.sleep(1)
        transport._circuit_breaker.hint(2)
        first.release(Verdict.FAILED)  # which opens it
        with pytest.raises(UpstreamUnavailable):
            await listing
        await asyncio.sleep(10)
        for is_background in (False, True):
            permit = await fetch_by(transport, seconds=100, is_background=is_background)
            permit.on_sent()
            permit.release(Verdict.GOOD)
            assert transport.rate_limiter.left()[0][1] == 0
            await asyncio.sleep(10)
