"""One connection to an origin, and one request at a time on it (HTTP/1.1: RFC 9112).

aiohttp's connector has opened it (names, TLS) and closes it. In between its transport is driven from here: a request
is written, and the response is handed on in the turn of the loop in which its last byte came. aiohttp's session, by
streams and tasks that wake each other up, takes four times as long.
"""

import asyncio
from collections.abc import Callable
from enum import Enum, auto

import aiohttp
from aiohttp.connector import Connection as Opened

from httpclient.content_encoding import BodyTooLarge, decompressed
from httpclient.failure_reason import failure_reason
from httpclient.response import BODY_TOO_LARGE, BYTE_ORDER_MARK, CUT, Headers, Response, ResponseParser
from httpclient.response import MalformedResponse as MalformedResponse  # which `Result` may be


class ConnectionFailed(Exception):
    """Nothing came: no connection, or none that lasted. The text says what aiohttp or Python calls it."""


class ReusedConnectionClosed(ConnectionFailed):
    """Not a byte came on a connection that had been used before: mostly the server had closed it meanwhile."""


class ConnectionState(Enum):
    """What a connection is doing. Between requests it is idle, and may be used for the next one."""

    NEW = auto()
    WAITING = auto()
    """A request is written, and no byte has come in answer to it."""
    RECEIVING = auto()
    IDLE = auto()
    CLOSED = auto()


Result = Response | ConnectionFailed | MalformedResponse

_IN_USE = (ConnectionState.WAITING, ConnectionState.RECEIVING)


class Connection(asyncio.Protocol):
    """A connection: `on_idle` is called when it can be used again, `on_closed` when it is gone."""

    def __init__(
        self, opened: Opened, on_idle: "Callable[[Connection], None]", on_closed: "Callable[[Connection], None]"
    ) -> None:
        handler, transport = opened.protocol, opened.transport
        if handler is None or transport is None or transport.is_closing():
            raise aiohttp.ServerDisconnectedError
        self._opened = opened
        self._handler = handler
        self._transport = transport
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._parser = ResponseParser()
        self.pending: asyncio.Future[Result] | None = None
        """What becomes of the request under way."""
        self._is_reused = False
        self.state = ConnectionState.NEW
        self.idle_since = 0.0
        self.is_closing = transport.is_closing
        """Whether no request can be written any more."""
        transport.set_protocol(self)
        # What is written leaves now, and not when the loop has done all else, as uvloop would: the server begins to
        # work meanwhile.
        transport.set_write_buffer_limits(high=0)

    def send(self, request: bytes, max_bytes: int, pending: asyncio.Future[Result]) -> None:
        """Write a request; `pending` gets, later, the decompressed response or the failure."""
        self.pending = pending
        self._is_reused = self.state is ConnectionState.IDLE
        self.state = ConnectionState.WAITING
        self._parser.most_bytes = max_bytes
        self._transport.write(request)

    def abort(self) -> None:
        """Close; nobody waits for the response any more."""
        self.pending = None
        self.state = ConnectionState.CLOSED
        self.close()

    def close(self) -> None:
        """Close, for the caller at once and for the other side soon; a request under way fails when that has heard."""
        if self.state not in _IN_USE:
            self.state = ConnectionState.CLOSED
        self._opened.close()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Parse; close where no response is awaited."""
        if self.state not in _IN_USE:
            self.close()
            return
        self.state = ConnectionState.RECEIVING
        try:
            response = self._parser.feed(data)
        except MalformedResponse as error:
            self._finish(error.with_traceback(None))
        else:
            if response is not None:
                self._finish(response)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the response, if it ends with the connection, or fail the request."""
        self._handler.connection_lost(exc)  # for whoever closes the session and waits
        self.close()
        self._on_closed(self)
        self._finish(self._result_at_end(exc))
        self._parser.close()

    def _result_at_end(self, exc: Exception | None) -> Result:
        if not self._parser.has_head:
            reason = failure_reason(exc or aiohttp.ServerDisconnectedError())
            if self._is_reused and self.state is ConnectionState.WAITING:
                return ReusedConnectionClosed(f"{reason} on a kept connection")
            return ConnectionFailed(reason)
        if exc is not None:
            return MalformedResponse(CUT)
        try:
            return self._parser.end()
        except MalformedResponse as error:
            return error.with_traceback(None)

    def _finish(self, result: Result) -> None:
        pending, self.pending = self.pending, None
        keep_alive = False
        if isinstance(result, Response):
            result, is_sound = _decoded(result, self._parser.most_bytes, is_encoded=self._parser.is_encoded)
            keep_alive = is_sound and self._parser.keep_alive
        if keep_alive and not self.is_closing():
            self.state = ConnectionState.IDLE
            self._on_idle(self)
        else:
            self.state = ConnectionState.CLOSED
            self.close()
        if pending is not None and not pending.done():
            pending.set_result(result)


def _decoded(response: Response, max_bytes: int, *, is_encoded: bool) -> tuple[Response | MalformedResponse, bool]:
    """Return the response with its body decompressed, and whether the body was all that it should be.

    A byte order mark before JSON (RFC 8259, 8.1: "MUST NOT") is left to whoever reads the body.
    """
    if len(response.body) > max_bytes:
        return MalformedResponse(BODY_TOO_LARGE), True
    is_sound = True
    if is_encoded:
        assert isinstance(response.headers, Headers)
        try:
            encodings = response.headers.listed("Content-Encoding")
            response.body, is_sound = decompressed(response.body, encodings, max_bytes)
        except BodyTooLarge:
            return MalformedResponse(BODY_TOO_LARGE), True
        except ValueError as error:
            return MalformedResponse(str(error)), True
    return response, is_sound and not response.body.startswith(BYTE_ORDER_MARK)
