"""One connection to a source, and one exchange at a time on it (HTTP/1.1: RFC 9112).

aiohttp's connector has opened it (names, TLS) and closes it. In between its transport is driven from here, with
httptools' parser: a request is written, and the reply is handed on in the turn of the loop in which its last
byte came. aiohttp's session, by streams and tasks that wake each other up, takes four times as long.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.connector import Connection as Opened
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from resolvers.encoding import BodyTooLarge, decompressed
from resolvers.reply import Headers, Reply

MOST_FRAMING_BYTES = 65_536
"""Of a reply's head, and of all else that is not its body, but for what each chunk may take beyond that."""

MOST_FRAMING_BYTES_OF_A_CHUNK = 8


class NoReply(Exception):
    """Nothing came: no connection, or none that lasted. The text says what aiohttp or Python calls it."""


class Garbled(Exception):
    """What came is not an HTTP reply, not a whole one, or too large. The text says which, and nothing of what came."""


TOO_LARGE = "the body is too large"

Ended = Callable[[Reply | NoReply | Garbled], None]


class Connection(asyncio.Protocol):
    """A connection: `rested` is called when it can be used again, `lost` when it is gone."""

    _status: int | None
    _headers: list[tuple[bytes, bytes]]
    _body: bytes | bytearray
    _reply: Reply | None

    def __init__(
        self, opened: Opened, rested: "Callable[[Connection], None]", lost: "Callable[[Connection], None]"
    ) -> None:
        handler, transport = opened.protocol, opened.transport
        if handler is None or transport is None or transport.is_closing():
            raise aiohttp.ServerDisconnectedError
        self._opened = opened
        self._handler = handler
        self._transport = transport
        self._rested = rested
        self._lost = lost
        self._parser: Any = HttpResponseParser(self)
        self._ended: Ended | None = None
        self._begin_anew()
        self.rests_since = 0.0
        transport.set_protocol(self)
        # What is written leaves now, and not when the loop has done all else, as uvloop would: the source begins to
        # work meanwhile.
        transport.set_write_buffer_limits(high=0)

    @property
    def is_open(self) -> bool:
        """Whether a request can be written."""
        return not self._transport.is_closing()

    @property
    def has_received(self) -> bool:
        """Whether a byte came in answer to the last request."""
        return self._received > 0

    def exchange(self, request: bytes, max_bytes: int, ended: Ended) -> None:
        """Write a request; `ended` is called once, later, with the decompressed reply or with what came of it."""
        self._ended = ended
        self._max_bytes = max_bytes
        self._received = 0
        self._can_rest = True
        self._transport.write(request)

    def abandon(self) -> None:
        """Break off; the reply is nobody's."""
        self._ended = None
        self.close()

    def close(self) -> None:
        """Close, at once for whoever asks and soon for the other side."""
        self._opened.close()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._ended is None:
            self.close()  # nothing was asked
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._can_rest = False
        except HttpParserError:
            self._can_rest = False
            if self._reply is None:
                self._end(Garbled("not an HTTP reply"))
                return
        if self._reply is not None:
            self._end(self._reply)
        elif (
            len(self._body) > self._max_bytes
            or self._received - len(self._body) > MOST_FRAMING_BYTES + MOST_FRAMING_BYTES_OF_A_CHUNK * self._pieces
        ):
            self._end(Garbled(TOO_LARGE))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that no more will come."""
        self._handler.connection_lost(exc)  # for whoever closes the session and waits
        self.close()
        self._lost(self)
        if self._status is None:
            self._end(NoReply(type(exc or aiohttp.ServerDisconnectedError()).__name__))
        elif exc is None and self._ends_with_the_connection():
            self._end(self._read(self._status))
        else:
            self._end(Garbled("the connection ended before the reply did"))
        self._parser = None  # which knows this

    # httptools' parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is none, nor is what belongs to a second reply."""
        if self._status is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the status."""
        self._status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._pieces += 1
        if self._pieces == 3:
            self._body = bytearray(self._body)  # as objects, pieces of two bytes would take twenty times as much
        self._body += data  # mostly all of it, or the second half

    def on_message_begin(self) -> None:
        """Take a second reply for what it is: another's, or nobody's."""
        if self._reply is not None:
            self._can_rest = False

    def on_message_complete(self) -> None:
        """Take the reply, if it is more than information about one to come (RFC 9110, 15.2)."""
        if self._reply is not None:
            return
        assert self._status is not None
        if self._status < 200 and self._status != 101:
            self._begin_anew()
            return
        self._reply = self._read(self._status)
        self._can_rest = self._parser.should_keep_alive()

    def _begin_anew(self) -> None:
        """Forget what was: while the connection rests, nobody needs it."""
        self._reply = None
        self._status = None
        self._headers = []
        self._body = b""
        self._pieces = 0

    def _read(self, status: int) -> Reply:
        return Reply(status, Headers(self._headers), bytes(self._body))

    def _ends_with_the_connection(self) -> bool:
        """Whether the body is all that comes until the connection ends (RFC 9112, 6.3)."""
        headers = Headers(self._headers)
        return not headers.get("Content-Length") and "chunked" not in headers.get("Transfer-Encoding").lower()

    def _end(self, found: Reply | NoReply | Garbled) -> None:
        ended, self._ended = self._ended, None
        self._begin_anew()
        if isinstance(found, Reply):
            found = _plain(found, self._max_bytes)
            if self._can_rest and self.is_open:
                self._rested(self)
            else:
                self.close()
        else:
            self.close()
        if ended is not None:
            ended(found)


def _plain(reply: Reply, max_bytes: int) -> Reply | Garbled:
    """Return the reply with its body decompressed."""
    if len(reply.body) > max_bytes:
        return Garbled(TOO_LARGE)
    if encoding := reply.headers.get("Content-Encoding", ""):
        try:
            reply.body = decompressed(reply.body, encoding.lower(), max_bytes)
        except BodyTooLarge:
            return Garbled(TOO_LARGE)
        except ValueError as error:
            return Garbled(str(error))
    return reply
