"""`httpserver.fast_path`: which requests take it, and that nobody can tell by the responses which way they took."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from httpserver.envelope import Envelope
from httpserver.fast_path import Prepared, prepare, result_at_once
from httpserver.framing import MAX_HEADERS
from httpserver.request import Headers, HttpRequest
from httpserver.response import HttpResponse
from tests import loops, sockets
from tests.sockets import CHUNKED, DATE, LONG, Client, FastStub, Served, Stub, connections, post, same, serving
from tests.waiting import PATIENCE_SECONDS

LOOPS = loops.BOTH
test_they_run_on_both_loops = sockets.they_run_on_both_loops

# Which way


USUAL = {
    "as it is": post(),
    "keep-alive": post(b"{}", b"Connection: keep-alive"),
    "Keep-Alive": post(b"{}", b"cOnnection: Keep-Alive"),
    "names in other cases": post().replace(b"Content-Length", b"CONTENT-length"),
    "no space behind a colon": post().replace(b": ", b":"),
    "Origin": post(b"{}", b"Origin: https://app.example.com"),
    "a credential": post(b"{}", b"Authorization: Bearer x"),
    "a long head": post(b"{}", LONG),
    "an upgrade": post(b"{}", b"Connection: Upgrade", b"Upgrade: h2c"),
    "zeros before a length": post().replace(b"Length: 2", b"Length: 0002"),
    "a head within a body": post(post()),
    "blank lines in a body": post(b"\r\n\r\n"),
    "Latin-1 in a header": post(b"{}", b"X-Name: \xe9\xff"),
    "100 headers": post(b"{}", *(b"x%d: y" % number for number in range(97))),
    "chunks that are all here": CHUNKED,
}


@pytest.fixture
def stub() -> FastStub:
    return FastStub()


served, client = sockets.served, sockets.client


@pytest.mark.parametrize("request_", USUAL.values(), ids=USUAL)
async def test_usual_requests_take_the_fast_path(stub: FastStub, client: Client, request_: bytes) -> None:
    assert (await client.ask(request_)).startswith(b"HTTP/1.1 200 OK\r\n")
    assert (await client.ask(request_)).startswith(b"HTTP/1.1 200 OK\r\n")  # now that its head is known
    assert len(stub.at_once) == 2


async def test_the_fast_path_makes_no_task_and_counts_its_responses(
    stub: FastStub, served: Served, client: Client
) -> None:
    for _ in range(3):
        await client.ask(post())
    assert not served.state.tasks
    assert served.state.total_requests == 3


@pytest.mark.parametrize(
    "request_",
    [post(b"{}", b"Connection: close"), post().replace(b"HTTP/1.1", b"HTTP/1.0")],
    ids=["Connection: close", "HTTP/1.0"],
)
async def test_what_ends_a_connection_takes_the_usual_way(stub: FastStub, client: Client, request_: bytes) -> None:
    await client.ask(request_)
    assert (stub.bodies, stub.at_once) == ([b"{}"], [])


async def test_a_body_that_comes_later_takes_the_usual_way(stub: FastStub, client: Client) -> None:
    await client.ask(post()[:-1], post()[-1:])
    assert (stub.bodies, stub.at_once) == ([b"{}"], [])


@pytest.mark.parametrize("body", [b"{}", b"turn"])
async def test_while_the_server_drains_each_response_is_the_last_of_its_connection(
    served: Served, client: Client, body: bytes
) -> None:
    served.state.default_headers = [DATE, (b"connection", b"close")]
    assert (await client.ask(post(body))).count(b"\r\nconnection: close\r\n") == 1
    assert await client.is_closed()


async def test_a_response_that_is_not_stored_is_made_in_a_task_that_ends_with_it(
    stub: FastStub, served: Served, client: Client
) -> None:
    answer = asyncio.create_task(client.ask(post(b"wait")))
    await served.settle()
    assert len(served.state.tasks) == 1
    stub.gate.set()
    assert (await answer).startswith(b"HTTP/1.1 200 OK\r\n")
    await served.settle()
    assert (stub.later, stub.at_once, list(served.state.tasks)) == ([b"wait"], [], [])


async def test_a_response_that_says_so_is_the_last_of_its_connection(served: Served, client: Client) -> None:
    class Closing(FastStub):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)

        def prepare(self, request: HttpRequest) -> Prepared | None:
            return Prepared(lambda _: HttpResponse(b"{}", 413, headers={"Connection": "close"}))

    async with serving(Closing()) as served, served.client() as client:
        assert (await client.ask(post())).count(b"\r\nconnection: close\r\n") == 1
        assert await client.is_closed()


async def test_work_that_fails_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(FastStub):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)

        def prepare(self, request: HttpRequest) -> Prepared | None:
            async def fail() -> HttpResponse:
                raise ValueError

            return Prepared(lambda _: fail())

    async with serving(Failing()) as served, served.client() as client:
        assert (await client.ask(post())).startswith(b"HTTP/1.1 500 ")
        assert (await client.ask(post())).startswith(b"HTTP/1.1 500 ")
    assert "A request failed" in caplog.text


async def test_what_fails_on_the_fast_path_takes_the_usual_way() -> None:
    class Failing(FastStub):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)

        def prepare(self, request: HttpRequest) -> Prepared | None:
            return Prepared(lambda _: 1 // 0)  # type: ignore[arg-type, return-value] # it fails

    stub = Failing()
    async with serving(stub) as served, served.client() as client:
        assert (await client.ask(post())).startswith(b"HTTP/1.1 200 OK\r\n")
    assert stub.bodies == [b"{}"]


# Whose application has one

REQUEST = HttpRequest("POST", Headers([]), path="/graphql")


class Layer:
    """A layer that somebody adds, without a synchronous form."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


class Overridden(Envelope):
    """A layer whose form on the fast path is inherited, and knows nothing of what this adds."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await super().__call__(scope, receive, send)


class Called(Envelope):
    """A layer that changes neither."""


async def function(scope: Any, receive: Any, send: Any) -> None: ...


def test_an_application_has_a_fast_path_where_every_layer_has() -> None:
    assert prepare(Envelope(FastStub()), REQUEST) is not None
    assert prepare(Envelope(Called(FastStub())), REQUEST) is not None


@pytest.mark.parametrize(
    "app",
    [
        Layer(FastStub()),
        Envelope(Layer(FastStub())),
        Overridden(FastStub()),
        Envelope(Overridden(FastStub())),
        Envelope(Stub()),
        Envelope(function),
        function,
    ],
    ids=["outside", "inside", "overridden", "overridden inside", "no form", "a function inside", "a function"],
)
async def test_a_layer_without_a_form_of_its_own_turns_the_fast_path_off(app: Any) -> None:
    assert prepare(app, REQUEST) is None


async def test_the_result_of_work_that_does_not_wait_is_there_at_once() -> None:
    async def work() -> int:
        return 7

    assert result_at_once(work()) == 7


async def test_work_that_waits_is_ended() -> None:
    ended = []

    async def work() -> int:
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(True)
        return 7

    assert result_at_once(work()) is None
    assert ended == [True]


async def test_what_work_raises_is_raised() -> None:
    async def work() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        result_at_once(work())


# The same bytes


START = b"POST /graphql HTTP/1.1"

UNUSUAL: dict[str, bytes] = {
    "without Host": post().replace(b"Host: localhost\r\n", b""),
    "Host twice": post(b"{}", b"Host: evil"),
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
    "many headers": post(b"{}", *(b"x%d: y" % number for number in range(MAX_HEADERS))),
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
    async with Served(kind, app, PATIENCE_SECONDS).listen() as served, served.client() as client:
        for piece, is_apart in pieces:
            if not client.writer.is_closing():
                client.writer.write(piece)
            if is_apart:
                await served.settle()
        await served.settle()
        return same(bytes(served.written)), bool(served.state.connections)


async def understood_as_ever(pieces: Sequence[tuple[bytes, bool]]) -> Stub:
    """Send pieces to an application with a fast path, and to one without; return the former."""
    stubs = FastStub(), Stub()
    found = []
    for stub in stubs:
        stub.gate.set()
        found.append(await answers(connections(), stub.app, pieces))
    assert found[0] == found[1]
    assert stubs[0].bodies == stubs[1].bodies
    return stubs[0]


@pytest.mark.parametrize("request_", UNUSUAL.values(), ids=UNUSUAL)
async def test_unusual_requests_are_understood_alike(request_: bytes) -> None:
    """Whoever can make two readers of the same bytes see different requests can smuggle one past the first."""
    await understood_as_ever([(request_, True), (LAST, True)])


EARLY = post(post(b"smuggled")).replace(b"/graphql", b"/early", 1)
"""A request whose body looks like another; the application answers before it is there."""


@pytest.mark.parametrize(
    "pieces",
    [
        [EARLY.replace(post(b"smuggled"), b""), post(b"smuggled")],
        [b"POST /early HTTP/1.1\r\nX: ", post(b"smuggled")],
        [b"POST /early HTTP/1.1\r\n", post(b"smuggled")],
        [CHUNKED.replace(b"/graphql", b"/early")[:-12] + b"%x\r\n" % len(post(b"smuggled")), post(b"smuggled")],
        [CHUNKED.replace(b"/graphql", b"/early")[:-2], post(b"smuggled")],
    ],
    ids=["a body", "a header", "headers", "a chunk", "trailers"],
)
async def test_what_looks_like_a_request_inside_of_another_is_none(pieces: list[bytes]) -> None:
    stub = await understood_as_ever([(piece, True) for piece in [*pieces, LAST]])
    assert b"smuggled" not in stub.bodies


@pytest.mark.programs
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
