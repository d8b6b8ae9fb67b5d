"""Requests to a source, and what bounds them.

An exchange (`resolvers/exchange.py`) is bounded here in every way: how often (budget), how many at once (places), how
long, how much is read, whether at all (breaker), and whether again (retries).
"""

import asyncio
from time import perf_counter

import aiohttp

from resolvers.breaker import Breaker
from resolvers.budget import Budget
from resolvers.errors import (
    UpstreamBadResponse,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from resolvers.exchange import Exchanges, Garbled, NoReply, Request
from resolvers.operation import Flight, Permit
from resolvers.places import Places
from resolvers.reply import decipher
from resolvers.retry import Retries
from resolvers.settings import Bytes, Seconds, Settings
from resolvers.telemetry import Telemetry, UpstreamCall
from resolvers.waiting import TimeLimit

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
    ) -> None:
        self.source = source
        self.budget = budget
        self._exchanges = Exchanges(session)
        self._settings = settings
        self.telemetry = telemetry
        self._places = places
        self._breaker = Breaker(source)
        self._retries = Retries()
        self.shortest_exchange_seconds = settings.attempt_timeout_seconds / 10
        """What has less time left is not sent: an answer could not be waited for."""

    def permit_at_hand(self) -> "SendPermit | None":
        """Return a permit if a request may be sent right now."""
        if self._breaker.is_open or not self._places.take_at_hand():
            return None
        if not self.budget.spend_at_hand():
            self._places.give_back()
            return None
        permit = SendPermit(self._places, self.budget, self._breaker)
        permit.is_spent = True
        return permit

    async def permit(self, flight: Flight) -> "SendPermit":
        """Wait until a request may be sent, however long; raises an `UpstreamError` at once where that is in vain."""
        self._breaker.check()
        await self._places.take()
        permit = SendPermit(self._places, self.budget, self._breaker)
        try:
            await self.budget.spend(lambda: flight.seconds_left - self.shortest_exchange_seconds)
            permit.is_spent = True
            self._breaker.enter(permit)
        except BaseException:
            permit.end(failed=None)
            raise
        return permit

    async def fetch(self, request: Request, flight: Flight) -> bytes | None:
        """Send a read, if need be again; return the body, or None where there is no such record.

        Raises the `UpstreamError` of the last attempt. All attempts share the flight's deadline.
        """
        self._retries.first_attempt()
        attempt = 0
        error: UpstreamError | None = None
        while True:
            attempt += 1
            try:
                permit = flight.take_permit() or await self._permit_in_time(flight)
            except UpstreamError as refusal:
                raise (error or refusal) from None
            try:
                return await self._attempt(request, flight, permit)
            except UpstreamError as failure:
                error = failure
            wait = self._retries.wait_seconds(error, attempt, flight.seconds_left - self.shortest_exchange_seconds)
            if isinstance(error, UpstreamRateLimited):
                # For everybody: whoever asked meanwhile would be refused too.
                self.budget.hold(min(wait or error.retry_after_seconds or 0.0, LONGEST_HOLD_SECONDS))
            if wait is None:
                raise error
            await asyncio.sleep(wait)

    async def _permit_in_time(self, flight: Flight) -> "SendPermit":
        async with flight.time_left(self.source):
            return await self.permit(flight)

    async def _attempt(self, request: Request, flight: Flight, permit: Permit) -> bytes | None:
        longest = self._settings.attempt_timeout_seconds
        seconds = min(longest, flight.seconds_left)
        weight = flight.weight
        round_ = self._places.round
        status: int | None = None
        failure: UpstreamError | None = None
        failed: bool | None = None
        flight.pay(self.source)
        started = perf_counter()
        try:
            with TimeLimit(seconds):
                reply = await self._exchanges.make(request, max_bytes=self._settings.max_reply_bytes, sent=permit.sent)
            status = reply.status
            body = decipher(self.source, reply)
            failed = False
            self._places.widen()
            return body
        except TimeoutError:
            failure = UpstreamTimeout(self.source, detail="no complete answer in time")
            # A source that was given hardly any time has not failed.
            failed = True if seconds * 2 >= longest else None
        except Garbled as error:
            failure, failed = UpstreamBadResponse(self.source, detail=str(error)), False
        except NoReply as error:
            failure, failed = UpstreamUnavailable(self.source, detail=str(error)), True
        except UpstreamError as error:
            failure, failed = error, isinstance(error, UpstreamUnavailable)
            if status == 503:
                self._places.narrow(round_)
        finally:
            milliseconds = (perf_counter() - started) * 1000
            code, detail = (failure.code, failure.detail) if failure else (None, "")
            self.telemetry(UpstreamCall(self.source, request.kind, request.keys, status, milliseconds, code, detail))
            is_whole = failed is False and failure is None
            permit.end(failed=failed, weight=max(weight, flight.weight), is_whole=is_whole)
        failure.is_told = True
        raise failure from None


class SendPermit:
    """A `Permit`: a place to send one request in, right now."""

    __slots__ = ("_breaker", "_budget", "_places", "is_spent")

    def __init__(self, places: Places, budget: Budget, breaker: Breaker) -> None:
        self._places = places
        self._budget = budget
        self._breaker = breaker
        self.is_spent = False
        """Whether the budget has let it go and still waits to hear that it was sent."""

    def sent(self) -> None:
        """Take note that the request is on its way."""
        if self.is_spent:
            self.is_spent = False
            self._budget.sent()

    def end(self, *, failed: bool | None, weight: int = 1, is_whole: bool = False) -> None:
        """Leave the place, and tell the breaker."""
        if self.is_spent:
            self.is_spent = False
            self._budget.unspent()
        self._breaker.leave(self, failed=failed, weight=max(weight, 1))
        if is_whole:
            self._places.give_back()
        else:
            # What was broken off: asyncio closes its connection in the next turn. Whoever comes next comes after that.
            asyncio.get_running_loop().call_soon(self._places.give_back)
