"""`web.application`: the fast path over the real application. Nobody can tell by a response which way its request took.

Every request is asked for until its response is stored, on a connection with the fast path, on one without, and with a
body in chunks.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import time
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.middleware import Middleware

from httpserver.framing import RequestHead
from httpserver.protocol import HTTPConnection
from httpserver.request import Headers, HttpRequest
from simulator import Simulator
from tests.credentials import line
from tests.fuzzing import EXAMPLES
from tests.harness import CACHES, Graph, open_graph
from tests.issuer import AUDIENCE, ISSUER, key_set, token
from tests.sockets import ID, Served, asking, body_of, both_ways, opportunity, post, real, same
from tests.waiting import until
from web.application import Application
from web.auth.api_keys import read_keys

PAGE = "https://app.example.com"
SCOPES = "opportunities:read contacts:read"


@pytest.fixture(scope="module", autouse=True)
def nothing_is_exported() -> Iterator[None]:
    """Make spans, and let none go."""
    with patch("tracing.exporter.OTLPSpanExporter", InMemorySpanExporter):
        yield


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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def graphs() -> AsyncIterator[dict[str, tuple[Graph, Served]]]:
    """The application with its own settings; `keys` has two API keys, and an issuer of tokens."""
    keys = line("a", "one", SCOPES) + ";" + line("b", "two")
    async with contextlib.AsyncExitStack() as stack:
        url, _ = await stack.enter_async_context(issuer())
        jwt = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": url}
        found = {}
        simulator = Simulator()
        for name, settings in {
            "open": {"MAX_REQUEST_BYTES": "5000"},
            "keys": {"API_KEYS": keys, "GATEWAY_KEYS": line("g", "three", SCOPES), **jwt},
            "proxy": {"AUTHENTICATION": "proxy", "GATEWAY_KEYS": line("g", "three", SCOPES)},
            "observed": {"ACCESS_LOG": "true", "METRICS": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        }.items():
            graph = await stack.enter_async_context(open_graph(simulator, CORS_ORIGINS=PAGE, **CACHES, **settings))
            found[name] = graph, await stack.enter_async_context(real(graph))
        yield found


@contextmanager
def counted() -> Iterator[list[bytes]]:
    """List the bodies of the responses that take the fast path, but for those that had to be made."""
    found: list[bytes] = []
    usual = HTTPConnection._start

    def start(connection: Any, head: RequestHead, body: bytes, *, is_whole: bool) -> None:
        usual(connection, head, body, is_whole=is_whole)
        if connection._task is None:
            found.append(body)

    with patch.object(HTTPConnection, "_start", start):
        yield found


def off() -> Any:
    """Turn the fast path off for connections to come."""
    return patch("httpserver.protocol.prepare", lambda *_: None)


async def compared(served: Served, request_: bytes) -> bytes:
    """Return the response, which is the same on every way; each on a connection of its own."""
    found = []
    whole, chunks = both_ways(request_)
    for pieces, way in ((whole, contextlib.nullcontext()), (whole, off()), (chunks, contextlib.nullcontext())):
        with way:
            async with served.client() as client:
                for _ in range(3):
                    answer = await client.ask(*pieces)
                    ends = b"\r\nconnection: close\r\n" in answer
                    if ends:
                        assert await client.is_closed()
                    # With the body still to come, a refusal ends the connection.
                    found.append(same(answer).replace(b"connection: close\r\n", b""))
                    if ends:
                        break
                else:
                    assert (await client.ask(asking("{ __typename }"))).startswith(b"HTTP/1.1 ")
    assert len(set(found)) == 1
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


# Requests by chance

QUERIES = [OWNER, "{ __typename }", "{ no }", "{"]
ACCEPTED = [
    *["application/graphql-response+json", "*/*"] * 3,
    *["text/event-stream", "text/event-stream, */*"],
    *["text/html, */*;q=0.8", "text/csv", "a;q=x"],
]


def by_chance(choose: random.Random) -> tuple[str, bytes]:
    """Return a request, mostly one that is answered, and its method."""

    def sometimes(share: float, *values: str) -> str | None:
        return choose.choice(values) if choose.random() < share else None

    method = choose.choices(["POST", "GET", "HEAD", "PUT", "OPTIONS"], [16, 8, 1, 1, 1])[0]
    query = choose.choices(QUERIES, [8, 2, 1, 1])[0]
    body = json.dumps({"query": query}).encode() if method != "GET" or choose.random() < 0.1 else b""
    path = choose.choices(["/graphql", "/graphq%6c", "/graphql/", "/"], [20, 1, 1, 1])[0]
    target = f"{path}?query={quote(query)}" if method in ("GET", "HEAD") or choose.random() < 0.1 else path
    tokens = [token("ec-1"), token("ec-1", scope=SCOPES), token("ec-1", expires_in=-600)]
    lines = {
        "Host": sometimes(0.1, "evil.example.com", "127.0.0.1:8000") or "localhost",
        "Content-Type": sometimes(0.1, "text/plain", 'application/JSON; charset="UTF-8"') or "application/json",
        "Accept": sometimes(0.5, *ACCEPTED),
        "Origin": sometimes(0.5, PAGE, PAGE, "https://evil.example.com", "null"),
        "Access-Control-Request-Method": sometimes(0.1, "POST"),
        "Sec-Fetch-Site": sometimes(0.2, "cross-site", "same-origin"),
        "Apollo-Require-Preflight": sometimes(0.2, "true"),
        "Authorization": sometimes(0.5, *(f"Bearer {one}" for one in tokens))
        or sometimes(0.1, "Bearer x", "Basic eDp5"),
        "X-API-Key": sometimes(0.3, "one", "two", "wrong"),
        "X-Gateway-Key": sometimes(0.2, "three", "three", "wrong"),
        "X-Request-ID": sometimes(0.3, "mine", "two words", ""),
        "X-Forwarded-For": sometimes(0.05, "192.0.2.1"),
        "Cache-Control": sometimes(0.2, "no-cache", "no-store", "max-age=1"),
        "Content-Encoding": sometimes(0.05, "identity", "gzip"),
        "If-None-Match": sometimes(0.1, "*", '"x"'),
        "If-Modified-Since": sometimes(0.1, "Sun, 22 Nov 2026 04:00:00 GMT"),
        "Range": sometimes(0.1, "bytes=0-1"),
        "Connection": sometimes(0.1, "keep-alive", "close", "Upgrade"),
        "Upgrade": sometimes(0.05, "h2c"),
        "Expect": sometimes(0.05, "100-continue"),
        "Content-Length": str(len(body)) if body else None,
    }
    head = [f"{method} {target} HTTP/1.{0 if choose.random() < 0.05 else 1}"]
    head += [f"{name}: {value}" for name, value in lines.items() if value is not None]
    return method, "\r\n".join([*head, "", ""]).encode() + body


async def asked(served: Served, request_: bytes, times: int) -> list[bytes]:
    """Return all that comes back for a request that is sent so many times, one behind the other."""
    found = []
    async with served.client() as client:
        for _ in range(times):
            before = len(served.written)
            client.writer.write(request_)
            await until(lambda before=before: len(served.written) > before)
            await served.settle()
            found.append(same(bytes(served.written[before:])))
            if b"\r\nconnection: close\r\n" in found[-1]:
                break
    return found


@pytest.mark.programs
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("which", ["open", "keys", "proxy", "observed"])
async def test_a_stored_response_to_any_request_has_the_bytes_of_the_usual_one(
    graphs: dict[str, tuple[Graph, Served]], which: str
) -> None:
    _, served = graphs[which]
    choose = random.Random(which)
    # GraphiQL's page has a nonce that is new each time.
    with counted() as fast, patch("web.graphiql.page.token_urlsafe", lambda _: "made-up"):
        for _ in range(2 * EXAMPLES):
            _, request_ = by_chance(choose)
            found = await asked(served, request_, 3)
            before = len(fast)
            with off():
                usual = await asked(served, request_, 1)
            assert len(fast) == before
            assert {*found, *usual} == {usual[0]}, request_
            assert usual[0], request_
    assert len(fast) > EXAMPLES / 4


CALLERS = {
    "nobody": ("open", b"X: y"),
    "a page": ("open", b"Origin: " + PAGE.encode()),
    "a machine": ("keys", b"X-API-Key: one"),
    "a user": ("keys", b"Authorization: Bearer "),
    "a user's page": ("keys", b"Origin: " + PAGE.encode() + b"\r\nAuthorization: Bearer "),
    "a gateway for a user": ("keys", b"X-Gateway-Key: three\r\nAuthorization: Bearer "),
    "who came through a proxy": ("proxy", b"X-Forwarded-For: 192.0.2.1"),
    "whoever is written down": ("observed", b"X: y"),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("name", CALLERS)
async def test_the_fast_path_is_for_every_caller(
    graphs: dict[str, tuple[Graph, Served]], name: str, method: str
) -> None:
    which, lines = CALLERS[name]
    if lines.endswith(b"Bearer "):
        lines += token("ec-1", scope=SCOPES).encode()
    request_ = asking(OWNER, lines, b"Apollo-Require-Preflight: true")
    if method == "GET":
        request_ = (
            request_.partition(b"\r\n\r\n")[0]
            .replace(b"POST /graphql", b"GET /graphql?query=%s" % quote(OWNER).encode())
            .rpartition(b"\r\n")[0]
            + b"\r\n\r\n"
        )
    with counted() as fast:
        found = await asked(graphs[which][1], request_, 5)
    assert len(set(found)) == 1
    assert found[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert 3 <= len(fast) <= 5


@pytest.mark.asyncio(loop_scope="module")
async def test_a_browser_that_opens_the_address_of_a_stored_response_gets_the_page(
    graphs: dict[str, tuple[Graph, Served]],
) -> None:
    line_ = f"GET /graphql?query={quote(OWNER)} HTTP/1.1\r\nHost: localhost\r\n".encode()
    with counted() as fast:
        await asked(graphs["open"][1], line_ + b"\r\n", 3)
        assert fast
        (page,) = await asked(graphs["open"][1], line_ + b"Accept: text/html, */*;q=0.8\r\n\r\n", 1)
    assert b"\r\ncontent-type: text/html; charset=utf-8\r\n" in page


async def test_a_token_that_has_expired_gets_nothing_that_is_stored() -> None:
    now = time()
    request_ = asking(OWNER, b"Authorization: Bearer " + token("ec-1", scope=SCOPES, expires_in=600).encode())
    async with issuer() as (url, _):
        settings = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": url}
        async with (
            open_graph(wall_clock=lambda: now, **CACHES | settings) as graph,
            real(graph) as served,
            served.client() as client,
        ):
            with counted() as fast:
                for _ in range(4):
                    assert (await client.ask(request_)).startswith(b"HTTP/1.1 200 ")
                now += 700
                before = len(fast)
                assert (await client.ask(request_)).startswith(b"HTTP/1.1 401 ")
    assert before == len(fast) > 0


async def test_a_key_that_was_taken_back_gets_nothing_that_is_stored_on_its_connection_either() -> None:
    async with open_graph(**CACHES, API_KEYS=line("a", "one", SCOPES)) as graph:
        callers: Any = graph.app.state.endpoint._policy.identify.__self__
        async with real(graph) as served, served.client() as client:
            with counted() as fast:
                for _ in range(4):
                    assert (await client.ask(asking(OWNER, b"X-API-Key: one"))).startswith(b"HTTP/1.1 200 ")
                assert fast
            callers._api_keys.replace(read_keys(line("b", "two"), SCOPES.split()))
            assert (await client.ask(asking(OWNER, b"X-API-Key: one"))).startswith(b"HTTP/1.1 401 ")
            # The same connection for another, who may see less.
            answer = await client.ask(asking(OWNER, b"X-API-Key: two"))
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"FORBIDDEN" in answer


# Whether it is on


class Layer:
    """What somebody adds: it has no form on the fast path."""

    def __init__(self, app: Any, paths: list[str]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self._paths.append(scope["path"])
        await self._app(scope, receive, send)


@pytest.mark.parametrize("where", ["nowhere", "outermost", "innermost", "around the endpoint", "around everything"])
async def test_a_layer_that_somebody_adds_runs_for_everybody(where: str) -> None:
    paths: list[str] = []
    async with open_graph(**CACHES) as graph:
        app = graph.app
        if where == "outermost":
            app.add_middleware(Layer, paths)
        elif where == "innermost":
            app.user_middleware.append(Middleware(Layer, paths))
        elif where == "around the endpoint":
            at_path = app.user_middleware[-1]
            at_path.args = (at_path.args[0], Layer(at_path.args[1], paths))
        elif where == "around everything":
            graph.app = Layer(app, paths)
        if where == "innermost":  # inside the middleware that answers at the path of the graph: it sees other pages
            app.user_middleware[-2:] = reversed(app.user_middleware[-2:])
        with counted() as fast:
            async with real(graph) as served, served.client() as client:
                for _ in range(5):
                    assert body_of(await client.ask(opportunity())).startswith(b'{"data":')
    assert len(paths) == (0 if where == "nowhere" else 5)
    assert bool(fast) is (where == "nowhere")


async def test_an_application_without_a_path_of_its_own_has_none() -> None:
    assert Application().prepare(HttpRequest("POST", Headers([]), path="/graphql")) is None
