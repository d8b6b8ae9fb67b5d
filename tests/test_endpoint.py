"""`web.endpoint`: GraphQL over HTTP, rule by rule. No request here may reach a source.

What a request would like its response to be is in `web.preferences`; `web.graphql_response` is what is answered.
"""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio

from httpserver.request import Headers
from tests.harness import Graph, Response, open_graph
from web.preferences import read_preferences

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"
QUERY = b'{"query": "{ __typename }"}'
DATA = {"data": {"__typename": "Query"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(way_in: str) -> AsyncIterator[Graph]:
    async with open_graph(UPSTREAM_COST="") as graph:
        yield graph


@pytest.fixture
def web(running: Graph) -> Graph:
    """The graph; nothing that was asked of it in this file has reached a source."""
    assert running.simulator.calls == []
    return running


async def post(web: Graph, body: bytes = QUERY, **headers: str) -> Response:
    return await web.request("POST", "/graphql", body, **{"content_type": JSON} | headers)


async def get(web: Graph, **parameters: Any) -> Response:
    return await web.request("GET", f"/graphql?{urlencode(parameters)}", accept=RESPONSE_JSON)


def refused(answer: Response, status: int) -> dict[str, Any]:
    """Check an error of a request: its status, JSON, a code, no data. Return it."""
    assert answer.status == status, answer
    assert answer.headers["content-type"].split(";")[0] in (JSON, RESPONSE_JSON)
    assert list(answer.json) == ["errors"]
    (error,) = answer.json["errors"]
    assert error["message"]
    assert isinstance(error["extensions"]["code"], str)
    return error


# Media types (GraphQL over HTTP, 6.1 and 6.2)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (RESPONSE_JSON, RESPONSE_JSON),
        (JSON, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (f"{RESPONSE_JSON}, {JSON}", RESPONSE_JSON),
        (f"{JSON}, {RESPONSE_JSON}", RESPONSE_JSON),
        (f"{JSON}, {RESPONSE_JSON};q=0.5", JSON),
        (f"{RESPONSE_JSON};q=0.9, {JSON};q=0.1", RESPONSE_JSON),
        (f"{RESPONSE_JSON}; charset=utf-8", RESPONSE_JSON),
        (f'{JSON}; charset="UTF-8"', JSON),
        ("text/html, application/json", JSON),
        (f"text/plain, {JSON};q=0.1", JSON),
        ("APPLICATION/GRAPHQL-RESPONSE+JSON", RESPONSE_JSON),
    ],
)
async def test_the_answer_has_the_media_type_that_the_client_accepts(web: Graph, accept: str, expected: str) -> None:
    """Trap 14."""
    answer = await post(web, accept=accept)
    assert answer.status == 200
    assert answer.headers["content-type"] == f"{expected}; charset=utf-8"
    assert answer.json == DATA


async def test_a_client_that_says_nothing_gets_json(web: Graph) -> None:
    answer = await post(web)
    assert answer.headers["content-type"] == f"{JSON}; charset=utf-8"


@pytest.mark.parametrize(
    "accept",
    ["text/plain", "image/png", f"{JSON};q=0", "application/xml", f"{JSON}; charset=latin-1"],
)
async def test_a_client_that_accepts_none_of_the_two_is_told_406(web: Graph, accept: str) -> None:
    error = refused(await post(web, accept=accept), 406)
    assert RESPONSE_JSON in error["message"]


@pytest.mark.parametrize("weight", ["soon", "2", "-0.1"])
async def test_an_accept_header_that_cannot_be_read_is_400(web: Graph, weight: str) -> None:
    refused(await post(web, accept=f"{JSON};q={weight}"), 400)
    refused(await web.request("GET", "/graphql?query={__typename}", accept=f"text/html;q={weight}"), 400)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_answers_are_private_and_not_stored(web: Graph, method: str) -> None:
    answer = await post(web) if method == "POST" else await get(web, query="{ __typename }")
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "accept" in answer.headers["vary"].lower()


# Status codes (6.4)


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ nothing }",
        "query A { a: __typename } query B { b: __typename }",
        "query($id: ID!) { node(id: $id) { id } }",
    ],
)
@pytest.mark.parametrize(("accept", "status"), [(RESPONSE_JSON, 400), (JSON, 200)])
async def test_an_error_of_the_request_is_400_or_200_as_the_media_type_has_it_and_has_no_data(
    web: Graph, query: str, accept: str, status: int
) -> None:
    """Trap 14: the framework sends `"data": null`."""
    refused(await post(web, json.dumps({"query": query}).encode(), accept=accept), status)


@pytest.mark.parametrize("accept", [RESPONSE_JSON, JSON])
async def test_an_error_of_a_field_is_200_with_data(web: Graph, accept: str) -> None:
    answer = await post(web, b'{"query": "{ opportunity(id: 5) { id } }"}', accept=accept)
    assert answer.status == 200
    assert answer.json["data"] == {"opportunity": None}
    assert answer.json["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


# Methods (6.1)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_other_methods_are_405_in_json_and_say_what_is_allowed(web: Graph, method: str) -> None:
    """Trap 14: the framework answers plain text without `Allow`."""
    answer = await web.request(method, "/graphql", QUERY, content_type=JSON)
    refused(answer, 405)
    assert {m.strip() for m in answer.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}


async def test_a_post_is_answered_where_it_is_sent_without_a_redirect(web: Graph) -> None:
    """Trap 14: a mounted view would redirect a POST."""
    answer = await post(web)
    assert (answer.status, "location" in answer.headers) == (200, False)


async def test_get_takes_a_query_with_variables_and_an_operation_name(web: Graph) -> None:
    query = "query A($x: Boolean!) { a: __typename @include(if: $x) } query B { b: __typename }"
    answer = await get(web, query=query, variables='{"x": true}', operationName="A")
    assert answer.status == 200
    assert answer.json == {"data": {"a": "Query"}}


async def test_empty_parameters_of_get_count_as_absent(web: Graph) -> None:
    answer = await get(web, query="{ __typename }", variables="", operationName="", extensions="")
    assert answer.json == DATA


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": ""},
        {"quer": "{ __typename }"},
        {"query": "{ __typename }", "variables": "{"},
        {"query": "{ __typename }", "variables": "[]"},
        {"query": "{ __typename }", "variables": "5"},
        {"query": "{ __typename }", "variables": '"x"'},
        {"query": "{ __typename }", "variables": '{"x": NaN}'},
        {"query": "{ __typename }", "variables": "[" * 5_000},
        {"query": "{ __typename }", "extensions": "nonsense"},
    ],
    ids=str,
)
async def test_malformed_parameters_of_get_are_400(web: Graph, parameters: dict[str, str]) -> None:
    refused(await get(web, **parameters), 400)


@pytest.mark.parametrize("target", ["/graphql?query=%ff%fe", "/graphql?query=%ED%A0%80", "/graphql?%00=%00&query=%00"])
async def test_bytes_that_are_no_text_in_the_query_string_are_a_client_error(web: Graph, target: str) -> None:
    answer = await web.request("GET", target, accept=RESPONSE_JSON)
    refused(answer, 400)


async def test_get_executes_nothing_but_queries(web: Graph) -> None:
    answer = await get(web, query="mutation { __typename }")
    assert 400 <= answer.status < 500
    assert "data" not in answer.json


async def test_head_is_answered_like_get(web: Graph) -> None:
    answer = await web.request("HEAD", f"/graphql?query={quote('{ __typename }')}", accept=JSON)
    assert answer.status == 200


# Content types and encodings


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=utf-8", 'Application/JSON;charset="UTF8"'])
async def test_a_body_is_json_in_utf_8(web: Graph, content_type: str) -> None:
    assert (await post(web, content_type=content_type)).json == DATA


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonp",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
    ],
)
async def test_another_content_type_is_415(web: Graph, content_type: str) -> None:
    refused(await post(web, content_type=content_type), 415)


async def test_a_body_without_a_content_type_is_415(web: Graph) -> None:
    refused(await web.request("POST", "/graphql", QUERY), 415)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "nonsense"])
async def test_a_compressed_body_is_415(web: Graph, encoding: str) -> None:
    """Trap 27: the framework answers 500."""
    answer = await post(web, gzip.compress(QUERY), content_encoding=encoding)
    refused(answer, 415)
    assert answer.headers["accept-encoding"] == "identity"


async def test_compressed_bytes_that_are_not_declared_are_400(web: Graph) -> None:
    refused(await post(web, gzip.compress(QUERY)), 400)


# Bodies


@pytest.mark.parametrize("size", [256_001, 1_000_000])
async def test_a_body_above_the_limit_is_413(web: Graph, size: int) -> None:
    """Trap 27: the framework has no limit."""
    body = b'{"query": "{ __typename }", "extensions": {"x": "' + b"x" * size + b'"}}'
    refused(await post(web, body), 413)
    refused(await post(web, body, content_length=str(len(body))), 413)
    refused(await post(web, QUERY, content_length="9" * 5_000), 413)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"5",
        b"true",
        b'"text"',
        b"[]",
        b"[" + QUERY + b"]",
        b"{}",
        b"{",
        b"{ __typename }",
        QUERY + QUERY,
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b'{"query": "{ __typename }", "variables": {"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"query": "{ __typename }", "variables": {"x": NaN}}',
        b'{"query": "{ __typename }", "variables": {"x": Infinity}}',
        b'{"query": "{ __typename }", "variables": {"x": 1e400}}',
        b'{"query": "\xff\xfe"}',
        b'\xff\xfe{\x00"\x00',
        b'{"query": "{ __typename }", \'x\': 1}',
        b'{"query": "{ __typename }",}',
        b'{"query": "\x00"}',
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": []}',
        b'{"query": {"x": 1}}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": "{}"}',
        b'{"query": "{ __typename }", "operationName": 5}',
        b'{"query": "{ __typename }", "operationName": {}}',
        b'{"query": "{ __typename }", "extensions": []}',
        b'{"query": "{ __typename }", "extensions": 5}',
    ],
    ids=lambda body: repr(body[:60]),
)
@pytest.mark.parametrize("accept", [RESPONSE_JSON, JSON])
async def test_a_body_that_is_no_request_is_400(web: Graph, body: bytes, accept: str) -> None:
    """Trap 27: deep JSON, huge integers and bad UTF-8 are 500 in the framework."""
    refused(await post(web, body, accept=accept), 400)


async def test_a_byte_order_mark_before_json_is_skipped(web: Graph) -> None:
    """RFC 8259, 8.1."""
    mark = b"\xef\xbb\xbf"
    assert (await post(web, mark + QUERY)).json == DATA
    refused(await post(web, mark + mark + QUERY), 400)
    error = refused(await post(web, mark + b'{"query": 5}'), 400)
    assert error["message"] == "`query` must be a string."
    answer = await get(web, query="query($x: Boolean!) { __typename @skip(if: $x) }", variables='\ufeff{"x": false}')
    assert answer.json == DATA


@pytest.mark.parametrize(
    "variables",
    [
        b'{"x": ' + b"9" * 5_000 + b"}",
        b'{"x": ' + b"9" * 30 + b"}",
        b'{"x": 0.1e-400}',
        b'{"x": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"x": "\\u0000"}',
        b"null",
        b"{}",
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_odd_values_that_nobody_asks_for_are_no_fault_of_the_server(web: Graph, variables: bytes) -> None:
    answer = await post(web, b'{"query": "{ __typename }", "variables": %s}' % variables)
    assert answer.status in (200, 400)
    assert answer.json == DATA or list(answer.json) == ["errors"]


@pytest.mark.parametrize("value", [b'"\\ud800"', b"9" * 30, b"9" * 5_000, b"-1", b"true", b"{}", b"[[]]", b'"\\u0000"'])
async def test_an_odd_id_is_an_error_with_a_code_and_asks_no_source(web: Graph, value: bytes) -> None:
    body = b'{"query": "query($x: ID!) { nexudusOpportunity(sourceId: $x) { id } }", "variables": {"x": %s}}' % value
    answer = await post(web, body)
    assert answer.status in (200, 400)
    assert answer.json["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("text", ["hunter2", "\\ud800 hunter2", "<script>hunter2</script>"])
async def test_what_was_sent_is_not_repeated_when_it_cannot_be_read(web: Graph, text: str) -> None:
    answer = await post(web, b'{"query": "{ __typename }", "variables": "%s"' % text.encode())
    assert "hunter2" not in json.dumps(refused(answer, 400))


async def test_unknown_members_of_a_request_are_ignored(web: Graph) -> None:
    answer = await post(web, b'{"query": "{ __typename }", "new": {"x": 1}, "extensions": {}, "variables": null}')
    assert answer.json == DATA


async def test_other_paths_are_404(web: Graph) -> None:
    assert (await web.request("GET", "/nothing")).status == 404
    assert (await web.request("GET", "/graphql/../etc/passwd")).status == 404


async def test_a_browser_gets_the_page_and_a_program_does_not(web: Graph) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    answer = await web.request("GET", "/graphql", accept=browser)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    refused(await web.request("GET", "/graphql", accept="*/*"), 400)


async def test_without_the_page_a_browser_is_told_406() -> None:
    async with open_graph(GRAPHIQL="false") as graph:
        refused(await graph.request("GET", "/graphql?query={__typename}", accept="text/html"), 406)


async def test_no_source_was_asked_by_any_of_these(web: Graph) -> None:
    assert web.simulator.calls == []


@pytest.mark.parametrize(("value", "fresh"), [("no-cache", True), ("max-age=0, No-Cache", True), ("max-age=0", False)])
async def test_who_asks_for_no_cache_wants_a_fresh_answer(value: str, fresh: bool) -> None:
    """RFC 9111, 5.2.1.4; 5.2: directives are compared without regard to case."""
    assert read_preferences(Headers([(b"cache-control", value.encode())])).wants_fresh is fresh
