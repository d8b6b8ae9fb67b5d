"""A connection of `httpserver.protocol` on a real socket, a client for it, and what may answer behind it."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from httpserver.connection import ConnectionLimits
from httpserver.envelope import Envelope
from httpserver.exchange import CONTINUE
from httpserver.fast_path import Prepared, result_at_once
from httpserver.protocol import protocol
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse
from tests.harness import Graph
from tests.waiting import PATIENCE_SECONDS, until
from web.endpoint import GraphQLEndpoint
from web.policy import RequestPolicy

MAX_BODY_BYTES = 256_000
DATE = (b"date", b"Sun, 22 Nov 2026 04:00:00 GMT")
ID = 1427000501


def post(body: bytes = b"{}", *lines: bytes) -> bytes:
    """Return a usual request, with more headers."""
    head = [b"POST /graphql HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", b""]) + body


LONG = b"X-Long: " + b"x" * 2_000
CHUNKED = post().replace(b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")


def asking(query: str, *lines: bytes, **others: Any) -> bytes:
    return post(json.dumps({"query": query, **others}).encode(), *lines)


def opportunity(number: int = 0) -> bytes:
    return asking(f'{{ nexudusOpportunity(sourceId: "{ID + number}") {{ sourceId }} }}')


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
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = CONTINUE
            while head == CONTINUE:  # interim responses
                head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            assert length, head
            return head + await self._reader.readexactly(int(length[1]))

    async def ask(self, *pieces: bytes) -> bytes:
        await self.send(*pieces[:-1])
        self.writer.write(pieces[-1])  # which the server may not wait for
        return await self.answer()

    async def rest(self, seconds: float = PATIENCE_SECONDS) -> bytes:
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
        self.config = uvicorn.Config(
            app, http=kind, log_config=None, access_log=False, ws="none", lifespan="off", proxy_headers=False
        )
        self.config.timeout_keep_alive = keep_alive_seconds  # type: ignore[assignment] # less than a second
        self.config.load()
        self._kind = kind

    def connection(self) -> Any:
        """Return a protocol that counts the pieces it was given, and keeps what it writes."""
        kind: Any = self._kind  # its types call it a plain `Protocol`
        connection: Any = kind(config=self.config, server_state=self.state, app_state={})
        connect, receive = connection.connection_made, connection.data_received

        def data_received(data: bytes) -> None:
            self.pieces += 1
            receive(data)

        connection.connection_made = lambda transport: connect(Recording(transport, self.written))
        connection.data_received = data_received
        return connection

    async def settle(self) -> None:
        """Wait until nothing happens any more: it would within some turns of the loop, since nothing waits for time."""
        quiet, last = 0, None
        while quiet < 20:
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
            connection: Any
            for connection in list(self.state.connections):
                connection.transport.abort()
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

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    def shut_down(self) -> None:
        """Do as uvicorn does when it stops."""
        for connection in list(self.state.connections):
            connection.shutdown()


class Stub:
    """Answers with what it was asked. A body says what happens: `wait`, `turn`, `big`. `bodies` are those it got."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.cancelled: list[bytes] = []
        self.gate = asyncio.Event()
        self.app = Envelope(self)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = HttpRequest.from_scope(scope, receive)
        if scope["path"] == "/early":
            await (await self._work(request, b"early", b"/early"))(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self.bodies.append(body)
        sent = await self._work(request, body, scope["path"].encode())
        await sent(scope, receive, send)

    async def _work(self, request: HttpRequest, body: bytes, path: bytes = b"/graphql") -> HttpResponse:
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
            return HttpResponse(body * 40_000)
        parts = (request.method, path, request.query_string, request.headers.fields, body, request.server is not None)
        return HttpResponse(
            repr(parts).encode(), 413 if b"large" in body else 200, headers={} if body else {"Allow": "POST"}
        )


class FastStub(Stub):
    """A stub on the fast path. It has its responses stored, but for bodies that make it wait.

    `at_once` has the bodies that were answered from the store, `later` those that the fast path answered in a task.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at_once: list[bytes] = []
        self.later: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await super().__call__(scope, receive, send)

    def prepare(self, request: HttpRequest) -> Prepared | None:
        def respond(body: bytes) -> HttpResponse | Coroutine[Any, Any, HttpResponse]:
            self.bodies.append(body)
            if not body or body.startswith((b"wait", b"turn", b"fatal")) or b"large" in body:
                self.later.append(body)
                return self._work(request, body)
            self.at_once.append(body)
            response = result_at_once(self._work(request, body))
            assert response is not None
            return response

        if (request.method, request.path, request.query_string) != ("POST", "/graphql", b""):
            return None
        return Prepared(respond)


class Fatal(BaseException):
    pass


def connections(
    *, head_seconds: float = PATIENCE_SECONDS, half_close_seconds: float = 0.02, probe_seconds: float = 0.01
) -> Any:
    """Return what makes connections."""
    return protocol(ConnectionLimits(head_seconds, MAX_BODY_BYTES, half_close_seconds, probe_seconds))


@asynccontextmanager
async def serving(stub: Any, *, keep_alive_seconds: float = PATIENCE_SECONDS, **others: Any) -> AsyncIterator[Served]:
    async with Served(connections(**others), stub.app, keep_alive_seconds).listen() as served:
        yield served


# What a module of tests takes by its name


async def they_run_on_both_loops(request: pytest.FixtureRequest) -> None:
    """A test."""
    assert f"[{type(asyncio.get_running_loop()).__module__.partition('.')[0]}]" in request.node.name


@pytest.fixture(params=[Stub, FastStub], ids=["task", "fast path"])
def stub(request: pytest.FixtureRequest) -> Stub:
    found: Stub = request.param()
    return found


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


@asynccontextmanager
async def real(graph: Graph) -> AsyncIterator[Served]:
    async with Served(connections(), graph.app, PATIENCE_SECONDS).listen() as served:
        yield served


def both_ways(request_: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return a request's pieces: in one, and with its body in chunks, which the fast path takes no part in."""
    head, _, body = request_.partition(b"\r\n\r\n")
    head = re.sub(rb"(?i)content-length: *\d+", b"Transfer-Encoding: chunked", head)
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return [request_], [head + b"\r\n\r\n", chunk + b"0\r\n\r\n"]


def endpoint(answer: Any, **parts: Any) -> GraphQLEndpoint:
    found = GraphQLEndpoint(answer, page=None, security=RequestPolicy(**parts))
    found.app = Envelope(found)  # type: ignore[attr-defined] # kept beside it, for the test alone
    return found
