"""The root fields, and what they cost: batching is a claim about the simulator's list of calls.

`schema.lookups` makes keys of the arguments, `schema.context` and `resolvers.loaders` find the records.
"""

import itertools
import random
from typing import Any

import pytest

from resolvers.global_id import encode
from simulator import CHARTMOGUL_DOCUMENTED_ID, CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID, faults
from tests.harness import Graph, open_graph

NEXUDUS_ID = encode("nexudus", str(NEXUDUS_EXAMPLE_ID))
CHARTMOGUL_ID = encode("chartmogul", CHARTMOGUL_EXAMPLE_ID)
ABSENT_NEXUDUS = encode("nexudus", "1")
ABSENT_CHARTMOGUL = encode("chartmogul", "00000000-0000-0000-0000-000000000000")
SEVERAL = "query($ids: [ID!]!) { opportunitiesById(ids: $ids) { id source sourceId } }"

NO_NEXUDUS = {"NEXUDUS_USERNAME": "", "NEXUDUS_PASSWORD": ""}
NO_CHARTMOGUL = {"CHARTMOGUL_API_KEY": ""}


def reads(graph: Graph) -> list[str]:
    return [f"{call.upstream} {call.kind}" for call in graph.simulator.calls if not call.kind.startswith("token")]


def nexudus_ids(count: int) -> list[str]:
    return [encode("nexudus", str(NEXUDUS_EXAMPLE_ID + number)) for number in range(count)]


def chartmogul_ids(graph: Graph, count: int) -> list[str]:
    return [encode("chartmogul", uuid) for uuid in itertools.islice(graph.simulator.chartmogul.records, count)]


def told(answer: Any) -> list[tuple[Any, ...]]:
    return [
        (
            error["path"],
            error["extensions"]["code"],
            error["extensions"].get("source"),
            error["extensions"]["retryable"],
        )
        for error in answer["errors"]
    ]


async def test_one_record_comes_through(graph: Graph) -> None:
    answer = await graph.ask('{ nexudusOpportunity(sourceId: "1427000501") { name } }')
    assert answer["data"] == {"nexudusOpportunity": {"name": "Example Widgets - 12 desk office"}}


@pytest.mark.parametrize(
    ("query", "source", "source_id"),
    [
        (f'opportunity(id: "{NEXUDUS_ID}")', "NEXUDUS", str(NEXUDUS_EXAMPLE_ID)),
        (f'opportunity(id: "{CHARTMOGUL_ID}")', "CHARTMOGUL", CHARTMOGUL_EXAMPLE_ID),
        (f'nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}")', "NEXUDUS", str(NEXUDUS_EXAMPLE_ID)),
        (f"nexudusOpportunity(sourceId: {NEXUDUS_EXAMPLE_ID})", "NEXUDUS", str(NEXUDUS_EXAMPLE_ID)),
        (f'nexudusOpportunity(sourceId: "00{NEXUDUS_EXAMPLE_ID}")', "NEXUDUS", str(NEXUDUS_EXAMPLE_ID)),
        (f'chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}")', "CHARTMOGUL", CHARTMOGUL_EXAMPLE_ID),
        (f'chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID.upper()}")', "CHARTMOGUL", CHARTMOGUL_EXAMPLE_ID),
        (f'node(id: "{NEXUDUS_ID}")', "NEXUDUS", str(NEXUDUS_EXAMPLE_ID)),
        (f'node(id: "{CHARTMOGUL_ID}")', "CHARTMOGUL", CHARTMOGUL_EXAMPLE_ID),
    ],
)
async def test_each_root_field_finds_its_record(graph: Graph, query: str, source: str, source_id: str) -> None:
    answer = await graph.ask(f"{{ found: {query} {{ id ... on Opportunity {{ source sourceId }} }} }}")

    global_id = encode(source.lower(), source_id)
    assert answer["data"] == {"found": {"id": global_id, "source": source, "sourceId": source_id}}
    assert "errors" not in answer
    assert len(reads(graph)) == 1


async def test_the_id_that_an_answer_gives_finds_the_record_again(graph: Graph) -> None:
    first = await graph.ask(f'{{ nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ id }} }}')
    query = "query($id: ID!) { node(id: $id) { __typename id } opportunity(id: $id) { __typename id } }"
    answer = await graph.ask(query, first["data"]["nexudusOpportunity"])
    expected = {"__typename": "NexudusOpportunity", "id": NEXUDUS_ID}
    assert answer["data"] == {"node": expected, "opportunity": expected}


async def test_a_missing_record_is_null_without_an_error(graph: Graph) -> None:
    absent = ABSENT_CHARTMOGUL
    answer = await graph.ask(
        f'{{ a: opportunity(id: "{ABSENT_NEXUDUS}") {{ id }} b: opportunity(id: "{absent}") {{ id }}'
        f'   c: nexudusOpportunity(sourceId: "2") {{ id }} d: node(id: "{absent}") {{ id }}'
        f'   e: chartMogulOpportunity(sourceId: "00000000-0000-0000-0000-000000000001") {{ id }} }}'
    )
    assert answer["data"] == dict.fromkeys("abcde")
    assert "errors" not in answer


@pytest.mark.parametrize("field", ["opportunitiesById", "nodes"])
async def test_a_list_keeps_the_order_fetches_duplicates_once_and_has_null_for_the_missing(
    graph: Graph, field: str
) -> None:
    ids = [CHARTMOGUL_ID, NEXUDUS_ID, ABSENT_NEXUDUS, CHARTMOGUL_ID, ABSENT_CHARTMOGUL, *nexudus_ids(3)]
    answer = await graph.ask(f"query($ids: [ID!]!) {{ {field}(ids: $ids) {{ id }} }}", {"ids": ids})

    absent = (ABSENT_NEXUDUS, ABSENT_CHARTMOGUL)
    assert answer["data"][field] == [None if one in absent else {"id": one} for one in ids]
    assert "errors" not in answer
    assert sorted(reads(graph)) == ["chartmogul get", "chartmogul get", "nexudus list-by-ids"]


@pytest.mark.looks_at_costs
async def test_25_ids_of_each_source_with_10_duplicates_cost_1_and_25_requests_and_say_so(graph: Graph) -> None:
    ids = [*nexudus_ids(25), *chartmogul_ids(graph, 25)]
    ids += random.Random(1).sample(ids, 10)
    random.Random(2).shuffle(ids)
    answer = await graph.ask(SEVERAL, {"ids": ids})

    assert [row["id"] for row in answer["data"]["opportunitiesById"]] == ids
    assert sorted(reads(graph)) == [*["chartmogul get"] * 25, "nexudus list-by-ids"]
    spent = answer["extensions"]["upstream"]
    assert (spent["nexudus"]["keys"], spent["nexudus"]["requests"]) == (25, 1)
    assert (spent["chartmogul"]["keys"], spent["chartmogul"]["requests"]) == (25, 25)
    assert all(cost["milliseconds"] > 0 for cost in spent.values())


async def test_two_aliases_of_one_id_cost_one_call(graph: Graph) -> None:
    await graph.ask(
        f'{{ a: opportunity(id: "{CHARTMOGUL_ID}") {{ id }} b: opportunity(id: "{CHARTMOGUL_ID}") {{ id }} }}'
    )
    assert reads(graph) == ["chartmogul get"]


@pytest.mark.looks_at_costs
async def test_aliases_root_fields_and_entities_share_one_fetch(graph: Graph) -> None:
    """Trap 4: nothing that waits comes before the key is queued."""
    query = """
    query($id: ID!, $source: ID!, $r: [_Any!]!, $ids: [ID!]!) {
      a: opportunity(id: $id) { id }
      b: opportunity(id: $id) { stageName }
      c: nexudusOpportunity(sourceId: $source) { id }
      d: node(id: $id) { id }
      e: nodes(ids: $ids) { id }
      f: opportunitiesById(ids: $ids) { id }
      g: _entities(representations: $r) { ... on NexudusOpportunity { id } }
      h: _entities(representations: $r) { ... on NexudusOpportunity { id } }
    }"""
    representations = [
        {"__typename": "NexudusOpportunity", "sourceId": "0" + str(NEXUDUS_EXAMPLE_ID)},
        {"__typename": "NexudusOpportunity", "id": nexudus_ids(3)[2]},
        {"__typename": "Opportunity", "id": NEXUDUS_ID},
    ]
    variables = {"id": NEXUDUS_ID, "source": f"00{NEXUDUS_EXAMPLE_ID}", "r": representations, "ids": nexudus_ids(2)}
    answer = await graph.ask(query, variables)

    assert "errors" not in answer
    assert answer["data"]["g"] == [{"id": NEXUDUS_ID}, {"id": nexudus_ids(3)[2]}, {"id": NEXUDUS_ID}]
    assert reads(graph) == ["nexudus list-by-ids"]
    assert answer["extensions"]["upstream"]["nexudus"]["keys"] == 3


async def test_two_spellings_of_one_id_are_one_key(graph: Graph) -> None:
    """Trap 5."""
    await graph.ask('{ a: nexudusOpportunity(sourceId: "007") { id } b: nexudusOpportunity(sourceId: "7") { id } }')
    assert reads(graph) == ["nexudus get"]


@pytest.mark.looks_at_costs
async def test_requests_do_not_share_their_loaders(graph: Graph) -> None:
    """Trap 5: one set for each request; what is kept longer is the cache's business alone."""
    for _ in range(2):
        await graph.ask(f'{{ opportunity(id: "{CHARTMOGUL_ID}") {{ id }} }}')
    assert reads(graph) == ["chartmogul get"] * 2


async def test_costs_are_hidden_unless_asked_for() -> None:
    async with open_graph(UPSTREAM_COST="") as graph:
        answer = await graph.ask(f'{{ opportunity(id: "{CHARTMOGUL_ID}") {{ id }} }}')
        assert list(answer) == ["data"]


async def test_what_is_not_executed_tells_no_costs() -> None:
    async with open_graph(UPSTREAM_COST="true") as graph:
        answer = await graph.ask("query One($id: ID!) { opportunity(id: $id) { id } }")
        assert list(answer) == ["errors"]


async def test_one_failing_record_leaves_the_others_whole(graph: Graph) -> None:
    """Trap 3: a raised error would fail every key of the batch."""
    graph.simulator.chartmogul.faults.add(FAULTS["403"], times=None, ids={CHARTMOGUL_EXAMPLE_ID})
    ids = [NEXUDUS_ID, CHARTMOGUL_ID, encode("chartmogul", CHARTMOGUL_DOCUMENTED_ID), CHARTMOGUL_ID]
    answer = await graph.ask(SEVERAL, {"ids": ids})

    assert [row and row["id"] for row in answer["data"]["opportunitiesById"]] == [ids[0], None, ids[2], None]
    assert told(answer) == [
        (["opportunitiesById", 1], "UPSTREAM_FORBIDDEN", "chartmogul", False),
        (["opportunitiesById", 3], "UPSTREAM_FORBIDDEN", "chartmogul", False),
    ]


async def test_a_list_gives_one_null_and_one_located_error_for_each_failing_id(graph: Graph) -> None:
    """Trap 6."""
    ids = [NEXUDUS_ID, "garbage", CHARTMOGUL_ID, ABSENT_NEXUDUS, encode("nexudus", "abc")]
    answer = await graph.ask(SEVERAL, {"ids": ids})

    assert [row and row["id"] for row in answer["data"]["opportunitiesById"]] == [ids[0], None, ids[2], None, None]
    assert told(answer) == [
        (["opportunitiesById", 1], "BAD_USER_INPUT", None, False),
        (["opportunitiesById", 4], "BAD_USER_INPUT", None, False),
    ]


@pytest.mark.parametrize(
    ("down", "code", "retryable"),
    [
        (FAULTS["401"], "UPSTREAM_UNAUTHORIZED", False),
        (FAULTS["403"], "UPSTREAM_FORBIDDEN", False),
        (FAULTS["418"], "UPSTREAM_BAD_RESPONSE", False),
        (FAULTS["503"], "UPSTREAM_UNAVAILABLE", True),
        (FAULTS["429-retry-after-60"], "UPSTREAM_RATE_LIMITED", True),
    ],
    ids=lambda value: getattr(value, "name", None),
)
@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
async def test_one_source_down_leaves_the_other_whole(
    graph: Graph, source: str, down: Any, code: str, retryable: bool
) -> None:
    upstream = {"nexudus": graph.simulator.nexudus, "chartmogul": graph.simulator.chartmogul}[source]
    upstream.faults.add(down, times=None, kinds={"get"})
    answer = await graph.ask(
        f'{{ nexudus: opportunity(id: "{NEXUDUS_ID}") {{ id }}'
        f'   chartmogul: opportunity(id: "{CHARTMOGUL_ID}") {{ id }} }}'
    )

    expected: dict[str, Any] = {"nexudus": {"id": NEXUDUS_ID}, "chartmogul": {"id": CHARTMOGUL_ID}}
    assert answer["data"] == expected | {source: None}
    assert told(answer) == [([source], code, source, retryable)]


async def test_the_wait_that_a_source_asks_for_is_told(graph: Graph) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS["429-retry-after-60"], times=None)
    answer = await graph.ask(f'{{ opportunity(id: "{CHARTMOGUL_ID}") {{ id }} }}')
    assert answer["errors"][0]["extensions"]["retryAfterSeconds"] == 60.0


@pytest.mark.parametrize(("missing", "source"), [(NO_NEXUDUS, "nexudus"), (NO_CHARTMOGUL, "chartmogul")])
async def test_a_source_that_is_not_configured_says_so_and_hurts_no_other(missing: dict[str, str], source: str) -> None:
    async with open_graph(**missing) as graph:
        answer = await graph.ask(
            f'{{ nexudus: nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ id }}'
            f'   chartmogul: chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{ id }}'
            f'   ids: opportunitiesById(ids: ["{NEXUDUS_ID}", "{CHARTMOGUL_ID}"]) {{ source }} }}'
        )
        assert [name for name, value in answer["data"].items() if value is None] == [source]
        index = 0 if source == "nexudus" else 1
        assert [row is None for row in answer["data"]["ids"]] == [index == 0, index == 1]
        assert sorted(told(answer), key=str) == sorted(
            [
                ([source], "SOURCE_NOT_CONFIGURED", source, False),
                (["ids", index], "SOURCE_NOT_CONFIGURED", source, False),
            ],
            key=str,
        )
        assert {call.upstream for call in graph.simulator.calls} == {"nexudus", "chartmogul"} - {source}


@pytest.mark.parametrize(
    "query",
    [
        'opportunity(id: "") { id }',
        'opportunity(id: "1427000501") { id }',
        f'opportunity(id: "{encode("salesforce", "1")}") {{ id }}',
        f'opportunity(id: "{encode("nexudus", "../users/1")}") {{ id }}',
        f'node(id: "{encode("NexudusOpportunity", "1")}") {{ id }}',
        f'nexudusOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{ id }}',
        f'nexudusOpportunity(sourceId: "{NEXUDUS_ID}") {{ id }}',
        'nexudusOpportunity(sourceId: "-1") { id }',
        "nexudusOpportunity(sourceId: 0) { id }",
        'nexudusOpportunity(sourceId: "1/../../users/2") { id }',
        f'chartMogulOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ id }}',
        'chartMogulOpportunity(sourceId: "../customers/x") { id }',
    ],
)
async def test_bad_input_is_refused_without_asking_any_source(graph: Graph, query: str) -> None:
    answer = await graph.ask(f"{{ found: {query} }}")

    assert answer.get("data") in ({"found": None}, None)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["found"]
    assert graph.simulator.calls == []


LISTS = ("opportunitiesById", "nodes")


@pytest.mark.parametrize("field", LISTS)
async def test_100_ids_are_taken_and_101_refused(graph: Graph, field: str) -> None:
    query = f"query($ids: [ID!]!) {{ {field}(ids: $ids) {{ id }} }}"
    answer = await graph.ask(query, {"ids": nexudus_ids(101)})
    assert answer["data"] == {field: None}
    assert told(answer) == [([field], "BAD_USER_INPUT", None, False)]
    assert "100" in answer["errors"][0]["message"]
    assert graph.simulator.calls == []

    answer = await graph.ask(query, {"ids": nexudus_ids(100)})
    assert [row["id"] for row in answer["data"][field]] == nexudus_ids(100)


@pytest.mark.parametrize("field", LISTS)
async def test_an_empty_list_of_ids_is_an_empty_list(graph: Graph, field: str) -> None:
    for _ in range(3):  # by graphql-core's executor first, and compiled then
        answer = await graph.ask(f"query($ids: [ID!]!) {{ a: {field}(ids: $ids) {{ id }} }}", {"ids": []})
        assert (answer["data"], "errors" in answer) == ({"a": []}, False)
        answer = await graph.ask(f"{{ {field}(ids: []) {{ id }} __typename }}")
        assert (answer["data"], "errors" in answer) == ({field: [], "__typename": "Query"}, False)
    assert graph.simulator.calls == []


@pytest.mark.parametrize("field", LISTS)
async def test_a_list_that_is_refused_takes_nothing_else_along(graph: Graph, field: str) -> None:
    query = f"""query($ids: [ID!]!) {{
      {field}(ids: $ids) {{ id }}
      deal: opportunity(id: "{CHARTMOGUL_ID}") {{ id }}
    }}"""
    for _ in range(3):
        answer = await graph.ask(query, {"ids": nexudus_ids(101)})
        assert answer["data"] == {field: None, "deal": {"id": CHARTMOGUL_ID}}
        assert told(answer) == [([field], "BAD_USER_INPUT", None, False)]
        assert answer["errors"][0]["locations"] == [{"line": 2, "column": 7}]


@pytest.mark.parametrize("field", ["opportunity", "node"])
async def test_a_sources_own_id_is_told_where_it_belongs(graph: Graph, field: str) -> None:
    for value, root_field in (
        (NEXUDUS_EXAMPLE_ID, "nexudusOpportunity"),
        (CHARTMOGUL_EXAMPLE_ID, "chartMogulOpportunity"),
    ):
        for query in (f'{{ {field}(id: "{value}") {{ id }} }}', f'{{ many: nodes(ids: ["{value}"]) {{ id }} }}'):
            (error,) = (await graph.ask(query))["errors"]
            assert error["message"] == f"This looks like a source's own id: use {root_field}(sourceId:)."
            assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("id_", [NEXUDUS_ID, CHARTMOGUL_ID])
@pytest.mark.parametrize("field", ["nexudusOpportunity", "chartMogulOpportunity"])
async def test_an_id_of_this_graph_is_told_where_it_belongs(graph: Graph, field: str, id_: str) -> None:
    (error,) = (await graph.ask(f'{{ {field}(sourceId: "{id_}") {{ id }} }}'))["errors"]
    assert error["message"] == "This looks like an `id` of this graph: use opportunity(id:)."
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_failed_non_null_field_does_not_cancel_the_batch_of_others(graph: Graph) -> None:
    """Trap 1: graphql-core cancels the siblings of a failed non-null field; the batch is shielded from it."""
    graph.simulator.chartmogul.faults.add(faults.delay(0.02), times=None)
    answer = await graph.ask(
        f"""query($v: [_Any!] = []) {{
          _entities(representations: $v) {{ __typename }}
          a: opportunity(id: "{CHARTMOGUL_ID}") {{ id }}
          b: opportunity(id: "{CHARTMOGUL_ID}") {{ id }}
        }}""",
        {"v": None},
    )
    assert answer["data"] is None
    assert told(answer) == [(["_entities"], "BAD_USER_INPUT", None, False)]

    answer = await graph.ask(f'{{ a: opportunity(id: "{CHARTMOGUL_ID}") {{ id }} }}')
    assert answer["data"] == {"a": {"id": CHARTMOGUL_ID}}
