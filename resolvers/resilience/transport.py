"""Requests to a source, and what bounds them.

A request (`httpclient/client.py`) is bounded here in every way: how often (rate limiter), how many at once (concurrency
limiter), how long (timeouts), how much is read, whether at all (circuit breaker), and whether again (retries).

A read that died on a kept connection is sent again at once, and once, on a new one (RFC 9112, 9.3.1): the source may
have closed it while the request was on its way. That is a request of the ration, and neither a failure nor a retry.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Annotated

import aiohttp
from msgspec import Meta

from httpclient.client import HttpClient, Request
from resolvers.errors import KeptConnectionClosed, UpstreamError, UpstreamRateLimited
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.resilience.attempt import Attempts, Ration, SendPermit
from resolvers.resilience.circuit_breaker import CircuitBreaker, State, Verdict
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.lane import BackgroundLane
from resolvers.resilience.rate_limiter import RateLimiter
from resolvers.resilience.retry import Retries
from resolvers.resilience.shared_limits import SharedLimits
from resolvers.settings import Bytes, Seconds, Settings
from resolvers.telemetry import Telemetry
from resolvers.tracing import Tracer

LONGEST_PAUSE_SECONDS = 60.0
"""For how long a `Retry-After` is believed for requests to come; then the source is asked again. Both vendors count by
the minute or less, but for Nexudus' hour; and one odd reply, which may name any date, costs no more than this."""

OTHER_CONNECTION = frozenset({408, 421})
"""Statuses that concern the connection (RFC 9110, 15.5.9 and 15.5.20): it is closed, and the next attempt opens one."""


Share = Annotated[float, Meta(gt=0, le=1)]


class TransportSettings(Settings, frozen=True, kw_only=True):
    """Bounds of upstream work that every source shares."""

    attempt_timeout_seconds: Seconds = 3.0
    operation_deadline_seconds: Seconds = 5.0
    max_reply_bytes: Bytes = 5_000_000
    breaker_timeouts: Annotated[int, Meta(ge=1, le=1_000)] = 5
    sync_share_of_hour: Share = 0.3
    sync_share_of_minute: Share = 0.2
    sync_guaranteed_share: Annotated[float, Meta(ge=0, le=1)] = 0.05
    sync_attempt_timeout_seconds: Seconds = 30.0

    def problems(self) -> list[str]:
        """Refuse a deadline that not even one attempt fits into."""
        if self.operation_deadline_seconds < self.attempt_timeout_seconds:
            return ["OPERATION_DEADLINE_SECONDS: must not be shorter than ATTEMPT_TIMEOUT_SECONDS"]
        return []


class Transport:
    """Sends requests to one source, within its rate and concurrency limits, while its breaker is closed."""

    def __init__(
        self,
        source: str,
        session: aiohttp.ClientSession,
        settings: TransportSettings,
        telemetry: Telemetry,
        *,
        concurrency_limiter: ConcurrencyLimiter,
        rate_limiter: RateLimiter,
        retries: Retries | None = None,
        shared_limits: SharedLimits | None = None,
        clock: Callable[[], float] = monotonic,
        tracer: Tracer | None = None,
        reports_all: bool = True,
    ) -> None:
        self.source = source
        self.tracer = tracer
        self.reports_all = reports_all
        """Whether telemetry gets what goes well, too; else only what an operator should know."""
        self.shared_limits = shared_limits
        """What other processes leave of the limits, where they share them."""
        self.rate_limiter = rate_limiter
        self.clock = clock
        self._attempts = Attempts(
            source,
            HttpClient(session),
            concurrency_limiter,
            telemetry,
            settings.attempt_timeout_seconds,
            settings.max_reply_bytes,
            settings.sync_attempt_timeout_seconds,
            tracer,
            reports_all,
        )
        self.telemetry = telemetry
        self._concurrency_limiter = concurrency_limiter
        self._circuit_breaker = CircuitBreaker(source, timeouts_in_a_row=settings.breaker_timeouts, clock=clock)
        self._lane = BackgroundLane(
            source,
            rate_limiter,
            share_of_hour=settings.sync_share_of_hour,
            share_of_minute=settings.sync_share_of_minute,
            guaranteed_share=settings.sync_guaranteed_share,
        )
        if shared_limits is not None:
            shared_limits.attach(rate_limiter, concurrency_limiter, self._circuit_breaker)
        self._retries = retries or Retries()
        self.shortest_exchange_seconds = settings.attempt_timeout_seconds / 10
        """What has less time left is not sent: an answer could not be waited for."""

    @property
    def breaker_state(self) -> State:
        """What the breaker lets through at this moment."""
        return self._circuit_breaker.state

    async def take_over_lane(self) -> None:
        """Count what other processes have sent in the background: this one begins where they ended."""
        if self.shared_limits is not None:
            self._lane.recall(await self.shared_limits.recall_background())

    @property
    def concurrency_limit(self) -> int:
        """How many requests may run at once at this moment."""
        return self._concurrency_limiter.limit

    def try_acquire(self) -> SendPermit | None:
        """Return a permit if a request may be sent right now."""
        return self._try_acquire(self.rate_limiter) if self._circuit_breaker.is_closed else None

    def _try_acquire(self, ration: Ration) -> SendPermit | None:
        if not self._concurrency_limiter.try_acquire():
            return None
        if not self.rate_limiter.try_acquire():
            self._concurrency_limiter.release()
            return None
        return SendPermit(self._concurrency_limiter, ration, self._circuit_breaker, is_unsent=True)

    async def acquire(self, shared_fetch: SharedFetch) -> SendPermit:
        """Wait until a request may be sent, however long; raises an `UpstreamError` at once where that is in vain."""

        def seconds_left() -> float:
            return shared_fetch.seconds_left - self.shortest_exchange_seconds

        self._circuit_breaker.check()
        if shared_fetch.is_background:
            return await self._lane.acquire(
                self._try_acquire_in_background, lambda: self._acquire_in_line(self._lane, seconds_left), seconds_left
            )
        return await self._acquire_in_line(self.rate_limiter, seconds_left)

    async def _acquire_in_line(self, ration: Ration, seconds_left: Callable[[], float]) -> SendPermit:
        await self._concurrency_limiter.acquire()
        permit = SendPermit(self._concurrency_limiter, ration, self._circuit_breaker)
        try:
            await self.rate_limiter.acquire(seconds_left)
            try:
                self._circuit_breaker.start(permit)
            except BaseException:
                self.rate_limiter.release()
                raise
            permit.is_unsent = True
        except BaseException:
            permit.release(Verdict.NONE)
            raise
        return permit

    def _try_acquire_in_background(self) -> SendPermit | None:
        self._circuit_breaker.check()
        permit = None if self.rate_limiter.others_wait else self._try_acquire(self._lane)
        if permit is not None:
            self._circuit_breaker.start(permit)
        return permit

    async def fetch(self, request: Request, shared_fetch: SharedFetch) -> bytes | None:
        """Send a request, if need be again; return the body, or None where there is no such record.

        Raises the `UpstreamError` of the last attempt. All attempts share the deadline of the shared fetch.
        """
        self._retries.first_attempts += 1
        attempts = sent = 0
        error: UpstreamError | None = None
        # Unless it is safe (RFC 9110, 9.2.1), nobody knows whether it was executed when its connection dies.
        on_new_connection = request.method != "GET"
        while True:
            permit, shared_fetch.permit = shared_fetch.permit, None
            if permit is None:
                try:
                    with shared_fetch.time_left(self.source):
                        permit = await self.acquire(shared_fetch)
                except UpstreamError as refusal:
                    raise (error or refusal) from None
            sent += 1
            found = await self._attempts.make(
                request, shared_fetch, permit, number=sent, on_new_connection=on_new_connection
            )
            if not isinstance(found, UpstreamError):
                return found
            error = found
            del found
            if error.status in OTHER_CONNECTION:
                request.close_connection()
                on_new_connection = True
            if isinstance(error, KeptConnectionClosed):
                on_new_connection = True
                if shared_fetch.seconds_left > self.shortest_exchange_seconds:
                    continue
            attempts += 1
            wait = self._wait_seconds(request, error, attempts, shared_fetch)
            if wait is None:
                try:
                    raise error
                finally:
                    del error  # which refers to this frame by its traceback, and so to the fetch and its records
            await asyncio.sleep(wait)

    def _wait_seconds(
        self, request: Request, error: UpstreamError, attempts: int, shared_fetch: SharedFetch
    ) -> float | None:
        wait = None
        if error.status not in request.final:
            seconds_left = shared_fetch.seconds_left - self.shortest_exchange_seconds
            wait = self._retries.wait_seconds(error, attempts, seconds_left)
        if isinstance(error, UpstreamRateLimited):
            # For everybody: whoever asked meanwhile would be refused too.
            self.rate_limiter.pause(min(wait or error.retry_after_seconds or 0.0, LONGEST_PAUSE_SECONDS))
        return wait
