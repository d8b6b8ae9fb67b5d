"""HTTP/1.1 on a connection: a protocol for uvicorn's `http`, in place of its own.

Messages are framed in one place (`httpserver/framing.py`), and one at a time is started. What a client sends behind it
stays unread, so pipelined requests are bounded, and their responses come in order. What cannot be read is refused when
its turn comes. Whatever a connection waits for, a head, a body, the reading of its response, or its end, it is closed
if that takes too long (`httpserver/timeouts.py`).

A request is answered by the application in a task (`httpserver/exchange.py`), or at once where it is here as a whole
and its response is stored (`httpserver/fast_path.py`).

The end of what a client sends may be the end of its side alone (half-close), so its request is still answered, for
`half_close_seconds` at most. Interim responses meanwhile tell a client that waits from one that has gone: the system of
the latter resets the connection, which cancels the work.

Of uvicorn this knows how a protocol is made, `shutdown`, and of its state `connections`, `tasks`, `default_headers` and
`total_requests`.
"""

import asyncio
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from httpserver.connection import LINGER_SECONDS, Connection, State
from httpserver.envelope import CLOSE, refusal_message
from httpserver.exchange import HIGH_WATER_BYTES, Exchange
from httpserver.fast_path import prepare
from httpserver.framing import MAX_HEAD_BYTES, Body, RequestHead
from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from httpserver.request_buffer import RequestBuffer
from httpserver.response import HeaderFields, header_lines


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


class HTTPConnection(Connection):
    """One connection, whose requests the application of `config` answers."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: ConnectionLimits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(_loop or asyncio.get_running_loop())
        if not config.loaded:
            config.load()
        self._limits = limits
        self._app = config.loaded_app
        self._keep_alive_seconds = config.timeout_keep_alive
        self.state = server_state
        self._app_state = app_state
        self._context = copy_context()
        self.scheme = "http"
        self.server: tuple[str, int | None] | None = None
        self.client: tuple[str, int] | None = None
        self.is_ending = False
        self._buffer = RequestBuffer()
        self._head: RequestHead | None = None
        self._body: Body | None = None
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_begun = False
        self._is_advancing = False
        self._default_fields: HeaderFields = []
        self._default_lines = b""

    # From the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Take a new connection."""
        self.transport = transport
        self.state.connections.add(self)  # type: ignore[arg-type] # it names its own protocols
        self.server, self.client = get_local_addr(transport), get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self._deadline.set(self._limits.head_timeout_seconds)

    def data_received(self, data: bytes) -> None:
        """Take some bytes."""
        if self._state is State.LINGERING or self._state is State.CLOSED:
            self.drop(data)
            return
        self._buffer.append(data)
        self._advance()

    def eof_received(self) -> bool:
        """Take the end of what the client sends; what is under way may still be answered."""
        self._has_eof = True
        if self._state is State.ANSWERING and self._body is not None and not self._body.is_complete:
            self._give_up(HTTPError(400, "The body did not arrive."))
        elif self._state is State.ANSWERING:
            self._deadline.set(self._limits.half_close_seconds)
            self._probe()
        elif self._state is State.READING:
            self._end_of_input()
        else:
            self.close()
        return self._state is not State.CLOSED

    def _probe(self) -> None:
        """See whether the client waits or has gone: its system resets the connection when bytes come for nobody."""
        if self._state is State.ANSWERING and self._exchange is not None:
            self._exchange.probe()
            self._loop.call_later(self._limits.probe_seconds, self._probe)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection: nobody reads an answer."""
        super().connection_lost(exc)
        self.state.connections.discard(self)
        self._buffer.clear()
        self._cancel()

    def resume_writing(self) -> None:
        """Write again, and answer what has come meanwhile."""
        super().resume_writing()
        if self._state is State.READING:
            self._advance()

    def shutdown(self) -> None:
        """Close, but not before what is under way has been answered (uvicorn, when it stops)."""
        self.is_ending = True
        if self._state is State.READING:
            self.close()

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
            elif self._buffer.has_begun and not self._has_begun:
                self._has_begun = True  # its head has so long to come, and no longer, however much of it comes
                self._deadline.set(self._limits.head_timeout_seconds)

    def _step(self) -> bool:
        """Take one step; return whether there may be another."""
        if self._state is State.ANSWERING:
            self._feed()
            return False
        if self._state is not State.READING:
            return False
        if self._writable is not None:  # its client reads no answers: no more are made
            self.pause_reading()
            return False
        try:
            self._head = self._buffer.next_head()
            if self._head is None:
                self.resume_reading()
                return False
            self._start(self._head)
        except HTTPError as error:
            self._refuse(error)
            return False
        return True

    def _start(self, head: RequestHead) -> None:
        """Answer a request at once or in a task; raises `HTTPError` where its body cannot be read."""
        length, buffer = head.length, self._buffer
        if length is not None and length <= len(buffer):
            body, is_whole = buffer.take(length), True
            if self._respond_at_once(head, body):
                return
        else:
            self._body = Body(length, MAX_HEAD_BYTES + 5 * self._limits.max_body_bytes)
            body, is_whole = buffer.take_body(self._body), self._body.is_complete
        self._head = None
        self._state = State.ANSWERING
        if self._has_eof:
            self._deadline.set(self._limits.half_close_seconds)
        else:
            self._deadline.suspend()
        self._exchange = Exchange(self, head, self._app_state, body, is_whole=is_whole)
        self._task = task = self._loop.create_task(self._exchange.run(self._app))
        self.state.tasks.add(task)
        task.add_done_callback(self.state.tasks.discard)

    def _respond_at_once(self, head: RequestHead, body: bytes) -> bool:
        """Respond from what the application has stored; return whether it had."""
        default_fields = self.state.default_headers
        if not head.keep_alive or self.is_ending or CLOSE in default_fields:
            return False
        if not head.is_prepared:
            head.is_prepared = True
            request = HttpRequest(head.method, head.headers, self.server, head.query_string, path=head.path)
            head.prepared = prepare(self._app, request)
        prepared = head.prepared
        if prepared is None:
            return False
        try:
            content = prepared.content(body)
        except Exception:
            return False
        if content is None:
            return False
        if default_fields is not self._default_fields:  # uvicorn makes new ones each second
            self._default_fields, self._default_lines = default_fields, header_lines(default_fields)
        self.write(prepared.message(self._default_lines, content))
        self.responded(closes=False)
        return True

    def _feed(self) -> None:
        """Take more of the body of what is under way; what comes behind it has to wait."""
        body, exchange = self._body, self._exchange
        if body is not None and not body.is_complete and exchange is not None:
            try:
                piece = self._buffer.take_body(body)
            except HTTPError as error:
                self._give_up(error)
                return
            if (piece or body.is_complete) and exchange.feed(piece, is_last=body.is_complete):
                self.pause_reading()
        if (body is None or body.is_complete) and len(self._buffer) > HIGH_WATER_BYTES:
            self.pause_reading()  # not before: who does not read, hears of no client that goes

    def responded(self, *, closes: bool) -> None:
        """Go on to the next request, or to the end of the connection (an exchange, when its response is written)."""
        self.state.total_requests += 1
        self._head = self._exchange = self._body = self._task = None
        if closes:
            self.linger()
            return
        self._state = State.READING
        self._has_begun = False
        self._deadline.set(self._keep_alive_seconds)
        if not self._is_advancing and (self._buffer or self._has_eof or self._is_reading_paused):
            self._loop.call_soon(self._advance, context=self._context)  # not within what has just been answered

    # Ends

    def linger(self) -> None:
        """Send nothing more, and read no more requests."""
        self._buffer.clear()
        self._head = self._exchange = self._body = None
        super().linger()

    def _end_of_input(self) -> None:
        if self._buffer:
            self._refuse(HTTPError(400, "The request did not arrive as a whole."))
        else:
            self.close()

    def _refuse(self, error: HTTPError) -> None:
        """Respond without the application, for the last time on this connection."""
        headers = None if self._head is None else self._head.headers
        self.write(refusal_message(error, self.state.default_headers, headers))
        self.state.total_requests += 1
        self.linger()

    def _give_up(self, error: HTTPError) -> None:
        """Give up the request that is under way, since its body cannot be read."""
        exchange = self._exchange
        self._cancel()
        if exchange is None or exchange.has_started:
            self.abort()
        else:
            self._refuse(error)

    def _cancel(self) -> None:
        exchange, task = self._exchange, self._task
        self._exchange = self._body = self._task = None
        if exchange is not None:
            exchange.disconnect()
        if task is not None:
            self._loop.call_soon(task.cancel)  # not before its first step, or the work would not hear of it

    def _on_deadline(self) -> None:
        if self._writable is not None:
            self._deadline.set(LINGER_SECONDS)  # until its client has read: another timer ends that
        elif self._state is State.READING and self._buffer:
            self._refuse(HTTPError(408, "The request did not arrive in time.", code="REQUEST_TIMEOUT", retryable=True))
        elif self._state is State.READING:
            self.close()
        else:
            self.transport.abort()


def protocol(limits: ConnectionLimits) -> Any:
    """Return what makes connections with these limits, for uvicorn's `http`; its types want a class."""
    return partial(HTTPConnection, limits=limits)
