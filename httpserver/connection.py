"""A connection below its requests: its state, flow control both ways, its time limits, and its end in stages.

A close with unread bytes resets a connection, and the client would not see its last response. So the server ends its
side first, and reads and drops what still comes for a while (RFC 9112, 9.6).
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

LINGER_SECONDS = 5.0
LINGER_BYTES = 16_000_000
"""How long, and for how much, the rest of an upload that was refused is read and dropped."""

WRITE_SECONDS = 10.0
WRITE_BYTES = 65_536
"""In so many seconds a client has to read so many bytes of a response that is larger."""

_AT_ONCE = struct.pack("ii", 1, 0)
"""`SO_LINGER` with no time to linger: the system drops what is unsent, and sends a reset."""

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long a client may take for a head, how large a body is, and how long a half-closed client is answered.

    `half_close_seconds` should be what a request can take. `probe_seconds` lie between the interim responses to a
    client that has ended its side.
    """

    head_timeout_seconds: float = 10.0
    max_body_bytes: int = 256_000
    half_close_seconds: float = 30.0
    probe_seconds: float = 0.5


DEFAULT_LIMITS = ConnectionLimits()


class State(Enum):
    """What a connection does."""

    READING = "waits for a request, or for the rest of one"
    ANSWERING = "has started a request"
    LINGERING = "has sent its last response, and drops what comes"
    CLOSED = "is closed"


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


class Connection(asyncio.Protocol):
    """One connection. A subclass knows what is sent on it, and what happens when its deadline is over."""

    transport: asyncio.Transport

    def __init__(self, limits: ConnectionLimits, loop: asyncio.AbstractEventLoop) -> None:
        self._limits = limits
        self._loop = loop
        self._state = State.READING
        self._has_eof = False
        self._is_reading_paused = False
        self._writable: asyncio.Event | None = None
        """Set while so much waits to be read by the client that no more is to be written."""
        self._reading_client: ReadingClient | None = None
        self._dropped_bytes = 0
        self._deadline = Deadline(loop, self._on_deadline)

    def _on_deadline(self) -> None:
        raise NotImplementedError  # the protocol knows what is to be done about it

    # Flow control

    def pause_writing(self) -> None:
        """Write no more for now, and see to it that the client reads."""
        self._writable = asyncio.Event()
        self._reading_client = ReadingClient(self._loop, self.transport)

    def resume_writing(self) -> None:
        """Write again."""
        if self._writable is not None:
            self._writable.set()
            self._writable = None
        if self._reading_client is not None:
            self._reading_client.cancel()
            self._reading_client = None

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        if self._state is not State.CLOSED:
            self.transport.write(data)

    def is_full(self) -> bool:
        """Return whether so much waits to be read by the client that no more is to be written."""
        return self._writable is not None

    async def drain(self) -> None:
        """Wait until that is no longer so."""
        if self._writable is not None:
            await self._writable.wait()

    def pause_reading(self) -> None:
        """Let what the client sends wait in its system."""
        if not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._is_reading_paused and self._state is not State.CLOSED:
            self._is_reading_paused = False
            self.transport.resume_reading()

    # Ends

    def linger(self) -> None:
        """Send nothing more, and close when the client has ended its side or has had its time."""
        self._state = State.LINGERING
        if self._has_eof or not self.transport.can_write_eof():
            self.close()
            return
        with suppress(OSError, RuntimeError):  # the client has gone
            self.transport.write_eof()
        self._deadline.set(LINGER_SECONDS)
        self.resume_reading()

    def drop(self, data: bytes) -> None:
        """Drop what comes while the connection lingers, or is closed already."""
        self._dropped_bytes += len(data)
        if self._dropped_bytes > LINGER_BYTES:
            self.close()

    def close(self) -> None:
        """Close, when what was written has been sent."""
        if self._state is not State.CLOSED:
            self._state = State.CLOSED
            self._deadline.set(LINGER_SECONDS)
            self.transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        if self._state is not State.CLOSED:
            self._state = State.CLOSED
            reset(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection: nobody waits any longer."""
        self._state = State.CLOSED
        self._deadline.end()
        if self._reading_client is not None:
            self._reading_client.cancel()
        if self._writable is not None:
            self._writable.set()


def reset(transport: asyncio.Transport) -> None:
    """End a connection by a reset. Where a response ends with its connection, a plain end would look like its own."""
    connected = transport.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
