"""The connections to one origin (scheme, host and port), and what every request there begins with."""

import asyncio
from collections.abc import Mapping
from time import monotonic

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from httpclient.connection import Connection

KEPT_SECONDS = 15.0
"""How long a connection may rest, as aiohttp has it: on one that the source is about to close a request would die."""

UNBOUNDED = aiohttp.ClientTimeout(total=None)
"""Whoever sends bounds the time of the whole exchange, connecting included."""


class ConnectionPool:
    """Opens connections, and keeps those that rest. aiohttp's session closes them all when it is closed."""

    def __init__(self, url: str, connector: aiohttp.BaseConnector, headers: Mapping[str, str]) -> None:
        self._connector = connector
        self._destination = ClientRequest("GET", URL(url, encoded=True))
        self._head = lines({"Host": self._destination.url.host_port_subcomponent or "", **headers})
        self._resting: list[Connection] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._last_headers: tuple[dict[str, str], str] = {}, ""

    def at_hand(self) -> Connection | None:
        """Return a connection that can be written to: the one that came to rest last."""
        while self._resting:
            connection = self._resting.pop()
            if connection.is_open and monotonic() - connection.rests_since < KEPT_SECONDS:
                return connection
            connection.close()
        return None

    async def open(self) -> Connection:
        """Open one; raises what aiohttp and Python raise."""
        opened = await self._connector.connect(self._destination, [], UNBOUNDED)
        try:
            return Connection(opened, self._rest, self._forget)
        except aiohttp.ClientError:
            opened.close()
            raise

    def head(self, headers: dict[str, str]) -> str:
        """Return the header lines of a request; raises `UnicodeError` as `lines` does."""
        known, text = self._last_headers
        if headers != known:  # the credentials, and so mostly the same
            text = lines(headers)
            self._last_headers = dict(headers), text
        return self._head + text

    def _rest(self, connection: Connection) -> None:
        connection.rests_since = monotonic()
        self._resting.append(connection)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what has rested for too long, and come back if anything else rests."""
        self._sweeping = None
        now = monotonic()
        for connection in [one for one in self._resting if now - one.rests_since >= KEPT_SECONDS]:
            connection.close()
            self._resting.remove(connection)
        if self._resting:
            self._sweeping = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._sweep)

    def _forget(self, connection: Connection) -> None:
        if connection in self._resting:
            self._resting.remove(connection)


def lines(headers: Mapping[str, str]) -> str:
    """Return header lines; raises `UnicodeError` for a value that would end one, such as a token with a line break."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if text.count("\r") != len(headers) or text.count("\n") != len(headers) or "\0" in text:
        raise UnicodeError("a header cannot have a line break in it")
    return text
