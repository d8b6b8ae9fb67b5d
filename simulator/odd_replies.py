"""The vendor's real answer, written as no server should write it and as clients read it all the same."""

import gzip
from collections.abc import Callable

from .fault_rules import Fault
from .replies import JSON
from .wire import Answered, Exchange, finish, head, send


def folded_headers() -> Fault:
    """Break header lines as RFC 9112, 5.2, tells senders not to and user agents to read."""
    return _written(
        "folded headers",
        lambda status, body: _head(status, body).replace(b": ", b":\r\n ").replace(b"; ", b";\r\n\t") + body,
    )


def bare_line_feeds() -> Fault:
    """End the lines of the head without a carriage return (RFC 9112, 2.2)."""
    return _written("bare line feeds", lambda status, body: _head(status, body).replace(b"\r\n", b"\n") + body)


def padded_chunks() -> Fault:
    """Send one chunk, with blanks behind its size, as some old servers do."""

    def write(status: int, body: bytes) -> bytes:
        start = head(status, {"Content-Type": JSON, "Transfer-Encoding": "chunked"})
        return start + b"%x   \r\n%b\r\n0 \r\n\r\n" % (len(body), body)

    return _written("padded chunks", write)


def padded_gzip() -> Fault:
    """Compress the body, and put zeros behind it."""

    def write(status: int, body: bytes) -> bytes:
        packed = gzip.compress(body) + bytes(64)
        return _head(status, packed, {"Content-Encoding": "gzip"}) + packed

    return _written("padded gzip", write)


def charset_as_encoding() -> Fault:
    """Name the charset where the content coding should be."""
    return _written(
        "charset as encoding", lambda status, body: _head(status, body, {"Content-Encoding": "utf-8"}) + body
    )


def byte_order_mark() -> Fault:
    """Put a byte order mark before the JSON."""

    def write(status: int, body: bytes) -> bytes:
        marked = b"\xef\xbb\xbf" + body
        return _head(status, marked) + marked

    return _written("byte order mark", write)


def _head(status: int, body: bytes, others: dict[str, str] | None = None) -> bytes:
    return head(status, {"Content-Type": JSON, "Content-Length": str(len(body)), **(others or {})})


def _written(name: str, write: Callable[[int, bytes], bytes]) -> Fault:
    async def respond(exchange: Exchange) -> Answered:
        real = await exchange.real()
        send(exchange.request, write(real.status, real.payload()))
        finish(exchange.request)
        return Answered(real.status)

    return Fault(name, respond)
