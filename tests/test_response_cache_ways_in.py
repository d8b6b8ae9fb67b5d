"""The response cache gives the same answers whichever way a request comes in."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest

from engine.engine import Engine
from httpserver.request import Headers, HttpRequest
from tests.harness import Graph, open_graph
from tests.sockets import Served, asking, body_of, real
from web.auth.callers import Caller, unauthenticated
from web.endpoint import GraphQLEndpoint
from web.graphql_response import GraphQLResponse
from web.parameters import GraphQLParams
from web.policy import RequestPolicy

QUERY = '{ nexudusOpportunity(sourceId: "1427000501") { name } }'
CACHES = {
    "UPSTREAM_COST": "false",
    **{f"NEXUDUS_CACHE_{kind}_SECONDS": "600" for kind in ("FRESH", "MISSING", "STALE")},
}

Ask = Callable[[Graph, Served], Awaitable[bytes]]


async def fast_path(_: Graph, served: Served) -> bytes:
    async with served.client() as client:
        return body_of(await client.ask(asking(QUERY)))


async def web_page(_: Graph, served: Served) -> bytes:
    async with served.client() as client:
        return body_of(await client.ask(asking(QUERY, b"Origin: http://localhost:8000")))


async def connection_close(_: Graph, served: Served) -> bytes:
    async with served.client() as client:
        return body_of(await client.ask(asking(QUERY, b"Connection: close")))


async def two_segments(_: Graph, served: Served) -> bytes:
    head, blank, body = asking(QUERY).partition(b"\r\n\r\n")
    async with served.client() as client:
        return body_of(await client.ask(head + blank, body))


async def body_in_halves(_: Graph, served: Served) -> bytes:
    request = asking(QUERY)
    async with served.client() as client:
        return body_of(await client.ask(request[:-10], request[-10:]))


async def asgi(graph: Graph, _: Served) -> bytes:
    return (await graph.post({"query": QUERY})).body


async def get(graph: Graph, _: Served) -> bytes:
    return (await graph.request("GET", f"/graphql?query={quote(QUERY)}")).body


WAYS: list[Ask] = [fast_path, web_page, connection_close, two_segments, body_in_halves, asgi, get]


@asynccontextmanager
async def executions(**settings: str) -> AsyncIterator[tuple[Graph, Served, list[Any]]]:
    """Run a graph behind a socket, and list what it executes."""
    found: list[Any] = []
    usual = Engine.answer

    async def counted(*given: Any) -> Any:
        found.append(given)
        return await usual(*given)

    async with AsyncExitStack() as stack:
        graph = await stack.enter_async_context(open_graph(**CACHES | settings))
        served = await stack.enter_async_context(real(graph))
        stack.enter_context(patch.object(Engine, "answer", counted))
        yield graph, served, found


@pytest.mark.parametrize("ask", WAYS, ids=lambda ask: ask.__name__)
async def test_twenty_equal_requests_are_executed_twice_at_most(ask: Ask) -> None:
    async with executions() as (graph, served, executed):
        answers = {await ask(graph, served) for _ in range(20)}
        assert len(answers) == 1
        assert json.loads(answers.pop())["data"]["nexudusOpportunity"]["name"]
        assert len(executed) <= 2


async def test_an_answer_to_one_way_in_is_given_to_the_others() -> None:
    async with executions() as (graph, served, executed):
        posted = [ask for ask in WAYS if ask not in (get, asgi)]  # those send the same bytes
        answers = {await ask(graph, served) for ask in posted * 2}
        assert len(answers) == 1
        assert len(executed) == 2


async def test_a_body_that_looks_like_a_query_string_is_not_taken_for_one() -> None:
    target = f"query={quote(QUERY)}"
    async with executions() as (graph, _, _):
        for _ in range(3):
            assert (await graph.request("GET", f"/graphql?{target}")).status == 200
        posted = await graph.request("POST", "/graphql", target.encode(), content_type="application/json")
        assert posted.status == 400


@pytest.mark.parametrize("directives", ["no-cache", "max-age=60, No-Cache", 'private="a, b", no-cache'])
async def test_who_wants_a_fresh_answer_gets_one(directives: str) -> None:
    async with executions() as (graph, _, executed):
        for _ in range(4):
            await graph.post({"query": QUERY}, cache_control=directives)
        assert len(executed) == 4


@pytest.mark.parametrize("directives", ["max-age=60", 'extension="no-cache, no-store"', "x-no-cache"])
async def test_what_only_resembles_a_directive_is_none(directives: str) -> None:
    async with executions() as (graph, _, executed):
        for _ in range(4):
            await graph.post({"query": QUERY}, cache_control=directives)
        assert len(executed) == 2


async def test_an_answer_to_a_request_that_forbids_storing_is_not_stored() -> None:
    """RFC 9111, 5.2.1.5."""
    async with executions() as (graph, _, executed):
        for _ in range(4):
            await graph.post({"query": QUERY}, cache_control="no-store")
        assert len(executed) == 4


async def test_a_stored_answer_has_the_media_type_that_this_request_accepts() -> None:
    async with executions() as (graph, _, executed):
        for _ in range(3):
            await graph.post({"query": QUERY}, accept="application/json")
        other = await graph.post({"query": QUERY}, accept="application/graphql-response+json")
        assert other.headers["content-type"].startswith("application/graphql-response+json")
        assert (await graph.post({"query": QUERY}, accept="image/png")).status == 406
        assert len(executed) == 2


async def test_a_stored_answer_is_not_given_to_a_caller_whose_credential_is_void_by_now() -> None:
    caller = Caller("machine", frozenset({"opportunities:read"}))
    is_valid = True
    executed: list[GraphQLParams] = []

    async def identify(_: HttpRequest) -> Caller:
        if not is_valid:
            raise unauthenticated()
        return caller

    class Lasting:
        def __call__(self) -> bool:
            return True

        def __len__(self) -> int:
            return 1

    async def answer(params: GraphQLParams) -> GraphQLResponse:
        executed.append(params)
        return GraphQLResponse({"data": {"secret": "value"}}, validator=Lasting)

    asked = GraphQLEndpoint(answer, page=None, security=RequestPolicy(identify=identify))
    head = Headers([(b"content-type", b"application/json")])
    for _ in range(3):
        sent = await asked.respond(HttpRequest("POST", head, body=b'{"query": "{ secret }"}'))
        assert b"value" in sent.body
    assert len(executed) == 2
    is_valid = False
    sent = await asked.respond(HttpRequest("POST", head, body=b'{"query": "{ secret }"}'))
    assert sent.status == 401
    assert b"value" not in sent.body
