"""What a connection reads: requests, one at a time.

What a client sends behind a request stays unread until that has been answered, so pipelined requests are bounded, and
their responses come in order. What cannot be read is refused when its turn comes.
"""

import asyncio
from contextvars import copy_context

from httpserver.connection import LINGER_SECONDS, NEVER, Connection, ConnectionLimits, State, reset
from httpserver.exchange import HIGH_WATER_BYTES, Exchange
from httpserver.framing import MAX_HEAD_BYTES, RequestHead
from httpserver.http_errors import HTTPError
from httpserver.request_body import Body
from httpserver.request_buffer import RequestBuffer


class RequestReader(Connection):
    """A connection that reads requests. A subclass answers them, and refuses what is none."""

    def __init__(self, limits: ConnectionLimits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limits, loop)
        self._context = copy_context()
        self._buffer = RequestBuffer()
        self._head: RequestHead | None = None
        self._body: Body | None = None
        """The body of the request that is being answered; None where all of it came with the head."""
        self._exchange: Exchange | None = None
        self._has_begun = False
        self._is_advancing = False

    def _start(self, head: RequestHead, body: bytes, *, is_whole: bool) -> None:
        """Start the answer to a request, of whose body this much has come."""
        raise NotImplementedError  # `protocol.HTTPConnection` does it: reading knows no application

    def _refuse(self, error: HTTPError) -> None:
        """Respond for the last time on this connection."""
        raise NotImplementedError  # `protocol.HTTPConnection` does it: reading knows no application

    def _give_up(self, error: HTTPError) -> None:
        """Give up the request that is under way, since its body cannot be read."""
        raise NotImplementedError  # `protocol.HTTPConnection` does it: reading knows no application

    def data_received(self, data: bytes) -> None:
        """Take some bytes."""
        if self._state is State.LINGERING or self._state is State.CLOSED:
            self.drop(data)
            return
        self._buffer.append(data)
        self._advance()

    def resume_writing(self) -> None:
        """Write again, and answer what has come meanwhile."""
        super().resume_writing()
        if self._state is State.READING:
            # Not within this call: a transport of asyncio's that is closed in it would tell its end twice.
            self._loop.call_soon(self._advance, context=self._context)

    def linger(self) -> None:
        """Send nothing more, and read no more requests."""
        self._buffer.data = b""
        self._head = self._exchange = self._body = None
        super().linger()

    def _read_next(self, idle_seconds: float) -> None:
        """Go on to the next request, which may have come already, and has so long to begin."""
        self._state = State.READING
        self._head = self._exchange = self._body = None
        self._has_begun = False
        self._deadline.set(idle_seconds)
        if not self._is_advancing and (self._buffer.data or self._has_eof or self._is_reading_paused):
            self._loop.call_soon(self._advance, context=self._context)  # not within what has just been answered

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
                if self._writable is None:  # else whole requests may be left, for when its client has read answers
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
        buffer = self._buffer
        try:
            self._head = head = buffer.next_head()
            if head is None:
                self.resume_reading()
                return False
            length, data = buffer.length, buffer.data
            if length is not None and length <= len(data):
                body, is_whole = bytes(data[:length]), True
                buffer.data = data[length:]
            else:
                self._body = Body(length, MAX_HEAD_BYTES + 5 * self._limits.max_body_bytes)
                body, is_whole = buffer.read_body(self._body), self._body.is_complete
        except HTTPError as error:
            self._refuse(error)
            return False
        self._head = None
        self._state = State.ANSWERING
        if self._has_eof:
            self._deadline.set(self._limits.half_close_seconds)
        else:
            self._deadline.due = NEVER
        self._start(head, body, is_whole=is_whole)
        return self._state is State.READING or bool(buffer.data)

    def _feed(self) -> None:
        """Take more of the body of what is under way; what comes behind it has to wait."""
        body, exchange = self._body, self._exchange
        if body is not None and not body.is_complete and exchange is not None:
            try:
                piece = self._buffer.read_body(body)
            except HTTPError as error:
                self._give_up(error)
                return
            if (piece or body.is_complete) and exchange.feed(piece, is_last=body.is_complete):
                self.pause_reading()
        if (body is None or body.is_complete) and len(self._buffer.data) > HIGH_WATER_BYTES:
            self.pause_reading()  # not before: who does not read, hears of no client that goes

    def _end_of_input(self) -> None:
        if self._buffer.data:
            self._refuse(HTTPError(400, "The request did not arrive as a whole."))
        else:
            self.close()

    def _on_deadline(self) -> None:
        if self._writable is not None:
            self._deadline.set(LINGER_SECONDS)  # until its client has read: another timer ends that
        elif self._state is State.READING and self._buffer.data:
            self._refuse(HTTPError(408, "The request did not arrive in time.", code="REQUEST_TIMEOUT", retryable=True))
        elif self._state is State.READING or self._state is State.LINGERING:
            self.close()  # which gives its client as long again for the end of a response
        else:  # of a response that has no other end, a plain one would be taken for its own
            reset(self.transport)
