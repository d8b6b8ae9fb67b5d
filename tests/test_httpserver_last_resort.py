"""No input, and no fault of ours, ends a connection without an HTTP answer. Both ways in are tried each time."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from starlette.middleware import Middleware

import server
from httpserver.envelope import Envelope
from httpserver.fast_path import Prepared, prepare
from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from security.parts import SecurityParts
from simulator import faults
from simulator.chartmogul_records import EXAMPLE
from simulator.replies import encode_json
from tests import logged
from tests.harness import Graph, open_graph
from tests.sockets import asking, body_of, both_ways, endpoint, post, real, serving
from web.graphql_response import GraphQLResponse
from web.persisted_documents import PersistedDocuments
from web.response_cache import OperationHits, StoredResponse

SECRET = "hunter2"
MASKED = (
    b'{"errors":[{"message":"Internal server error.","extensions":{"code":"INTERNAL_SERVER_ERROR","retryable":false}}]}'
)
NEXUDUS_ID, CHARTMOGUL_ID = "1427000501", EXAMPLE["uuid"]
BOTH = (
    f'{{ c: chartMogulOpportunity(sourceId: "{CHARTMOGUL_ID}") {{ custom {{ key value }} }}'
    f'   n: nexudusOpportunity(sourceId: "{NEXUDUS_ID}") {{ sourceId }} }}'
)


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError(SECRET)


class Broken:
    """Raises whatever is done with it."""

    __enter__ = __exit__ = __call__ = find = register = broken


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def answering(body: Any, **others: Any) -> Callable[..., Any]:
    async def answer(_: Any) -> GraphQLResponse:
        return GraphQLResponse(body, **others)

    return answer


class NeverRegistered(PersistedDocuments):
    """Finds documents, and cannot take note of one."""

    register = broken


async def identify_with_an_odd_header(_: Any) -> Any:
    raise HTTPError(400, "No.", {"X-Odd": "\u2028"})


async def identify_broken(_: Any) -> Any:
    broken()


GOOD = answering({"data": {"a": 1}})
PLACES: dict[str, tuple[Any, dict[str, Any]]] = {
    "telling who calls": (GOOD, {"identify": identify_broken}),
    "finding the document": (GOOD, {"documents": Broken()}),
    "letting it in": (GOOD, {"concurrency_limit": Broken()}),
    "answering": (broken, {}),
    "registering the document": (GOOD, {"documents": NeverRegistered()}),
    "writing what is no JSON": (answering({"data": object()}), {}),
    "writing what is nested too deeply": (answering({"data": nested(100_000)}), {}),
    "keeping the answer": (answering({"data": {}}, validator=broken), {}),
    "writing a header": (GOOD, {"identify": identify_with_an_odd_header}),
}


async def answers(stub: Any, request_: bytes, *, times: int = 2) -> list[bytes]:
    """Return what is answered on each way; one after another on its connection, while it lasts."""
    found = []
    async with serving(stub) as served:
        for pieces in both_ways(request_):
            for _ in range(times):
                async with served.client() as client:
                    found.append(await client.ask(*pieces))
    return found


def check_masked(found: list[bytes], caplog: pytest.LogCaptureFixture) -> None:
    for answer in found:
        head = answer.partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 500 Internal Server Error\r\n"), answer
        assert b"content-type: application/json; charset=utf-8\r\n" in head.lower()
        assert b"x-content-type-options: nosniff" in head.lower()
        assert b"x-request-id: " in head.lower()
        assert body_of(answer) == MASKED
    assert [record.levelname for record in logged.records(caplog)] == ["ERROR"] * len(found)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("place", PLACES)
async def test_a_fault_anywhere_is_status_500_without_its_text(place: str, caplog: pytest.LogCaptureFixture) -> None:
    answer, parts = PLACES[place]
    # Nothing is registered of a request without extensions; of one with any no answer is kept.
    others: dict[str, Any] = {"extensions": {}} if place == "registering the document" else {}
    found = await answers(endpoint(answer, **parts), asking("{ a }", **others))
    if place == "keeping the answer":  # which is tried from the second time on that the same is asked
        assert body_of(found.pop(0)) == b'{"data":{}}'
    check_masked(found, caplog)


class BrokenLayer:
    """Middleware that fails before it, or after it, has passed a request on."""

    def __init__(self, app: Any) -> None:
        pass

    __call__ = broken


async def test_a_fault_of_a_layer_is_status_500_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    with patch.object(SecurityParts, "middleware", lambda *_, demo: [Middleware(BrokenLayer)]):
        async with open_graph() as graph:
            for target in ("/graphql", "/nothing", "/"):
                answer = await graph.request("GET", target, accept="application/json")
                assert (answer.status, answer.body) == (500, MASKED)
                assert answer.headers["x-request-id"]
    assert len(logged.records(caplog)) == 3
    assert SECRET not in caplog.text


class BrokenHeaders:
    """Middleware that fails when it sees the head of a response."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, lambda _: broken())

    def prepare(self, request: HttpRequest) -> Prepared | None:
        prepared = prepare(self._app, request)
        if prepared is not None:
            prepared.layers.append(broken)
        return prepared


@pytest.mark.parametrize("query", ["{ a }", "{ b }"], ids=["one that is stored", "one that is made"])
async def test_a_fault_of_a_layer_that_changes_headers_is_status_500_on_both_ways(
    query: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = endpoint(GOOD)
    if query == "{ a }":
        found.response_cache.find = lambda *_: StoredResponse(b"{}", list, 0.0, OperationHits(None))
    found.app = Envelope(BrokenHeaders(found))
    check_masked(await answers(found, asking(query)), caplog)


async def test_a_fault_of_the_page_is_status_500_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    with patch.object(server.GraphiQL, "page", broken):
        async with open_graph() as graph:
            answer = await graph.request("GET", "/graphql", accept="text/html")
    assert (answer.status, answer.body) == (500, MASKED)
    assert SECRET not in caplog.text


async def test_a_fault_before_the_answer_is_begun_closes_no_connection_unanswered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        broken()

    outermost = endpoint(GOOD)
    outermost.app = app
    async with serving(outermost) as served, served.client() as client:
        answer = await client.ask(asking("{ a }"))
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert body_of(answer) == MASKED
    assert SECRET not in caplog.text


# --- what a source sends can be written, or is refused when it is read


def record_with(depth: int) -> bytes:
    text = EXAMPLE | {"custom": {"deep": 0}}
    return encode_json(text).replace(b'"deep":0', b'"deep":' + b"[" * depth + b"1" + b"]" * depth)


async def asked(graph: Graph) -> list[Any]:
    """Ask on both ways until the document is compiled, and the answer could be a kept one."""
    found = [(await graph.post({"query": BOTH})).json for _ in range(3)]
    async with real(graph) as served:
        for pieces in both_ways(asking(BOTH)) * 2:
            async with served.client() as client:
                answer = await client.ask(*pieces)
                assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
                found.append(json.loads(body_of(answer)))
    return found


@pytest.mark.parametrize("depth", [1, 99, 100, 101, 253, 254, 255, 960, *range(970, 992), 2_000, 100_000])
async def test_a_value_that_is_nested_too_deeply_costs_its_record_and_nothing_else(
    depth: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with open_graph() as graph:
        graph.simulator.chartmogul.faults.add(faults.body(record_with(depth)), times=None, kinds={"get"})
        for answer in await asked(graph):
            assert answer["data"]["n"] == {"sourceId": NEXUDUS_ID}
            if depth < 100:
                assert answer["data"]["c"] == {"custom": [{"key": "deep", "value": nested(depth)}]}
                assert "errors" not in answer
            else:
                assert answer["data"]["c"] is None
                (error,) = answer["errors"]
                assert (error["path"], error["extensions"]["code"]) == (["c"], "UPSTREAM_BAD_RESPONSE")
    assert logged.records(caplog) == []


ENTITIES = "query($r: [_Any!]!, $i: ID) { _entities(representations: $r) { __typename } opportunity(id: $i) { id } }"


@pytest.mark.parametrize("depth", [50, 254, 900, *range(960, 1_000, 3), 5_000, 100_000])
async def test_a_request_that_is_nested_however_deeply_has_an_answer(
    depth: int, caplog: pytest.LogCaptureFixture
) -> None:
    deep = "[" * depth + "]" * depth
    objects = '{"a":' * depth + "1" + "}" * depth
    representation = f'{{"__typename":"Opportunity","id":{deep},"more":{objects}}}'
    bodies = [
        f'{{"query":{json.dumps(ENTITIES)},"variables":{{"r":[{representation}],"i":"x"}}}}',
        f'{{"query":{json.dumps(ENTITIES)},"variables":{{"r":[],"i":{deep}}}}}',
        f'{{"query":{json.dumps(ENTITIES)},"variables":{{"r":{deep},"i":"x"}}}}',
        f'{{"query":"{{ __typename }}","extensions":{objects}}}',
        f'{{"query":"{{ __typename }}","unknown":{objects}}}',
        deep,
        json.dumps({"query": f"{{ opportunity(id: {deep}) {{ id }} }}"}),
        json.dumps({"query": "{ a" * depth + "}" * depth}),
        json.dumps({"query": f"query($v: {'[' * depth}ID{']' * depth}) {{ opportunity(id: $v) {{ id }} }}"}),
    ]
    async with open_graph() as graph, real(graph) as served:
        for body in [body.encode() for body in bodies if len(body) < 256_000]:
            for pieces in both_ways(post(body)) * 2:
                async with served.client() as client:
                    answer = await client.ask(*pieces)
                    assert answer[9:12] in (b"200", b"400"), answer[:200]
                    assert b"INTERNAL" not in answer
    assert [record for record in logged.records(caplog) if record.levelno >= logging.WARNING] == []


async def test_a_fault_after_a_wait_closes_no_connection_unanswered(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        def __init__(self) -> None:
            self.app = Envelope(self._asgi)

        async def respond(self, _: Any) -> Any:
            await asyncio.sleep(0)
            broken()

        async def _asgi(self, *_: Any) -> None:
            await self.respond(None)

    for answer in await answers(Failing(), asking("{ a }")):
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert body_of(answer) == MASKED
    assert SECRET not in caplog.text
