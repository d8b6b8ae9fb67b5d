"""Bodies and headers that are attacks, and the answer each gets."""

import gzip
import json
from typing import Any

import pytest

from tests.harness import Graph, open_graph

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def graph(shared_graph: Graph) -> Graph:
    """One graph for all tests of this file."""
    return shared_graph


BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "null": (b"null", 400),
    "a text": (b'"x"', 400),
    "a number": (b"7", 400),
    "a list": (b"[]", 400),
    "an object without a query": (b"{}", 400),
    "a query that is null": (b'{"query": null}', 400),
    "a query that is a number": (b'{"query": 7}', 400),
    "variables that are a list": (b'{"query": "{ __typename }", "variables": []}', 400),
    "variables that are a text": (b'{"query": "{ __typename }", "variables": "{}"}', 400),
    "an operation name that is a list": (b'{"query": "{ __typename }", "operationName": []}', 400),
    "half an object": (b'{"query": "{ __typename }"', 400),
    "100,000 deep": (b"[" * 100_000 + b"]" * 100_000, 400),
    "variables 50,000 deep": (
        b'{"query": "{ __typename }", "variables": {"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
        400,
    ),
    "a whole number of 5,000 digits": (b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5_000 + b"}}", 200),
    "5,000 digits in place of the body": (b"9" * 5_000, 400),
    "a number beyond every float": (b'{"query": "{ __typename }", "variables": {"a": 1e999}}', 400),
    "NaN": (b'{"query": "{ __typename }", "variables": {"a": NaN}}', 400),
    "Infinity": (b'{"query": "{ __typename }", "variables": {"a": -Infinity}}', 400),
    "bad UTF-8": (b'{"query": "{ __typename }\xff"}', 400),
    "UTF-16": ('{"query": "{ __typename }"}'.encode("utf-16"), 400),
    "a byte order mark": (b'\xef\xbb\xbf{"query": "{ __typename }"}', 200),
    "half a surrogate pair in the query": (b'{"query": "{ __typename } \\ud800"}', 400),
    "a NUL in the query": (b'{"query": "{ __typename \\u0000 }"}', 400),
    "300,000 bytes": (b'{"query": "' + b" " * 300_000 + b'"}', 413),
    "5,000,000 bytes": (b" " * 5_000_000, 413),
}


@pytest.mark.parametrize("name", BODIES)
async def test_an_odd_body_gets_a_json_error_and_never_a_5xx(graph: Graph, name: str) -> None:
    body, status = BODIES[name]
    answer = await graph.request(
        "POST", "/graphql", body, content_type="application/json", accept="application/graphql-response+json"
    )
    assert answer.status in (status, 400), answer
    assert answer.status < 500
    assert "json" in answer.headers["content-type"]
    if answer.status != 200:
        assert answer.json["errors"][0]["extensions"]["code"]
        assert "data" not in answer.json


async def test_a_body_that_says_it_is_huge_is_not_read(graph: Graph) -> None:
    for length in ("5000000", "9" * 30, "256001"):
        answer = await graph.request("POST", "/graphql", b"{", content_type="application/json", content_length=length)
        assert answer.status == 413


async def test_a_gzip_body_is_refused_bomb_or_not(graph: Graph) -> None:
    body = gzip.compress(b'{"query": "' + b" " * 50_000_000 + b'"}', compresslevel=1)[:200_000]
    answer = await graph.request("POST", "/graphql", body, content_type="application/json", content_encoding="gzip")
    assert answer.status == 415
    assert answer.json["errors"]


async def test_a_body_that_never_ends_is_given_up() -> None:
    import asyncio

    async with open_graph(REQUEST_BODY_TIMEOUT_SECONDS="0.01") as graph:
        sent: list[Any] = []

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "raw_path": b"/graphql", "query_string": b""}
        scope |= {"headers": headers, "server": ("127.0.0.1", 80), "client": None, "scheme": "http", "root_path": ""}
        await graph.app(scope, receive, send)
        assert sent[0]["status"] == 408
        assert json.loads(sent[1]["body"])["errors"][0]["extensions"] == {"code": "REQUEST_TIMEOUT", "retryable": True}


FORGED = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json-evil",
    "application/jsonx",
    "text/plain; application/json",
    "application/json, text/plain",
    "application/json; charset=utf-16",
    "",
]


@pytest.mark.parametrize("content_type", FORGED)
async def test_what_a_browser_sends_for_another_site_without_asking_is_refused(graph: Graph, content_type: str) -> None:
    body = b'{"query": "{ nexudusOpportunity(sourceId: 1) { id } }"}'
    answer = await graph.request("POST", "/graphql", body, content_type=content_type)
    assert answer.status == 415
    assert graph.simulator.calls == []


async def test_a_get_that_a_browser_sends_for_another_site_is_refused(graph: Graph) -> None:
    target = "/graphql?query={nexudusOpportunity(sourceId:1){id}}"
    for headers in ({"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example.com"}):
        assert (await graph.request("GET", target, **headers)).status == 403
    assert graph.simulator.calls == []


async def test_a_foreign_name_for_this_machine_is_refused(graph: Graph) -> None:
    """DNS rebinding: a page of evil.example.com, whose address has become 127.0.0.1."""
    answer = await graph.post(
        {"query": "{ __typename }"}, host="evil.example.com:8000", origin="http://evil.example.com:8000"
    )
    assert answer.status == 403
