"""`web.schema_text`: the schema as a file, by the same rules as introspection."""

import json
from pathlib import Path

import pytest

from schema.export import printed
from tests import credentials
from tests.harness import Graph, open_graph

PATH = "/schema.graphql"
KEYS = {"API_KEYS": credentials.line("reports", "reports-key"), "GATEWAY_KEYS": credentials.line("gateway", "gate-key")}


async def test_it_is_the_schema_as_it_is_printed(shared_graph: Graph) -> None:
    found = await shared_graph.request("GET", PATH)
    assert (found.status, found.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert found.body.decode() == printed()
    assert not shared_graph.simulator.calls


async def test_who_has_it_is_told_so(shared_graph: Graph) -> None:
    etag = (await shared_graph.request("GET", PATH)).headers["etag"]
    again = await shared_graph.request("GET", PATH, if_none_match=etag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert again.headers["cache-control"] == "private, no-cache"
    assert (await shared_graph.request("GET", PATH, if_none_match='"another"')).status == 200


async def test_nothing_but_reading_it_is_taken(shared_graph: Graph) -> None:
    found = await shared_graph.request("POST", PATH)
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")


async def test_a_page_of_another_site_may_not_make_a_browser_read_it(shared_graph: Graph) -> None:
    found = await shared_graph.request("GET", PATH, sec_fetch_site="cross-site", origin="https://elsewhere.example")
    assert (found.status, found.json["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("production", "headers", "status", "code"),
    [
        ("false", {}, 401, "UNAUTHENTICATED"),
        ("false", {"x_api_key": "wrong"}, 401, "UNAUTHENTICATED"),
        ("false", {"x_api_key": "reports-key"}, 200, None),
        ("true", {"x_api_key": "reports-key"}, 403, "FORBIDDEN"),
        ("true", {"x_gateway_key": "gate-key"}, 200, None),
    ],
)
async def test_whoever_may_introspect_gets_it_and_nobody_else(
    production: str, headers: dict[str, str], status: int, code: str | None
) -> None:
    async with open_graph(PRODUCTION=production, **KEYS) as graph:
        found = await graph.request("GET", PATH, **headers)
        asked = await graph.post({"query": "{ __schema { queryType { name } } }"}, **headers)
    assert found.status == status
    assert (code is None) == ("errors" not in asked.json)
    if code:
        assert found.json["errors"][0]["extensions"]["code"] == asked.json["errors"][0]["extensions"]["code"] == code


async def test_where_only_listed_documents_are_executed_it_is_closed(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    listed = {"id": "q1", "name": "Q", "type": "query", "body": "{ __typename }"}
    content = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [listed]}
    manifest.write_text(json.dumps(content))
    async with open_graph(PERSISTED_QUERIES="listed-only", PERSISTED_MANIFEST=str(manifest)) as graph:
        found = await graph.request("GET", PATH)
    assert (found.status, found.json["errors"][0]["extensions"]["code"]) == (400, "PERSISTED_QUERY_NOT_LISTED")
