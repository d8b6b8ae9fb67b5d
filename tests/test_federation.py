"""`_service` and `_entities`: what a router sends, and what strangers send in its name."""

import copy
from typing import Any

import pytest

from resolvers.global_id import encode
from schema.export import printed
from schema.sources import SOURCE_TYPES
from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID
from tests.harness import Graph
from tests.schemas import build_schema

NEXUDUS_ID = encode("nexudus", str(NEXUDUS_EXAMPLE_ID))
CHARTMOGUL_ID = encode("chartmogul", CHARTMOGUL_EXAMPLE_ID)
NEXUDUS = {"__typename": "NexudusOpportunity", "id": NEXUDUS_ID}
CHARTMOGUL = {"__typename": "ChartMogulOpportunity", "id": CHARTMOGUL_ID}
ENTITIES = "query($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Opportunity { id } } }"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def graph(shared_graph: Graph) -> Graph:
    """One graph for all tests of this file."""
    return shared_graph


async def entities(graph: Graph, *representations: Any) -> Any:
    return await graph.ask(ENTITIES, {"r": representations})


def found(answer: Any) -> list[str | None]:
    return [row and row["id"] for row in answer["data"]["_entities"]]


def reads(graph: Graph) -> list[str]:
    return [call.kind for call in graph.simulator.calls if not call.kind.startswith("token")]


def directives(of: Any) -> list[str]:
    definition = of.extensions["strawberry-definition"]
    return [
        type(d).__name__ + (f" {d.fields}" if hasattr(d, "fields") else "") for d in definition.directives or () if d
    ]


@pytest.mark.looks_at_costs
@pytest.mark.parametrize(
    ("representation", "type_", "id_"),
    [
        (NEXUDUS, "NexudusOpportunity", NEXUDUS_ID),
        (CHARTMOGUL, "ChartMogulOpportunity", CHARTMOGUL_ID),
        ({"__typename": "Opportunity", "id": NEXUDUS_ID}, "NexudusOpportunity", NEXUDUS_ID),
        ({"__typename": "Opportunity", "id": CHARTMOGUL_ID}, "ChartMogulOpportunity", CHARTMOGUL_ID),
        (
            {"__typename": "NexudusOpportunity", "sourceId": str(NEXUDUS_EXAMPLE_ID)},
            "NexudusOpportunity",
            NEXUDUS_ID,
        ),
        (
            {"__typename": "ChartMogulOpportunity", "sourceId": CHARTMOGUL_EXAMPLE_ID.upper()},
            "ChartMogulOpportunity",
            CHARTMOGUL_ID,
        ),
    ],
)
async def test_each_key_finds_its_entity(graph: Graph, representation: Any, type_: str, id_: str) -> None:
    answer = await entities(graph, representation)
    assert answer["data"] == {"_entities": [{"__typename": type_, "id": id_}]}
    assert len(reads(graph)) == 1


async def test_a_missing_record_is_null_without_an_error(graph: Graph) -> None:
    answer = await entities(graph, {"__typename": "NexudusOpportunity", "id": encode("nexudus", "1")})
    assert found(answer) == [None]
    assert "errors" not in answer


async def test_many_representations_cost_one_request_for_each_50_nexudus_records(graph: Graph) -> None:
    ids = [encode("nexudus", str(NEXUDUS_EXAMPLE_ID + number)) for number in range(60)]
    answer = await entities(graph, *({"__typename": "NexudusOpportunity", "id": id_} for id_ in [*ids, *ids]))
    assert found(answer) == [*ids, *ids]
    assert reads(graph) == ["list-by-ids", "list-by-ids"]


async def test_the_interface_has_a_key_and_every_implementation_the_same_one() -> None:
    """Trap 7."""
    schema = build_schema()._schema
    interface: Any = schema.get_type("Opportunity")
    implementations = schema.get_possible_types(interface)

    assert "Key id" in directives(interface)
    assert sorted(type_.name for type_ in implementations) == sorted(one.type_name for one in SOURCE_TYPES)
    for type_ in implementations:
        assert {"Key id", "Key sourceId"} <= set(directives(type_))


async def test_every_type_of_the_entity_union_resolves_at_run_time(graph: Graph) -> None:
    """Trap 8: with `sort_schema=True` every union fails at run time."""
    answer = await entities(graph, NEXUDUS, CHARTMOGUL)
    assert found(answer) == [NEXUDUS_ID, CHARTMOGUL_ID]
    union: Any = build_schema()._schema.get_type("_Entity")
    assert {type_.name for type_ in union.types} >= {one.type_name for one in SOURCE_TYPES}


async def test_the_federation_version_is_the_lowest_that_has_keys_on_interfaces() -> None:
    """Trap 9: composers in use refuse versions newer than they know."""
    assert '@link(url: "https://specs.apollo.dev/federation/v2.3"' in build_schema().as_str()


async def test_two_aliases_on_one_variable_both_find_their_entities(graph: Graph) -> None:
    """Trap 10: the stock resolver takes `__typename` out of the caller's variables."""
    query = """query($r: [_Any!]!) {
      a: _entities(representations: $r) { __typename ... on Opportunity { id } }
      b: _entities(representations: $r) { __typename ... on Opportunity { id } }
    }"""
    variables = {"r": [NEXUDUS, CHARTMOGUL]}
    sent = copy.deepcopy(variables)
    answer = await graph.ask(query, variables)

    assert answer["data"]["a"] == answer["data"]["b"]
    assert [row["id"] for row in answer["data"]["a"]] == [NEXUDUS_ID, CHARTMOGUL_ID]
    assert variables == sent


async def test_one_unknown_typename_does_not_null_the_whole_response(graph: Graph) -> None:
    """Trap 10."""
    answer = await entities(graph, NEXUDUS, {"__typename": "User", "id": "1"}, CHARTMOGUL)

    assert found(answer) == [NEXUDUS_ID, None, CHARTMOGUL_ID]
    (error,) = answer["errors"]
    assert error["path"] == ["_entities", 1]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.looks_at_costs
async def test_a_failing_entity_hurts_no_other(graph: Graph) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS["403"], times=None)
    answer = await entities(graph, CHARTMOGUL, NEXUDUS)
    assert found(answer) == [None, NEXUDUS_ID]
    (error,) = answer["errors"]
    assert error["path"] == ["_entities", 0]
    assert (error["extensions"]["code"], error["extensions"]["source"]) == ("UPSTREAM_FORBIDDEN", "chartmogul")


@pytest.mark.parametrize(
    "representation",
    [
        None,
        5,
        "NexudusOpportunity",
        [],
        {},
        {"id": NEXUDUS_ID},
        {"__typename": None, "id": NEXUDUS_ID},
        {"__typename": ["NexudusOpportunity"], "id": NEXUDUS_ID},
        {"__typename": {}, "id": NEXUDUS_ID},
        {"__typename": "Query", "id": NEXUDUS_ID},
        {"__typename": "Node", "id": NEXUDUS_ID},
        {"__typename": "Money", "id": NEXUDUS_ID},
        {"__typename": "NexudusOpportunity"},
        {"__typename": "NexudusOpportunity", "id": None},
        {"__typename": "NexudusOpportunity", "id": 5},
        {"__typename": "NexudusOpportunity", "id": True},
        {"__typename": "NexudusOpportunity", "id": [NEXUDUS_ID]},
        {"__typename": "NexudusOpportunity", "id": {"id": NEXUDUS_ID}},
        {"__typename": "NexudusOpportunity", "id": "garbage"},
        {"__typename": "NexudusOpportunity", "sourceId": None},
        {"__typename": "NexudusOpportunity", "sourceId": True},
        {"__typename": "NexudusOpportunity", "sourceId": 1.5},
        {"__typename": "NexudusOpportunity", "sourceId": "../users/1"},
        {"__typename": "NexudusOpportunity", "source_id": str(NEXUDUS_EXAMPLE_ID)},
        {"__typename": "ChartMogulOpportunity", "sourceId": str(NEXUDUS_EXAMPLE_ID)},
        {"__typename": "Opportunity", "sourceId": str(NEXUDUS_EXAMPLE_ID)},
    ],
    ids=repr,
)
async def test_a_malformed_representation_is_bad_input_for_itself_alone(graph: Graph, representation: Any) -> None:
    """Trap 11: values arrive as they were sent, neither coerced nor checked."""
    answer = await entities(graph, representation, CHARTMOGUL)

    if answer.get("data") is None:  # `_Any!` takes no null at all
        assert representation is None
    else:
        assert found(answer) == [None, CHARTMOGUL_ID]
        assert answer["errors"][0]["path"] == ["_entities", 0]
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "nexudus" not in {call.upstream for call in graph.simulator.calls}


async def test_an_entity_of_another_type_than_the_one_asked_for_is_not_given(graph: Graph) -> None:
    """Trap 11."""
    answer = await entities(
        graph,
        {"__typename": "NexudusOpportunity", "id": CHARTMOGUL_ID},
        {"__typename": "ChartMogulOpportunity", "id": NEXUDUS_ID},
    )
    assert found(answer) == [None, None]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert graph.simulator.calls == []


async def test_extra_fields_of_a_representation_are_ignored(graph: Graph) -> None:
    """Trap 11: a router may send what other subgraphs require."""
    extra = {**NEXUDUS, "sourceId": {"not": "looked at"}, "name": 5, "weight": [1], "info": None, "self": 1}
    assert found(await entities(graph, extra)) == [NEXUDUS_ID]


async def test_a_whole_number_is_an_id_like_any_other(graph: Graph) -> None:
    assert found(await entities(graph, {"__typename": "NexudusOpportunity", "sourceId": NEXUDUS_EXAMPLE_ID})) == [
        NEXUDUS_ID
    ]


async def test_money_is_shareable_and_node_belongs_to_nobody_else() -> None:
    """Trap 12: a supergraph's owner takes `node` over with `@override`."""
    schema = build_schema()
    assert "Shareable" in directives(schema._schema.get_type("Money"))
    lines = schema.as_str().splitlines()
    (node,) = [line for line in lines if line.strip().startswith("node(")]
    assert "@shareable" not in node
    assert [line for line in lines if "@shareable" in line and line.startswith("type")] == [
        "type Money @shareable {",
        "type PageInfo @shareable {",
    ]


async def test_the_service_sdl_is_the_printed_schema(graph: Graph) -> None:
    """Trap 13: introspection switched off does not hide it, so it is what everybody may read anyway."""
    answer = await graph.ask("{ _service { sdl } }")
    assert answer["data"]["_service"]["sdl"].strip() == printed().strip()


async def test_a_variable_inside_a_representation_has_its_value_each_time(graph: Graph) -> None:
    key = '{ __typename: "NexudusOpportunity", sourceId: $id }'
    query = f"query ($id: ID!) {{ _entities(representations: [{key}]) {{ ... on NexudusOpportunity {{ sourceId }} }} }}"
    for _ in range(3):
        for id_ in ("1427000501", "1427000510"):
            assert (await graph.ask(query, {"id": id_}))["data"] == {"_entities": [{"sourceId": id_}]}
