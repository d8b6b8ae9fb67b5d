"""The connections to one origin (scheme, host and port), and what every request there begins with."""

import asyncio
from collections.abc import Mapping
from time import monotonic

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from httpclient.connection import Connection

KEEP_ALIVE_SECONDS = 15.0
"""How long a connection may be idle, as aiohttp has it: on one that the server is about to close a request fails."""

UNBOUNDED = aiohttp.ClientTimeout(total=None)
"""The caller bounds the time of the whole request, connecting included."""


class ConnectionPool:
    """Opens connections, and keeps those that are idle. aiohttp's session closes them all when it is closed."""

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
            if connection.is_open and monotonic() - connection.idle_since < KEEP_ALIVE_SECONDS:
                return connection
            connection.close()
        return None

    async def open(self) -> Connection:
        """Open one; raises what aiohttp and Python raise."""
        opened = await self._connector.connect(self._destination, [], UNBOUNDED)
        try:
            return Connection(opened, self._add_idle, self._remove)
        except aiohttp.ClientError:
            opened.close()
            raise

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
