"""Behind nginx and haproxy, which use one connection for many callers, nobody's bytes become another's request.

A stranger has no password of the proxy, and what it may reach (`/health/`) tells nothing. What a stranger smuggles asks
for a record that nobody else asks for, so the sources tell whether it was executed.
"""

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.running import running, running_server
from simulator import Simulator
from tests.harness import DEFAULTS
from tests.proxies import NGINX_MAPS, PASSWORD, USER, Response, in_front, needs, read_response, send
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = 1427000501
SMUGGLED, FIRST, SECOND = range(ID + 1, ID + 4)
ROUNDS = 4
BASIC = b"Authorization: Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode())
OFFERS = {
    "x": (b"Connection: Upgrade", b"Upgrade: x"),
    "websocket": (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    "h2c": (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
}
PADDING = {"as it is": b"", "behind blank lines": b"\r\n" * 100_000}
"""Before a request empty lines are skipped (RFC 9112, 2.2): so many, that the server reads them in several pieces."""

NGINX = [f"nginx-{map_}-{buffering}" for map_ in NGINX_MAPS for buffering in ("on", "off")]
PROXIES = [
    *(pytest.param(name, marks=needs("nginx")) for name in NGINX),
    pytest.param("haproxy", marks=needs("haproxy")),
]


def head(first: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join([first, b"Host: localhost", *lines, b"", b""])


def post(body: bytes, *lines: bytes, target: bytes = b"/graphql") -> bytes:
    json_ = b"Content-Type: application/json"
    return head(b"POST %s HTTP/1.1" % target, json_, *lines, b"Content-Length: %d" % len(body)) + body


def asking(number: int, *lines: bytes) -> bytes:
    query = f'{{ nexudusOpportunity(sourceId: "{number}") {{ sourceId name coworker {{ email }} }} }}'
    return post(json.dumps({"query": query}).encode(), *lines)


ALIVE = head(b"GET /health/live HTTP/1.1")
STOLEN = asking(SMUGGLED)


UVICORN = [
    *("-c", "import sys, runpy; sys.stderr = sys.stdout; runpy.run_module('uvicorn', run_name='__main__')"),
    *("--app-dir", ".", "--http", "httptools", "--port", "0", "--factory", "server:create_app"),
]
"""Uvicorn's own command, which says on standard error where it listens."""


@dataclass
class Street:
    """Servers over one simulator, and the proxies in front of them."""

    simulator: Simulator
    sockets: dict[str, Path]
    port: int

    def was_executed(self) -> bool:
        """Whether a source has been asked for what was smuggled."""
        return any(str(SMUGGLED) in call.ids for call in self.simulator.calls)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    keys = [f"{name} {sha256(name.encode()).hexdigest()} opportunities:read contacts:read" for name in ("ada", "bob")]
    simulator = Simulator()
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(simulator.serve())
        simulator.nexudus.latency_seconds = (0.01, 0.01)  # or an answer is there before anybody else can ask
        settings = DEFAULTS | simulator.environment(urls) | {"UPSTREAM_COST": "false"}
        store = {"STORE_URL": str(tmp_path_factory.mktemp("store") / "deals.db")}
        modes = {"proxy": {"AUTHENTICATION": "proxy"}, "keys": {"API_KEYS": "\n".join(keys), **store}}
        factory = await stack.enter_async_context(running(UVICORN, r"running on \S+:(\d+)", settings | modes["proxy"]))
        ports = {"factory": int(factory.match[1])}
        for mode, its_own in modes.items():
            _, url = await stack.enter_async_context(running_server(**settings, **its_own))
            ports[mode] = int(url.rpartition(":")[2])
        sockets = await stack.enter_async_context(in_front(tmp_path_factory.mktemp("proxies"), ports))
        yield Street(simulator, sockets, ports["keys"])


@pytest.fixture
def quiet(street: Street) -> Street:
    """Forget what the sources were asked."""
    street.simulator.calls.clear()
    return street


def cut(request: bytes) -> list[list[bytes]]:
    """Return a request in one piece, and with its body behind its head."""
    first, blank, body = request.partition(b"\r\n\r\n")
    return [[request], [first + blank, body]]


def is_about(answer: Response, number: int) -> bool:
    """Whether an answer holds this record and no other."""
    return answer.status == 200 and json.loads(answer.body)["data"]["nexudusOpportunity"]["sourceId"] == str(number)


@pytest.mark.parametrize("padding", PADDING)
@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("server", ["proxy", "factory"])
async def test_a_stranger_reads_nothing_by_a_body_behind_the_offer_of_an_upgrade(
    quiet: Street, server: str, proxy: str, offer: str, padding: str
) -> None:
    """Run by `python server.py`, and by uvicorn's own command."""
    path = quiet.sockets[f"{proxy}-{server}"]
    poison = post(PADDING[padding] + STOLEN, *OFFERS[offer], target=b"/health/live")
    for _ in range(ROUNDS // 2):
        for pieces in cut(poison):
            read = [await send(path, *pieces), await send(path, ALIVE)]
            assert is_about(await send(path, asking(FIRST, BASIC)), FIRST)
            read.append(await send(path, ALIVE))
            assert [answer.body for answer in read[1:]] == [b'{"status":"live"}'] * 2
            assert b"sourceId" not in read[0].body
    assert not quiet.was_executed()


@pytest.mark.parametrize("padding", PADDING)
@pytest.mark.parametrize("offer", ["x", "h2c"])
@pytest.mark.parametrize("proxy", PROXIES)
async def test_two_callers_never_get_each_others_answers(quiet: Street, proxy: str, offer: str, padding: str) -> None:
    path = quiet.sockets[f"{proxy}-keys"]
    poison = post(PADDING[padding] + asking(SMUGGLED, b"X-API-Key: ada"), b"X-API-Key: ada", *OFFERS[offer])
    for _ in range(ROUNDS // 2):
        for pieces in cut(poison):
            await send(path, *pieces)
            assert is_about(await send(path, asking(FIRST, b"X-API-Key: bob")), FIRST)
            assert is_about(await send(path, asking(SECOND, b"X-API-Key: ada")), SECOND)
    assert not quiet.was_executed()


LENGTH = b"Content-Length: %d" % len(STOLEN)
CHUNKED = b"Transfer-Encoding: chunked"
END = b"0\r\n\r\n"


def poisoned(*lines: bytes, body: bytes = END + STOLEN, first: bytes = b"POST /health/live HTTP/1.1") -> bytes:
    return head(first, *lines) + body


FORMS = {
    "a length and chunks": poisoned(b"Content-Length: %d" % (len(END) + len(STOLEN)), CHUNKED),
    "chunks and a short length": poisoned(CHUNKED, b"Content-Length: 5"),
    "chunks by another name": poisoned(b"Transfer-Encoding: xchunked", b"Content-Length: 5"),
    "chunks not last": poisoned(b"Transfer-Encoding: chunked, identity", b"Content-Length: 5"),
    "chunks twice": poisoned(CHUNKED, b"Transfer-Encoding: identity"),
    "chunks behind a blank": poisoned(b"Transfer-Encoding : chunked", b"Content-Length: 5"),
    "chunks behind a tab": poisoned(b"Transfer-Encoding:\tchunked", b"Content-Length: 5"),
    "chunks in a folded line": poisoned(b"Transfer-Encoding:\r\n chunked", b"Content-Length: 5"),
    "a length in a folded line": poisoned(b"X: y\r\n Content-Length: 0", LENGTH, body=STOLEN),
    "chunks in HTTP/1.0": poisoned(CHUNKED, b"Connection: keep-alive", first=b"POST /health/live HTTP/1.0"),
    "two lengths": poisoned(b"Content-Length: 0", LENGTH, body=STOLEN),
    "a length with a sign": poisoned(b"Content-Length: +0", body=STOLEN),
    "a length of two numbers": poisoned(b"Content-Length: 0, %d" % len(STOLEN), body=STOLEN),
    "a bare line feed": poisoned(b"X: y\nContent-Length: 0", LENGTH, body=STOLEN),
    "a bare carriage return": poisoned(b"X: y\rTransfer-Encoding: chunked", LENGTH, body=STOLEN),
    "no length": poisoned(body=STOLEN),
    "GET with a body": poisoned(LENGTH, body=STOLEN, first=b"GET /health/live HTTP/1.1"),
    "HEAD with a body": poisoned(LENGTH, body=STOLEN, first=b"HEAD /health/live HTTP/1.1"),
    "OPTIONS with a body": poisoned(LENGTH, body=STOLEN, first=b"OPTIONS /health/live HTTP/1.1"),
    "CONNECT": poisoned(LENGTH, body=STOLEN, first=b"CONNECT localhost:80 HTTP/1.1"),
    "CONNECT without a length": poisoned(body=STOLEN, first=b"CONNECT localhost:80 HTTP/1.1"),
    "HTTP/1.0 kept": poisoned(LENGTH, b"Connection: keep-alive", body=STOLEN, first=b"POST /health/live HTTP/1.0"),
    "HTTP/2.0": poisoned(LENGTH, body=STOLEN, first=b"POST /health/live HTTP/2.0"),
    "an expectation": poisoned(b"Expect: 100-continue", LENGTH, body=STOLEN),
    "another expectation": poisoned(b"Expect: x", LENGTH, body=STOLEN),
    "an expectation in HTTP/1.0": poisoned(
        b"Expect: 100-continue", b"Connection: keep-alive", LENGTH, body=STOLEN, first=b"POST /health/live HTTP/1.0"
    ),
    "trailers": poisoned(CHUNKED, body=b"2\r\n{}\r\n0\r\nContent-Length: 0\r\nHost: other\r\n\r\n" + STOLEN),
    "trailers that offer an upgrade": poisoned(
        CHUNKED, body=b"0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + STOLEN
    ),
    "chunk extensions": poisoned(CHUNKED, body=b"2;x=\ny\r\n{}\r\n" + END + STOLEN),
    "a chunk longer than any": poisoned(CHUNKED, body=b"10000000000000002\r\n{}\r\n" + END + STOLEN),
    "absolute": poisoned(LENGTH, body=STOLEN, first=b"POST http://localhost/health/live HTTP/1.1"),
    "absolute elsewhere": poisoned(LENGTH, body=STOLEN, first=b"POST http://elsewhere/health/live HTTP/1.1"),
    "a header that the connection drops": poisoned(b"Connection: Content-Length", LENGTH, body=STOLEN),
    "an upgrade without a connection": poisoned(b"Upgrade: x", LENGTH, body=STOLEN),
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + STOLEN,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("proxy", PROXIES)
async def test_no_form_of_a_body_becomes_a_request(quiet: Street, proxy: str, form: str) -> None:
    path = quiet.sockets[f"{proxy}-proxy"]
    for pieces in cut(FORMS[form]):
        read = [await send(path, *pieces), await send(path, ALIVE)]
        assert is_about(await send(path, asking(FIRST, BASIC)), FIRST)
        assert b"sourceId" not in read[0].body
        assert read[1].body == b'{"status":"live"}'
    assert not quiet.was_executed()


@pytest.mark.parametrize(
    "target",
    [
        b"/graphql",
        b"//graphql",
        b"/%67raphql",
        b"/graphql?a=/health/",
        b"/health/../graphql",
        b"/health/%2e%2e/graphql",
        b"/health/..%2fgraphql",
        b"/health/live/../../graphql",
        b"/health/;/graphql",
        b"http://localhost/graphql",
        b"http://localhost/health/../graphql",
    ],
)
@pytest.mark.parametrize("proxy", PROXIES)
async def test_no_spelling_of_the_path_leads_past_the_password(quiet: Street, proxy: str, target: bytes) -> None:
    answer = await send(quiet.sockets[f"{proxy}-proxy"], STOLEN.replace(b"/graphql", target, 1))
    assert answer.status in (400, 401, 404), answer
    assert not quiet.was_executed()


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_key_in_a_trailer_is_no_credential(quiet: Street, proxy: str) -> None:
    body = STOLEN.partition(b"\r\n\r\n")[2]
    chunks = b"%x\r\n%s\r\n0\r\nX-API-Key: ada\r\n\r\n" % (len(body), body)
    request = (
        head(b"POST /graphql HTTP/1.1", b"Content-Type: application/json", CHUNKED, b"Trailer: X-API-Key") + chunks
    )
    for pieces in cut(request):
        assert (await send(quiet.sockets[f"{proxy}-keys"], *pieces)).status == 401
    assert not quiet.was_executed()


@pytest.mark.parametrize("proxy", PROXIES)
async def test_the_events_of_a_stream_come_through_as_they_are_sent(street: Street, proxy: str) -> None:
    """None of them is long enough to fill a proxy's buffer, and the stream does not end."""
    body = json.dumps({"query": "subscription { opportunityChanges { cursor } }"}).encode()
    reader, writer = await asyncio.open_unix_connection(street.sockets[f"{proxy}-keys"])
    writer.write(post(body, b"Accept: text/event-stream", b"X-API-Key: ada"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert b'{"data":{"opportunityChanges":{"cursor":' in await reader.readuntil(b"}}}\n\n")
    writer.close()


# Clients that offer HTTP/2 with their first request, and send it whole


JDK = (
    b"POST /graphql HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 26\r\nHost: 127.0.0.1:%d\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\nUpgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.15\r\nContent-Type: application/json\r\nX-API-Key: ada\r\n\r\n"
    b'{"query":"{ __typename }"}'
)
"""What `java.net.http.HttpClient` sends where it is not told to use HTTP/1.1, and a key."""

ANSWER = b'{"data":{"__typename":"Query"}}'


@pytest.mark.parametrize("pieces", [1, 2])
async def test_a_java_client_that_offers_http_2_is_answered(street: Street, pieces: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", street.port)
    try:
        for piece in cut(JDK % street.port)[pieces - 1]:
            writer.write(piece)
            await asyncio.sleep(0.02)  # the server, another process, reads each by itself
        answer = await read_response(reader)
    finally:
        writer.close()
    assert (answer.status, answer.body) == (200, ANSWER)


def curl_speaks_http_2() -> bool:
    curl = shutil.which("curl")
    return bool(curl) and "HTTP2" in subprocess.run([curl, "--version"], capture_output=True, text=True).stdout


@pytest.mark.skipif(not curl_speaks_http_2(), reason="there is no curl that speaks HTTP/2")
async def test_curl_that_offers_http_2_is_answered(street: Street) -> None:
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--http2", "--max-time", "5", "--write-out", " %{http_code}"),
        *("--header", "X-API-Key: ada", "--header", "Content-Type: application/json"),
        *("--data", '{"query":"{ __typename }"}'),
        f"http://127.0.0.1:{street.port}/graphql",
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    process._transport.close()  # type: ignore[attr-defined]
    assert printed == ANSWER + b" 200"
