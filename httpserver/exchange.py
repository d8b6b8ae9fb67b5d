"""One request and its response, as the application sees them (ASGI 3.0) and as they stand on the connection.

The whole response is written at once where the application sends it at once. What it sends is checked as little as a
server may: nothing in a header can end its line, and a body is as long as its header says.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message

from httpserver.envelope import Envelope
from httpserver.framing import RequestHead
from httpserver.http_errors import internal_error
from httpserver.request import EXTENSION
from httpserver.response import CLOSE, header_lines, status_line

if TYPE_CHECKING:
    from httpserver.protocol import HTTPConnection

HIGH_WATER_BYTES = 65_536
"""Of a body that the application has not asked for yet. Then no more of it is read."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange:
    """A request with its response; `body` is what has come of the body, all of it where `is_whole`."""

    def __init__(
        self, connection: "HTTPConnection", head: RequestHead, state: dict[str, Any], body: bytes, *, is_whole: bool
    ) -> None:
        self._connection = connection
        self._head = head
        self._body: bytes | bytearray = body
        self._is_whole = is_whole
        self._is_gone = False
        self._continues = head.expects_continue and not is_whole
        self._has_changed: asyncio.Event | None = None
        self._start: Message | None = None
        self._length_left: int | None = None
        self._is_chunked = False
        self.has_started = False
        self.is_complete = False
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": head.version,
            "server": connection.server,
            "client": connection.client,
            "scheme": connection.scheme,
            "method": head.method,
            "root_path": "",
            "path": head.path,
            "raw_path": head.raw_path,
            "query_string": head.query_string,
            "headers": list(head.headers.fields),  # a middleware may change them; the next request may share the head
            "extensions": {EXTENSION: {"headers": head.headers, "is_whole": is_whole}},
            "state": state.copy(),
        }

    # From the connection

    def feed(self, data: bytes, *, is_last: bool) -> bool:
        """Take more of the body; return whether the application has to ask for it before more is read."""
        if not isinstance(self._body, bytearray):
            self._body = bytearray(self._body)
        self._body += data
        self._is_whole = is_last
        self._wake()
        return len(self._body) > HIGH_WATER_BYTES

    def probe(self) -> None:
        """Send an interim response (RFC 9110, 15.2), which a client that waits for its answer skips.

        The end of a half-closed client's side looks like that of a client that has gone; but the system of one that has
        gone resets the connection when bytes come.
        """
        if not self.has_started and self._head.version == "1.1":
            self._connection.write(CONTINUE)

    def disconnect(self) -> None:
        """Take note that the client has gone."""
        self._is_gone = True
        self._wake()

    def _wake(self) -> None:
        if self._has_changed is not None:
            self._has_changed.set()

    # From the application

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer; whatever it does, the request is answered or the connection ends."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:
            await self._answer_for(error)
            return
        except BaseException:  # cancelled: the client has gone, or the server must end now
            if not self._is_gone:
                self._connection.abort()
            raise
        if not self.is_complete and not self._is_gone:
            await self._answer_for(RuntimeError("the application returned without a whole response"))

    async def _answer_for(self, error: Exception) -> None:
        """Answer in place of an application that has failed, or end the connection where its response has begun."""
        response = internal_error(error)
        if self.is_complete or self._is_gone:
            return
        if self.has_started:
            self._connection.abort()
            return
        self._start = None
        response.headers = {**response.headers, "Connection": "close"}
        await Envelope(response)(self.scope, self.receive, self.send)

    async def receive(self) -> Message:
        """Return what has come of the body; `http.disconnect` when the client has gone or been answered."""
        if self._continues and not self.has_started and not self._is_gone:
            self._connection.write(CONTINUE)
        self._continues = False
        while not self._has_news():
            self._connection.resume_reading()
            self._has_changed = self._has_changed or asyncio.Event()
            self._has_changed.clear()
            await self._has_changed.wait()
        if self._is_gone or self.is_complete or self._body is None:
            return {"type": "http.disconnect"}
        body, more = bytes(self._body), not self._is_whole
        self._body = b"" if more else None  # type: ignore[assignment] # None: all of it was given on
        return {"type": "http.request", "body": body, "more_body": more}

    def _has_news(self) -> bool:
        if self._is_gone or self.is_complete:
            return True
        return self._body is not None and (self._is_whole or bool(self._body))

    async def send(self, message: Message) -> None:
        """Take a part of the response."""
        if self._is_gone:
            return
        if message["type"] == "http.response.start" and self._start is None:
            self._start = message
            return
        if message["type"] != "http.response.body" or self._start is None or self.is_complete:
            raise RuntimeError("the application sends what no response consists of")
        if self._connection.is_full():
            await self._connection.drain()
            if self._is_gone:
                return
        body, more = message.get("body", b""), message.get("more_body", False)
        head = b"" if self.has_started else self._begin(self._start, body, more=more)
        if self._head.method == "HEAD" or self._start["status"] in (204, 304):
            body = b""
        elif self._is_chunked:
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        elif self._length_left is not None:
            self._length_left -= len(body)
            if self._length_left < 0 or (self._length_left and not more):
                raise RuntimeError("the response's body is not as long as its Content-Length says")
        self.has_started = True
        self._connection.write(head + body)
        if not more:
            self.is_complete = True
            self._wake()
            self._connection.responded(closes=self._closes)

    def _begin(self, start: Message, body: bytes, *, more: bool) -> bytes:
        """Return the response's head; settle how its body is framed, and whether the connection ends with it."""
        connection = self._connection
        headers = list(start.get("headers", ()))
        named = dict(headers)
        says_close = CLOSE in connection.state.default_headers or named.get(b"connection", b"").lower() == b"close"
        self._closes = says_close or not self._head.keep_alive or connection.is_ending or not self._is_whole
        if self._closes and not says_close:
            headers.append(CLOSE)
        if b"content-length" in named:
            self._length_left = int(named[b"content-length"])
        elif start["status"] not in (204, 304) and self._head.method != "HEAD":
            if not more:
                self._length_left = len(body)
                headers.append((b"content-length", b"%d" % len(body)))
            elif self._head.version == "1.1":
                self._is_chunked = True
                headers.append((b"transfer-encoding", b"chunked"))
            elif not self._closes:
                raise AssertionError("HTTP/1.0 is never kept")
        return b"%s%s\r\n" % (
            status_line(start["status"]),
            header_lines([*connection.state.default_headers, *headers]),
        )
