"""One HTTP exchange with a source: the only place that touches the network.

Here is where an exchange is bounded: how many run at once, how long one may take, how much is read. Retries, budgets
and breakers belong here too. Nothing of aiohttp's exceptions leaves this module.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import aiohttp
from yarl import URL

from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.operation import Operation
from resolvers.reply import Reply, decipher
from resolvers.settings import Count, Seconds, Settings
from resolvers.telemetry import Telemetry, UpstreamCall


class TransportSettings(Settings, frozen=True, kw_only=True):
    """Bounds of upstream work that every source shares."""

    attempt_timeout_seconds: Seconds = 3.0
    operation_deadline_seconds: Seconds = 5.0
    max_reply_bytes: Count | int = 5_000_000

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
    """Sends requests to one source, at most `concurrency` at once."""

    def __init__(
        self,
        source: str,
        session: aiohttp.ClientSession,
        settings: TransportSettings,
        telemetry: Telemetry,
        *,
        concurrency: int,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.source = source
        self._session = session
        self._settings = settings
        self._telemetry = telemetry
        self._places = asyncio.Semaphore(concurrency)
        self._clock = clock

    async def fetch(self, request: Request, operation: Operation) -> bytes | None:
        """Send a request on behalf of an operation; return the body, or None where there is no such record.

        Raises an `UpstreamError`; waiting for a place and for the answer ends with the operation's deadline.
        """
        async with operation.time_left(self.source), self._places:
            with operation.spending(self.source):
                return decipher(self.source, await self.exchange(request))

    async def exchange(self, request: Request) -> Reply:
        """Send a request once and return the reply, whatever its status; raises an `UpstreamError` if none came."""
        started = self._clock()
        status: int | None = None
        failure: UpstreamError | None = None
        try:
            async with asyncio.timeout(self._settings.attempt_timeout_seconds):
                reply = await self._send(request)
            status = reply.status
            return reply
        except TimeoutError:
            failure = UpstreamTimeout(self.source, detail="the attempt took too long")
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
            milliseconds = (self._clock() - started) * 1000
            detail = failure.detail if failure else ""
            self._telemetry(
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
