"""What a connection may cost before a request has come out of it: time, and memory.

uvicorn waits for ever for a request's head, and its parser in C keeps a head of any size. Here a connection is closed
if the head that it owes is not there in time, if the head is too large, or if a message is far longer than any body
that would be read: endless trailers, or the rest of an upload that was refused. A request that comes in one piece costs
about a microsecond more.
"""

import asyncio
from typing import TYPE_CHECKING, ClassVar

import orjson

from web.media_types import JSON
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
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Protocol  # h11's has the same names
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
        else:
            self.head_is_here()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection."""
        self.head_is_here()
        super().connection_lost(exc)

    def head_is_here(self) -> None:
        """Wait no more for one."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

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
