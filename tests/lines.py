"""`httpclient.connection` over a pipe of no substance: byte by byte and without sockets."""

from typing import Any

from httpclient.connection import Connection, ConnectionFailed, MalformedResponse
from httpclient.response import Response


class Pipe:
    """What aiohttp's connector gives: a connection with a protocol and a transport, all in one and of no substance."""

    def __init__(self) -> None:
        self.protocol: Any = self
        self.transport: Any = self
        self.written = b""
        self.is_shut = False
        self.lost: list[Exception | None] = []

    def set_protocol(self, _: object) -> None: ...

    def set_write_buffer_limits(self, high: int) -> None: ...

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_shut

    def close(self) -> None:
        self.is_shut = True

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)


class Line:
    """A connection over a pipe, and what became of it."""

    def __init__(self) -> None:
        self.pipe = Pipe()
        self.idle: list[Connection] = []
        self.closed: list[Connection] = []
        self.found: list[Response | ConnectionFailed | MalformedResponse] = []
        opened: Any = self.pipe
        self.connection = Connection(opened, self.idle.append, self.closed.append)
        self.set_result = self.found.append

    def done(self) -> bool:
        """Return, as a future does, whether a result would come too late."""
        return False

    def ask(self, *pieces: bytes, max_bytes: int = 100) -> Response | ConnectionFailed | MalformedResponse:
        """Return what is found when these bytes come; `end` has to bring it about if they do not."""
        pending: Any = self
        self.connection.send(b"GET", max_bytes, pending)
        for piece in pieces:
            self.connection.data_received(piece)
        return self.found[-1] if self.found else ConnectionFailed("nothing yet")

    @property
    def can_be_used_again(self) -> bool:
        return bool(self.idle) and not self.pipe.is_shut
