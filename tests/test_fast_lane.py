"""`web.fast_lane`, on real sockets: what takes the shorter way, that nobody can tell by the answers, and its ends."""

import asyncio
import contextlib
import json
import logging
import random
import re
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from asgi_correlation_id import correlation_id
from uvicorn.server import ServerState

from simulator import FAULTS, Simulator, faults
from tests.harness import Graph, open_graph
from tests.issuer import AUDIENCE, ISSUER, key_set, token
from tests.test_api_keys import line
from web.admission import Admission
from web.arrival import Arrival
from web.connections import Bounded
from web.fast_lane import LONGEST_HEAD, MOST_HEADERS, MOST_HEADS, FastLane, read_head
from web.graphql_http import Door, GraphQLEndpoint, GraphQLResponse
from web.parameters import GraphQLParams
from web.protocol import protocol
from web.request_id import RequestId
from web.sent import Sent
from web.serving import CLOSE

MAX_BODY_BYTES = 256_000
DATE = (b"date", b"Sun, 22 Nov 2026 04:00:00 GMT")
ID = 1427000501


def post(body: bytes = b"{}", *lines: bytes) -> bytes:
    """Return a usual request, with more headers."""
    head = [b"POST /graphql HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", b""]) + body


def asking(query: str, *lines: bytes, **others: Any) -> bytes:
    return post(json.dumps({"query": query, **others}).encode(), *lines)


def opportunity(number: int = 0) -> bytes:
    return asking(f'{{ nexudusOpportunity(sourceId: "{ID + number}") {{ sourceId }} }}')


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - connections tell by being looked at
            await asyncio.sleep(0.001)


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, served: "Served") -> None:
        self._reader = reader
        self.writer = writer
        self._served = served

    async def send(self, *pieces: bytes) -> None:
        """Send pieces so that each is read by itself."""
        for piece in pieces:
            count = self._served.pieces
            self.writer.write(piece)
            await until(lambda count=count: self._served.pieces > count)

    async def answer(self) -> bytes:
        """Return one response."""
        async with asyncio.timeout(2):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            assert length, head
            return head + await self._reader.readexactly(int(length[1]))

    async def ask(self, *pieces: bytes) -> bytes:
        await self.send(*pieces[:-1])
        self.writer.write(pieces[-1])  # which the server may not wait for
        return await self.answer()

    async def rest(self, seconds: float = 2) -> bytes:
        """Return all that comes until the server closes, or until the time is over."""
        found = bytearray()
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(seconds):
                while piece := await self._reader.read(65_536):
                    found += piece
        return bytes(found)

    async def is_closed(self) -> bool:
        return not await self.rest() and (self._reader.at_eof() or self._reader.exception() is not None)


class Recording:
    """A transport, and what is written to it: a client that sends on after the end may not get all of it."""

    def __init__(self, transport: asyncio.Transport, written: bytearray) -> None:
        self._transport = transport
        self._written = written

    def write(self, data: bytes) -> None:
        self._written += data
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Served:
    """A listening socket, as uvicorn would have it."""

    def __init__(self, kind: type[asyncio.Protocol], app: Any, keep_alive_seconds: float) -> None:
        self.state = ServerState()
        self.state.default_headers = [DATE]
        self.pieces = 0
        self.written = bytearray()
        self.faults: list[Any] = []
        self.config = uvicorn.Config(app, http=kind, log_config=None, access_log=False, ws="none", lifespan="off")
        self.config.timeout_keep_alive = keep_alive_seconds  # type: ignore[assignment] # less than a second
        self.config.load()
        self._kind = kind

    def connection(self) -> Any:
        """Return a protocol that counts the pieces it was given, and keeps what it writes."""
        kind: Any = self._kind  # its types call it a plain `Protocol`
        made: Any = kind(config=self.config, server_state=self.state, app_state={})
        connect, receive = made.connection_made, made.data_received

        def data_received(data: bytes) -> None:
            self.pieces += 1
            receive(data)

        made.connection_made = lambda transport: connect(Recording(transport, self.written))
        made.data_received = data_received
        return made

    async def settle(self) -> None:
        """Wait until nothing happens any more: it would within some turns of the loop, since nothing waits for time."""
        quiet, last = 0, None
        while quiet < 40:
            await asyncio.sleep(0)
            now = self.pieces, len(self.written), len(self.state.connections), len(self.state.tasks)
            quiet, last = quiet + 1 if now == last else 0, now

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["Served"]:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.faults.append(context))
        server = await loop.create_server(self.connection, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for made in list(self.state.connections):
                made.transport.abort()
            await until(lambda: not self.state.connections)
            for task in list(self.state.tasks):
                task.cancel()
            await asyncio.gather(*self.state.tasks, return_exceptions=True)
            loop.set_exception_handler(None)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            yield Client(reader, writer, self)
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    def shut_down(self) -> None:
        """Do as uvicorn does when it stops."""
        for made in list(self.state.connections):
            made.shutdown()


class Stub:
    """Answers with what it was asked, whichever way that came. A body says what happens: `wait`, `turn`, `big`."""

    def __init__(self) -> None:
        self.lane: list[bytes] = []
        self.usual: list[bytes] = []
        self.cancelled: list[bytes] = []
        self.gate = asyncio.Event()
        self.app = RequestId(self._asgi)

    async def respond(self, arrival: Arrival) -> Sent:
        assert arrival.whole is not None
        self.lane.append(arrival.whole)
        return await self._work(arrival, arrival.whole)

    async def _asgi(self, scope: Any, receive: Any, send: Any) -> None:
        arrival = Arrival.of(scope, receive)
        if scope["path"] == "/early":
            await (await self._work(arrival, b"early", b"/early"))(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self.usual.append(body)
        sent = await self._work(arrival, body, scope["raw_path"])
        await sent(scope, receive, send)

    async def _work(self, arrival: Arrival, body: bytes, path: bytes = b"/graphql") -> Sent:
        try:
            if body.startswith(b"wait"):
                await self.gate.wait()
            elif body.startswith(b"turn"):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled.append(body)
            raise
        if body == b"fatal":
            raise Fatal
        if body.startswith(b"big"):
            return Sent(body * 40_000)
        parts = (arrival.method, path, arrival.query_string, arrival.head.fields, body, arrival.server is not None)
        return Sent(repr(parts).encode(), 413 if b"large" in body else 200, headers={} if body else {"Allow": "POST"})


class Fatal(BaseException):
    pass


def lane(stub: Any, *, head_seconds: float = 2, path: str = "/graphql") -> type[asyncio.Protocol]:
    return protocol(head_timeout_seconds=head_seconds, max_body_bytes=MAX_BODY_BYTES, path=path, respond=stub.respond)


def plain(stub: Any) -> type[asyncio.Protocol]:
    """Return the protocol as it is without the shorter way."""
    usual = lane(stub).__bases__[1]
    return type("Plain", (Bounded, usual), {"head_timeout_seconds": 2})


@asynccontextmanager
async def serving(stub: Any, *, keep_alive_seconds: float = 2, **others: Any) -> AsyncIterator[Served]:
    async with Served(lane(stub, **others), stub.app, keep_alive_seconds).listen() as served:
        yield served


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
async def served(stub: Stub) -> AsyncIterator[Served]:
    async with serving(stub) as found:
        yield found


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    async with served.client() as found:
        yield found


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def echoed(answer: bytes) -> bytes:
    """Return the body that the stub was sent."""
    return eval(body_of(answer))[4]  # noqa: S307 - it is the stub's own `repr`


def same(answer: bytes) -> bytes:
    """Return an answer without what differs from one time to the next."""
    return re.sub(rb"(?m)^x-request-id: [0-9a-f]{32}\r\n", b"x-request-id: made up\r\n", answer)


def id_of(answer: bytes) -> str:
    return re.findall(rb"(?m)^x-request-id: (.*)\r$", answer)[0].decode()


# Which way


USUAL = {
    "as it is": post(),
    "keep-alive": post(b"{}", b"Connection: keep-alive"),
    "Keep-Alive": post(b"{}", b"cOnnection: Keep-Alive"),
    "names in other cases": post().replace(b"Content-Length", b"CONTENT-length"),
    "no space behind a colon": post().replace(b": ", b":"),
    "an empty body": post(b""),
    "without Host": post().replace(b"Host: localhost\r\n", b""),
    "Host twice": post(b"{}", b"Host: evil"),
    "zeros before a length": post().replace(b"Length: 2", b"Length: 0002"),
    "a head within a body": post(post()),
    "blank lines in a body": post(b"\r\n\r\n"),
    "Latin-1 in a header": post(b"{}", b"X-Name: \xe9\xff"),
    "100 headers": post(b"{}", *(b"x%d: y" % number for number in range(MOST_HEADERS - 3))),
}


@pytest.mark.parametrize("request_", USUAL.values(), ids=USUAL)
async def test_usual_requests_take_the_shorter_way(stub: Stub, client: Client, request_: bytes) -> None:
    assert (await client.ask(request_)).startswith(b"HTTP/1.1 200 OK\r\n")
    assert (await client.ask(request_)).startswith(b"HTTP/1.1 200 OK\r\n")  # now that its head is known
    assert len(stub.lane) == 2
    assert not stub.usual


LONG = b"X-Long: " + b"x" * LONGEST_HEAD
CHUNKED = post().replace(b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
START = b"POST /graphql HTTP/1.1"

UNUSUAL: dict[str, bytes] = {
    "GET": post().replace(b"POST", b"GET"),
    "PUT": post().replace(b"POST", b"PUT"),
    "a lower-case method": post().replace(b"POST", b"post"),
    "another path": post().replace(b"/graphql ", b"/graphiql "),
    "a longer path": post().replace(b"/graphql ", b"/graphql/ "),
    "an escaped path": post().replace(b"/graphql ", b"/graph%71l "),
    "a query string": post().replace(b"/graphql ", b"/graphql?a=b "),
    "a question mark": post().replace(b"/graphql ", b"/graphql? "),
    "a fragment": post().replace(b"/graphql ", b"/graphql#a "),
    "an absolute target": post().replace(b"/graphql ", b"http://localhost/graphql "),
    "HTTP/1.0": post().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/1.0 with keep-alive": post(b"{}", b"Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/1.2": post().replace(b"HTTP/1.1", b"HTTP/1.2"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two spaces in the first line": post().replace(b"/graphql ", b"/graphql  "),
    "a space behind the first line": post().replace(b"HTTP/1.1\r\n", b"HTTP/1.1 \r\n"),
    "no headers": START + b"\r\n\r\n",
    "chunked": CHUNKED,
    "chunked and a length": CHUNKED.replace(b"Host", b"Content-Length: 2\r\nHost"),
    "chunked otherwise": CHUNKED.replace(b"chunked", b"Chunked"),
    "gzip, chunked": CHUNKED.replace(b"chunked", b"gzip, chunked"),
    "identity": post(b"{}", b"Transfer-Encoding: identity"),
    "an unknown encoding": post(b"{}", b"Transfer-Encoding: xchunked"),
    "a hidden encoding": post(b"{}", b"Transfer-Encoding : chunked"),
    "Expect": post(b"{}", b"Expect: 100-continue"),
    "Expect something": post(b"{}", b"Expect: the unexpected"),
    "Upgrade": post(b"{}", b"Connection: upgrade", b"Upgrade: websocket"),
    "Upgrade alone": post(b"{}", b"Upgrade: h2c"),
    "Connection: upgrade": post(b"{}", b"Connection: upgrade"),
    "HTTP2-Settings": post(b"{}", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA"),
    "Origin": post(b"{}", b"Origin: https://app.example.com"),
    "Connection: close": post(b"{}", b"Connection: close"),
    "Connection: Close": post(b"{}", b"Connection: Close"),
    "Connection: close at the end": post(b"{}", b"Connection: keep-alive", b"Connection: close"),
    "Connection: close in a list": post(b"{}", b"Connection: keep-alive, close"),
    "Connection: te": post(b"{}", b"Connection: te", b"TE: trailers"),
    "an empty Connection": post(b"{}", b"Connection:"),
    "Proxy-Connection": post(b"{}", b"Proxy-Connection: close"),
    "a longer body": post() + b"x",
    "a blank line behind": post() + b"\r\n",
    "a shorter body": post()[:-1],
    "no body": post()[:-2],
    "half a head": post()[:40],
    "two requests": post() + post(b"other"),
    "two requests, one with a short body": post() + post(b"other")[:-2],
    "a GET behind": post() + b"GET / HTTP/1.1\r\n\r\n",
    "a blank line before": b"\r\n" + post(),
    "a line feed before": b"\n" + post(),
    "a space before": b" " + post(),
    "a long head": post(b"{}", LONG),
    "many headers": post(b"{}", *(b"x%d: y" % number for number in range(MOST_HEADERS))),
    "a plus": post().replace(b"Length: 2", b"Length: +2"),
    "a minus": post().replace(b"Length: 2", b"Length: -2"),
    "an underscore": post(b"x" * 20).replace(b"Length: 20", b"Length: 2_0"),
    "a space in a length": post(b"x" * 20).replace(b"Length: 20", b"Length: 2 0"),
    "a space behind a length": post().replace(b"Length: 2", b"Length: 2 "),
    "a hexadecimal length": post().replace(b"Length: 2", b"Length: 0x2"),
    "a length with a comma": post().replace(b"Length: 2", b"Length: 2, 2"),
    "an empty length": post().replace(b"Length: 2", b"Length:"),
    "a huge length": post().replace(b"Length: 2", b"Length: 99999999999999999999"),
    "a full-width length": post().replace(b"Length: 2", b"Length: \xef\xbc\x92"),
    "two equal lengths": post(b"{}", b"Content-Length: 2"),
    "two lengths": post(b"{}", b"Content-Length: 1"),
    "a length with an underscore in its name": post().replace(b"Content-Length", b"Content_Length"),
    "a space before a colon": post().replace(b"Content-Length:", b"Content-Length :"),
    "a folded header": post(b"{}", b"X-Long: a", b" b"),
    "a folded length": post().replace(b"Length: 2", b"Length:\r\n 2"),
    "a header that begins with a space": post(b"{}").replace(b"Host", b" Host"),
    "no colon": post(b"{}", b"Nonsense"),
    "no name": post(b"{}", b": x"),
    "line feeds": post().replace(b"\r\n", b"\n"),
    "a line feed before the body": post().replace(b"\r\n\r\n", b"\n\n"),
    "a line feed and a blank line": post().replace(b"\r\n\r\n", b"\n\r\n"),
    "a head that ends early": START + b"\r\nContent-Length: 30\n\nGET / HTTP/1.1\r\n\r\n" + b"x" * 30,
    "a carriage return in a header": post(b"{}", b"X: a\rTransfer-Encoding: chunked"),
    "carriage returns": post().replace(b"\r\n", b"\r"),
    "NUL in a header": post(b"{}", b"X: a\x00b"),
    "NUL in a name": post(b"{}", b"X\x00: a"),
    "NUL in a length": post().replace(b"Length: 2", b"Length: 2\x00"),
    "DEL in a name": post(b"{}", b"X\x7f: a"),
    "beyond ASCII in a name": post(b"{}", b"X\xe9: a"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}

LAST = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def answers(kind: type[asyncio.Protocol], app: Any, pieces: Iterable[tuple[bytes, bool]]) -> tuple[bytes, bool]:
    """Return all that comes back on a connection of its own, and whether it is still open then.

    A piece says whether it is read by itself.
    """
    async with Served(kind, app, 2).listen() as served, served.client() as client:
        for piece, is_apart in pieces:
            if not client.writer.is_closing():
                client.writer.write(piece)
            if is_apart:
                await served.settle()
        await served.settle()
        return same(bytes(served.written)), bool(served.state.connections)


async def understood_as_ever(pieces: Sequence[tuple[bytes, bool]]) -> Stub:
    """Send pieces to a connection with the shorter way, and to one without; return what has answered with it."""
    stubs = Stub(), Stub()
    found = []
    for stub, kind in zip(stubs, (lane, plain), strict=True):
        stub.gate.set()
        found.append(await answers(kind(stub), stub.app, pieces))
    assert found[0] == found[1]
    assert sorted(stubs[0].lane + stubs[0].usual) == sorted(stubs[1].usual)
    return stubs[0]


@pytest.mark.parametrize("request_", UNUSUAL.values(), ids=UNUSUAL)
async def test_unusual_requests_do_not_and_are_understood_as_ever(request_: bytes) -> None:
    """Whoever can make two readers of the same bytes see different requests can smuggle one past the first."""
    assert not (await understood_as_ever([(request_, True), (LAST, True)])).lane


EARLY = post(post(b"smuggled")).replace(b"/graphql", b"/early", 1)
"""A request whose body looks like another; the application answers before it is there."""


@pytest.mark.parametrize(
    "pieces",
    [
        [EARLY.replace(post(b"smuggled"), b""), post(b"smuggled")],
        [b"POST /early HTTP/1.1\r\nX: ", post(b"smuggled")],
        [b"POST /early HTTP/1.1\r\n", post(b"smuggled")],
        [b"P", post(b"smuggled")],
        [b"POST", post(b"smuggled")],
        [CHUNKED.replace(b"/graphql", b"/early")[:-12] + b"%x\r\n" % len(post(b"smuggled")), post(b"smuggled")],
        [CHUNKED.replace(b"/graphql", b"/early")[:-2], post(b"smuggled")],
    ],
    ids=["a body", "a header", "headers", "a method", "a whole method", "a chunk", "trailers"],
)
async def test_what_looks_like_a_request_inside_of_another_is_none(pieces: list[bytes]) -> None:
    stub = await understood_as_ever([(piece, True) for piece in [*pieces, LAST]])
    assert not stub.lane
    assert b"smuggled" not in stub.usual


@pytest.mark.parametrize("seed", range(60))
async def test_random_pieces_of_random_requests_are_understood_as_ever(seed: int) -> None:
    choose = random.Random(seed)
    often = [post(), post(b"turn"), post(b"wait"), post(b"large"), post(b""), EARLY]
    pieces = []
    for _ in range(choose.randint(1, 8)):
        request_ = choose.choice(often if choose.random() < 0.8 else [*UNUSUAL.values()])
        cuts = sorted(choose.randint(0, len(request_)) for _ in range(choose.choice([0, 0, 0, 1, 2])))
        if choose.random() < 0.2:
            cuts = [request_.find(b"\r\n\r\n") + 4]
        ends = [*cuts, len(request_)]
        pieces += [request_[start:end] for start, end in zip([0, *cuts], ends, strict=True) if end > start]
    await understood_as_ever([(piece, choose.random() < 0.7) for piece in [*pieces, LAST]])


# The same bytes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def graphs() -> AsyncIterator[dict[str, tuple[Graph, Served]]]:
    """The application with its own settings; `keys` has two API keys."""
    keys = line("a", "one", "opportunities:read contacts:read") + ";" + line("b", "two")
    async with contextlib.AsyncExitStack() as stack:
        found = {}
        simulator = Simulator()
        for name, settings in {
            "open": {"UPSTREAM_COST": "false", "MAX_REQUEST_BYTES": "5000"},
            "keys": {"API_KEYS": keys, "UPSTREAM_COST": "false"},
        }.items():
            graph = await stack.enter_async_context(open_graph(simulator, **settings))
            found[name] = graph, await stack.enter_async_context(real(graph))
        yield found


@asynccontextmanager
async def real(graph: Graph) -> AsyncIterator[Served]:
    kind = lane(graph.app.endpoint, path=graph.app.path)
    async with Served(kind, graph.app, 2).listen() as served:
        yield served


def both_ways(request_: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return a request's pieces for the shorter way, and for the usual one."""
    head, blank, body = request_.partition(b"\r\n\r\n")
    pieces = [head + blank, body] if body else [head[:30], head[30:] + blank]
    return [request_], pieces


async def compared(served: Served, request_: bytes) -> bytes:
    """Return the answer, which is the same both ways; each time on a connection of its own."""
    found = []
    for pieces in both_ways(request_):
        async with served.client() as client:
            answer = await client.ask(*pieces)
            ends = b"\r\nconnection: close\r\n" in answer
            if ends:
                assert await client.is_closed()
            else:
                assert (await client.ask(asking("{ __typename }"))).startswith(b"HTTP/1.1 ")
        found.append(same(answer))
    assert found[0] == found[1]
    return found[0]


MODERN = b"Accept: application/graphql-response+json"
APQ = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
TEXT = b"Content-Type: text/plain"


def typed(*lines: bytes) -> bytes:
    """Return a request with other lines in place of its `Content-Type`."""
    return asking("{ __typename }").replace(b"Content-Type: application/json", b"\r\n".join(lines) or b"X: y")


OPEN: dict[str, tuple[int, bytes]] = {
    "a query": (200, asking("{ __typename }")),
    "a query of a source": (200, opportunity()),
    "what is not there": (200, opportunity(900_000)),
    "an id that is none": (200, asking('{ opportunity(id: "x") { id } }')),
    "variables": (200, asking("query ($i: ID!) { node(id: $i) { id } }", variables={"i": "x"})),
    "a variable that is missing": (200, asking("query ($i: ID!) { node(id: $i) { id } }")),
    "a variable of a wrong type": (200, asking("query ($i: ID!) { node(id: $i) { id } }", variables={"i": []})),
    "the same as the modern type": (400, asking("query ($i: ID!) { node(id: $i) { id } }", MODERN)),
    "an unknown operation": (200, asking("query A { __typename }", operationName="B")),
    "a text that is none": (200, asking("{")),
    "a text that is none as the modern type": (400, asking("{", MODERN)),
    "an unknown field": (200, asking("{ nonsense }")),
    "an unknown field as the modern type": (400, asking("{ nonsense }", MODERN)),
    "a mutation": (200, asking("mutation { nonsense }")),
    "the modern type": (200, asking("{ __typename }", MODERN)),
    "either type": (200, asking("{ __typename }", b"Accept: */*, application/json;q=0.5")),
    "Accept twice": (200, asking("{ __typename }", b"Accept: application/json", MODERN)),
    "another type": (406, asking("{ __typename }", b"Accept: text/html")),
    "no-cache": (200, asking("{ __typename }", b"Cache-Control: no-cache")),
    "no-cache of a source": (200, opportunity(1).replace(b"Host", b"Cache-Control: no-cache\r\nHost")),
    "an id of its own": (200, asking("{ __typename }", b"X-Request-ID: Trace-1.2_3")),
    "two ids": (200, asking("{ __typename }", b"X-Request-ID: first", b"X-Request-ID: second")),
    "an unsound id": (200, asking("{ __typename }", b"X-Request-ID: two words")),
    "an empty id": (200, asking("{ __typename }", b"X-Request-ID:")),
    "an id beyond ASCII": (200, asking("{ __typename }", b"X-Request-ID: \xe9")),
    "an empty body": (400, post(b"")),
    "malformed JSON": (400, post(b'{"query": ')),
    "JSON twice": (400, post(b"{}{}")),
    "no object": (400, post(b"7")),
    "null": (400, post(b"null")),
    "a list": (400, post(b"[{}]")),
    "nothing in it": (400, post(b"{}")),
    "a query that is none": (400, post(b'{"query": 7}')),
    "variables that are none": (400, post(b'{"query": "{ __typename }", "variables": []}')),
    "extensions that are none": (400, post(b'{"query": "{ __typename }", "extensions": "x"}')),
    "an operation name that is none": (400, post(b'{"query": "{ __typename }", "operationName": {}}')),
    "unknown members": (200, asking("{ __typename }", other=1)),
    "a member twice": (200, post(b'{"query": 7, "query": "{ __typename }"}')),
    "no UTF-8": (400, post(b'{"query": "\xff"}')),
    "half a surrogate pair": (400, post(b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}')),
    "deep JSON": (400, post(b'{"variables": ' + b'{"a":' * 700 + b"1" + b"}" * 701)),
    "an integer beyond 64 bits": (200, post(b'{"query": "{ __typename }", "variables": {"a": %d}}' % 10**30)),
    "NaN": (400, post(b'{"query": "{ __typename }", "variables": {"a": NaN}}')),
    "an unknown hash": (200, asking("", extensions=APQ).replace(b'"query": "", ', b" " * 13)),
    "a hash of something else": (400, asking("{ __typename }", extensions=APQ)),
    "an unknown document": (400, post(b'{"documentId": "x"}')),
    "no Content-Type": (415, typed()),
    "text": (415, typed(TEXT)),
    "another charset": (415, typed(b"Content-Type: application/json; charset=utf-16")),
    "UTF-8": (200, typed(b'Content-Type: application/JSON; charset="UTF-8"')),
    "Content-Type twice": (415, typed(b"Content-Type: application/json", b"Content-Type: application/json")),
    "two Content-Types": (415, typed(b"Content-Type: application/json", TEXT)),
    "Content-Encoding": (415, asking("{ __typename }", b"Content-Encoding: gzip")),
    "no Content-Encoding": (200, asking("{ __typename }", b"Content-Encoding: identity")),
    "a large body": (413, post(b"x" * 5_001)),
    "a body as large as can be": (200, asking("{ __typename }".ljust(5_000 - len('{"query": ""}')))),
    "a foreign Host": (403, asking("{ __typename }").replace(b"localhost", b"evil.example.com")),
    "a foreign Host behind": (403, asking("{ __typename }", b"Host: evil.example.com")),
    "no Host": (200, asking("{ __typename }").replace(b"Host: localhost\r\n", b"")),
    "an address as Host": (200, asking("{ __typename }").replace(b"localhost", b"127.0.0.1:8000")),
    "a Host that is none": (403, asking("{ __typename }").replace(b"localhost", b"[")),
    "a key that nobody asks for": (200, asking("{ __typename }", b"X-API-Key: x")),
}
OWNER = f'{{ nexudusOpportunity(sourceId: "{ID}") {{ sourceId owner {{ email }} }} }}'
KEYS: dict[str, tuple[int, bytes]] = {
    "no key": (401, asking("{ __typename }")),
    "no key as the modern type": (401, asking("{ __typename }", MODERN)),
    "a wrong key": (401, asking("{ __typename }", b"X-API-Key: three")),
    "an empty key": (401, asking("{ __typename }", b"X-API-Key:")),
    "the key twice": (401, asking("{ __typename }", b"X-API-Key: one", b"X-API-Key: one")),
    "a key beyond ASCII": (401, asking("{ __typename }", b"X-API-Key: \xe9")),
    "a key that sees persons": (200, asking(OWNER, b"X-API-Key: one")),
    "a key that does not": (200, asking(OWNER, b"X-API-Key: two")),
    "a key and a wrong body": (400, post(b"[]", b"X-API-Key: one")),
    "no key and a wrong type": (401, typed(TEXT)),
    "no key and a type that is not sent": (406, asking("{ __typename }", b"Accept: text/html")),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("which", "name"), [*(("open", name) for name in OPEN), *(("keys", name) for name in KEYS)])
async def test_nobody_can_tell_by_an_answer_which_way_its_request_took(
    graphs: dict[str, tuple[Graph, Served]], which: str, name: str
) -> None:
    graph, served = graphs[which]
    graph.forget()
    status, request_ = {"open": OPEN, "keys": KEYS}[which][name]
    answer = await compared(served, request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer


@asynccontextmanager
async def issuer() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve a key set; yield its address and what was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        keys = key_set("ec-1")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(keys) + keys)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys", asked


@pytest.mark.parametrize(("name", "status"), [("ec-1", 200), ("ec-2", 401)])
async def test_a_token_whose_keys_are_not_there_yet_is_checked_both_ways(name: str, status: int) -> None:
    request_ = asking("{ __typename }", b"Authorization: Bearer " + token(name).encode())
    found = []
    async with issuer() as (url, asked):
        settings = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": url}
        for pieces in both_ways(request_):
            async with open_graph(**settings) as graph, real(graph) as served, served.client() as client:
                found.append(same(await client.ask(*pieces)))
    assert found[0] == found[1]
    assert found[0].startswith(b"HTTP/1.1 %d " % status)
    assert len(asked) == 2


async def test_the_first_request_of_all_can_take_the_shorter_way() -> None:
    """No task is there yet when an answer begins; what needs one has to be in a task of its own."""
    everything = asking(
        f'{{ a: nexudusOpportunity(sourceId: "{ID}") {{ sourceId coworker {{ fullName }} }} '
        f'b: nexudusOpportunity(sourceId: "{ID + 1}") {{ sourceId }} '
        '_entities(representations: [{__typename: "NexudusOpportunity", id: "x"}]) { __typename } }'
    )
    async with open_graph() as graph, real(graph) as served, served.client() as client:
        answer = json.loads(body_of(await client.ask(everything)))
        assert answer["data"]["a"]["sourceId"] == str(ID)
        assert answer["data"]["b"]["sourceId"] == str(ID + 1)


# One behind the other


SECOND, THIRD = post(b"second"), post(b"third")
TEN = [b"turn%d" % number for number in range(10)]


@pytest.mark.parametrize(
    ("behind", "bodies"),
    [
        ([SECOND], [b"second"]),
        ([SECOND, THIRD], [b"second", b"third"]),
        ([SECOND + THIRD], [b"second", b"third"]),
        ([post(body) for body in TEN], TEN),
        ([SECOND.replace(b"POST", b"GET"), THIRD], [b"second", b"third"]),
        ([CHUNKED, THIRD], [b"{}", b"third"]),
        ([b"\r\n", THIRD], [b"third"]),
        ([SECOND[:30], SECOND[30:]], [b"second"]),
        ([SECOND[:-2], SECOND[-2:] + THIRD], [b"second", b"third"]),
    ],
    ids=["one", "two", "two at once", "ten", "an unusual one", "chunks", "a blank line", "half a head", "half a body"],
)
@pytest.mark.parametrize("in_time", [True, False], ids=["before the answer", "around it"])
async def test_requests_sent_while_one_is_answered_wait_their_turn(
    stub: Stub, client: Client, behind: list[bytes], bodies: list[bytes], in_time: bool
) -> None:
    await client.send(post(b"wait"), *(behind if in_time else behind[:1]))
    assert stub.lane == [b"wait"]
    assert not stub.usual
    stub.gate.set()
    found = [echoed(await client.answer())]
    if not in_time:
        await client.send(*behind[1:])
    found += [echoed(await client.answer()) for _ in bodies]
    assert found == [b"wait", *bodies]
    assert echoed(await client.ask(post(b"last"))) == b"last"
    assert stub.lane[-1] == b"last"  # the connection is idle again


async def test_a_usual_request_behind_an_unusual_one_waits_too(stub: Stub, client: Client) -> None:
    await client.send(post(b"wait", b"Origin: https://app.example.com"), SECOND)
    assert not stub.lane
    stub.gate.set()
    assert [echoed(await client.answer()) for _ in range(2)] == [b"wait", b"second"]
    assert echoed(await client.ask(post(b"last"))) == b"last"
    assert stub.lane == [b"last"]


async def test_what_waits_behind_an_answer_is_bounded(stub: Stub, served: Served, client: Client) -> None:
    await client.send(post(b"wait"))
    (made,) = served.state.connections
    client.writer.write(b"POST / HTTP/1.1\r\n" + b"x: y\r\n" * 1_000_000)
    await until(lambda: made.flow.read_paused)
    await asyncio.sleep(0.02)
    assert len(made._behind) < 600_000
    stub.gate.set()
    assert echoed(await client.answer()) == b"wait"
    assert (await client.rest()).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("length", [65_500, 200_000])
async def test_reading_goes_on_after_it(stub: Stub, served: Served, client: Client, length: int) -> None:
    large = b"x" * length
    await client.send(post(b"wait"))
    (made,) = served.state.connections
    client.writer.write(post(large))
    await until(lambda: made.flow.read_paused)
    stub.gate.set()
    assert echoed(await client.answer()) == b"wait"
    assert echoed(await client.answer()) == large
    assert echoed(await client.ask(post(b"last"))) == b"last"


async def test_a_blank_line_behind_each_body_does_not_add_up(stub: Stub, client: Client) -> None:
    """Some old clients send one; all together they are not a head that is too large."""
    blank = b"\r\n" * 20_000
    for _ in range(3):
        await client.send(blank)
        assert echoed(await client.ask(post(b"x"))) == b"x"
    assert stub.lane == [b"x"] * 3


# Clients that go


def endpoint(answer: Any, **parts: Any) -> GraphQLEndpoint:
    made = GraphQLEndpoint(answer, page=None, door=Door(**parts))
    made.app = RequestId(made)  # type: ignore[attr-defined] # kept beside it, for the test alone
    return made


class Work:
    """What answers behind the door."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended: list[str] = []
        self.gate = asyncio.Event()
        self.admission = Admission(3)

    async def answer(self, _: GraphQLParams) -> GraphQLResponse:
        self.begun += 1
        try:
            await self.gate.wait()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        return GraphQLResponse({"data": None})

    def endpoint(self) -> GraphQLEndpoint:
        return endpoint(self.answer, admission=self.admission)


@pytest.mark.parametrize("behind", [b"", post(), post()[:20]], ids=["nothing", "a request", "half a request"])
@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_client_that_goes_away_ends_its_work(caplog: pytest.LogCaptureFixture, how: str, behind: bytes) -> None:
    work = Work()
    async with serving(work.endpoint()) as served:
        for _ in range(4):
            async with served.client() as client:
                await client.send(asking("{ a }"))
                if behind:
                    await client.send(behind)
                assert work.admission._free == 2
                getattr(client.writer if how == "close" else client.writer.transport, how)()
                await until(lambda: not served.state.tasks)
        assert work.begun == 4
        assert work.ended == ["CancelledError"] * 4
        assert work.admission._free == 3
        assert not served.state.connections
        assert not served.faults
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_so_it_does_before_the_work_has_a_task_that_runs() -> None:
    work = Work()
    async with serving(work.endpoint()) as served:
        made = served.connection()
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: made, "127.0.0.1", served._port)
        made.data_received(asking("{ a }"))
        made.connection_lost(None)
        await until(lambda: work.ended)
        assert work.ended == ["CancelledError"]
        assert work.admission._free == 3
        transport.abort()
        await asyncio.sleep(0)
        assert not served.faults


async def test_an_answer_that_is_there_in_the_very_moment_its_client_goes_is_sent_to_nobody(
    stub: Stub, served: Served, client: Client
) -> None:
    await client.send(post(b"wait"))
    (made,) = served.state.connections
    made.transport.abort()
    stub.gate.set()
    await until(lambda: not served.state.tasks)
    assert not stub.cancelled
    assert served.state.total_requests == 0
    assert not served.faults


async def test_a_client_that_goes_away_frees_the_request_upstream() -> None:
    simulator = Simulator()
    async with open_graph(simulator) as graph, real(graph) as served, served.client() as client:
        simulator.nexudus.faults.add(FAULTS["hang"], times=None, kinds={"get"})
        await client.send(opportunity())
        await until(lambda: simulator.nexudus.in_flight)
        client.writer.close()
        await until(lambda: not simulator.nexudus.in_flight)
        assert [call.kind for call in simulator.nexudus.calls] == ["token-password", "get"]


async def test_it_takes_nothing_from_one_that_asked_for_the_same() -> None:
    simulator = Simulator()
    async with open_graph(simulator) as graph, real(graph) as served:
        simulator.nexudus.faults.add(faults.delay(0.05), times=None, kinds={"get"})
        async with served.client() as leaving, served.client() as staying:
            await leaving.send(opportunity())
            await until(lambda: simulator.nexudus.in_flight)
            await staying.send(opportunity())
            leaving.writer.close()
            answer = json.loads(body_of(await staying.answer()))
        assert answer["data"] == {"nexudusOpportunity": {"sourceId": str(ID)}}
        assert [call.kind for call in simulator.nexudus.calls] == ["token-password", "get"]


async def test_many_that_go_away_leave_the_server_whole() -> None:
    simulator = Simulator()
    async with open_graph(simulator, MAX_CONCURRENT_REQUESTS="10") as graph, real(graph) as served:
        simulator.nexudus.faults.add(FAULTS["hang"], times=None, kinds={"get", "list-by-ids"})
        for round_ in range(3):
            async with contextlib.AsyncExitStack() as stack:
                for number in range(10):
                    client = await stack.enter_async_context(served.client())
                    await client.send(opportunity(10 * round_ + number))
            await until(lambda: not served.state.tasks)
        await until(lambda: not simulator.nexudus.in_flight)
        simulator.nexudus.faults.clear()
        async with served.client() as client:
            assert b'"data":{"nexudusOpportunity":{' in await client.ask(opportunity(90))


# Shutdown


async def test_an_answer_under_way_is_still_sent_when_the_server_stops_and_then_the_connection_ends(
    stub: Stub, served: Served, client: Client
) -> None:
    await client.send(post(b"wait"))
    async with served.client() as idle, served.client() as used:
        await used.ask(post())
        served.shut_down()
        assert await idle.is_closed()
        assert await used.is_closed()
    assert len(served.state.connections) == 1
    stub.gate.set()
    answer = await client.answer()
    assert answer.count(b"\r\nconnection: close\r\n") == 1
    assert echoed(answer) == b"wait"
    assert await client.is_closed()
    await until(lambda: not served.state.connections and not served.state.tasks)


async def test_it_has_the_bytes_that_it_would_have_the_usual_way(stub: Stub) -> None:
    found = []
    for pieces in both_ways(post(b"wait")):
        async with serving(stub) as served, served.client() as client:
            stub.gate.clear()
            await client.send(*pieces)
            await until(lambda: served.state.tasks)
            await asyncio.sleep(0)
            served.shut_down()
            stub.gate.set()
            found.append(same(await client.rest()))
    assert len(stub.lane) == len(stub.usual) == 1
    assert found[0] == found[1]


@pytest.mark.parametrize("waits", [b"", b"wait"])
async def test_an_answer_that_ends_its_connection_says_so_once(waits: bytes) -> None:
    gate = asyncio.Event()

    class Ends(Stub):
        async def _work(self, *_: Any) -> Sent:
            if waits:
                await gate.wait()
            return Sent(b"{}", 413, headers={"Connection": "close"})

    async with serving(Ends()) as served, served.client() as client:
        await client.send(post())
        served.shut_down()
        gate.set()
        assert (await client.rest()).lower().count(b"\r\nconnection: close\r\n") == 1


@pytest.mark.parametrize("body", [b"x", b"wait"])
async def test_while_the_server_drains_every_answer_closes_its_connection(
    stub: Stub, served: Served, client: Client, body: bytes
) -> None:
    assert b"close" not in await client.ask(post(b"x"))
    served.state.default_headers = [DATE, CLOSE]
    stub.gate.set()
    answer = await client.ask(post(body))
    assert answer.count(b"\r\nconnection: close\r\n") == 1
    assert await client.is_closed()


async def test_what_waits_behind_such_an_answer_is_not_worked_on(stub: Stub, served: Served, client: Client) -> None:
    served.state.default_headers = [DATE, CLOSE]
    await client.send(post(b"wait"), post(b"behind"))
    stub.gate.set()
    assert (await client.rest()).count(b"HTTP/1.1 ") == 1
    assert stub.lane == [b"wait"]
    assert not stub.usual


async def test_work_that_outlasts_all_patience_is_cancelled_and_its_connection_closed(
    stub: Stub, served: Served, client: Client
) -> None:
    await client.send(post(b"wait"))
    served.shut_down()
    for task in served.state.tasks:
        task.cancel()
    assert await client.is_closed()
    assert stub.cancelled == [b"wait"]


async def test_answers_are_counted_and_dated(served: Served, client: Client) -> None:
    assert b"\r\ndate: Sun, 22 Nov 2026 04:00:00 GMT\r\n" in await client.ask(post())
    served.state.default_headers = [(b"date", b"later"), (b"x-own", b"1")]
    assert b"HTTP/1.1 200 OK\r\ndate: later\r\nx-own: 1\r\n" in await client.ask(post())
    assert served.state.total_requests == 2


# Time


async def test_an_idle_connection_is_closed_and_a_request_puts_that_off(stub: Stub) -> None:
    async with serving(stub, keep_alive_seconds=0.05) as served, served.client() as client:
        loop = asyncio.get_running_loop()
        for _ in range(3):
            await client.ask(post())
            await asyncio.sleep(0.03)
        asked = loop.time()
        await client.ask(post(b"turn"))
        assert await client.is_closed()
        assert 0.04 < loop.time() - asked < 0.5


async def test_it_is_not_closed_while_an_answer_is_worked_on(stub: Stub) -> None:
    async with serving(stub, keep_alive_seconds=0.02, head_seconds=0.02) as served, served.client() as client:
        await client.ask(post())
        await client.send(post(b"wait"))
        await asyncio.sleep(0.05)
        stub.gate.set()
        assert echoed(await client.answer()) == b"wait"
        assert await client.is_closed()


async def test_half_a_head_does_not_close_it_either_but_afterwards(stub: Stub) -> None:
    async with serving(stub, head_seconds=0.03) as served, served.client() as client:
        await client.send(post(b"wait"), post()[:20])
        await asyncio.sleep(0.05)
        stub.gate.set()
        assert echoed(await client.answer()) == b"wait"
        assert await client.is_closed()


async def test_half_a_head_after_an_answer_is_given_up(stub: Stub) -> None:
    async with serving(stub, head_seconds=0.03) as served, served.client() as client:
        await client.ask(post())
        await asyncio.sleep(0.04)  # an idle connection owes no head
        await client.ask(post(b"turn"))
        await client.send(post()[:20])
        assert await client.is_closed()


async def test_half_a_head_and_then_its_rest_is_answered(stub: Stub) -> None:
    async with serving(stub, head_seconds=0.05) as served, served.client() as client:
        await client.ask(post())
        assert echoed(await client.ask(post(b"b")[:20], post(b"b")[20:])) == b"b"
        await asyncio.sleep(0.05)
        assert echoed(await client.ask(post(b"c"))) == b"c"
        assert (stub.lane, stub.usual) == ([b"{}", b"c"], [b"b"])


# A client that does not read


async def test_answers_that_nobody_reads_do_not_pile_up(stub: Stub, served: Served) -> None:
    async with served.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it can also read
        (made,) = served.state.connections
        count = 100
        for number in range(count):
            before = served.pieces
            client.writer.write(post(b"big%03d" % number))
            await until(lambda before=before: served.pieces > before or made.flow.read_paused)
        assert made.flow.read_paused
        await asyncio.sleep(0.02)
        assert made.transport.get_write_buffer_size() < 65_536 + 2 * 240_000
        assert len(stub.lane) < count
        assert len(stub.usual) == 1  # which waits until there is room
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for number in range(count):
            assert body_of(await client.answer())[:6] == b"big%03d" % number


# Heads


def test_heads_are_known_by_their_bytes() -> None:
    lane_ = FastLane("/graphql", Stub().respond)
    first, second = (lane_.take(post(body)) for body in (b"{}", b"[]"))
    assert first
    assert second
    assert first[0] is second[0]
    assert (first[1], second[1]) == (b"{}", b"[]")
    other = lane_.take(post(b"{}", b"X: y"))
    assert other
    assert other[0] is not first[0]
    assert lane_.take(post(b"{}") + b" ") is None
    assert lane_.take(post(b"{}")[:-1]) is None


@pytest.mark.parametrize("more", [b"", b"Nonsense", b"Connection: close"], ids=["usual", "malformed", "unusual"])
@pytest.mark.parametrize(
    "name",
    [
        b"authorization",
        b"cookie",
        b"proxy-authorization",
        b"traceparent",
        b"x-api-key",
        b"x-gateway-key",
        b"x-request-id",
        b"x-token",
    ],
)
def test_heads_with_credentials_or_with_what_is_not_known_are_not_kept(name: bytes, more: bytes) -> None:
    lane_ = FastLane("/graphql", Stub().respond)
    secret = b"%s: s3cret" % name.title()
    lines = [secret, more] if more else [secret]
    assert (lane_.take(post(b"{}", *lines)) is None) == bool(more)
    assert not lane_._heads


def test_so_many_heads_are_kept_and_no_more() -> None:
    lane_ = FastLane("/graphql", Stub().respond)
    tracemalloc.start()
    try:
        for number in range(MOST_HEADS + 20):
            many = b"\r\n".join(b"Accept:%d" % (number * 1000 + other) for other in range(95))
            assert lane_.take(post(b"{}", many))
        assert tracemalloc.get_traced_memory()[0] < 20_000_000
    finally:
        tracemalloc.stop()
    assert len(lane_._heads) == MOST_HEADS


def test_long_heads_and_those_with_many_headers_are_not_kept() -> None:
    lane_ = FastLane("/graphql", Stub().respond)
    for more in (LONG, b"X: " + b"x" * 200_000, b"\r\n".join([b"x:"] * 200), b"Nonsense"):
        assert lane_.take(post(b"{}", more)) is None
    assert lane_.take(b"POST /graphql HTTP/1.1" * 10_000) is None
    assert not lane_._heads


def test_a_head_that_cannot_be_read_is_none_of_a_usual_request() -> None:
    assert read_head(b"POST /graphql HTTP/1.1\r\nContent-Length: 1\n\r\n\r\n", b"/graphql").length is None
    assert read_head(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", b"/graphql").length is None
    assert read_head(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", b"/").length == 1


# Ids


class Telling(logging.Handler):
    """Keeps each line with the id that it would be told with."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str | None]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append((record.getMessage(), correlation_id.get()))


@pytest.fixture
def told() -> Iterator[list[tuple[str, str | None]]]:
    handler = Telling()
    logger = logging.getLogger("opportunity_graph.test")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield handler.told
    logger.removeHandler(handler)


async def test_every_line_of_the_log_tells_the_id_of_its_own_request(told: list[tuple[str, str | None]]) -> None:
    logger = logging.getLogger("opportunity_graph.test")
    gates: dict[str, asyncio.Event] = {}
    shared: list[asyncio.Task[None]] = []

    async def upstream(name: str) -> None:
        await asyncio.sleep(0)
        logger.info(name)

    async def answer(params: GraphQLParams) -> GraphQLResponse:
        name = params.query or ""
        logger.info(name)
        shared.append(asyncio.create_task(upstream(name)))
        if name in gates:
            await gates[name].wait()
            logger.info(name)
            await shared[-1]
            logger.info(name)
        return GraphQLResponse({"data": None})

    async with serving(endpoint(answer)) as served, served.client() as one, served.client() as two:
        gates |= {"a": asyncio.Event(), "b": asyncio.Event()}
        await one.send(asking("a", b"X-Request-ID: id-a"))
        await two.send(asking("b", b"X-Request-ID: id-b"))
        gates["b"].set()
        found = [id_of(await two.answer()), id_of(await two.ask(asking("c", b"X-Request-ID: id-c")))]
        gates["a"].set()
        found.append(id_of(await one.answer()))
        made_up = id_of(await one.ask(asking("d")))
        await asyncio.gather(*shared)
    assert found == ["id-b", "id-c", "id-a"]
    assert len(told) == 4 + 4 + 2 + 2
    assert all(id_ == (made_up if name == "d" else f"id-{name}") for name, id_ in told)


async def test_an_id_does_not_outlast_its_request(stub: Stub) -> None:
    """Else what the connection itself has to tell later would be put down to it."""
    seen: list[str | None] = []
    async with serving(stub) as served:
        connection = served.connection

        def made() -> Any:
            found = connection()
            receive = found.data_received

            def data_received(data: bytes) -> None:
                seen.append(correlation_id.get())
                receive(data)
                seen.append(correlation_id.get())

            found.data_received = data_received
            return found

        server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        served._port = server.sockets[0].getsockname()[1]
        async with served.client() as client:
            for body in (b"x", b"turn"):
                assert id_of(await client.ask(post(body, b"X-Request-ID: mine"))) == "mine"
        server.close()
    assert seen == [None] * 4


async def test_each_response_has_an_id_of_its_own(client: Client) -> None:
    found = {id_of(await client.ask(post(body))) for body in [b"{}", b"turn"] * 10}
    assert len(found) == 20


async def test_a_context_variable_can_be_set_back_behind_an_await() -> None:
    """The first step of an answer and the others are in one context."""

    async def answer(_: GraphQLParams) -> GraphQLResponse:
        before = correlation_id.set("other")
        await asyncio.sleep(0)
        correlation_id.reset(before)
        return GraphQLResponse({"data": None})

    async with serving(endpoint(answer)) as served, served.client() as client:
        assert (await client.ask(asking("a"))).startswith(b"HTTP/1.1 200 ")


# Faults of our own


@pytest.mark.parametrize("waits", [False, True])
async def test_a_fault_of_our_own_is_masked(waits: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def answer(_: GraphQLParams) -> GraphQLResponse:
        if waits:
            await asyncio.sleep(0)
        raise ZeroDivisionError("".join(["s3", "cret"]))

    async with serving(endpoint(answer)) as served, served.client() as client:
        found = await client.ask(asking("a"))
        assert found.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert json.loads(body_of(found))["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert same(await client.ask(*both_ways(asking("a"))[1])) == same(found)
        assert not served.faults
    assert [record.message for record in caplog.records] == ["A request failed"] * 2
    assert "s3cret" not in caplog.text + found.decode()


@pytest.mark.parametrize("pieces", [[b"fatal"], [b"turn", b"fatal"], [b"wait", b"fatal"]], ids=["", "later", "behind"])
async def test_what_is_not_even_an_exception_ends_the_connection(
    stub: Stub, served: Served, client: Client, pieces: list[bytes]
) -> None:
    await client.send(*map(post, pieces))
    stub.gate.set()
    await client.rest()
    assert stub.lane[-1] == b"fatal"
    await until(lambda: not served.state.connections and not served.state.tasks)
    async with served.client() as another:
        assert echoed(await another.ask(post(b"x"))) == b"x"
