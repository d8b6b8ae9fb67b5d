"""What no answer tells: the schema in production, where only gateways learn it, and values that were sent."""

from typing import Any

import pytest

from tests.credentials import SCOPES, line
from tests.harness import Graph, open_graph

PRODUCTION = {
    "PRODUCTION": "true",
    "API_KEYS": line("m", "machine", " ".join(SCOPES)),
    "GATEWAY_KEYS": line("g", "gateway", " ".join(SCOPES)),
}
CLOSED = [
    "{ __schema { types { name } } }",
    '{ __type(name: "Query") { name } }',
    "{ _service { sdl } }",
    "{ x: _service { y: sdl } }",
    "{ ...F } fragment F on Query { ... { ... { x: __schema { queryType { name } } } } }",
    '{ _entities(representations: [{__typename: "NexudusOpportunity", sourceId: "1427000501"}]) { __typename } }',
]


@pytest.mark.parametrize("query", CLOSED)
async def test_in_production_only_gateways_learn_the_schema(query: str) -> None:
    async with open_graph(**PRODUCTION) as graph:
        answer = await graph.post({"query": query}, x_api_key="machine")
        assert "data" not in answer.json
        assert answer.json["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert graph.simulator.calls == []
        assert "errors" not in (await graph.post({"query": query}, x_gateway_key="gateway")).json


async def test_in_production_a_closed_field_with_what_is_no_representation_is_closed() -> None:
    async with open_graph(**PRODUCTION) as graph:
        query = '{ _entities(representations: ["x"]) { __typename } }'
        answer = await graph.post({"query": query}, x_api_key="machine")
        assert answer.json["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_in_production_there_is_no_graphiql_and_no_page_of_its_files() -> None:
    async with open_graph(**PRODUCTION) as graph:
        page = await graph.request("GET", "/graphql", accept="text/html")
        assert page.status in (401, 406)
        assert b"<html" not in page.body
        for path in ("/graphiql/samples.json", "/graphiql/assets/boot.js"):
            assert (await graph.request("GET", path)).status == 404


@pytest.mark.parametrize(
    "query",
    [
        "{ opportunit }",
        "{ __typenam }",
        "{ opportunity(idd: 1) { id } }",
        "{ node(id: 1) { ... on NexudusOpportunit { id } } }",
        "{ __typename @includ(if: true) }",
        "query($x: IDD) { opportunity(id: $x) { id } }",
    ],
)
async def test_in_production_no_name_of_the_schema_is_suggested(query: str) -> None:
    async with open_graph(**PRODUCTION) as graph:
        answer = await graph.post({"query": query}, x_api_key="machine")
        assert answer.json["errors"]
        assert b"mean" not in answer.body


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ('{ opportunity(id: {a: "ada@example.com"}) { id } }', None),
        ('{ opportunity(id: ["ada@example.com"]) { id } }', None),
        ('{ opportunity(id: 1, ids: "ada@example.com") { id } }', None),
        ('{ __typename @include(if: "ada@example.com") }', None),
        ('{ __typename } "ada@example.com"', None),
        ('{ __typename } """ada@example.com"""', None),
        ('{ opportunity("ada@example.com") { id } }', None),
        ('query($x: Boolean! = "ada@example.com") { __typename @include(if: $x) }', None),
        ("query($x: Boolean!) { __typename @include(if: $x) }", {"x": "ada@example.com"}),
        ("query($x: ID!) { opportunity(id: $x) { id } }", {"x": {"a": "ada@example.com"}}),
        ("query($x: ID!) { opportunity(id: $x) { id } }", {"x": "ada@example.com"}),
        ("query($x: [ID!]!) { nodes(ids: $x) { id } }", {"x": ["ada@example.com", None]}),
        (
            "query($x: _Any!) { _entities(representations: [$x]) { __typename } }",
            {"x": {"__typename": "ada@example.com"}},
        ),
    ],
)
async def test_values_that_were_sent_are_not_echoed(graph: Graph, query: str, variables: Any) -> None:
    answer = await graph.post({"query": query, "variables": variables})
    assert answer.json["errors"]
    assert b"ada@" not in answer.body
