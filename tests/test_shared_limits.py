"""`resolvers.resilience.shared_limits`, `resolvers.resilience.lent_requests`: what a process does with what it is lent,
and without a lender.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from loans import Claim, Loan, Report
from resolvers.errors import UpstreamRateLimited
from resolvers.fetching.record_store import LOOKUP_TIMEOUT_SECONDS
from resolvers.nexudus import RATES as NEXUDUS
from resolvers.resilience.circuit_breaker import CircuitBreaker, Verdict
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.rate_limiter import Rate, RateLimiter
from resolvers.resilience.shared_limits import REPORT_SECONDS, RETRY_SECONDS, SharedLimits
from resolvers.resilience.transport import TransportSettings
from store.leases import PATIENCE_SECONDS
from tests import logged, loops

LOOPS = loops.WITH_ITS_OWN_TIME
RATES = (Rate(40, 1.0),)
NOTHING = Loan(
    sends=0,
    wait_seconds=0.04,
    slots=4,
    left=[0],
    pause_seconds=0.0,
    failing_seconds=0.0,
    others_wait=False,
    settling_seconds=0.0,
    keeps_turns=False,
    place=0,
    places=2,
    now=0.0,
)


class Lender:
    """Lends what a test says, and remembers what it was told."""

    def __init__(self) -> None:
        self.loan = NOTHING
        self.reports: list[Report] = []
        self.error: Exception | None = None
        self.seconds = 0.002
        self.has_left = False

    async def report(self, given: Report) -> Loan:
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        self.reports.append(given)
        return replace(self.loan, sends=min(self.loan.sends, given.wanted), now=loops.now())

    async def withdraw(self) -> None:
        self.has_left = True

    async def background_sends(self) -> list[float]:
        return [3.0, 1.0]

    async def claim(self, known: int, *, seconds: float) -> Claim:
        raise NotImplementedError

    async def write(self, sealed: bytes) -> int | None:
        raise NotImplementedError

    async def release(self) -> None:
        raise NotImplementedError


@dataclass
class World:
    """The limits of a source, of which a lender lends some."""

    lender: Lender
    limits: SharedLimits
    rate: RateLimiter
    slots: ConcurrencyLimiter = field(default_factory=lambda: ConcurrencyLimiter(10))
    breaker: CircuitBreaker = field(default_factory=lambda: CircuitBreaker("source", clock=loops.now))

    @property
    def last(self) -> Report:
        return self.lender.reports[-1]

    async def send(self, seconds: float = 5.0) -> float:
        """Send a request; return how long it had to wait."""
        started = loops.now()
        await self.rate.acquire(lambda: started + seconds - loops.now())
        self.rate.on_sent()
        return loops.now() - started


@asynccontextmanager
async def a_world(lender: Lender, *, rates: tuple[Rate, ...] = RATES, share: float = 0.5) -> AsyncIterator[World]:
    limits = SharedLimits("source", lender, share=share, clock=loops.now)
    rate = RateLimiter("source", rates, clock=loops.now, sleep=limits.sleep, shared=limits)
    world = World(lender, limits, rate)
    limits.attach(rate, world.slots, world.breaker)
    async with limits.running():
        yield world


async def test_a_request_waits_for_what_is_lent_and_no_longer() -> None:
    lender = Lender()
    async with a_world(lender) as world:
        assert not world.rate.try_acquire()
        lender.loan = replace(NOTHING, sends=1)
        assert await world.send() < 0.1
        await asyncio.sleep(REPORT_SECONDS)
        assert [len(report.sent) for report in lender.reports].count(1) == 1
        assert world.last.held == 0


async def test_who_needs_much_is_lent_some_ahead_and_gives_back_what_it_does_not_use() -> None:
    lender = Lender()
    lender.loan = replace(NOTHING, sends=5)
    async with a_world(lender) as world:
        for _ in range(10):
            await world.send()
        assert any(report.wanted > 1 for report in lender.reports)
        assert len(lender.reports) < 12
        await asyncio.sleep(3 * REPORT_SECONDS)
        assert (world.last.held, world.last.wanted) == (0, 0)
    assert lender.has_left


async def test_a_wait_that_the_lender_says_is_too_long_is_refused_at_once() -> None:
    lender = Lender()
    lender.loan = replace(NOTHING, wait_seconds=30.0)
    async with a_world(lender) as world:
        with pytest.raises(UpstreamRateLimited) as refused:
            await world.send(5.0)
        assert refused.value.retry_after_seconds == pytest.approx(30, abs=1)
        assert lender.reports[-1].is_waiting


async def test_without_a_lender_it_keeps_to_its_own_part_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    lender = Lender()
    lender.loan = replace(NOTHING, sends=3, left=[40])
    async with a_world(lender) as world:
        await world.send()
        lender.error = ConnectionError("no answer")
        with caplog.at_level(logging.INFO):
            await asyncio.sleep(2 * RETRY_SECONDS)
            assert world.limits.is_alone
            started = loops.now()
            for _ in range(60):
                await world.send()
            # 20 of the 40 each second, from when what others had been lent has left the window.
            assert loops.now() - started >= 2.0
            assert world.slots.limit == 5
            lender.error = None
            await asyncio.sleep(2 * RETRY_SECONDS)
        assert not world.limits.is_alone
        assert sum(len(report.sent) for report in lender.reports) == 61
        assert logged.lines(caplog, "opportunity_graph.upstream") == [
            "source: its ration is not shared just now, this process keeps to 50 % of it: no answer",
            "source: the processes share its ration again",
        ]


@pytest.mark.parametrize("processes", [2, 4, 7])
@pytest.mark.parametrize("turn", range(5))
async def test_a_database_that_hangs_takes_no_request_of_its_deadline(processes: int, turn: int) -> None:
    """After a look into the store a request waits for a report, for what others were lent, and for its turn."""
    bounds = TransportSettings()
    seconds = bounds.operation_deadline_seconds - bounds.attempt_timeout_seconds / 10 - LOOKUP_TIMEOUT_SECONDS
    lender = Lender()
    lender.loan = replace(NOTHING, left=[1, 100, 4_000], places=processes)
    async with a_world(lender, rates=NEXUDUS, share=1 / processes) as world:
        await asyncio.sleep(2.0 + turn / 5 * 0.3 * processes)
        lender.seconds, lender.error = PATIENCE_SECONDS, TimeoutError()
        assert await world.send(seconds) >= 1.5
        assert world.limits.is_alone


async def test_who_was_on_its_own_says_for_how_long() -> None:
    lender = Lender()
    async with a_world(lender) as world:
        assert world.last.alone_seconds == 0.0
        lender.error = ConnectionError()
        await asyncio.sleep(20.0)
        lender.error = None
        await asyncio.sleep(RETRY_SECONDS)
        alone = [report for report in lender.reports if report.is_alone]
        assert [round(report.alone_seconds) for report in alone] == [15]  # it noticed with its first report


async def test_who_was_on_its_own_stays_so_until_all_are_back() -> None:
    lender = Lender()
    async with a_world(lender) as world:
        lender.error = ConnectionError()
        await asyncio.sleep(6.0)
        assert world.limits.is_alone
        lender.error, lender.loan = None, replace(NOTHING, settling_seconds=2.0)
        await asyncio.sleep(RETRY_SECONDS)
        assert world.limits.is_alone
        assert world.last.is_alone
        lender.loan = NOTHING
        await asyncio.sleep(2.0)
        assert not world.limits.is_alone
        assert not world.last.is_alone


async def test_a_process_that_never_saw_another_has_the_whole_ration_without_a_lender() -> None:
    lender = Lender()
    lender.loan = replace(NOTHING, sends=1, places=1)
    async with a_world(lender, share=1.0) as world:
        await world.send()
        lender.error = ConnectionError()
        await asyncio.sleep(6.0)
        assert [await world.send() for _ in range(40)] == [0.0] * 40
        assert await world.send() > 0.9  # its own log goes on


async def test_a_pause_that_begins_during_a_report_is_told_with_the_next() -> None:
    lender = Lender()
    async with a_world(lender) as world:
        lender.seconds = 0.5
        world.limits.want()  # reports
        await asyncio.sleep(0.3)
        world.rate.pause(20.0)
        await asyncio.sleep(1.0)
        assert [report.pause_seconds > 0 for report in lender.reports[-2:]] == [False, True]


async def test_a_pause_is_told_once_and_heard_of() -> None:
    lender = Lender()
    async with a_world(lender) as world:
        world.rate.pause(20.0)
        await asyncio.sleep(0.1)
        assert world.last.pause_seconds == pytest.approx(20, abs=0.1)
        lender.loan = replace(NOTHING, sends=1, pause_seconds=40.0)
        await asyncio.sleep(6.0)
        assert world.last.pause_seconds == 0.0
        with pytest.raises(UpstreamRateLimited):
            await world.send(5.0)


async def test_a_hint_of_another_breaker_opens_this_one_at_its_first_failure() -> None:
    lender = Lender()
    async with a_world(lender) as world:
        world.breaker.record(object(), Verdict.FAILED)
        world.breaker.check()
        lender.loan = replace(NOTHING, failing_seconds=5.0)
        world.slots.on_short = None
        world.rate.pause(0.0)  # reports
        await asyncio.sleep(0.1)
        world.breaker.check()  # no failure of its own yet
        world.breaker.record(object(), Verdict.FAILED)
        assert world.breaker.open_seconds == 5.0
        await asyncio.sleep(0.1)
        assert world.last.failing_seconds == pytest.approx(5, abs=0.2)


async def test_slots_are_asked_for_again_while_too_few_are_lent() -> None:
    lender = Lender()
    lender.loan = replace(NOTHING, slots=1)
    async with a_world(lender) as world:
        assert world.slots.limit == 1
        assert world.slots.try_acquire()
        waiting = asyncio.create_task(world.slots.acquire())
        await asyncio.sleep(0.2)
        assert world.last.slots_wanted == 3
        assert not waiting.done()
        lender.loan = replace(NOTHING, slots=2)
        await asyncio.wait_for(waiting, 0.2)


async def test_background_requests_wait_while_people_wait_elsewhere() -> None:
    lender = Lender()
    lender.loan = replace(NOTHING, others_wait=True)
    async with a_world(lender) as world:
        assert world.rate.others_wait
        lender.loan = NOTHING
        await asyncio.sleep(0.1)
        assert not world.rate.others_wait
        assert await world.limits.recall_background() == [3.0, 1.0]


async def test_turns_are_kept_while_somebody_may_be_on_its_own() -> None:
    lender = Lender()
    lender.loan = replace(NOTHING, sends=1, keeps_turns=True, place=1)
    async with a_world(lender, rates=(Rate(1, 0.15),)) as world:
        for _ in range(3):
            await world.send()
            assert (loops.now() - 0.3 + 0.005) % 0.6 < 0.06
