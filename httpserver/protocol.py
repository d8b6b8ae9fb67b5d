"""A connection of this server: a protocol for uvicorn's `http`, in place of its own.

Messages are framed in one place (`httpserver/framing.py`), and one at a time is handed to the application. What a
client sends behind it stays unread, so pipelined requests are bounded, and their responses come in order. What cannot
be read is refused when its turn comes. Whatever a connection waits for, a head, a body, the reading of its response, or
its end, it is closed if that takes too long (`httpserver/timeouts.py`).

A POST to one path, `eager_path`, is started at once when all of it is here, without a task: nearly every request of a
GraphQL client is a small POST, and most responses come from memory. It differs in nothing else; the same application
answers (`httpserver/exchange.py`). What has to wait goes on in a task.

The end of what a client sends may be the end of its side alone (half-close), so its request is still answered, for
`half_close_seconds` at most. Interim responses meanwhile tell a client that waits from one that has gone: the system of
the latter resets the connection, which cancels the work.

Of uvicorn this knows how a protocol is made, `shutdown`, and of its state `connections`, `tasks`, `default_headers` and
`total_requests`.
"""

import asyncio
from contextlib import suppress
from contextvars import copy_context
from enum import Enum
from typing import Any, ClassVar

import orjson
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from httpserver.eager import EagerCoroutine
from httpserver.envelope import CLOSE, enveloped, request_id
from httpserver.exchange import HIGH_WATER_BYTES, Exchange
from httpserver.framing import MAX_HEAD_BYTES, Body, RequestHead
from httpserver.http_errors import HTTPError
from httpserver.request_buffer import RequestBuffer
from httpserver.response import JSON, header_lines, status_line
from httpserver.timeouts import Deadline, ReadingClient

MAX_EAGER_BODY_BYTES = 65_536
"""Of a body that is waited for before the application is called; as much as a head may take."""

LINGER_SECONDS = 5.0
LINGER_BYTES = 16_000_000
"""How long, and for how much, the rest of an upload that was refused is read and dropped (RFC 9112, 9.6)."""

PROBE_SECONDS = 0.5
"""Between the interim responses to a client that has ended its side."""

HALF_CLOSE_SECONDS = 30.0
"""How long a client that has ended its side of the connection gets for its response, unless the server says."""


class State(Enum):
    """What a connection does."""

    READING = "waits for a request, or for the rest of one"
    ANSWERING = "has handed a request on"
    LINGERING = "has sent its last response, and drops what comes"
    CLOSED = "is closed"


class HTTPConnection(asyncio.Protocol):
    """One connection."""

    head_timeout_seconds: ClassVar[float] = 10.0
    max_body_bytes: ClassVar[int] = 256_000
    eager_path: ClassVar[bytes] = b""
    half_close_seconds: ClassVar[float] = HALF_CLOSE_SECONDS
    probe_seconds: ClassVar[float] = PROBE_SECONDS

    transport: asyncio.Transport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app = config.loaded_app
        self._keep_alive_seconds = config.timeout_keep_alive
        self._loop = _loop or asyncio.get_running_loop()
        self.state = server_state
        self._app_state = app_state
        self._context = copy_context()
        self.scheme = "http"
        self.server: tuple[str, int | None] | None = None
        self.client: tuple[str, int] | None = None
        self.is_ending = False
        self._state = State.READING
        self._buffer = RequestBuffer()
        self._head: RequestHead | None = None
        self._body: Body | None = None
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_begun = self._awaits_body = False
        self._has_eof = False
        self._is_advancing = False
        self._is_reading_paused = False
        self._writable: asyncio.Event | None = None
        self._dropped = 0
        self._deadline = Deadline(self._loop, self._expired)
        self._reading_client: ReadingClient | None = None

    # From the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Take a new connection."""
        self.transport = transport
        self.state.connections.add(self)  # type: ignore[arg-type] # it names its own protocols
        self.server, self.client = get_local_addr(transport), get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self._deadline.set(self.head_timeout_seconds)

    def data_received(self, data: bytes) -> None:
        """Take some bytes."""
        if self._state is State.LINGERING:
            self._dropped += len(data)
            if self._dropped > LINGER_BYTES:
                self._close()
        if self._state in (State.LINGERING, State.CLOSED):
            return
        self._buffer.append(data)
        self._advance()

    def eof_received(self) -> bool:
        """Take the end of what the client sends; what is under way may still be answered."""
        self._has_eof = True
        if self._state is State.ANSWERING and self._body is not None and not self._body.is_complete:
            self._cut_off()
        elif self._state is State.ANSWERING:
            self._deadline.set(self.half_close_seconds)
            self._probe()
        elif self._state is State.READING:
            self._end_of_input()
        else:
            self._close()
        return self._state is not State.CLOSED

    def _probe(self) -> None:
        """See whether the client waits or has gone: its system resets the connection when bytes come for nobody."""
        if self._state is State.ANSWERING and self._exchange is not None:
            self._exchange.probe()
            self._loop.call_later(self.probe_seconds, self._probe)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection: nobody reads an answer."""
        self._state = State.CLOSED
        self.state.connections.discard(self)
        self._deadline.cancel()
        if self._reading_client is not None:
            self._reading_client.cancel()
        self._buffer.clear()
        self._cancel()
        if self._writable is not None:
            self._writable.set()

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
        if self._state is State.READING:
            self._advance()

    def shutdown(self) -> None:
        """Close, but not before what is under way has been answered (uvicorn, when it stops)."""
        self.is_ending = True
        if self._state is State.READING:
            self._close()

    # From an exchange

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

    def read_on(self) -> None:
        """Read more of the body."""
        if self._is_reading_paused and self._state is not State.CLOSED:
            self._is_reading_paused = False
            self.transport.resume_reading()

    def responded(self, *, closes: bool) -> None:
        """Go on to the next request, or to the end of the connection."""
        self.state.total_requests += 1
        self._exchange = self._body = self._task = None
        if closes:
            self._linger()
            return
        self._state = State.READING
        self._has_begun = self._awaits_body = False
        self._deadline.set(self._keep_alive_seconds)
        if not self._is_advancing and (self._buffer or self._has_eof or self._is_reading_paused):
            self._loop.call_soon(self._advance, context=self._context)  # not within what has just been answered

    def abort(self) -> None:
        """End the connection at once."""
        if self._state is not State.CLOSED:
            self._state = State.CLOSED
            self.transport.abort()

    # Requests

    def _advance(self) -> None:
        """Do what can be done with what has come."""
        self._is_advancing = True
        try:
            while self._step():
                pass
        finally:
            self._is_advancing = False
        if self._state is State.READING:
            if self._has_eof:
                self._end_of_input()
            elif self._buffer.has_begun or self._head is not None:
                self._expect_rest()

    def _step(self) -> bool:
        """Take one step; return whether there may be another."""
        if self._state is State.ANSWERING:
            self._feed()
            return False
        if self._state is not State.READING:
            return False
        if self._writable is not None:  # its client reads no answers: no more are made
            self._pause_reading()
            return False
        if self._head is None and not self._find_head():
            self.read_on()
            return False
        assert self._head is not None
        return self._begin(self._head)

    def _find_head(self) -> bool:
        """Return whether there is one now."""
        try:
            self._head = self._buffer.next_head()
        except HTTPError as error:
            self._refuse(error)
        return self._head is not None

    def _begin(self, head: RequestHead) -> bool:
        """Hand a request on, unless more of it is to come first; return whether it was."""
        length, buffer = head.length, self._buffer
        if length is not None and length <= len(buffer):
            body = buffer.take(length)
            self._hand_on(head, Exchange(self, head, self._app_state, body, is_whole=True), is_whole=True)
            return True
        if length is not None and length <= MAX_EAGER_BODY_BYTES and self._is_eager(head) and not head.expects_continue:
            if not self._awaits_body:
                self._has_begun = self._awaits_body = True
                self._deadline.set(self.head_timeout_seconds)
            self.read_on()
            return False
        self._body = Body(length, MAX_HEAD_BYTES + 5 * self.max_body_bytes)
        try:
            piece = self._buffer.take_body(self._body)
        except HTTPError as error:
            self._refuse(error)
            return False
        is_whole = self._body.is_complete
        self._hand_on(head, Exchange(self, head, self._app_state, piece, is_whole=is_whole), is_whole=is_whole)
        return True

    def _is_eager(self, head: RequestHead) -> bool:
        return head.method == "POST" and head.raw_path == self.eager_path

    def _hand_on(self, head: RequestHead, exchange: Exchange, *, is_whole: bool) -> None:
        self._head = None
        self._exchange = exchange
        self._state = State.ANSWERING
        if self._has_eof:
            self._deadline.set(self.half_close_seconds)
        else:
            self._deadline.suspend()
        if is_whole and self._is_eager(head):
            exchange.start_with_whole_body()
            context = copy_context()  # the connection's own stays as it is, or a later line of the log had this id
            started = context.run(EagerCoroutine, exchange.run(self._app))
            if started.is_done:
                return
            task = self._loop.create_task(_rest(started), context=context)
        else:
            task = self._loop.create_task(exchange.run(self._app))
        self.state.tasks.add(task)
        task.add_done_callback(self.state.tasks.discard)
        if self._exchange is exchange:
            self._task = task

    def _feed(self) -> None:
        """Take more of the body of what is under way; what comes behind it has to wait."""
        body, exchange = self._body, self._exchange
        if body is not None and not body.is_complete and exchange is not None:
            try:
                piece = self._buffer.take_body(body)
            except HTTPError as error:
                self._break_off(error)
                return
            if (piece or body.is_complete) and exchange.feed(piece, is_last=body.is_complete):
                self._pause_reading()
        if (body is None or body.is_complete) and len(self._buffer) > HIGH_WATER_BYTES:
            self._pause_reading()  # not before: who does not read, hears of no client that goes

    # Ends

    def _end_of_input(self) -> None:
        if self._buffer or self._head is not None:
            self._refuse(HTTPError(400, "The request did not arrive as a whole."))
        else:
            self._close()

    def _cut_off(self) -> None:
        self._break_off(HTTPError(400, "The body did not arrive."))

    def _break_off(self, error: HTTPError) -> None:
        """Give up the request that is under way, since its body cannot be read."""
        exchange = self._exchange
        self._cancel()
        if exchange is None or exchange.has_started:
            self.abort()
        else:
            self._refuse(error)

    def _refuse(self, error: HTTPError) -> None:
        """Respond without the application, for the last time on this connection."""
        body = orjson.dumps(error.body)
        fields = [field for field in self.state.default_headers if field != CLOSE]
        fields += [(b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body)), CLOSE]
        fields = enveloped(fields, request_id(None if self._head is None else self._head.headers))
        self.write(b"%s%s\r\n%s" % (status_line(error.status), header_lines(fields), body))
        self.state.total_requests += 1
        self._linger()

    def _linger(self) -> None:
        """Close in stages (RFC 9112, 9.6).

        A close while something unread is there resets the connection, and the client would not see its response.
        """
        self._state = State.LINGERING
        self._buffer.clear()
        self._head = self._exchange = self._body = None
        if self._has_eof or not self.transport.can_write_eof():
            self._close()
            return
        with suppress(OSError, RuntimeError):  # the client has gone
            self.transport.write_eof()
        self._deadline.set(LINGER_SECONDS)
        if self._is_reading_paused:
            self._is_reading_paused = False
            self.transport.resume_reading()

    def _close(self) -> None:
        """Close, when what was written has been sent."""
        if self._state is not State.CLOSED:
            self._state = State.CLOSED
            self._deadline.set(LINGER_SECONDS)
            self.transport.close()

    def _cancel(self) -> None:
        exchange, task = self._exchange, self._task
        self._exchange = self._body = self._task = None
        if exchange is not None:
            exchange.disconnect()
        if task is not None:
            self._loop.call_soon(task.cancel)  # not before its first step, or the work would not hear of it

    def _pause_reading(self) -> None:
        if not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()

    # Time

    def _expect_rest(self) -> None:
        """Wait so long for the head that has begun, and no longer, however much of it comes."""
        if not self._has_begun:
            self._has_begun = True
            self._deadline.set(self.head_timeout_seconds)

    def _expired(self) -> None:
        if self._writable is not None:
            self._deadline.set(LINGER_SECONDS)  # until its client has read: another timer ends that
        elif self._state is State.READING and (self._buffer or self._head is not None):
            what = "request" if self._head is None else "body"
            error = HTTPError(408, f"The {what} did not arrive in time.", code="REQUEST_TIMEOUT", retryable=True)
            self._refuse(error)
        elif self._state is State.READING:
            self._close()
        else:
            self.transport.abort()


async def _rest(started: EagerCoroutine[None]) -> None:
    await started


def protocol(
    *,
    head_timeout_seconds: float,
    max_body_bytes: int,
    eager_path: str,
    half_close_seconds: float = HALF_CLOSE_SECONDS,
) -> type[asyncio.Protocol]:
    """Return the protocol for uvicorn's `http`. POSTs to `eager_path` are started without a task.

    `half_close_seconds` should be what a request can take.
    """
    members = {
        "head_timeout_seconds": head_timeout_seconds,
        "max_body_bytes": max_body_bytes,
        "eager_path": eager_path.encode("ascii"),
        "half_close_seconds": half_close_seconds,
    }
    return type("HTTPConnection", (HTTPConnection,), members)
