"""`engine.engine`: every error of a request has a code, and none tells what it should not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from aiodataloader import DataLoader

from engine.answer import Answer
from engine.documents import Document
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from resolvers.nexudus import NEXUDUS, client
from resolvers.nexudus.record import NexudusRecord
from schema.execution import build_engine
from tests import logged, loops
from tests.harness import Graph
from tests.schemas import build_schema

LOOPS = loops.WITH_ITS_OWN_TIME

SECRET = "hunter2"
ENGINE = build_engine(build_schema())


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def graph(shared_graph: Graph) -> Graph:
    """One graph for all tests of this file."""
    return shared_graph


async def refusal(graph: Graph, query: Any, **rest: Any) -> dict[str, Any]:
    """Return the one error of a request that is not executed."""
    answer = await graph.post({"query": query, **rest})
    assert "data" not in answer.json
    assert graph.simulator.calls == []
    (error,) = answer.json["errors"]
    assert error["extensions"]["retryable"] is False
    return error


@pytest.mark.parametrize(
    "query",
    ["", " ", "{", "}", "query", "nonsense", "{ opportunity(id: ) { id } }", '{ a(b: "\n") }', "\ufeff{", "{ é }", "#"],
)
async def test_a_document_that_cannot_be_read_has_a_code(graph: Graph, query: str) -> None:
    assert (await refusal(graph, query))["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing }",
        "{ opportunity { id } }",
        '{ opportunity(id: "x") }',
        '{ opportunity(id: "x", size: 5) { id } }',
        "{ opportunity(id: 1.5) { id } }",
        '{ opportunity(id: "x") { name } }',
        "query($id: Nothing) { opportunity(id: $id) { id } }",
        "query { opportunity(id: $id) { id } }",
        "fragment F on Opportunity { id }",
        "mutation { nothing }",
        "subscription { nothing }",
        '{ opportunity(id: "x") { ...F } } fragment F on Opportunity { ...F }',
    ],
)
async def test_a_document_that_does_not_fit_the_schema_has_a_code(graph: Graph, query: str) -> None:
    answer = await graph.post({"query": query})
    assert "data" not in answer.json
    assert {error["extensions"]["code"] for error in answer.json["errors"]} <= {
        "GRAPHQL_VALIDATION_FAILED",
        "BAD_USER_INPUT",
    }
    assert graph.simulator.calls == []


async def test_a_validation_error_says_where_it_is(graph: Graph) -> None:
    error = await refusal(graph, "{ nothing }")
    assert error["locations"] == [{"line": 1, "column": 3}]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    "query",
    [
        "{" * 100_000,
        "{ node" * 3_000,
        "{ opportunity(id: " + "[" * 3_000,
        "{ a " * 20_000,
        "query { " + "__typename " * 50_000 + "}",
        "query(" + "$a: ID " * 5_000 + ") { __typename }",
    ],
    ids=lambda query: query[:20],
)
async def test_an_oversized_document_is_refused_with_a_code(graph: Graph, query: str) -> None:
    error = await refusal(graph, query)
    assert error["extensions"]["code"] in ("GRAPHQL_PARSE_FAILED", "BAD_USER_INPUT")
    assert len(error["message"]) < 300


@pytest.mark.parametrize("name", [None, "", "C"])
async def test_several_operations_need_the_name_of_one_of_them(graph: Graph, name: str | None) -> None:
    """Trap 27: the framework would run the first one."""
    error = await refusal(graph, "query A { __typename } query B { __typename }", operationName=name)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_the_named_operation_is_the_one_that_runs(graph: Graph) -> None:
    query = "query A { a: __typename } query B { b: __typename }"
    answer = await graph.post({"query": query, "operationName": "B"})
    assert answer.json["data"] == {"b": "Query"}


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("$id: ID!", None),
        ("$id: ID!", SECRET.split()),
        ("$id: ID!", {"name": SECRET}),
        ("$id: ID!", 1.5),
        ("$id: ID!", True),
        ("$id: ID!", [[SECRET]]),
    ],
)
async def test_an_error_in_a_variable_does_not_repeat_its_value(graph: Graph, declared: str, value: Any) -> None:
    error = await refusal(graph, f"query({declared}) {{ opportunity(id: $id) {{ id }} }}", variables={"id": value})

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "$id" in error["message"]
    assert SECRET not in str(error)


async def test_a_variable_that_is_left_out_is_named(graph: Graph) -> None:
    error = await refusal(graph, "query($id: ID!) { opportunity(id: $id) { id } }")
    assert "$id" in error["message"]


async def test_a_fault_of_this_server_is_masked(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Trap 17: what is not expected is logged, and leaves without its text."""

    def broken(body: bytes) -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(client, "parse", broken)
    with caplog.at_level(logging.WARNING):
        answer = await graph.ask('{ nexudusOpportunity(sourceId: "1427000501") { id } __typename }')

    assert answer["data"] == {"nexudusOpportunity": None, "__typename": "Query"}
    assert answer["errors"] == [
        {
            "message": "Internal server error.",
            "locations": [{"line": 1, "column": 3}],
            "path": ["nexudusOpportunity"],
            "extensions": {"code": "INTERNAL_SERVER_ERROR", "retryable": False},
        }
    ]
    assert [record.levelname for record in logged.records(caplog)] == ["ERROR"]
    assert "RuntimeError" in caplog.text


async def test_a_broken_field_of_a_record_hurts_no_other_field(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: NexudusRecord) -> str:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(NexudusRecord, "coworker_type", property(broken))
    answer = await graph.ask('{ nexudusOpportunity(sourceId: "1427000501") { coworker { coworkerType id } sourceId } }')

    found = answer["data"]["nexudusOpportunity"]
    assert (found["coworker"]["coworkerType"], found["sourceId"]) == (None, "1427000501")
    assert found["coworker"]["id"]
    assert SECRET not in str(answer["errors"])


async def test_documents_are_read_once() -> None:
    first = ENGINE.read("{ __typename }")
    assert isinstance(first, Document)
    assert ENGINE.read("{ __typename }") is first


async def test_refusals_are_remembered_too() -> None:
    first = ENGINE.read("{ nothing }")
    assert isinstance(first, Answer)
    assert ENGINE.read("{ nothing }") is first


def numbered(number: int) -> str:
    return f"{{ ...F{number} }} fragment F{number} on Query {{ __typename }}"


async def test_the_documents_kept_are_bounded_by_their_size_and_the_least_used_go_first() -> None:
    engine = build_engine(build_schema(), max_document_bytes=1_000_000)
    used = engine.read("{ used: __typename }")
    first = engine.read(numbered(0))
    for number in range(1, 200):
        engine.read(numbered(number))
        assert engine.read("{ used: __typename }") is used
        assert engine._documents.bytes <= 1_000_000

    assert engine.read(numbered(0)) is not first


async def test_a_document_larger_than_all_that_is_kept_is_answered_and_not_kept() -> None:
    engine = build_engine(build_schema(), max_document_bytes=100)
    assert isinstance(engine.read("{ __typename" + " " * 200 + "}"), Document)
    assert len(engine._documents) == 0
    assert engine._documents.bytes == 0


async def test_a_cancelled_batch_does_not_leave_its_callers_waiting() -> None:
    """Trap 2: aiodataloader does not catch `CancelledError`; whoever waits for a key would wait for ever."""

    async def cancelled(ids: Sequence[str]) -> list[Any]:
        raise asyncio.CancelledError

    stock = DataLoader(cancelled)
    with pytest.raises(TimeoutError):  # should this change, the guard in `resolvers.loaders` can go
        await asyncio.wait_for(asyncio.shield(stock.load("1")), 0.05)

    loaders = Loaders({"nexudus": Fetching(cancelled)}, UpstreamContext(5))  # type: ignore[dict-item] # a stand-in
    error = await asyncio.wait_for(asyncio.gather(loaders.load(NEXUDUS, "1"), return_exceptions=True), 1)
    assert getattr(error[0], "code", None) == "UPSTREAM_UNAVAILABLE"


async def test_a_cancelled_caller_does_not_cancel_the_others_of_its_key() -> None:
    """Trap 1: graphql-core cancels the siblings of a failed non-null field; the loader's future is not theirs alone."""
    go = asyncio.Event()

    async def fetch(ids: Sequence[str]) -> list[Any]:
        await go.wait()
        return list(ids)

    loaders = Loaders({"nexudus": Fetching(fetch)}, UpstreamContext(5))  # type: ignore[dict-item] # a stand-in
    sibling, other = (asyncio.create_task(loaders.load(NEXUDUS, "1")) for _ in range(2))
    await asyncio.sleep(0.01)
    sibling.cancel()
    await asyncio.wait([sibling])
    go.set()
    assert await asyncio.wait_for(other, 1) == "1"


class Fetching:
    """Takes the place of a source's fetcher."""

    source = "nexudus"

    def __init__(self, fetch: Callable[[Sequence[str]], Awaitable[list[Any]]]) -> None:
        self._fetch = fetch

    def cached(self, source_id: str, operation: Any) -> None:
        return None

    async def fetch_many(self, ids: Sequence[str], operation: Any) -> list[Any]:
        return await self._fetch(ids)
