"""Exchanges with sources: a request becomes bytes, and a connection takes it.

aiohttp's connector opens and closes the connections (names, TLS); `httpclient/connection.py` speaks HTTP on them. What
aiohttp's `ClientSession.request` does besides a source has no use for: cookies, redirects, proxies, tracing, bodies in
parts. And a request on a kept connection that died is not silently sent again, as the session would: every attempt
would become two.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp

from httpclient.connection import Connection, ConnectionFailed, MalformedResponse
from httpclient.content_encoding import ACCEPTED
from httpclient.pool import UNBOUNDED, ConnectionPool
from resolvers.reply import Reply


class KeptConnectionDied(ConnectionFailed):
    """Not a byte came on a connection that had been used before: mostly the source had closed it meanwhile."""


@dataclass(slots=True)
class Request:
    """What to send. `url` is complete and already percent-encoded; `kind` and `keys` are for telemetry.

    `final`: statuses that the same request would only get again. `connection`: what it was sent on last.
    """

    url: str
    kind: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] | None = None
    keys: int = 1
    final: frozenset[int] = frozenset()
    connection: Connection | None = field(default=None, repr=False, compare=False)

    @property
    def is_safe(self) -> bool:
        """Whether it may be sent twice and does no more than it would once (RFC 9110, 9.2.1)."""
        return self.method == "GET"

    def close_connection(self) -> None:
        """Close what it was sent on: the replies there are not for those who ask."""
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
    """Makes exchanges on the connections of one session, which somebody else closes."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        assert session.connector
        self._connector = session.connector
        self._headers = {"Accept-Encoding": ACCEPTED, **session.headers}
        self._origins: dict[str, ConnectionPool] = {}

    async def make(
        self, request: Request, *, max_bytes: int, sent: Callable[[], None], on_new_connection: bool = False
    ) -> Reply:
        """Return the reply, decompressed; `sent` is called when the request is on its way.

        Raises `ConnectionFailed`, of which `KeptConnectionDied` is one, or `MalformedResponse`.
        """
        origin, data = self._written(request)
        kept = None if on_new_connection else origin.at_hand()
        connection = request.connection = kept or await _opened(origin)
        answer: asyncio.Future[Reply | ConnectionFailed | MalformedResponse] = (
            asyncio.get_running_loop().create_future()
        )
        is_over = False

        def ended(found: Reply | ConnectionFailed | MalformedResponse) -> None:
            nonlocal is_over
            is_over = True
            if not answer.done():
                answer.set_result(found)

        connection.exchange(data, max_bytes, ended)
        try:
            sent()
            found = await answer
        except BaseException:
            if not is_over:  # else it rests, or somebody else is on it: a task that is cancelled hears of it later
                connection.abandon()
            raise
        if isinstance(found, Reply):
            return found
        if kept is not None and isinstance(found, ConnectionFailed) and not kept.has_received:
            raise KeptConnectionDied(f"{found} on a kept connection")
        raise found

    def _written(self, request: Request) -> tuple[ConnectionPool, bytes]:
        url, headers, body = request.url, request.headers, b""
        path_start = url.index("/", url.index("//") + 2)
        origin = self._origins.get(url[:path_start])
        try:
            if origin is None:
                origin = self._origins[url[:path_start]] = ConnectionPool(
                    url[:path_start], self._connector, self._headers
                )
            if request.form is not None:
                body = urlencode(request.form).encode("ascii")
                form = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
                headers = {**headers, **form}
            data = f"{request.method} {url[path_start:]} HTTP/1.1\r\n{origin.head(headers)}\r\n".encode()
        except (ValueError, aiohttp.ClientError) as error:  # a UnicodeError is a ValueError
            raise ConnectionFailed(type(error).__name__) from None
        return origin, data + body


async def _opened(origin: ConnectionPool) -> Connection:
    try:
        return await origin.open()
    except (aiohttp.ClientError, OSError, UnicodeError) as error:
        if isinstance(error, TimeoutError):  # the caller's own
            raise
        raise ConnectionFailed(type(error).__name__) from None
