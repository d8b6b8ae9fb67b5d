"""`httpserver.request_reader`: what a connection may cost before a request has come out of it, on real sockets."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from httpserver.connection import ConnectionLimits
from httpserver.framing import MAX_HEAD_BYTES, MAX_HEADERS
from httpserver.protocol import protocol
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME

SECONDS = 0.05
"""For a head."""

MAX_BODY_BYTES = 10_000
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


class App:
    """Reads bodies or does not, and answers after some time."""

    def __init__(self) -> None:
        self.reads = False
        self.takes_seconds = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while self.reads and (await receive()).get("more_body"):
            pass
        await asyncio.sleep(self.takes_seconds)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


Send = Callable[[Iterable[bytes], float], Any]


@pytest.fixture
async def served() -> AsyncIterator[tuple[App, Send]]:
    """An app behind a socket, and a function that sends pieces with pauses and returns all that comes back."""
    app = App()
    kind = protocol(ConnectionLimits(SECONDS, MAX_BODY_BYTES))
    config = uvicorn.Config(app, http=kind, log_config=None, access_log=False, ws="none", lifespan="off")
    config.load()
    state = ServerState()

    def connection() -> asyncio.Protocol:  # made as uvicorn makes it; its types call it a plain `Protocol`
        protocol_class = config.http_protocol_class
        return protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg] # see above

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)

    async def send(pieces: Iterable[bytes], pause: float = 0.0) -> bytes:
        async with _connected(server.sockets[0].getsockname()[1]) as (reader, writer):

            async def write() -> None:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause)

            writing = asyncio.create_task(write())
            found = bytearray()
            try:
                async with asyncio.timeout(2):
                    while piece := await reader.read(65_536):
                        found += piece
            except ConnectionError:
                pass
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            return bytes(found)

    yield app, send
    server.close()
    await asyncio.gather(*state.tasks, return_exceptions=True)


@asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def byte_by_byte(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


ENDLESS = byte_by_byte(b"GET / HTTP/1.1\r\nX: " + b"x" * 400)


@pytest.mark.parametrize("pieces", [[], ENDLESS, [b"\r\n"] * 400], ids=["nothing", "a head", "blank lines"])
async def test_a_head_that_comes_too_slowly_is_given_up(served: tuple[App, Send], pieces: list[bytes]) -> None:
    _, send = served
    status, _, _ = (await send(pieces, SECONDS / 10)).partition(b"\r\n")  # ids in the rest may have any digits
    assert b"200" not in status


@pytest.mark.parametrize("pieces", [ENDLESS, [b"\r\n"] * 400], ids=["a head", "blank lines"])
async def test_the_next_head_on_a_kept_connection_that_comes_too_slowly_is_given_up(
    served: tuple[App, Send], pieces: list[bytes]
) -> None:
    _, send = served
    assert (await send([GET, *pieces], SECONDS / 10)).count(b"200 OK") == 1


async def test_a_body_that_comes_too_slowly_after_the_answer_to_its_head_is_given_up(served: tuple[App, Send]) -> None:
    _, send = served
    assert (await send([POST, *byte_by_byte(b"x" * 400)], SECONDS / 10)).count(b"200 OK") == 1


async def test_a_request_under_way_takes_as_long_as_it_takes(served: tuple[App, Send]) -> None:
    """It has limits of its own: for its body, for its work."""
    app, send = served
    app.reads, app.takes_seconds = True, 2 * SECONDS
    closing = POST.replace(b"1000", b"10\r\nConnection: close")
    assert b"200 OK" in await send([closing, *byte_by_byte(b"x" * 10)], SECONDS / 4)


async def test_several_requests_on_one_connection_are_answered(served: tuple[App, Send]) -> None:
    _, send = served
    closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert (await send([GET, GET[:20], GET[20:], closing], SECONDS / 2)).count(b"200 OK") == 3


def counted(first: bytes, piece: bytes, sent: list[int]) -> Iterable[bytes]:
    """Yield 10 MB, and count how much of it was asked for."""
    yield first
    for _ in range(10_000_000 // len(piece)):
        sent[0] += len(piece)
        yield piece


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"GET / HTTP/1.1\r\nX: ", b"x" * 10_000),
        (b"GET / HTTP/1.1\r\n", b"x: y\r\n" * 1_000),
        (b"GET /?", b"x" * 10_000),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x: y\r\n" * 1_000),
        (CHUNKED + b"2\r\n{}\r\n0\r\nx: ", b"y" * 10_000),
        (CHUNKED + b"2;", b"x" * 10_000),
    ],
    ids=["a header", "headers", "an address", "trailers", "a trailer", "a chunk's extension"],
)
async def test_what_is_no_body_cannot_fill_the_memory(served: tuple[App, Send], first: bytes, piece: bytes) -> None:
    app, send = served
    app.reads = True
    sent = [0]
    assert b"200 OK" not in await send(counted(first, piece, sent))
    assert sent[0] < 5_000_000, "the connection was not closed"


@pytest.mark.parametrize("count", [MAX_HEADERS, MAX_HEADERS + 1])
async def test_more_headers_than_anybody_needs_are_refused(served: tuple[App, Send], count: int) -> None:
    _, send = served
    lines = b"".join(b"x%d: y\r\n" % number for number in range(count - 2))
    answer = await send([b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + lines + b"\r\n"])
    assert (b"200 OK" in answer) is (count <= MAX_HEADERS)


async def test_a_body_in_chunks_of_one_byte_is_read(served: tuple[App, Send]) -> None:
    app, send = served
    app.reads = True
    chunks = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"1\r\nx\r\n" * MAX_BODY_BYTES
    assert len(chunks) < MAX_HEAD_BYTES + 6 * MAX_BODY_BYTES
    assert b"200 OK" in await send([chunks, b"0\r\n\r\n"])


async def test_what_is_no_http_is_refused_in_json_with_the_headers_of_every_response(served: tuple[App, Send]) -> None:
    _, send = served
    head, _, body = (await send([b"NONSENSE\r\n\r\n"])).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"cache-control: private, no-store" in head.lower()
    assert b"x-content-type-options: nosniff" in head.lower()
    assert re.search(rb"\r\nx-request-id: [0-9a-f]{32}$", head)
    assert json.loads(body)["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "retryable": False}
