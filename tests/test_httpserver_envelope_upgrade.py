"""`httpserver.envelope`: a request that offers an upgrade is one request, and nothing in its body becomes another.

Each way of running is a process of its own, which all tests ask, over raw sockets.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from benchmarks.running import running
from tests.processes import ROOT
from tests.sockets import asking
from tests.waiting import PATIENCE_SECONDS

BODY = b'{"query":"{ __typename }"}'
SMUGGLED = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: smuggled\r\n" + (
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
)
DOCUMENTED = re.search(r"^uvicorn (.+?) *#", (ROOT / "docs" / "operating.md").read_text("utf-8"), re.MULTILINE)
"""The command that `docs/operating.md` names."""
APPLICATION = ["--app-dir", ".", "--factory", "server:create_app"]
WAYS = {
    "server.py": ["server.py", "--demo", "--port", "0"],
    "uvicorn over httptools": ["--http", "httptools", *APPLICATION],
    "uvicorn over h11": ["--http", "h11", *APPLICATION],
    "uvicorn as documented": DOCUMENTED[1].split() if DOCUMENTED else [],
}
COMMAND = ["-c", "import sys, runpy; sys.stderr = sys.stdout; runpy.run_module('uvicorn', run_name='__main__')"]
SOURCE = {"CHARTMOGUL_API_KEY": "key", "PYTHONUNBUFFERED": "1"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ports() -> AsyncIterator[dict[str, int]]:
    """The port of a server for each way, all started at once."""
    async with AsyncExitStack() as stack:
        started = [
            running(WAYS[way], r"http://127\.0\.0\.1:(\d+)/graphql", {})
            if way == "server.py"
            else running([*COMMAND, *WAYS[way], "--port", "0"], r"running on http://127\.0\.0\.1:(\d+)", SOURCE)
            for way in WAYS
        ]
        found = await asyncio.gather(*(stack.enter_async_context(one) for one in started))
        yield {way: int(one.match[1]) for way, one in zip(WAYS, found, strict=True)}


async def sent(port: int, *pieces: bytes) -> bytes:
    """Send pieces with a pause between them; return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.05)  # the server reads each by itself; a process of its own has a clock of its own
        async with asyncio.timeout(PATIENCE_SECONDS):
            while piece := await reader.read(65_536):
                found += piece
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.close()
    return found


def offering(kind: bytes, body: bytes) -> bytes:
    lines = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + kind, b"HTTP2-Settings: AAMAAABkAAQAAP__"]
    head = [b"POST /graphql HTTP/1.1", b"Host: 127.0.0.1", b"Content-Type: application/json", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", b""])


@pytest.mark.parametrize("way", WAYS)
async def test_the_body_of_a_request_that_offers_an_upgrade_is_never_read_as_a_request(
    ports: dict[str, int], way: str
) -> None:
    connect = (
        SMUGGLED.replace(b"POST /graphql", b"CONNECT 127.0.0.1:80", 1)
        .replace(b"smuggled", b"first")
        .partition(b"\r\n\r\n")[0]
    )
    connect = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(SMUGGLED), connect) + b"\r\n\r\n"
    port = ports[way]
    cuts = [
        pieces
        for head in (offering(b"h2c", SMUGGLED), offering(b"websocket", SMUGGLED), connect)
        for pieces in ([head + SMUGGLED], [head, SMUGGLED], [head[:40], head[40:], SMUGGLED[:30], SMUGGLED[30:]])
    ]
    for found in await asyncio.gather(*(sent(port, *pieces) for pieces in cuts)):
        # None: the close of a connection with unread bytes resets it.
        assert len(re.findall(rb"HTTP/1\.1 [2-5]\d\d ", found)) <= 1, found
        assert b"smuggled" not in found
        assert b'__typename":"Query' not in found
    assert b'{"data":{"__typename":"Query"}' in await sent(port, asking("{ __typename }", b"Connection: close"))


@pytest.mark.parametrize("way", ["server.py", "uvicorn over h11", "uvicorn as documented"])
async def test_the_body_of_a_request_that_offers_an_upgrade_is_read(ports: dict[str, int], way: str) -> None:
    body = json.dumps({"query": "{ __typename }"}).encode()
    port = ports[way]
    cuts = ([offering(b"h2c", body) + body], [offering(b"h2c", body), body])
    for found in await asyncio.gather(*(sent(port, *pieces) for pieces in cuts)):
        assert b'{"data":{"__typename":"Query"}' in found


CHUNKED = (
    b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
)
CHUNKS = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(CHUNKED + b"Host: 127.0.0.1\r\n\r\n" + CHUNKS + b"\r\n", b"200", id="none"),
        pytest.param(
            CHUNKED + b"Host: 127.0.0.1\r\n\r\n" + CHUNKS + b"Accept: text/csv\r\n\r\n", b"200", id="a trailer"
        ),
        pytest.param(CHUNKED + b"\r\n" + CHUNKS + b"\r\n", b"400", id="no Host"),
        pytest.param(
            CHUNKED + b"Host: 127.0.0.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n" + CHUNKS + b"\r\n",
            b"200",
            id="an upgrade",
        ),
    ],
)
async def test_the_documented_command_of_uvicorn_frames_requests_as_the_server_does(
    ports: dict[str, int], request_: bytes, status: bytes
) -> None:
    assert DOCUMENTED
    assert "httpserver.protocol:HTTPConnection" in DOCUMENTED[1]
    assert (await sent(ports["uvicorn as documented"], request_)).split(b" ")[1] == status


@pytest.mark.parametrize("way", ["uvicorn over httptools", "uvicorn over h11"])
async def test_what_another_framing_may_have_changed_is_refused(ports: dict[str, int], way: str) -> None:
    """httptools makes headers of trailers: a credential in one would count."""
    head = CHUNKED + b"Host: 127.0.0.1\r\n\r\n"
    for request_ in (head + CHUNKS + b"X-API-Key: from-a-trailer\r\n\r\n", head + CHUNKS + b"\r\n"):
        found = await sent(ports[way], request_)
        assert found.startswith(b"HTTP/1.1 411 ")
        assert b"connection: close" in found.lower()
    if way == "uvicorn over httptools":  # h11 refuses it by itself
        twice = asking("{ __typename }", b"Connection: close", b"Host: elsewhere.example.com")
        assert (await sent(ports[way], twice)).startswith(b"HTTP/1.1 400 ")
