"""A source's limits where several processes share them: each is lent a few requests and slots at a time.

What is lent comes from whoever keeps the books for all (`store/leases.py`). Each report says what was sent since the
last one, and gives back what is not needed. While no report gets through, the process keeps to its own part.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from loans import IDLE_LEASE_SECONDS, LEASE_SECONDS, Lender, Loan, Report
from resolvers.resilience.circuit_breaker import CircuitBreaker
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.lender_clock import LenderClock
from resolvers.resilience.lent_requests import LentRequests
from resolvers.resilience.rate_limiter import RateLimiter
from resolvers.resilience.ration_share import LastKnown, RationShare, until_turn
from resolvers.resilience.report_timer import ReportTimer

REPORT_SECONDS: Final = 0.5
"""Between two reports of a process that has something of the source, or waits for it."""

IDLE_SECONDS: Final = 5.0
"""The same of one that has not."""

SENT_SECONDS: Final = 0.4
"""After which others know of what was sent; where only one may be lent at a time they know at once."""

RETRY_SECONDS: Final = 1.0
"""After a report that failed."""

AGAIN_SECONDS: Final = 0.04
"""Before slots are asked for again that others had."""

WAIT_SECONDS: Final = 0.02
"""What a wait is thought to be while a report is under way."""

logger: Final = logging.getLogger("opportunity_graph.upstream")


class SharedLimits:
    """The part of a source's limits that this process is lent: a `rate_limiter.SharedRation`.

    `share` is its part while it is on its own: at most 1, and less if more processes were seen than that.
    """

    def __init__(self, source: str, lender: Lender, *, share: float, clock: Callable[[], float]) -> None:
        self._source = source
        self.lender = lender
        self._share = share
        self._clock = clock
        self._lent = LentRequests()
        self._reported_at = float("-inf")
        self._due = ReportTimer(clock)
        self._news = asyncio.Event()
        self._pause_until = float("-inf")
        self._loan: Loan | None = None
        self._lender_clock = LenderClock()
        self._alone: RationShare | None = None
        self._alone_since = float("-inf")
        self.others_wait = False

    def attach(
        self, rate_limiter: RateLimiter, concurrency_limiter: ConcurrencyLimiter, circuit_breaker: CircuitBreaker
    ) -> None:
        """Limit these; before anything else."""
        self._rate_limiter = rate_limiter
        self._concurrency_limiter = concurrency_limiter
        self._circuit_breaker = circuit_breaker
        concurrency_limiter.on_short = self._on_short
        circuit_breaker.on_open = self._hasten
        self._lends_one = any(rate.limit == 1 for rate in rate_limiter.rates)

    @property
    def is_alone(self) -> bool:
        """Whether this process keeps to its own part, because no report gets through."""
        return self._alone is not None

    @property
    def share(self) -> float:
        """This process's part of each rate while it is on its own."""
        return min(self._share, 1 / self._loan.places) if self._loan else self._share

    def delay(self, place: int) -> float:
        """Return in how many seconds the `place`-th request from now may go, as far as is known."""
        if not self._rate_limiter.rates:
            return 0.0
        if self._alone is not None:
            return self._alone.delay(place)
        now = self._clock()
        if place <= self._lent.usable(now):
            return self._until_turn(now)
        return max(self._lent.retry_at - now, WAIT_SECONDS)

    def _until_turn(self, now: float) -> float:
        loan = self._loan
        if loan is None or not loan.keeps_turns:
            return 0.0
        turns = [rate.seconds for rate in self._rate_limiter.rates if rate.limit * self.share < 1]
        moment = now + self._lender_clock.ahead
        return max((until_turn(moment, one, share=self.share, place=loan.place) for one in turns), default=0.0)

    def want(self) -> None:
        """Have some more lent as soon as can be."""
        if self._alone is None and not self._lent.usable(self._clock()):
            self._lent.is_wanted = True
            self._hasten(self._lent.retry_at)

    def acquire(self) -> None:
        """Let one go."""
        self._lent.let_go()
        if self._alone is not None:
            self._alone.acquire()

    def on_sent(self, *, is_background: bool) -> None:
        """Take note that one was sent just now."""
        now = self._clock()
        self._lent.on_sent(now, is_background=is_background)
        if self._alone is not None:
            self._alone.on_sent()
        else:
            self._hasten(now if self._lends_one else now + SENT_SECONDS)

    def put_back(self) -> None:
        """Take back one that was let go, and not sent."""
        self._lent.put_back()
        if self._alone is not None:
            self._alone.put_back()
        else:
            self._hasten()

    def on_pause(self, seconds: float) -> None:
        """Have the others pause too."""
        self._pause_until = max(self._pause_until, self._clock() + seconds)
        self._hasten()

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or until there is news."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def recall_background(self) -> list[float]:
        """Return how many seconds ago each request of the background was sent; none where nobody answers."""
        try:
            return await self.lender.background_sends()
        except Exception:
            return []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Share with others until the block ends; the first report is made before it begins."""
        await self._report()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        """Report, and take what is lent, until cancelled; then give everything back."""
        try:
            while True:
                await self._due.wait()
                await self._report()
        finally:
            with suppress(Exception):
                await self._report()
                await self.lender.withdraw()

    def _on_short(self) -> None:
        if self._loan is not None and self._loan.slots < self._concurrency_limiter.ceiling:
            self._hasten(self._reported_at + AGAIN_SECONDS)

    def _hasten(self, moment: float = float("-inf")) -> None:
        """Have the next report made at a moment, if that is sooner."""
        if self._alone is None:
            self._due.hasten(moment)

    async def _report(self) -> None:
        started, pause_until, lent, waiters = self._clock(), self._pause_until, self._lent, self._rate_limiter.waiters
        recent = 0 if self._lends_one else lent.recent(started)
        wanted = 0 if self._alone is not None else max(waiters, int(lent.is_wanted)) + recent
        kept = lent.keep(recent, started)
        is_idle = not (kept or wanted or lent.unsent or self._concurrency_limiter.in_use)
        lent.is_wanted = False
        self._due.set(float("inf"))
        given = Report(
            rates=self._rate_limiter.rates,
            sent=lent.unreported(started),
            held=lent.unsent + kept,
            wanted=max(0, wanted - kept),
            is_waiting=waiters > 0,
            is_alone=self._alone is not None,
            alone_seconds=started - self._alone_since if self._alone is not None else 0.0,
            slots=self._concurrency_limiter.ceiling,
            slots_used=self._concurrency_limiter.in_use,
            slots_wanted=self._concurrency_limiter.wanted,
            share=self.share,
            lease_seconds=IDLE_LEASE_SECONDS if is_idle else LEASE_SECONDS,
            pause_seconds=max(0.0, pause_until - started),
            failing_seconds=self._circuit_breaker.open_seconds,
        )
        try:
            loan = await self.lender.report(given)
        except Exception as error:
            self._on_failure(error, started)
            self._due.set(self._clock() + RETRY_SECONDS)
        else:
            lent.on_reported(len(given.sent))
            if self._pause_until == pause_until:  # else there is news, which the next report tells
                self._pause_until = float("-inf")
            self._on_loan(loan, started, wanted=given.wanted)
            self._due.hasten(self._clock() + (IDLE_SECONDS if is_idle else REPORT_SECONDS))
        self._news.set()
        self._news = asyncio.Event()

    def _on_loan(self, loan: Loan, started: float, *, wanted: int) -> None:
        now = self._clock()
        self._lender_clock.on_report(loan.now, asked_at=started, answered_at=now)
        self._loan, self._reported_at = loan, now
        self.others_wait = loan.others_wait
        if loan.pause_seconds:
            self._rate_limiter.pause(loan.pause_seconds, is_known=True)
        if loan.failing_seconds:
            self._circuit_breaker.hint(loan.failing_seconds)
        self._concurrency_limiter.lend(loan.slots)
        if self._alone is not None:
            if loan.settling_seconds:
                self._due.hasten(now + loan.settling_seconds)
                return
            self._alone = None
            self._due.set(now)  # so that the others know
            logger.info("%s: the processes share its ration again", self._source)
        self._lent.add(loan.sends, started)
        self._lent.retry_at = now + loan.wait_seconds if wanted and not loan.sends else float("-inf")
        if loan.slots < self._concurrency_limiter.wanted:
            self._hasten(now + AGAIN_SECONDS)

    def _on_failure(self, error: Exception, started: float) -> None:
        if self._alone is not None:
            return
        now, share, loan = self._clock(), self.share, self._loan
        rates = self._rate_limiter.rates if share < 1 else ()
        known = LastKnown(
            left=loan.left if loan and rates else [0] * len(rates),
            seconds=max(0.0, now - self._reported_at) if loan else 0.0,
            place=loan.place if loan else 0,
            clock_ahead=self._lender_clock.ahead,
        )
        # Nobody was lent anything after a report that was not answered: the database has stood still since then.
        lent = max(0.0, started + LEASE_SECONDS - now)
        self._alone = RationShare(self._source, rates, share, known, lease_seconds=lent, clock=self._clock)
        self._alone_since = started
        self._alone.skip(self._lent.unsent)
        self._lent.held = 0
        self._concurrency_limiter.lend(max(1, int(self._concurrency_limiter.ceiling * share)))
        logger.warning(
            "%s: its ration is not shared just now, this process keeps to %.0f %% of it: %s",
            self._source,
            share * 100,
            error if str(error) else type(error).__name__,
        )
