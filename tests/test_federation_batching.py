"""What `_entities` costs upstream, and how one bad representation is kept from the others."""

import itertools
import math
from collections import Counter
from typing import Any

import pytest

from resolvers.global_id import encode
from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID
from tests.harness import Graph

NEXUDUS_ID = encode("nexudus", str(NEXUDUS_EXAMPLE_ID))
CHARTMOGUL_ID = encode("chartmogul", CHARTMOGUL_EXAMPLE_ID)
GOOD = {"__typename": "NexudusOpportunity", "sourceId": str(NEXUDUS_EXAMPLE_ID)}
ALSO_GOOD = {"__typename": "ChartMogulOpportunity", "id": CHARTMOGUL_ID}

ENTITIES = """query ($r: [_Any!]!) {
  _entities(representations: $r) { __typename ... on Opportunity { id sourceId } }
}"""


async def entities(graph: Graph, *representations: Any) -> tuple[list[Any], list[Any]]:
    """Return the entities, and each error's position and code."""
    answer = await graph.ask(ENTITIES, {"r": representations})
    errors = [(error["path"], error["extensions"]["code"]) for error in answer.get("errors", [])]
    return answer["data"]["_entities"], errors


def nexudus_ids(graph: Graph, count: int) -> list[str]:
    return [str(number) for number in itertools.islice(graph.simulator.nexudus.records, count)]


def chartmogul_ids(graph: Graph, count: int) -> list[str]:
    return list(itertools.islice(graph.simulator.chartmogul.records, count))


def calls(graph: Graph) -> Counter[str]:
    return Counter(f"{call.upstream} {call.kind}" for call in graph.simulator.calls if "token" not in call.kind)


@pytest.mark.parametrize("nexudus_count", [50, 60, 90])
async def test_a_hundred_representations_cost_one_list_call_for_fifty_and_one_get_each(
    graph: Graph, nexudus_count: int
) -> None:
    nexudus, chartmogul = nexudus_ids(graph, nexudus_count), chartmogul_ids(graph, 100 - nexudus_count)
    by_source_id = [{"__typename": "NexudusOpportunity", "sourceId": one} for one in nexudus]
    by_id = [{"__typename": "ChartMogulOpportunity", "id": encode("chartmogul", one)} for one in chartmogul]
    mixed = [r for pair in itertools.zip_longest(by_source_id, by_id) for r in pair if r]
    found, errors = await entities(graph, *mixed)
    assert errors == []
    assert Counter(one["__typename"] for one in found) == {
        "NexudusOpportunity": nexudus_count,
        "ChartMogulOpportunity": 100 - nexudus_count,
    }
    for representation, one in zip(mixed, found, strict=True):
        assert representation.get("sourceId", one["sourceId"]) == one["sourceId"]
        assert representation.get("id", one["id"]) == one["id"]
    assert calls(graph) == {
        "nexudus list-by-ids": math.ceil(nexudus_count / 50),
        "chartmogul get": 100 - nexudus_count,
    }


async def test_representations_share_their_fetches_with_root_fields_and_with_one_another(graph: Graph) -> None:
    nexudus, chartmogul = nexudus_ids(graph, 3), chartmogul_ids(graph, 2)
    representations: list[dict[str, str]] = [
        *({"__typename": "NexudusOpportunity", "sourceId": one} for one in nexudus),
        *({"__typename": "NexudusOpportunity", "id": encode("nexudus", one)} for one in nexudus),
        *({"__typename": "Opportunity", "id": encode("nexudus", one)} for one in nexudus),
        *({"__typename": "ChartMogulOpportunity", "sourceId": one.upper()} for one in chartmogul),
        *({"__typename": "Opportunity", "id": encode("chartmogul", one)} for one in chartmogul),
    ]
    ids = [encode("nexudus", one) for one in nexudus] + [encode("chartmogul", one) for one in chartmogul]
    answer = await graph.ask(
        """query ($r: [_Any!]!, $ids: [ID!]!, $n: ID!, $c: ID!) {
          first: _entities(representations: $r) { ... on Opportunity { sourceId } }
          second: _entities(representations: $r) { __typename ... on Opportunity { id } }
          opportunitiesById(ids: $ids) { sourceId }
          nexudusOpportunity(sourceId: $n) { sourceId }
          chartMogulOpportunity(sourceId: $c) { sourceId }
        }""",
        {"r": representations, "ids": ids, "n": nexudus[0], "c": chartmogul[1]},
    )
    assert "errors" not in answer
    assert [one["sourceId"] for one in answer["data"]["first"]] == [*nexudus * 3, *chartmogul * 2]
    assert [one["id"] for one in answer["data"]["second"]] == [*ids[:3] * 3, *ids[3:] * 2]
    assert calls(graph) == {"nexudus list-by-ids": 1, "chartmogul get": 2}


@pytest.mark.parametrize(
    ("global_id", "type_name"), [(NEXUDUS_ID, "NexudusOpportunity"), (CHARTMOGUL_ID, "ChartMogulOpportunity")]
)
async def test_a_representation_of_the_interface_finds_the_concrete_type(
    graph: Graph, global_id: str, type_name: str
) -> None:
    found, errors = await entities(graph, {"__typename": "Opportunity", "id": global_id})
    assert errors == []
    assert [(one["__typename"], one["id"]) for one in found] == [(type_name, global_id)]


async def test_a_missing_record_is_null_without_an_error(graph: Graph) -> None:
    found, errors = await entities(graph, GOOD, {"__typename": "NexudusOpportunity", "sourceId": "1"}, ALSO_GOOD)
    assert [one and one["__typename"] for one in found] == ["NexudusOpportunity", None, "ChartMogulOpportunity"]
    assert errors == []


async def test_a_failing_record_is_null_with_an_error_and_the_others_are_whole(graph: Graph) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS["503"], times=None)
    found, errors = await entities(graph, GOOD, ALSO_GOOD, GOOD)
    assert [one and one["__typename"] for one in found] == ["NexudusOpportunity", None, "NexudusOpportunity"]
    assert errors == [(["_entities", 1], "UPSTREAM_UNAVAILABLE")]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"sourceId": str(NEXUDUS_EXAMPLE_ID)}, id="no __typename"),
        pytest.param({**GOOD, "__typename": None}, id="__typename null"),
        pytest.param({**GOOD, "__typename": ["NexudusOpportunity"]}, id="__typename a list"),
        pytest.param({**GOOD, "__typename": "Contract"}, id="__typename of no type"),
        pytest.param({**GOOD, "__typename": "Money"}, id="__typename of no entity"),
        pytest.param({**GOOD, "__typename": "Query"}, id="__typename Query"),
        pytest.param({**GOOD, "__typename": "__Type"}, id="__typename of introspection"),
        pytest.param({"__typename": "NexudusOpportunity"}, id="no key"),
        pytest.param({"__typename": "Opportunity", "sourceId": str(NEXUDUS_EXAMPLE_ID)}, id="no key of the interface"),
        pytest.param({"__typename": "NexudusOpportunity", "id": CHARTMOGUL_ID}, id="an id of the other type"),
        pytest.param({"__typename": "ChartMogulOpportunity", "id": NEXUDUS_ID}, id="an id of the first type"),
        pytest.param({"__typename": "ChartMogulOpportunity", "sourceId": "7"}, id="a sourceId of the other source"),
        pytest.param({"__typename": "Opportunity", "id": "no-id"}, id="an id that is none"),
        pytest.param({"__typename": "Opportunity", "id": ""}, id="an empty id"),
        pytest.param({**GOOD, "sourceId": "\u0661\u0664\u0662\u0667"}, id="another script's digits"),
        pytest.param({"__typename": "Opportunity", "id": "9" * 100_000}, id="a long id"),
        pytest.param({**GOOD, "sourceId": "../1"}, id="a path"),
        pytest.param({**GOOD, "sourceId": None}, id="sourceId null"),
        pytest.param({**GOOD, "sourceId": True}, id="sourceId a boolean"),
        pytest.param({**GOOD, "sourceId": 1.5}, id="sourceId a fraction"),
        pytest.param({**GOOD, "sourceId": -1}, id="sourceId negative"),
        pytest.param({**GOOD, "sourceId": {"eq": 1}}, id="sourceId an object"),
        pytest.param({**GOOD, "sourceId": [str(NEXUDUS_EXAMPLE_ID)]}, id="sourceId a list"),
        pytest.param({"__typename": "Opportunity", "id": {"id": NEXUDUS_ID}}, id="id an object"),
        pytest.param([], id="a list"),
        pytest.param("NexudusOpportunity", id="a text"),
        pytest.param(7, id="a number"),
        pytest.param(True, id="a boolean"),
    ],
)
async def test_a_bad_representation_is_a_located_error_and_the_others_are_whole(graph: Graph, bad: Any) -> None:
    found, errors = await entities(graph, GOOD, bad, ALSO_GOOD)
    assert [one and one["__typename"] for one in found] == ["NexudusOpportunity", None, "ChartMogulOpportunity"]
    assert errors == [(["_entities", 1], "BAD_USER_INPUT")]
    assert calls(graph) == {"nexudus get": 1, "chartmogul get": 1}


async def test_fields_beside_the_key_are_ignored(graph: Graph) -> None:
    extra = {**GOOD, "notes": "x", "contracts": [{"number": 1}], "id": None, "self": "x", "info": {}, "__class__": "x"}
    found, errors = await entities(graph, extra)
    assert errors == []
    assert found[0]["id"] == NEXUDUS_ID


async def test_a_whole_number_is_as_good_as_its_text(graph: Graph) -> None:
    found, errors = await entities(graph, {**GOOD, "sourceId": NEXUDUS_EXAMPLE_ID})
    assert errors == []
    assert found[0]["id"] == NEXUDUS_ID


async def test_representations_may_stand_in_the_document(graph: Graph) -> None:
    answer = await graph.ask(
        f"""{{ _entities(representations: [
          {{__typename: "NexudusOpportunity", sourceId: {NEXUDUS_EXAMPLE_ID}, list: [1, {{a: null}}]}},
          {{__typename: "Opportunity", id: "{CHARTMOGUL_ID}"}},
          {{__typename: "NexudusOpportunity", sourceId: {"9" * 5000}}}
        ]) {{ __typename }} }}"""
    )
    assert [one and one["__typename"] for one in answer["data"]["_entities"]] == [
        "NexudusOpportunity",
        "ChartMogulOpportunity",
        None,
    ]
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


async def test_representations_are_bounded_over_the_whole_operation(graph: Graph) -> None:
    twice = """query ($r: [_Any!]!) {
      a: _entities(representations: $r) { __typename }
      b: _entities(representations: $r) { __typename }
    }"""
    enough = await graph.post({"query": twice, "variables": {"r": [GOOD] * 100}})
    assert enough.status == 200
    assert len(enough.json["data"]["b"]) == 100
    assert calls(graph) == {"nexudus get": 1}
    too_many = await graph.post({"query": twice, "variables": {"r": [GOOD] * 101}})
    assert "data" not in too_many.json
    assert calls(graph) == {"nexudus get": 1}
