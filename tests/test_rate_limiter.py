"""`resolvers.resilience.rate_limiter` on a clock of its own: no rate is ever exceeded, and what `delay` promises is
what happens."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.chartmogul import RATES as CHARTMOGUL
from resolvers.errors import UpstreamRateLimited
from resolvers.nexudus import RATES as NEXUDUS
from resolvers.resilience.rate_limiter import Rate, RateLimiter

LONG = 1_000_000.0
NEXUDUS_DOCUMENTS = [(1, 0.1), (120, 60.0), (5_000, 3_600.0)]
CHARTMOGUL_DOCUMENTS = [(40, 1.0)]


class World:
    """A clock that moves only when everybody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), future))
        await future

    async def run(self, *work: Awaitable[object]) -> None:
        """Run to the end, an hour in no time."""
        task = asyncio.gather(*work)
        while not task.done():
            for _ in range(10):
                await asyncio.sleep(0)
            if self._sleepers and not task.done():
                self.now, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    future.set_result(None)
        await task


def a_budget(world: World, *rates: Rate) -> RateLimiter:
    return RateLimiter("nexudus", rates, clock=world.clock, sleep=world.sleep)


async def send(rate_limiter: RateLimiter, within_seconds: float = LONG) -> None:
    await rate_limiter.acquire(lambda: within_seconds)
    rate_limiter.on_sent()


async def sender(world: World, rate_limiter: RateLimiter, after: float, sent: list[float]) -> None:
    await world.sleep(after)
    await send(rate_limiter)
    sent.append(world.now)


def most_in_any(moments: Sequence[float], seconds: float) -> int:
    """Return the largest number of moments in any window of so many seconds, open at its end."""
    most = start = 0
    for end, moment in enumerate(moments):
        while moment - moments[start] >= seconds - 1e-9:
            start += 1
        most = max(most, end - start + 1)
    return most


rates = st.lists(st.builds(Rate, st.integers(1, 5), st.floats(0.05, 20, allow_nan=False)), min_size=0, max_size=3)


@settings(max_examples=60)
@given(rates=rates, arrivals=st.lists(st.floats(0, 30, allow_nan=False), max_size=40))
async def test_no_sliding_window_ever_holds_more_than_its_rate_allows(rates: list[Rate], arrivals: list[float]) -> None:
    world, sent = World(), list[float]()
    rate_limiter = a_budget(world, *rates)
    await world.run(*(sender(world, rate_limiter, after, sent) for after in arrivals))

    assert len(sent) == len(arrivals)
    for rate in rates:
        assert most_in_any(sorted(sent), rate.seconds) <= rate.limit, rate


@pytest.mark.parametrize(
    ("rates", "documented", "count"),
    [(NEXUDUS, NEXUDUS_DOCUMENTS, 500), (CHARTMOGUL, CHARTMOGUL_DOCUMENTS, 200)],
)
async def test_full_demand_stays_within_the_documented_rates_and_uses_most_of_them(
    rates: Sequence[Rate], documented: list[tuple[int, float]], count: int
) -> None:
    world, sent = World(), list[float]()
    rate_limiter = a_budget(world, *rates)
    started = world.now
    await world.run(*(sender(world, rate_limiter, 0, sent) for _ in range(count)))

    for limit, seconds in documented:
        assert most_in_any(sent, seconds) <= limit
    limit, seconds = documented[-2] if len(documented) > 1 else documented[-1]
    assert count / (world.now - started + seconds) >= 0.75 * limit / seconds


@settings(max_examples=60)
@given(
    rates=rates,
    before=st.lists(st.floats(0, 10, allow_nan=False), max_size=10),
    pause=st.floats(0, 10, allow_nan=False),
    count=st.integers(1, 15),
)
async def test_delay_is_what_really_happens(rates: list[Rate], before: list[float], pause: float, count: int) -> None:
    world = World()
    rate_limiter = a_budget(world, *rates)
    for gap in before:
        world.now += gap
        await world.run(send(rate_limiter))
    world.now += pause
    started, expected, sent = world.now, [rate_limiter.delay(n) for n in range(1, count + 1)], list[float]()
    await world.run(*(sender(world, rate_limiter, 0, sent) for _ in range(count)))

    for promised, moment in zip(expected, sent, strict=True):
        # A sleep is never shorter than a millisecond.
        assert promised - 1e-6 <= moment - started <= promised + 0.001 * count + 1e-6


async def test_delay_counts_those_that_wait_already() -> None:
    world = World()
    rate_limiter = a_budget(world, Rate(1, 10))
    await send(rate_limiter)
    waiting = asyncio.create_task(send(rate_limiter))
    await asyncio.sleep(0)

    assert rate_limiter.waiters == 1
    assert rate_limiter.delay(0) == pytest.approx(10)  # when the last one that waits may go
    assert rate_limiter.delay(1) == pytest.approx(20)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert rate_limiter.waiters == 0
    assert rate_limiter.delay(1) == pytest.approx(10)


async def test_a_wait_beyond_the_deadline_is_refused_at_once_and_says_when_to_come_back() -> None:
    world = World()
    rate_limiter = a_budget(world, Rate(2, 60))
    for _ in range(2):
        await send(rate_limiter)
    world.now += 12.5
    with pytest.raises(UpstreamRateLimited) as refused:
        await rate_limiter.acquire(lambda: 5)
    assert refused.value.extensions == {
        "code": "UPSTREAM_RATE_LIMITED",
        "retryable": True,
        "source": "nexudus",
        "retryAfterSeconds": 47.5,
    }
    assert rate_limiter.waiters == 0


async def test_a_refused_request_uses_nothing_up() -> None:
    world = World()
    rate_limiter = a_budget(world, Rate(1, 10))
    await send(rate_limiter)
    for _ in range(5):
        with pytest.raises(UpstreamRateLimited):
            await rate_limiter.acquire(lambda: 1)
    assert rate_limiter.delay(1) == pytest.approx(10)


async def test_a_request_that_was_not_sent_uses_nothing_up() -> None:
    world = World()
    rate_limiter = a_budget(world, Rate(1, 10))
    await rate_limiter.acquire(lambda: LONG)
    assert rate_limiter.delay(1) == pytest.approx(10)  # as if it were sent just now
    rate_limiter.release()
    assert rate_limiter.delay(1) == 0


async def test_what_takes_long_to_be_sent_counts_from_when_it_is() -> None:
    world, sent = World(), list[float]()
    rate_limiter = a_budget(world, Rate(1, 10))
    await rate_limiter.acquire(lambda: LONG)

    async def connect() -> None:
        await world.sleep(7)
        rate_limiter.on_sent()
        sent.append(world.now)

    await world.run(connect(), sender(world, rate_limiter, 1, sent))
    assert sent[1] - sent[0] == pytest.approx(10)


async def test_requests_go_in_the_order_in_which_they_asked() -> None:
    world, order = World(), list[int]()
    rate_limiter = a_budget(world, Rate(1, 1))

    async def numbered(number: int) -> None:
        await send(rate_limiter)
        order.append(number)

    await world.run(*map(numbered, range(10)))
    assert order == list(range(10))


async def test_a_hold_stops_those_that_wait_and_those_to_come() -> None:
    world, sent = World(), list[float]()
    rate_limiter = a_budget(world, Rate(1, 1))
    started = world.now

    async def hold() -> None:
        await world.sleep(0.5)
        rate_limiter.pause(10)

    await world.run(hold(), *(sender(world, rate_limiter, after, sent) for after in (0, 0.1, 3)))
    assert [moment - started for moment in sent] == pytest.approx([0, 10.5, 11.5])


async def test_a_hold_beyond_the_deadline_refuses_those_that_wait() -> None:
    world = World()
    rate_limiter = a_budget(world, Rate(1, 1))
    await send(rate_limiter)
    waiting = asyncio.create_task(rate_limiter.acquire(lambda: 5))
    await asyncio.sleep(0)
    rate_limiter.pause(60)
    with pytest.raises(UpstreamRateLimited) as refused:
        await world.run(waiting)
    assert refused.value.retry_after_seconds == 59.0  # it was asked again when its turn came


async def test_a_hold_is_never_shortened() -> None:
    world = World()
    rate_limiter = a_budget(world)
    rate_limiter.pause(10)
    rate_limiter.pause(1)
    assert rate_limiter.delay(1) == pytest.approx(10)


async def test_without_rates_nothing_waits() -> None:
    world = World()
    rate_limiter = a_budget(world)
    for _ in range(1_000):
        await send(rate_limiter, 0)
    assert rate_limiter.delay(1_000) == 0
    assert world.now == 1_000.0


async def test_one_that_gives_up_lets_the_next_go() -> None:
    world, sent = World(), list[float]()
    rate_limiter = a_budget(world, Rate(1, 10))
    await send(rate_limiter)
    first = asyncio.create_task(send(rate_limiter))
    second = asyncio.create_task(sender(world, rate_limiter, 0, sent))
    await asyncio.sleep(0)
    first.cancel()
    await world.run(second)
    assert sent == pytest.approx([1_010.0])


async def test_a_loop_that_rounds_a_sleep_down_does_not_let_a_request_go_too_early() -> None:
    """uvloop sleeps whole milliseconds."""
    world, sent = World(), list[float]()

    async def rounded(seconds: float) -> None:
        await world.sleep(int(seconds * 1_000) / 1_000)

    rate_limiter = RateLimiter("nexudus", [Rate(1, 0.1104)], clock=world.clock, sleep=rounded)
    await world.run(*(sender(world, rate_limiter, 0, sent) for _ in range(5)))
    assert all(later - earlier >= 0.1104 - 1e-9 for earlier, later in itertools.pairwise(sent))


async def test_it_is_tight_while_a_request_waits_and_for_a_moment_after() -> None:
    world = World()
    rate_limiter = a_budget(world, Rate(1, 10))
    await send(rate_limiter)
    assert not rate_limiter.is_saturated
    waiting = asyncio.create_task(send(rate_limiter))
    await asyncio.sleep(0)
    assert rate_limiter.is_saturated
    await world.run(waiting)
    assert rate_limiter.is_saturated
    world.now += 2
    assert not rate_limiter.is_saturated
