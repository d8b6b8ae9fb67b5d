"""Requests: each becomes bytes, and a connection sends it.

aiohttp's connector opens and closes the connections (names, TLS); `httpclient/connection.py` speaks HTTP on them. What
aiohttp's `ClientSession.request` does besides is of no use here: cookies, redirects, proxies, tracing, bodies in parts.
And a request on a connection that was closed meanwhile is not silently sent again, as the session would: every attempt
would become two.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp

from httpclient.connection import Connection, ConnectionFailed, Result
from httpclient.content_encoding import ACCEPTED
from httpclient.failure_reason import failure_reason
from httpclient.pool import UNBOUNDED, ConnectionPool, header_lines
from httpclient.response import Response


@dataclass(slots=True)
class Request:
    """What to send. `url` is complete and already percent-encoded; `kind` and `keys` are for telemetry.

    `final`: statuses that the same request would only get again. `trace`: headers of the next attempt alone.
    `connection`: what it was sent on last.
    """

    url: str
    kind: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] | None = None
    keys: int = 1
    final: frozenset[int] = frozenset()
    trace: Mapping[str, str] | None = None
    connection: Connection | None = field(default=None, repr=False, compare=False)

    @property
    def is_safe(self) -> bool:
        """Whether it may be sent twice and does no more than it would once (RFC 9110, 9.2.1)."""
        return self.method == "GET"

    def close_connection(self) -> None:
        """Close what it was sent on: further responses there may be to other requests."""
        if self.connection is not None:
            self.connection.close()


def open_session() -> aiohttp.ClientSession:
    """Return a session without cookies, and without proxies from the environment; the caller closes it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": "opportunity-graph"},
        timeout=UNBOUNDED,
    )


class HttpClient:
    """Sends requests on the connections of one session, which the caller closes; made inside the running loop."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        assert session.connector
        self._loop = asyncio.get_running_loop()
        self._connector = session.connector
        self._headers = {"Accept-Encoding": ACCEPTED, **session.headers}
        self._pools: dict[str, ConnectionPool] = {}

    async def send(
        self, request: Request, *, max_bytes: int, on_sent: Callable[[], None], on_new_connection: bool = False
    ) -> Response:
        """Return the response, decompressed; `on_sent` is called when the request is on its way.

        Raises `ConnectionFailed`, of which `ReusedConnectionClosed` is one, or `MalformedResponse`.
        """
        pool, data = self._serialize(request)
        idle = None if on_new_connection else pool.idle_connection()
        connection = request.connection = idle or await _open(pool)
        future: asyncio.Future[Result] = self._loop.create_future()
        is_done = False

        def on_response(result: Result) -> None:
            nonlocal is_done
            is_done = True
            if not future.done():
                future.set_result(result)

        connection.send(data, max_bytes, on_response)
        try:
            on_sent()
            result = await future
        except BaseException:
            if not is_done:  # else it is idle, or has another request: a task that is cancelled hears of it later
                connection.abort()
            raise
        if isinstance(result, Response):
            return result
        raise result

    def _serialize(self, request: Request) -> tuple[ConnectionPool, bytes]:
        url, headers, body = request.url, request.headers, b""
        path_start = url.index("/", url.index("//") + 2)
        origin = url[:path_start]
        pool = self._pools.get(origin)
        try:
            if pool is None:
                pool = self._pools[origin] = ConnectionPool(origin, self._connector, self._headers)
            if request.form is not None:
                body = urlencode(request.form).encode("ascii")
                form = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
                headers = {**headers, **form}
            trace = header_lines(request.trace) if request.trace else ""
            data = f"{request.method} {url[path_start:]} HTTP/1.1\r\n{pool.head(headers)}{trace}\r\n".encode()
        except (ValueError, aiohttp.ClientError) as error:  # a UnicodeError is a ValueError
            raise ConnectionFailed(type(error).__name__) from None
        return pool, data + body


async def _open(pool: ConnectionPool) -> Connection:
    try:
        return await pool.open()
    except (aiohttp.ClientError, OSError, UnicodeError) as error:
        if isinstance(error, TimeoutError):  # the caller's own
            raise
        raise ConnectionFailed(failure_reason(error)) from None
