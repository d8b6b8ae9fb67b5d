"""HTTP with a source: the only place that touches the network.

An exchange is bounded here in every way: how often (budget), how many at once (places), how long, how much is read,
whether at all (breaker), and whether again (retries). Nothing of aiohttp's exceptions leaves this module.
"""

import asyncio
from dataclasses import dataclass, field
from time import perf_counter

import aiohttp
from yarl import URL

from resolvers.breaker import Breaker
from resolvers.budget import Budget
from resolvers.errors import (
    UpstreamBadResponse,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from resolvers.operation import Flight
from resolvers.places import Places
from resolvers.reply import Reply, decipher
from resolvers.retry import Retries
from resolvers.settings import Bytes, Seconds, Settings
from resolvers.telemetry import Telemetry, UpstreamCall


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


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. `url` is complete and already percent-encoded; `kind` and `keys` are for telemetry."""

    url: str
    kind: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] | None = None
    keys: int = 1


def open_session() -> aiohttp.ClientSession:
    """Return the session that all sources share; the caller closes it.

    No cookies are kept, no proxy is taken from the environment, and aiohttp does not silently send a request again
    on a connection that died: that would double every attempt. Only a private attribute turns it off.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": "opportunity-graph"},
        timeout=aiohttp.ClientTimeout(total=None),
    )
    session._retry_connection = False  # noqa: SLF001 - there is no public way; a test fails if it vanishes
    return session


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
        self._session = session
        self._settings = settings
        self.telemetry = telemetry
        self._places = places
        self._breaker = Breaker(source)
        self._retries = Retries()

    async def permit(self, flight: Flight) -> "SendPermit":
        """Wait until a request may be sent; raises an `UpstreamError` where that would be in vain."""
        async with flight.time_left(self.source):
            await self._places.take()
        permit = SendPermit(self._places, self._breaker)
        try:
            await self.budget.spend(flight.deadline)
            self._breaker.check()
        except BaseException:
            permit.give_back()
            raise
        permit.is_open = True
        return permit

    async def fetch(self, request: Request, flight: Flight) -> bytes | None:
        """Send a read, if need be again; return the body, or None where there is no such record.

        Raises the `UpstreamError` of the last attempt. All attempts share the flight's deadline.
        """
        self._retries.first_attempt()
        attempt = 0
        while True:
            attempt += 1
            permit = flight.take_permit() or await self.permit(flight)
            permit.is_open = False
            flight.pay(self.source)
            try:
                return await self._attempt(request, flight)
            except UpstreamError as error:
                wait = self._retries.wait_seconds(error, attempt, flight.seconds_left)
                if wait is None:
                    raise
                if isinstance(error, UpstreamRateLimited):
                    self.budget.hold(wait)  # for everybody: whoever asked meanwhile would be refused too
            finally:
                permit.give_back()
            await asyncio.sleep(wait)

    async def _attempt(self, request: Request, flight: Flight) -> bytes | None:
        failed: bool | None = None
        try:
            body = decipher(self.source, await self._exchange(request, flight))
            failed = False
            self._places.widen()
            return body
        except (UpstreamTimeout, UpstreamUnavailable) as error:
            failed = True
            if error.status == 503:
                self._places.narrow()
            raise
        finally:
            self._breaker.record(failed=failed)

    async def _exchange(self, request: Request, flight: Flight) -> Reply:
        started = perf_counter()
        status: int | None = None
        failure: UpstreamError | None = None
        try:
            async with asyncio.timeout(min(self._settings.attempt_timeout_seconds, flight.seconds_left)):
                reply = await self._send(request)
            status = reply.status
            return reply
        except TimeoutError:
            failure = UpstreamTimeout(self.source, detail="no complete answer in time")
            raise failure from None
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            failure = UpstreamBadResponse(self.source, detail=type(error).__name__)
            raise failure from None
        except (aiohttp.ClientError, OSError) as error:
            failure = UpstreamUnavailable(self.source, detail=type(error).__name__)
            raise failure from None
        except UpstreamError as error:
            failure = error
            raise
        finally:
            code = failure.code if failure else (f"HTTP {status}" if status not in (None, 200, 404) else None)
            milliseconds = (perf_counter() - started) * 1000
            detail = failure.detail if failure else ""
            self.telemetry(
                UpstreamCall(self.source, request.kind, request.keys, status, milliseconds, code, detail),
            )

    async def _send(self, request: Request) -> Reply:
        async with self._session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.form,
            allow_redirects=False,
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > self._settings.max_reply_bytes:
                    raise UpstreamBadResponse(self.source, detail="the body is too large")
            return Reply(response.status, response.headers, bytes(body))


class SendPermit:
    """A place to send one request in, right now."""

    def __init__(self, places: Places, breaker: Breaker) -> None:
        self._places = places
        self._breaker = breaker
        self.is_open = False
        """Whether nothing has been sent with it yet."""

    def give_back(self) -> None:
        """Leave the place; a probe that was never sent is given up."""
        if self.is_open:
            self._breaker.record(failed=None)
        self._places.give_back()
