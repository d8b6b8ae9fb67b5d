"""A null that only execution can refuse is the caller's fault, wherever it is and whichever executor finds it.

GraphQL's rules let a nullable variable with a default stand where no null may be (specification, 5.8.5). Its value may
be null all the same, which is an error of the field (6.4.1), or of the request where no field is executed yet.
"""

import logging
from typing import Any

import pytest

from tests import logged, loops
from tests.harness import Graph

LOOPS = loops.WITH_ITS_OWN_TIME

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEAL = 'deal: nexudusOpportunity(sourceId: "1427000501")'

BELOW = {
    'query($v: ID = "1") { opportunity(id: $v) { id } here: __typename }': ["opportunity"],
    'query($v: ID = "1") { nexudusOpportunity(sourceId: $v) { id } here: __typename }': ["nexudusOpportunity"],
    'query($v: ID = "1") { node(id: $v) { id } here: __typename }': ["node"],
    'query($v: ID = "1") { opportunitiesById(ids: [$v]) { id } here: __typename }': ["opportunitiesById"],
    'query($v: ID = "1") { nodes(ids: ["x", $v]) { id } here: __typename }': ["nodes"],
    'query($v: [ID!] = ["1"]) { opportunitiesById(ids: $v) { id } here: __typename }': ["opportunitiesById"],
    'query($v: String = "x") { __type(name: $v) { name } here: __typename }': ["__type"],
    f"query($v: Boolean = true) {{ {DEAL} {{ id @include(if: $v) }} here: __typename }}": ["deal"],
    f"query($v: Boolean = true) {{ {DEAL} {{ ... @skip(if: $v) {{ id }} }} here: __typename }}": ["deal"],
    f"query($v: Boolean = true) {{ {DEAL} {{ ...F @skip(if: $v) }} here: __typename }} fragment F on Node {{ id }}": [
        "deal"
    ],
    f"query($v: Boolean = true) {{ {DEAL} {{ value {{ amount @skip(if: $v) }} }} here: __typename }}": [
        "deal",
        "value",
    ],
}
"""What is null because of a null in `$v`, and nothing beside it is."""

ALL = {
    "query($v: [_Any!] = []) { _entities(representations: $v) { __typename } }": ["_entities"],
    "query($v: _Any = {}) { _entities(representations: [$v]) { __typename } }": ["_entities"],
    "query($v: Boolean = true) { __schema { queryType { name @skip(if: $v) } } }": ["__schema", "queryType"],
}
"""The same where the place itself, or what is around it, may not be null."""

ROOT = [
    "query($v: Boolean = true) { here: __typename @include(if: $v) }",
    f"query($v: Boolean = true) {{ ... @skip(if: $v) {{ {DEAL} {{ id }} }} }}",
]


def error(query: str, path: list[str] | None) -> dict[str, Any]:
    place = {"line": 1, "column": query.rindex("$v") + 1}
    found: dict[str, Any] = {"message": "Variable '$v' must not be null here.", "locations": [place]}
    return found | ({"path": path} if path else {}) | {"extensions": {"code": "BAD_USER_INPUT", "retryable": False}}


async def thrice(graph: Graph, query: str) -> list[Any]:
    """Ask until the document is compiled, if it can be."""
    return [(await graph.post({"query": query, "variables": {"v": None}})).json for _ in range(3)]


@pytest.mark.parametrize("query", [*BELOW, *ALL])
async def test_a_null_that_a_field_refuses_is_bad_input_at_that_field(
    shared_graph: Graph, caplog: pytest.LogCaptureFixture, query: str
) -> None:
    path = (BELOW | ALL)[query]
    for answer in await thrice(shared_graph, query):
        assert answer["errors"] == [error(query, path)]
        if query in ALL:
            assert answer["data"] is None
        else:
            assert answer["data"]["here"] == "Query"
            value = answer["data"]
            for step in path:
                value = value[step]
            assert value is None
    assert [record for record in logged.records(caplog) if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("query", ROOT)
async def test_a_null_that_the_root_refuses_is_the_same_error_of_the_request(
    shared_graph: Graph, caplog: pytest.LogCaptureFixture, query: str
) -> None:
    for answer in await thrice(shared_graph, query):
        assert answer == {"errors": [error(query, None)]}
    assert [record for record in logged.records(caplog) if record.levelno > logging.INFO] == []


async def test_a_null_inside_of_a_representation_is_bad_input_for_that_one(shared_graph: Graph) -> None:
    query = """query($v: ID) { _entities(representations: [
      {__typename: "Opportunity", id: $v} {__typename: "NexudusOpportunity", sourceId: "1427000501"}
    ]) { __typename } }"""
    for answer in await thrice(shared_graph, query):
        assert answer["data"]["_entities"] == [None, {"__typename": "NexudusOpportunity"}]
        assert [(e["path"], e["extensions"]["code"]) for e in answer["errors"]] == [
            (["_entities", 0], "BAD_USER_INPUT")
        ]


async def test_what_was_not_passed_and_what_is_of_the_wrong_type_are_told_in_two_sentences(
    shared_graph: Graph,
) -> None:
    async def message(query: str, **variables: Any) -> str:
        answer = await shared_graph.post({"query": query, "variables": variables})
        (one,) = answer.json["errors"]
        assert "data" not in answer.json
        return str(one["message"])

    query = "query($i: ID!) { opportunity(id: $i) { id } }"
    assert await message(query) == "Variable '$i' is required and was not passed: its type is ID!."
    assert await message(query, i=None) == "Variable '$i' must not be null: its type is ID!."
    assert await message(query, i=["x"]) == (
        "Variable '$i' has a value that is not of its type, ID!: 'ID' is text, or a whole number."
    )
    assert (
        await message("{ opportunity { id } }")
        == "Argument 'Query.opportunity(id:)' of type 'ID!' is required, but it was not provided."
    )
    assert await message("{ opportunity(id: 1.5) { id } }") == "ID cannot represent a non-string and non-integer value."
