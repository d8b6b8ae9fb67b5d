"""Requests framed, cut and joined at random: what the server executes is what h11 reads in the same bytes.

Where the server is stricter, which RFC 9112 allows or asks for (`STRICTER`), it refuses and ends the connection; what
was executed before is still the same. `FUZZ_EXAMPLES` makes it longer: `make fuzz`.
"""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpserver.request import HttpRequest
from tests.fuzzing import EXAMPLES, bounded
from tests.sockets import Served, connections

Executed = list[tuple[bytes, bytes, bytes]]

TARGETS = [b"/graphql", b"/graphql", b"/other?a=b", b"http://a/graphql"]
METHODS = [b"POST", b"POST", b"PUT", b"GET"]
BODIES = [
    b"",
    b"{}",
    b"x" * 30,
    b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    b"0\r\n\r\n",
    b"\r\n\r\n",
]
HARMLESS = [
    b"Origin: https://a.example",
    b"Authorization: Bearer x",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA",
    b"Upgrade: websocket",
    b"Connection: keep-alive",
    b"Expect: 100-continue",
    b"X-Empty:",
    b"TE: trailers",
]
STRICTER = {
    "9112 5.2, folded lines": b"X: a\r\n b",
    "9112 6.1, a length beside it": b"Transfer-Encoding: chunked\r\nContent-Length: 1",
    "9112 6.1, other codings": b"Transfer-Encoding: gzip",
    "9112 6.3, equal lengths": b"Content-Length: 1\r\nContent-Length: 1",
    "9112 3.2, Host": b"Host: b",
    "9110 10.1.1, other expectations": b"Expect: else",
    "9112 5.1, a space before the colon": b"X : a",
    "9110 5.5, NUL": b"X: \x00",
}
FIRST_LINES = [
    b"CONNECT a:1 HTTP/1.1",
    b"PRI * HTTP/2.0",
    b"GET http://b/ HTTP/1.1",
    b"GET  / HTTP/1.1",
    b"\x16\x03\x01",
]
REFUSALS = (b"400", b"417", b"501", b"505")


@st.composite
def a_request(draw: st.DrawFn, *, valid: bool) -> bytes:
    method, target, body = (draw(st.sampled_from(one)) for one in (METHODS, TARGETS, BODIES))
    lines = draw(st.lists(st.sampled_from(HARMLESS), max_size=3, unique=True))
    version = draw(st.sampled_from([b"1.1"] * 5 + [b"1.0"]))
    first = b"%s %s HTTP/%s" % (method, target, version)
    if draw(st.booleans()) and version == b"1.1":
        lines.append(b"Transfer-Encoding: chunked")
        body = draw(chunks(body))
    else:
        lines.append(b"Content-Length: %d" % len(body))
    if draw(st.integers(0, 5)) == 0:
        lines.append(b"Connection: close")
    if not valid:
        if draw(st.booleans()):
            lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(list(STRICTER.values()))))
        else:
            first = draw(st.sampled_from(FIRST_LINES))
    return b"\r\n".join([first, b"Host: a", *lines, b"", b""]) + body


@st.composite
def chunks(draw: st.DrawFn, body: bytes) -> bytes:
    found, at = b"", 0
    while at < len(body):
        size = draw(st.integers(1, len(body) - at))
        extension = draw(st.sampled_from([b"", b"", b";a=b", b';a="b;c"', b"  "]))
        found += b"%x%s\r\n%s\r\n" % (size, extension, body[at : at + size])
        at += size
    trailers = draw(st.sampled_from([b"", b"", b"X-API-Key: stolen\r\n", b"Content-Length: 5\r\nHost: b\r\n"]))
    return found + b"0\r\n" + trailers + b"\r\n"


@st.composite
def pieces(draw: st.DrawFn, *, valid: bool) -> list[bytes]:
    """Requests one behind the other, cut anywhere."""
    flags = draw(st.lists(st.booleans(), min_size=1, max_size=4))
    data = b"".join(draw(a_request(valid=valid or flag)) for flag in flags)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if b > a]


def as_h11_reads(data: bytes) -> tuple[Executed, bool]:
    """Return the requests, and whether what is behind them is none."""
    connection, found = h11.Connection(h11.SERVER), []
    connection.receive_data(data)
    while True:
        body, request = b"", None
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError:
                return found, True
            if event in (h11.NEED_DATA, h11.PAUSED):
                return found, False
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
        if request is None:
            return found, False
        found.append((request.method, re.sub(rb"^http://a", b"", request.target), body))
        connection.send(h11.Response(status_code=404, headers=[(b"content-length", b"0")]))
        connection.send(h11.EndOfMessage())
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return found, False
        connection.start_next_cycle()


class Written:
    """A transport in memory."""

    def __init__(self) -> None:
        self.data, self.is_closed = b"", False

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.is_closed = True

    abort = write_eof = close

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, _: str, default: Any = None) -> Any:
        return default


async def as_served(parts: list[bytes]) -> tuple[Executed, list[bytes], bool]:
    """Return what was executed, the statuses of the responses, and whether the connection was closed."""
    executed: Executed = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = HttpRequest.from_scope(scope, receive).body
        if body is None:
            body, more = b"", True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body, more = body + message["body"], message["more_body"]
        assert b"x-api-key" not in dict(scope["headers"])
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        executed.append((scope["method"].encode(), scope["raw_path"] + query, body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    connection, transport = Served(connections(), app, 2).connection(), Written()
    connection.connection_made(transport)
    for part in parts:
        connection.data_received(part)
        for _ in range(8):
            await asyncio.sleep(0)
    for _ in range(40):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    await asyncio.sleep(0)
    return executed, re.findall(rb"HTTP/1\.1 ([2-5]\d\d) ", transport.data), transport.is_closed


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


@settings(bounded, max_examples=max(150, EXAMPLES))
@given(parts=pieces(valid=True))
def test_valid_requests_are_executed_as_h11_reads_them(runner: asyncio.Runner, parts: list[bytes]) -> None:
    executed, statuses, _ = runner.run(as_served(parts))
    assert executed == as_h11_reads(b"".join(parts))[0]
    assert statuses == [b"200"] * len(executed)


@settings(bounded, max_examples=max(150, EXAMPLES))
@given(parts=pieces(valid=False))
def test_behind_something_invalid_nothing_is_executed(runner: asyncio.Runner, parts: list[bytes]) -> None:
    executed, statuses, is_closed = runner.run(as_served(parts))
    read, fails = as_h11_reads(b"".join(parts))
    assert executed == read[: len(executed)]
    refusals = statuses[len(executed) :]
    assert statuses[: len(executed)] == [b"200"] * len(executed)
    if len(executed) < len(read) or fails:
        assert len(refusals) == 1, (statuses, read)
        assert refusals[0] in REFUSALS
        assert is_closed
