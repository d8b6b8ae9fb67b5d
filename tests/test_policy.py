"""`web.policy` and `web.body`: how many requests and uploads there are at once, and what the others get."""

import asyncio
import json
from typing import Any

import pytest

from httpserver.http_errors import HTTPError
from simulator import FAULTS
from tests.harness import Graph, open_graph
from web.policy import ConcurrencyLimit


def test_a_place_is_free_again_whatever_became_of_the_request() -> None:
    concurrency_limit = ConcurrencyLimit(1)
    with pytest.raises(KeyError), concurrency_limit:
        raise KeyError
    with concurrency_limit, pytest.raises(HTTPError), concurrency_limit:
        pass
    with concurrency_limit:
        pass


async def test_beyond_the_places_requests_get_503_and_when_to_come_again() -> None:
    async with open_graph(MAX_CONCURRENT_REQUESTS="2", ATTEMPT_TIMEOUT_SECONDS="5") as graph:
        graph.simulator.nexudus.faults.add(FAULTS["hang"], times=None)
        slow = {"query": '{ nexudusOpportunity(sourceId: "1427000501") { status } }'}
        held = [asyncio.create_task(graph.post(slow)) for _ in range(2)]
        await asyncio.sleep(0)  # both have their places
        refused = await graph.post({"query": "{ __typename }"})
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json["errors"][0]["extensions"] == {
            "code": "SERVER_BUSY",
            "retryable": True,
            "retryAfterSeconds": 1,
        }
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert (await graph.post({"query": "{ __typename }"})).status == 200


async def post_slowly(graph: Graph, rest: asyncio.Event) -> list[Any]:
    """Send the first half of a body, and the other when `rest` is set; return what comes back."""
    body = b'{"query": "{ __typename }"}'
    pieces = iter(((body[:9], True), (body[9:], False)))
    sent: list[Any] = []

    async def receive() -> Any:
        piece, more = next(pieces)
        if not more:
            await rest.wait()
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/graphql", "raw_path": b"/graphql", "query_string": b""}
    scope |= {"headers": [(b"content-type", b"application/json")], "server": ("127.0.0.1", 80), "root_path": ""}
    await graph.app(scope, receive, send)
    return sent


async def test_slow_uploads_are_bounded_and_keep_out_nobody_but_each_other() -> None:
    async with open_graph(MAX_CONCURRENT_REQUESTS="2") as graph:
        rest = asyncio.Event()
        held = [asyncio.create_task(post_slowly(graph, rest)) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await post_slowly(graph, rest)
        assert refused[0]["status"] == 503
        assert (b"retry-after", b"1") in refused[0]["headers"]
        assert (await graph.post({"query": "{ __typename }"})).status == 200
        rest.set()
        for messages in await asyncio.gather(*held):
            assert json.loads(messages[1]["body"])["data"] == {"__typename": "Query"}
        assert (await post_slowly(graph, rest))[0]["status"] == 200
