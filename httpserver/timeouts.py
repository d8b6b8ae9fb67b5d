"""How long a connection waits for its client: for bytes of a request, and for the reading of a response."""

import asyncio
from collections.abc import Callable

from httpserver.reset import reset

WRITE_SECONDS = 10.0
WRITE_BYTES = 65_536
"""In so many seconds a client has to read so many bytes of a response that is larger."""


NEVER = float("inf")


class Deadline:
    """Calls `on_expired` when the time that was set last is over. Its timer is not set anew for each request."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_expired: Callable[[], None]) -> None:
        self._loop = loop
        self._on_expired = on_expired
        self.due = NEVER
        """When that is, by the loop's clock. `NEVER` stands until a time is set again."""
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Expire after so many seconds from now, rather than when it would have."""
        self.due = due = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._check)
        elif self._timer.when() > due:
            self._timer.cancel()
            self._timer = self._loop.call_at(due, self._check)

    def end(self) -> None:
        """Never expire, and let go of what would be called: a connection and its deadline know each other, and with
        them its client's credentials would stay in memory until somebody looks for such cycles."""
        self.due = NEVER
        self._on_expired = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        if self.due <= self._loop.time():
            self._on_expired()
        elif self.due != NEVER:
            self._timer = self._loop.call_at(self.due, self._check)


def _nothing() -> None: ...


class ReadingClient:
    """Ends a connection whose client does not read the response that it asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._transport = transport
        self._unread = transport.get_write_buffer_size()
        self._timer = loop.call_later(WRITE_SECONDS, self._check)

    def cancel(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _check(self) -> None:
        unread = self._transport.get_write_buffer_size()
        if unread > self._unread - WRITE_BYTES:
            reset(self._transport)
            return
        self._unread = unread
        self._timer = self._loop.call_later(WRITE_SECONDS, self._check)
