"""One connection to a source, and one exchange at a time on it (HTTP/1.1: RFC 9112).

aiohttp's connector has opened it (names, TLS) and closes it. In between its transport is driven from here: a request
is written, and the reply is handed on in the turn of the loop in which its last byte came. aiohttp's session, by
streams and tasks that wake each other up, takes four times as long.
"""

import asyncio
from collections.abc import Callable

import aiohttp
from aiohttp.connector import Connection as Opened

from httpclient.content_encoding import BodyTooLarge, decompressed
from httpclient.response_parser import BODY_TOO_LARGE, CUT, ReplyParser
from httpclient.response_parser import MalformedResponse as MalformedResponse  # which `Ended` takes
from resolvers.reply import Headers, Reply


class ConnectionFailed(Exception):
    """Nothing came: no connection, or none that lasted. The text says what aiohttp or Python calls it."""


Ended = Callable[[Reply | ConnectionFailed | MalformedResponse], None]


class Connection(asyncio.Protocol):
    """A connection: `rested` is called when it can be used again, `lost` when it is gone."""

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
        self._parser = ReplyParser()
        self._ended: Ended | None = None
        self._max_bytes = 0
        self.rests_since = 0.0
        self.has_received = False
        """Whether a byte came in answer to the last request."""
        transport.set_protocol(self)
        # What is written leaves now, and not when the loop has done all else, as uvloop would: the source begins to
        # work meanwhile.
        transport.set_write_buffer_limits(high=0)

    @property
    def is_open(self) -> bool:
        """Whether a request can be written."""
        return not self._transport.is_closing()

    def exchange(self, request: bytes, max_bytes: int, ended: Ended) -> None:
        """Write a request; `ended` is called once, later, with the decompressed reply or with what came of it."""
        self._ended = ended
        self._max_bytes = max_bytes
        self.has_received = False
        self._parser.begin(max_bytes)
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
        self.has_received = True
        try:
            self._parser.feed(data)
        except MalformedResponse as error:
            self._end(error.with_traceback(None))
        else:
            if self._parser.reply is not None:
                self._end(self._parser.reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that no more will come."""
        self._handler.connection_lost(exc)  # for whoever closes the session and waits
        self.close()
        self._lost(self)
        self._end(self._at_the_end(exc))
        self._parser.forget()

    def _at_the_end(self, exc: Exception | None) -> Reply | ConnectionFailed | MalformedResponse:
        if not self._parser.has_head:
            return ConnectionFailed(type(exc or aiohttp.ServerDisconnectedError()).__name__)
        if exc is not None:
            return MalformedResponse(CUT)
        try:
            return self._parser.end()
        except MalformedResponse as error:
            return error.with_traceback(None)

    def _end(self, found: Reply | ConnectionFailed | MalformedResponse) -> None:
        ended, self._ended = self._ended, None
        can_rest = self._parser.can_rest
        self._parser.clear()
        if isinstance(found, Reply):
            found, is_sound = _plain(found, self._max_bytes)
            can_rest = can_rest and is_sound
        else:
            can_rest = False
        if can_rest and self.is_open:
            self._rested(self)
        else:
            self.close()
        if ended is not None:
            ended(found)


def _plain(reply: Reply, max_bytes: int) -> tuple[Reply | MalformedResponse, bool]:
    """Return the reply with its body decompressed, and whether its encoding was all that it should be."""
    if len(reply.body) > max_bytes:
        return MalformedResponse(BODY_TOO_LARGE), True
    assert isinstance(reply.headers, Headers)
    encodings = reply.headers.listed("Content-Encoding")
    if not encodings:
        return reply, True
    try:
        reply.body, is_sound = decompressed(reply.body, encodings, max_bytes)
    except BodyTooLarge:
        return MalformedResponse(BODY_TOO_LARGE), True
    except ValueError as error:
        return MalformedResponse(str(error)), True
    return reply, is_sound
