"""Requests: each becomes bytes, and a connection sends it.

aiohttp's connector opens and closes the connections (names, TLS); `httpclient/connection.py` speaks HTTP on them. What
aiohttp's `ClientSession.request` does besides is of no use here: cookies, redirects, proxies, tracing, bodies in parts.
And a request on a connection that was closed meanwhile is not silently sent again, as the session would: every attempt
would become two.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlencode

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from httpclient.connection import Connection, ConnectionFailed, Result
from httpclient.content_encoding import ACCEPTED
from httpclient.failure_reason import failure_reason
from httpclient.response import Response

KEEP_ALIVE_SECONDS = 15.0
"""How long a connection may be idle, as aiohttp has it: on one that the server is about to close a request fails."""

UNBOUNDED = aiohttp.ClientTimeout(total=None)
"""The caller bounds the time of the whole request, connecting included."""


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


class ConnectionPool:
    """The connections to one origin (scheme, host and port), and what every request there begins with.

    Opens them, and keeps those that are idle. aiohttp's session closes them all when it is closed.
    """

    def __init__(self, url: str, connector: aiohttp.BaseConnector, headers: Mapping[str, str]) -> None:
        self._connector = connector
        self._destination = ClientRequest("GET", URL(url, encoded=True))
        self._head = header_lines({"Host": self._destination.url.host_port_subcomponent or "", **headers})
        self._idle: list[Connection] = []
        self._expiry: asyncio.TimerHandle | None = None
        self._last_headers: tuple[dict[str, str], str] = {}, ""

    def idle_connection(self) -> Connection | None:
        """Return a connection that can be written to, the one that became idle last; it is no longer in the pool."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closing() and monotonic() - connection.idle_since < KEEP_ALIVE_SECONDS:
                return connection
            connection.close()
        return None

    async def open(self) -> Connection:
        """Open one; raises `ConnectionFailed`."""
        try:
            opened = await self._connector.connect(self._destination, [], UNBOUNDED)
            try:
                return Connection(opened, self._add_idle, self._remove)
            except aiohttp.ClientError:
                opened.close()
                raise
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            if isinstance(error, TimeoutError):  # the caller's own
                raise
            raise ConnectionFailed(failure_reason(error)) from None

    def head(self, headers: dict[str, str]) -> str:
        """Return the header lines of a request; raises `UnicodeError` as `header_lines` does."""
        known, text = self._last_headers
        if headers != known:  # the credentials, and so mostly the same
            text = header_lines(headers)
            self._last_headers = dict(headers), text
        return self._head + text

    def _add_idle(self, connection: Connection) -> None:
        connection.idle_since = monotonic()
        self._idle.append(connection)
        if self._expiry is None:
            self._expiry = asyncio.get_running_loop().call_later(KEEP_ALIVE_SECONDS, self._close_expired)

    def _close_expired(self) -> None:
        """Close what has been idle for too long, and come back if anything else is idle."""
        self._expiry = None
        now = monotonic()
        for connection in [one for one in self._idle if now - one.idle_since >= KEEP_ALIVE_SECONDS]:
            connection.close()
            self._idle.remove(connection)
        if self._idle:
            self._expiry = asyncio.get_running_loop().call_later(KEEP_ALIVE_SECONDS, self._close_expired)

    def _remove(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)


def header_lines(headers: Mapping[str, str]) -> str:
    """Return header lines; raises `UnicodeError` for a value that would end one, such as a token with a line break."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if text.count("\r") != len(headers) or text.count("\n") != len(headers) or "\0" in text:
        raise UnicodeError("a header cannot have a line break in it")
    return text


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
        connection = None if on_new_connection else pool.idle_connection()
        if connection is None:
            connection = await pool.open()
        request.connection = connection
        pending: asyncio.Future[Result] = self._loop.create_future()
        connection.send(data, max_bytes, pending)
        try:
            on_sent()
            result = await pending
        except BaseException:
            if connection.pending is pending:  # else it is idle, or has another request: a cancellation comes later
                connection.abort()
            raise
        if isinstance(result, Response):
            return result
        raise result

    def _serialize(self, request: Request) -> tuple[ConnectionPool, bytes]:
        url, headers, body = request.url, request.headers, b""
        path_start = url.index("/", len("https://"))  # no host has less than a letter
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
