"""What callers may see. The first tests walk the schema: whoever adds a field has to say whether it is personal."""

import asyncio
import gc
import time
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLNonNull, GraphQLObjectType, print_schema

from resolvers import global_id
from schema.access import CUSTOM_ATTRIBUTES, PERSONAL, Access, personal_fields
from schema.deals.listed_fields import CUSTOM, LISTED
from schema.deals.summaries import CUSTOMER
from schema.sources import SOURCE_TYPES
from simulator import FAULTS, Simulator
from tests.credentials import SCOPES, line
from tests.harness import Graph, open_graph
from tests.schemas import build_restricted_schema, build_schema

PERSONAL_FIELDS = """
    Opportunity.owner OpportunityOwner.name OpportunityOwner.email OpportunityCustomer.name OpportunityCustomer.email
    NexudusOpportunity.name NexudusOpportunity.notes NexudusOpportunity.updatedBy NexudusTeam.description
    NexudusCoworker.fullName NexudusCoworker.email NexudusUser.fullName
    OpportunityFieldChange.before OpportunityFieldChange.after
    ChartMogulCustomAttribute.value
""".split()

NOT_PERSONAL = {
    "Query": " ".join(
        [
            "opportunity opportunitiesById node nodes opportunities opportunitySummary pipelines sources",
            "opportunityChanges _entities _service",
            *(name for one in SOURCE_TYPES for name in (one.root_field, one.list_field)),
        ]
    ),
    "Node": "id",
    "Opportunity": "id source sourceId status value pipelineName stageName customer createdAt updatedAt asOf url",
    "NexudusOpportunity": "uniqueId boardColumn position coworker team opportunityType responsible "
    "referrerId agentId valueAmount statusCode isCompleted dueDate isReminded leadSource leadSourceCode lossReason "
    "lossReasonCode wonOn lostOn crmUpdatedOn utm isNew systemId",
    "ChartMogulOpportunity": "estimatedCloseDate amountInCents currencyCode type rawType "
    "forecastCategory rawForecastCategory winLikelihood custom",
    "ChartMogulCustomAttribute": "key",
    "Money": "amount currencyCode",
    "OpportunityCustomer": "sourceId companyName opportunities matchedBy",  # not by what the caller may not see
    "CustomerOpportunityConnection": "edges nodes pageInfo totalCount",
    "NexudusCoworker": "id coworkerType companyName",
    "NexudusUser": "id",
    "NexudusBoardColumn": "id name board",
    "NexudusBoard": "id name business",
    "NexudusBusiness": "id name currency",
    "NexudusCurrency": "id code",
    "NexudusTeam": "id name profileWebsite",
    "NexudusOpportunityType": "id name",
    "NexudusUtm": "source medium campaign content term",
    "OpportunityConnection": "edges nodes pageInfo totalCount summary sources",
    "OpportunityEdge": "cursor node",
    "PageInfo": "hasNextPage hasPreviousPage startCursor endCursor",
    "ListedSource": "source asOf ageSeconds isComplete unreadCustomers",
    "OpportunitySummary": "rows asOf isComplete unreadCustomers",
    "SummaryRow": "keys currency kind count amount weightedAmount averageAmount missingAmountCount "
    "missingLikelihoodCount converted",
    "SummaryKey": "dimension value",  # of a dimension that shows personal data, for those who may see it alone
    "ConvertedAmounts": "currency amount weightedAmount rateDate",
    "OpportunityChangeConnection": "edges nodes pageInfo latestCursor",
    "OpportunityChangeEdge": "cursor node",
    "OpportunityChange": "kind opportunityId source sourceId observedAt origin fields opportunity",
    "OpportunityFieldChange": "field valueBefore valueAfter",
    "Pipeline": "name source stages",
    "PipelineStage": "name position count",
    "SourceInfo": "name account capabilities status",
    "SourceStatus": "asOf ageSeconds isComplete state lastSweepAt nextRunAt rows drift lastError progress "
    "unreadCustomers runs",
    "SyncRun": "kind startedAt endedAt state errorCode requests rows changed deleted",
    "SweepProgress": "rows total",
    "Subscription": "opportunityChanges",
    "OpportunityChangeEvent": "changes after cursor at",
    "_Service": "sdl",
}


def classed_at(type_: GraphQLObjectType | GraphQLInterfaceType, name: str) -> list[str]:
    """Return the coordinates that a field is classed by: those of its interfaces, if it has it from them."""
    interfaces = type_.interfaces if isinstance(type_, GraphQLObjectType) else ()
    return [f"{one.name}.{name}" for one in interfaces if name in one.fields] or [f"{type_.name}.{name}"]


def test_every_field_is_classed_as_personal_or_not() -> None:
    """A new field fails this. Personal: give it `personal=True`, and its name above. Else: its name below that."""
    schema = build_schema()._schema
    types = [t for t in schema.type_map.values() if isinstance(t, GraphQLObjectType | GraphQLInterfaceType)]
    fields = {
        f"{t.name}.{name}": set(classed_at(t, name)) for t in types if not t.name.startswith("__") for name in t.fields
    }
    not_personal = {f"{type_}.{name}" for type_, names in NOT_PERSONAL.items() for name in names.split()}
    assert not_personal.isdisjoint(PERSONAL_FIELDS)
    assert set().union(*fields.values()) == not_personal.union(PERSONAL_FIELDS)
    assert set(personal_fields(schema)) == {name for name, at in fields.items() if not at.isdisjoint(PERSONAL_FIELDS)}


def test_every_personal_field_may_be_null() -> None:
    """A non-null one would take its whole object with it when it is refused."""
    for coordinates, field in personal_fields(build_schema()._schema).items():
        assert not isinstance(field.type, GraphQLNonNull), coordinates


def test_the_printed_schema_marks_them_for_platform_teams() -> None:
    schema = build_schema()
    printed = schema.as_str()
    # Also on what lists can be filtered, ordered and grouped by: who is not to see it, is not to be told of it.
    listed = [field for field in LISTED if field.is_personal]
    asked = sum(1 + field.is_ordered + bool(field.dimension) for field in listed) + len([CUSTOM, CUSTOM, CUSTOMER])
    assert printed.count(f'@tag(name: "{PERSONAL}")') == len(personal_fields(schema._schema)) + asked
    assert '"@tag"' in printed


def test_the_restricted_schema_differs_in_nothing_that_a_client_can_tell() -> None:
    assert print_schema(build_restricted_schema()._schema) == print_schema(build_schema()._schema)


def test_access_has_no_defaults() -> None:
    with pytest.raises(TypeError):
        Access()  # type: ignore[call-arg] # that is the point


# --- through the whole server

READER = "reader"
FULL = "full"
STRANGER = "stranger"
KEYS = {
    "API_KEYS": "\n".join(
        [line(READER, READER), line(FULL, FULL, " ".join(SCOPES)), line(STRANGER, STRANGER, "contacts:read")]
    ),
    "GATEWAY_KEYS": line("g", "gate", " ".join(SCOPES)) + "\n" + line("h", "half-gate", "opportunities:read"),
}
NEXUDUS_ID = global_id.encode("nexudus", "1427000501")
CHARTMOGUL_ID = global_id.encode("chartmogul", "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc")

EVERYBODY = [global_id.encode("nexudus", str(number)) for number in Simulator().nexudus.records]

SHARED = "__typename owner { name email } customer { sourceId name email companyName }"
NEXUDUS = f"{SHARED} name notes updatedBy coworker {{ id fullName email companyName }} responsible {{ id fullName }}"
CHARTMOGUL = f"{SHARED} custom {{ key value }}"
EACH = f"... on NexudusOpportunity {{ {NEXUDUS} }} ... on ChartMogulOpportunity {{ {CHARTMOGUL} }}"

N = f'"{NEXUDUS_ID}"'
C = f'"{CHARTMOGUL_ID}"'

WAYS = {
    "opportunity": f"{{ n: opportunity(id: {N}) {{ {EACH} }} c: opportunity(id: {C}) {{ {EACH} }} }}",
    "the interface": f"{{ n: opportunity(id: {N}) {{ {SHARED} }} c: opportunity(id: {C}) {{ {SHARED} }} }}",
    "a list": f"{{ all: opportunitiesById(ids: [{N}, {C}]) {{ {EACH} }} }}",
    "node": f"{{ n: node(id: {N}) {{ {EACH} }} c: node(id: {C}) {{ {EACH} }} }}",
    "nodes": f"{{ all: nodes(ids: [{N}, {C}]) {{ {EACH} }} }}",
    "source ids": f'{{ n: nexudusOpportunity(sourceId: "1427000501") {{ {NEXUDUS} }} '
    f'c: chartMogulOpportunity(sourceId: "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc") {{ {CHARTMOGUL} }} }}',
    "entities": "{ all: _entities(representations: ["
    f'{{__typename: "Opportunity", id: "{NEXUDUS_ID}"}}, {{__typename: "ChartMogulOpportunity", id: "{CHARTMOGUL_ID}"}}'
    f"]) {{ {EACH} }} }}",
    "a fragment and aliases": f'{{ n: node(id: "{NEXUDUS_ID}") {{ ...F }} c: node(id: "{CHARTMOGUL_ID}") {{ ...F }} }} '
    "fragment F on Opportunity { x: owner { y: email z: name } w: customer { v: name u: email } }",
}

SECRETS = ("example.com", "example.org", "Examplesson", "Ada ", "corner office", "Sampleton")
"""What the records of these two say about people."""


async def ask(graph: Graph, query: str, key: str) -> Any:
    header = {"x_gateway_key": key} if "gate" in key else {"x_api_key": key}
    answer = await graph.post({"query": query}, **header)
    assert answer.status == 200, answer
    return answer


@pytest.mark.parametrize("way", WAYS)
async def test_without_the_scope_personal_data_is_null_and_forbidden_at_its_path(way: str) -> None:
    async with open_graph(**KEYS) as graph:
        full = await ask(graph, WAYS[way], FULL)
        assert "errors" not in full.json
        assert any(secret.encode() in full.body for secret in SECRETS), "the test would prove nothing"
        for key in (READER, "half-gate"):
            closed = await ask(graph, WAYS[way], key)
            assert not any(secret in closed.body.decode() for secret in SECRETS)
            assert {e["extensions"]["code"] for e in closed.json["errors"]} == {"FORBIDDEN"}
            for error in closed.json["errors"]:
                assert _at(closed.json["data"], error["path"]) is None
            assert _shape(closed.json["data"]) <= _shape(full.json["data"])
            assert "companyName" not in WAYS[way] or b"Example Widgets" in closed.body or way == "the interface"


def _at(data: Any, path: list[Any]) -> Any:
    for step in path:
        data = data[step]
    return data


def _shape(data: Any, at: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    if isinstance(data, dict | list):
        items = data.items() if isinstance(data, dict) else enumerate(data)
        return {at}.union(*(_shape(value, (*at, name)) for name, value in items))
    return {at}


ALIASES = range(95)


@pytest.mark.parametrize(("ids", "each"), [(20, True), (22, False)])
async def test_no_document_makes_more_refusals_than_an_answer_may_have(ids: int, each: bool) -> None:
    """Each is a null and an error at its place. Who asks for very many is refused as a whole, or it would take long."""
    fields = " ".join(f"a{n}: owner {{ name }}" for n in ALIASES)
    query = f"query($i: [ID!]!) {{ opportunitiesById(ids: $i) {{ {fields} }} }}"
    async with open_graph(**KEYS) as graph:
        sent = {"query": query, "variables": {"i": list(EVERYBODY[:ids])}}
        gc.disable()  # what other tests have left is not this request's
        try:
            started = time.thread_time()
            answer = await graph.post(sent, x_api_key=READER)
            assert time.thread_time() - started < 0.2
        finally:
            gc.enable()
    codes = [error["extensions"]["code"] for error in answer.json["errors"]]
    assert set(codes) == {"FORBIDDEN"}
    if each:
        assert len({tuple(error["path"]) for error in answer.json["errors"]}) == len(codes) == ids * len(ALIASES)
        assert {tuple(error["locations"][0].values()) for error in answer.json["errors"]} == {
            (1, query.index(f" a{n}:") + 2) for n in ALIASES
        }
        assert answer.json["data"]["opportunitiesById"] == [{f"a{n}": None for n in ALIASES}] * ids
    else:
        assert len(codes) == 1
        assert "data" not in answer.json


@pytest.mark.parametrize("way", WAYS)
async def test_without_the_scope_for_opportunities_nothing_is_fetched(way: str) -> None:
    async with open_graph(**KEYS) as graph:
        answer = await ask(graph, WAYS[way], STRANGER)
        assert {e["extensions"]["code"] for e in answer.json["errors"]} == {"FORBIDDEN"}
        for value in answer.json["data"].values():
            assert value in (None, [None, None])
        assert graph.simulator.calls == []


@pytest.mark.parametrize(("setting", "closed"), [("true", True), ("false", False)])
async def test_custom_attributes_are_personal_unless_a_setting_says_otherwise(setting: str, closed: bool) -> None:
    query = WAYS["source ids"]
    async with open_graph(**KEYS, CUSTOM_ATTRIBUTES_ARE_PERSONAL=setting) as graph:
        answer = await ask(graph, query, READER)
        custom = answer.json["data"]["c"]["custom"]
        assert custom
        assert all(attribute["key"] for attribute in custom)
        assert all((attribute["value"] is None) is closed for attribute in custom)
        assert any("custom" in error["path"] for error in answer.json["errors"]) is closed
    assert CUSTOM_ATTRIBUTES in PERSONAL_FIELDS


async def test_the_cache_does_not_carry_personal_data_to_another_caller() -> None:
    cached = {f"{source}_CACHE_FRESH_SECONDS": "600" for source in ("NEXUDUS", "CHARTMOGUL")}
    async with open_graph(**KEYS, **cached) as graph:
        query = WAYS["source ids"]
        full = await ask(graph, query, FULL)
        calls = len(graph.simulator.calls)
        closed = await ask(graph, query, READER)
        again = await ask(graph, query, FULL)
        assert len(graph.simulator.calls) == calls, "all three were to come from one fetch"
        assert not any(secret in closed.body.decode() for secret in SECRETS)
        assert again.json["data"] == full.json["data"]


async def test_a_fetch_that_two_callers_share_does_not_carry_it_either() -> None:
    async with open_graph(**KEYS) as graph:
        graph.simulator.nexudus.faults.add(FAULTS["delay"], times=None, kinds={"get"})
        query = f'{{ nexudusOpportunity(sourceId: "1427000501") {{ {NEXUDUS} }} }}'
        keys = [FULL, READER, FULL, READER]
        answers = await asyncio.gather(*(ask(graph, query, key) for key in keys))
        for key, answer in zip(keys, answers, strict=True):
            assert any(secret in answer.body.decode() for secret in SECRETS) is (key == FULL)
            assert ("errors" in answer.json) is (key == READER)


async def test_the_message_tells_which_scope_is_missing_and_nothing_of_the_data() -> None:
    async with open_graph(**KEYS) as graph:
        answer = await ask(graph, '{ nexudusOpportunity(sourceId: "1427000501") { notes } }', READER)
        (error,) = answer.json["errors"]
        assert error["message"] == "This caller may not see personal data: the scope contacts:read is missing."
        assert error["path"] == ["nexudusOpportunity", "notes"]
        assert error["extensions"] == {"code": "FORBIDDEN", "retryable": False}


@pytest.mark.parametrize("ids", [[NEXUDUS_ID, CHARTMOGUL_ID], [CHARTMOGUL_ID, NEXUDUS_ID]])
async def test_a_refusal_is_located_at_the_selections_that_apply_to_its_record(ids: list[str]) -> None:
    query = """query($ids: [ID!]!) { nodes(ids: $ids) {
      ... on Opportunity { owner { name } }
      ... on ChartMogulOpportunity { owner { email } }
    } }"""
    shared, own = {"line": 2, "column": 28}, {"line": 3, "column": 38}
    async with open_graph(**KEYS) as graph:
        answer = await graph.post({"query": query, "variables": {"ids": ids}}, x_api_key=READER)
    assert [(error["path"], error["locations"]) for error in answer.json["errors"]] == [
        (["nodes", index, "owner"], [shared, own] if id_ == CHARTMOGUL_ID else [shared])
        for index, id_ in enumerate(ids)
    ]
