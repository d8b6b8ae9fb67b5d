"""Requests to a source, and what bounds them.

An exchange (`resolvers/exchange.py`) is bounded here in every way: how often (budget), how many at once (places), how
long, how much is read, whether at all (breaker), and whether again (retries).
"""

import asyncio
from collections.abc import Callable
from time import monotonic

import aiohttp

from resolvers.attempt import Attempt, Found, Told, Upstream
from resolvers.breaker import Breaker
from resolvers.budget import Budget
from resolvers.errors import UpstreamError, UpstreamRateLimited
from resolvers.exchange import Exchanges, Request
from resolvers.operation import NOT_ASKED, Flight
from resolvers.permit import SendPermit
from resolvers.places import Places
from resolvers.retry import Retries
from resolvers.settings import Bytes, Seconds, Settings
from resolvers.telemetry import Telemetry

LONGEST_HOLD_SECONDS = 60.0
"""For how long a `Retry-After` is believed for requests to come; then the source is asked again. Both vendors count by
the minute or less, but for Nexudus' hour; and one odd reply, which may name any date, costs no more than this."""


class TransportSettings(Settings, frozen=True, kw_only=True):
    """Bounds of upstream work that every source shares."""

    attempt_timeout_seconds: Seconds = 3.0
    operation_deadline_seconds: Seconds = 5.0
    max_reply_bytes: Bytes = 5_000_000

    def problems(self) -> list[str]:
        """Refuse a deadline that not even one attempt fits into."""
        if self.operation_deadline_seconds < self.attempt_timeout_seconds:
            return ["OPERATION_DEADLINE_SECONDS: must not be shorter than ATTEMPT_TIMEOUT_SECONDS"]
        return []


class Transport:
    """Sends requests to one source, within its budget and its number of places, while its breaker is closed."""

    def __init__(
        self,
        source: str,
        session: aiohttp.ClientSession,
        settings: TransportSettings,
        telemetry: Telemetry,
        *,
        places: Places,
        budget: Budget,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.source = source
        self.budget = budget
        self.clock = clock
        self._upstream = Upstream(
            source,
            Exchanges(session),
            places,
            telemetry,
            settings.attempt_timeout_seconds,
            settings.max_reply_bytes,
        )
        self.telemetry = telemetry
        self._places = places
        self._breaker = Breaker(source, clock=clock)
        self._retries = Retries()
        self.shortest_exchange_seconds = settings.attempt_timeout_seconds / 10
        """What has less time left is not sent: an answer could not be waited for."""

    def permit_at_hand(self) -> SendPermit | None:
        """Return a permit if a request may be sent right now."""
        if self._breaker.is_open or not self._places.take_at_hand():
            return None
        if not self.budget.spend_at_hand():
            self._places.give_back()
            return None
        permit = SendPermit(self._places, self.budget, self._breaker)
        permit.is_spent = True
        return permit

    async def permit(self, flight: Flight) -> SendPermit:
        """Wait until a request may be sent, however long; raises an `UpstreamError` at once where that is in vain."""
        self._breaker.check()
        await self._places.take()
        permit = SendPermit(self._places, self.budget, self._breaker)
        try:
            await self.budget.spend(lambda: flight.seconds_left - self.shortest_exchange_seconds)
            permit.is_spent = True
            self._breaker.enter(permit)
            permit.is_probe = self._breaker.is_open
        except BaseException:
            permit.end(failed=None)
            raise
        return permit

    def start(self, request: Request, flight: Flight, told: Told) -> Attempt | None:
        """Send a read with the flight's permit, if a connection is at hand; `told` gets what `fetch` would give.

        That is called once, later, and not if the attempt is cancelled. What it fails with, `fetch` may try again.
        """
        if flight.permit is None:
            return None
        attempt = Attempt(self._upstream, request, flight, flight.permit)
        if not attempt.start(told):
            return None
        flight.take_permit()
        self._retries.first_attempt()
        return attempt

    async def fetch(self, request: Request, flight: Flight) -> bytes | None:
        """Send a read, if need be again; return the body, or None where there is no such record.

        Raises the `UpstreamError` of the last attempt. All attempts share the flight's deadline.
        """
        found: Found = flight.take_first(request)
        if found is NOT_ASKED:
            self._retries.first_attempt()
        attempt = 0
        error: UpstreamError | None = None
        while True:
            attempt += 1
            if found is NOT_ASKED:
                try:
                    permit = flight.take_permit() or await self._permit_in_time(flight)
                except UpstreamError as refusal:
                    raise (error or refusal) from None
                found = await Attempt(self._upstream, request, flight, permit).make()
            if not isinstance(found, UpstreamError):
                return found
            error, found = found, NOT_ASKED
            wait = self._retries.wait_seconds(error, attempt, flight.seconds_left - self.shortest_exchange_seconds)
            if isinstance(error, UpstreamRateLimited):
                # For everybody: whoever asked meanwhile would be refused too.
                self.budget.hold(min(wait or error.retry_after_seconds or 0.0, LONGEST_HOLD_SECONDS))
            if wait is None:
                try:
                    raise error
                finally:
                    del error  # which knows this frame by its traceback, and so the flight and its records
            await asyncio.sleep(wait)

    def clear_up(self) -> None:
        """Do now what ended exchanges have left to be done: nobody waits for an answer of theirs any more."""
        self._upstream.afterwards.do()

    async def _permit_in_time(self, flight: Flight) -> SendPermit:
        async with flight.time_left(self.source):
            return await self.permit(flight)
