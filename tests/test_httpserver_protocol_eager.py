"""`httpserver.protocol`: what is begun without a task, and that nobody can tell by the answers which way a request
took.

`httpserver.exchange` is one request and its response, on either way.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from httpserver.framing import MAX_HEADERS
from simulator import Simulator
from tests import loops, sockets
from tests.credentials import line
from tests.harness import Graph, open_graph
from tests.issuer import AUDIENCE, ISSUER, key_set, token
from tests.sockets import (
    CHUNKED,
    ID,
    LONG,
    Client,
    Served,
    Stub,
    asking,
    body_of,
    both_ways,
    lane,
    opportunity,
    plain,
    post,
    real,
    same,
)

stub, served, client = sockets.stub, sockets.served, sockets.client
LOOPS = loops.BOTH
test_they_run_on_both_loops = sockets.they_run_on_both_loops

# Which way


USUAL = {
    "as it is": post(),
    "keep-alive": post(b"{}", b"Connection: keep-alive"),
    "Keep-Alive": post(b"{}", b"cOnnection: Keep-Alive"),
    "names in other cases": post().replace(b"Content-Length", b"CONTENT-length"),
    "no space behind a colon": post().replace(b": ", b":"),
    "an empty body": post(b""),
    "Origin": post(b"{}", b"Origin: https://app.example.com"),
    "a credential": post(b"{}", b"Authorization: Bearer x"),
    "a long head": post(b"{}", LONG),
    "an upgrade": post(b"{}", b"Connection: Upgrade", b"Upgrade: h2c"),
    "zeros before a length": post().replace(b"Length: 2", b"Length: 0002"),
    "a head within a body": post(post()),
    "blank lines in a body": post(b"\r\n\r\n"),
    "Latin-1 in a header": post(b"{}", b"X-Name: \xe9\xff"),
    "100 headers": post(b"{}", *(b"x%d: y" % number for number in range(97))),
}


@pytest.mark.parametrize("request_", USUAL.values(), ids=USUAL)
async def test_usual_requests_take_the_shorter_way(stub: Stub, client: Client, request_: bytes) -> None:
    assert (await client.ask(request_)).startswith(b"HTTP/1.1 200 OK\r\n")
    assert (await client.ask(request_)).startswith(b"HTTP/1.1 200 OK\r\n")  # now that its head is known
    assert len(stub.lane) == 2
    assert not stub.usual


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
        found.append(await answers(kind(), stub.app, pieces))
    assert found[0] == found[1]
    assert sorted(stubs[0].lane + stubs[0].usual) == sorted(stubs[1].usual)
    assert not stubs[1].lane
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
    assert b"smuggled" not in stub.lane
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
        found.append(same(answer).replace(b"connection: close\r\n", b""))  # with the body still to come, it ends
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
    "a foreign Host behind": (400, asking("{ __typename }", b"Host: evil.example.com")),
    "no Host": (400, asking("{ __typename }").replace(b"Host: localhost\r\n", b"")),
    "an address as Host": (200, asking("{ __typename }").replace(b"localhost", b"127.0.0.1:8000")),
    "a Host that is none": (400, asking("{ __typename }").replace(b"localhost", b"[")),
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
                found.append(same(await client.ask(*pieces)).replace(b"connection: close\r\n", b""))
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
