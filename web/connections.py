"""What a connection may cost before a request has come out of it: time, and memory.

uvicorn waits for ever for a request's head, and its parser in C keeps a head of any size. Here a connection is closed
if the head that it owes is not there in time, if the head is too large, or if a message is far longer than any body
that would be read: endless trailers, or the rest of an upload that was refused. A request that comes in one piece costs
about a microsecond more.
"""

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.parameters import JSON
from web.problems import HTTPProblem
from web.security_headers import SECURITY_HEADERS

MAX_HEAD_BYTES = 65_536
"""The bound that h11 has, too."""

MAX_HEADERS = 200


def _refusal(status: str, message: str) -> bytes:
    """Return a whole response for a connection that is then closed; the application never sees such a request."""
    body = orjson.dumps(HTTPProblem(int(status[:3]), message).body)
    headers = {"Content-Type": JSON, "Content-Length": str(len(body)), "Connection": "close", **SECURITY_HEADERS}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("ascii") + body


TOO_LARGE = _refusal("431 Request Header Fields Too Large", "The request's head is too large.")
MALFORMED = _refusal("400 Bad Request", "This is not an HTTP request.")

if TYPE_CHECKING:
    Protocol = H11Protocol  # what uvicorn's two protocols have in common is nowhere written down
else:
    Protocol = object


class Bounded(Protocol):
    """Closes a connection on which nothing is under way and no whole head arrives in time, or one too large.

    uvicorn's own timer looks after connections on which nothing arrives after an answer, and the first byte stops it.
    """

    head_timeout_seconds: ClassVar[float]
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Take a new connection."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.head_timeout_seconds, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Take some bytes."""
        super().data_received(data)
        if self.headers and len(self.headers) > MAX_HEADERS:
            self._refuse()
        elif self.cycle is None or self.cycle.response_complete:
            if self._deadline is None and not self.transport.is_closing():
                self._deadline = self.loop.call_later(self.head_timeout_seconds, self._give_up)
        elif self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in JSON and with the headers of every other response."""
        if not self.transport.is_closing():
            self.transport.write(MALFORMED)
            self.transport.close()

    def _give_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.shutdown()

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(TOO_LARGE)
            self.transport.close()


def protocol(*, head_timeout_seconds: float, max_body_bytes: int) -> type[asyncio.Protocol]:
    """Return the protocol for uvicorn's `http`: over httptools where there is one, else over h11."""
    members: dict[str, Any] = {"head_timeout_seconds": head_timeout_seconds}
    if find_spec("httptools") is None:
        return type("H11", (Bounded, H11Protocol), members)
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class HttpTools(HttpToolsProtocol):
        """Counts a message's bytes, which h11 does by itself."""

        _message_bytes = 0
        # Sent in chunks of one byte each, a body takes six times its length.
        _most_bytes = MAX_HEAD_BYTES + 6 * max_body_bytes

        def on_message_begin(self) -> None:
            self._message_bytes = 0
            super().on_message_begin()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._message_bytes += len(data)
            is_head = self.scope is None or "method" not in self.scope
            if self._message_bytes > (MAX_HEAD_BYTES if is_head else self._most_bytes):
                self._refuse()  # type: ignore[attr-defined] # of `Bounded`, which comes before it

    return type("HttpTools", (Bounded, HttpTools), members)
