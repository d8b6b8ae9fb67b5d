"""Any page is the same, whether compiled or not, and so are records by id from the store.

`engine.compiled_listing` finds a page by `engine.arguments`, `engine.compiled_connection` writes it, part by part
(`engine.connection_parts`). `engine.compiled_records` finds records by id. `engine.serializer` writes them, with the
fields that have resolvers (`engine.resolved_fields`). `engine.run` is one execution.
"""

import os
from random import Random
from typing import Any

import msgspec
import pytest
from graphql import OperationDefinitionNode, parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answer import AnswerSize
from engine.compilation import Compilation
from engine.compiled_query import CompiledQuery
from engine.engine import execute_with_graphql_core
from engine.fallbacks import Fallbacks, NotCompiled, Reason
from engine.serialization_cache import SerializationCache
from httpserver.response import dumps
from resolvers import global_id, stored_record
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from schema.context import Context
from schema.errors import field_errors
from schema.execution import RECORDS
from store.deals import upsert
from tests.deal_lists import ALL, WITHOUT_CONTACTS, DealGraph, deals_of, open_deals, schemas, simulated

EXAMPLES = int(os.environ.get("COMPILED_EXAMPLES", "60"))

NODE = (
    "id",
    "asOf",
    "__typename",
    "kind: __typename",
    "sourceId status",
    "value { amount currencyCode }",
    "customer { sourceId companyName }",
    "createdAt updatedAt",
    "...Own",
    "... on Opportunity { stageName again: stageName }",
    "pipelineName @include(if: $yes)",
    "url",
    "customer { matchedBy again: matchedBy companyName }",
    "customer { opportunities { nodes { id url asOf customer { matchedBy } } } }",
    """customer { opportunities(first: 2, filter: {status: {in: [OPEN, WON]}}) {
      totalCount pageInfo { endCursor } edges { cursor node { stageName @skip(if: $yes) source ...Own } } } }""",
    'customer { of: opportunities(first: 60) { nodes { id } } it: opportunities(after: "x") { __typename } }',
    "owner { email name }",
)
"""The last one is personal."""

OWN = """fragment Own on Opportunity {
  ... on NexudusOpportunity { dueDate leadSource } ... on ChartMogulOpportunity { winLikelihood custom { key } } }"""

FILTERS: list[Any] = [
    None,
    {},
    {"status": {"eq": "OPEN"}},
    {"value": {"gte": "1000", "currency": "EUR"}},
    {"or": [{"source": {"in": ["NEXUDUS"]}}, {"winLikelihood": {"gt": 20}}], "stageName": {"isNull": False}},
    {"createdAt": {"lt": "2026-01-20T00:00:00Z"}},
    {"createdAt": {"relative": {"unit": "MONTH", "from": -3, "to": 0}}},
    {"not": {"and": [{"stageName": {"contains": "e"}}]}, "custom": None},
    {"value": {"gte": "1"}},  # refused by the resolver
    {"status": {"eq": "PERHAPS"}},  # refused by graphql-core
    {"nothing": 1},
    [],
]
ORDERS: list[Any] = [
    None,
    [],
    [{"field": "CREATED_AT"}],
    {"field": "VALUE", "direction": "DESC"},
    [{"field": "STATUS", "nulls": "FIRST"}, {"field": "UPDATED_AT"}],
    [{"field": "VALUE"}, {"field": "VALUE"}],
    [{"direction": "ASC"}],
    [{"field": None}],
]
ENUMS = {
    "OPEN",
    "NEXUDUS",
    "PERHAPS",
    "CREATED_AT",
    "VALUE",
    "DESC",
    "STATUS",
    "FIRST",
    "UPDATED_AT",
    "ASC",
    "MONTH",
    "WARN",
}

IDS = ["bmV4dWR1czoxNDI3MDAwNTAx", "bmV4dWR1czoxNDI3MDAwNTAx", global_id.encode("nexudus", "77"), "x"]
"""One that is stored, one that is not, and so cannot be fetched, and none."""

URLS = {"nexudus": "https://example.com/deals/{sourceId}"}

TYPES = {"first": "Int", "last": "Int", "filter": "OpportunityFilter", "orderBy": "[OpportunityOrder!]"}
TYPES |= {"freshness": "FreshnessInput", "after": "String", "search": "String"}


class Drawn:
    """A query for pages, and its variables."""

    def __init__(self, chance: Random, cursor: str) -> None:
        self._chance = chance
        self._cursor = cursor
        self.variables: dict[str, Any] = {"yes": chance.random() < 0.5}
        self._definitions = ["$yes: Boolean!"]
        fields = [
            f"{key}: opportunities{self._arguments()} {{ {self._page()} }}" for key in ("a", "b")[: self._some(2)]
        ]
        if chance.random() < 0.4:
            fields.append(self._by_id())
        self.text = f"query ({', '.join(self._definitions)}) {{ {' '.join(fields)} __typename }} {OWN}"
        if "...Own" not in self.text:
            self.text = self.text.removesuffix(OWN)

    def _some(self, most: int) -> int:
        return self._chance.randint(1, most)

    def _arguments(self) -> str:
        choices = {
            "first": [1, 3, 7, 200, None, 0, "3"],
            "last": [2, None],
            "filter": FILTERS,
            "orderBy": ORDERS,
            "after": [None, self._cursor, "x"],
            "search": ["a", "Ex am", None, ""],
        }
        named = {name: self._chance.choice(choices[name]) for name in self._chance.sample(list(choices), self._some(3))}
        given = [f"{name}: {self._argument(name, value)}" for name, value in named.items()]
        return f"({', '.join(given)})"

    def _by_id(self) -> str:
        named = [f"opportunitiesById(ids: {literal(IDS)}", f'opportunity(id: "{self._chance.choice(IDS)}"']
        named.append('nexudusOpportunities(sourceIds: ["1427000501", "01427000501", "x"]')
        ages = [{"maxAgeSeconds": seconds} for seconds in (0, 60, -1)] + [{"onStale": "WARN"}, None]
        age = self._argument("freshness", self._chance.choice(ages)) if self._chance.random() < 0.8 else "null"
        return f"c: {self._chance.choice(named)}, freshness: {age}) {{ {self._node()} }}"

    def _argument(self, name: str, value: Any) -> str:
        draw = self._chance.random()
        if draw < 0.5:
            return self._variable(TYPES[name], value)
        if draw < 0.7 and name == "filter" and isinstance(value, dict):
            return f"{{and: [{self._variable('OpportunityFilter!', value)}]}}"
        return literal(value)

    def _variable(self, type_: str, value: Any) -> str:
        name = f"${'v' * len(self._definitions)}"
        draw = self._chance.random()
        default = ""
        if draw < 0.1 and value is not None:
            default = f" = {literal(value)}"
        elif draw > 0.1:
            self.variables[name[1:]] = value
        self._definitions.append(f"{name}: {type_}{default}")
        return name

    def _page(self) -> str:
        parts = [
            f"nodes {{ {self._node()} }}",
            f"edges {{ cursor node {{ {self._node()} }} }}",
            f"edges {{ __typename at: cursor it: node {{ {self._node()} }} }}",
            "pageInfo { hasNextPage hasPreviousPage start: startCursor endCursor }",
            "totalCount",
            "__typename",
            "sources { source asOf ageSeconds isComplete }",
            "summary(groupBy: [STATUS, SOURCE]) { rows { keys { dimension value } amount currency count } isComplete }",
            'totals: summary(groupBy: []) { asOf rows { converted(to: "EUR") { amount } } }',
        ]
        # The first of two `edges` and the second cannot differ, so they are merged.
        weights = [5, 3, 2, 4, 3, 2, 1, 1, 1]
        return " ".join(dict.fromkeys(self._chance.choices(parts, weights, k=self._some(4))))

    def _node(self) -> str:
        return " ".join(self._chance.sample(NODE[:-1], self._some(5)) + [NODE[-1]] * (self._chance.random() < 0.2))


def literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{%s}" % ", ".join(f"{name}: {literal(one)}" for name, one in value.items())  # noqa: UP031 - braces
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, str):
        return value if value in ENUMS else f'"{value}"'
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if not value else str(value).lower()


async def told(
    graph: DealGraph, text: str, variables: Any, is_restricted: bool, operation: CompiledQuery | None
) -> Any:
    """Return data and errors, as graphql-core gives them or, with an operation, as it is compiled."""
    schema = schemas()[is_restricted]._schema
    access = WITHOUT_CONTACTS if is_restricted else ALL
    upstream = UpstreamContext(5)
    context = Context(Loaders({}, upstream), upstream, access, deals=graph.deals, record_urls=URLS)
    if operation is None:
        found = await execute_with_graphql_core(schema, parse(text), variables, None, context)
    else:
        executed = await operation.execute(variables, context, AnswerSize(10_000_000), text)
        if executed is None:
            return None
        found = executed
    errors = sorted(field_errors(found.errors or []), key=str)
    return dumps({"data": found.data, "errors": errors})


def compiled(text: str, is_restricted: bool, fallbacks: Fallbacks) -> CompiledQuery | None:
    document = parse(text)
    operation = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    shared = Compilation(text, document, RECORDS, SerializationCache(), fallbacks.of(text))
    try:
        return CompiledQuery(schemas()[is_restricted]._schema, operation, shared)
    except NotCompiled:
        return None


@pytest.mark.programs
async def test_a_page_is_the_same_whether_compiled_or_not() -> None:
    fallbacks = Fallbacks()
    seen = {"compiled": 0, "left": 0}
    records = simulated()
    deals = deals_of({"nexudus": records["nexudus"][:25], "chartmogul": records["chartmogul"][:25]})
    async with open_deals(*deals) as graph:
        spoilt = deals[3]
        await graph.database.write(
            lambda connection: upsert(connection, [type(spoilt)(**{**vars_of(spoilt), "body": b"no record"})])
        )
        page = (await graph.data("{ opportunities(first: 5) { pageInfo { endCursor } } }"))["opportunities"]
        cursor = page["pageInfo"]["endCursor"]

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        @given(seed=st.integers(0, 2**32))
        def draw(seed: int) -> None:
            drawn = Drawn(Random(seed), cursor)
            chosen.append((drawn, Random(seed).random() < 0.3))

        chosen: list[tuple[Drawn, bool]] = []
        draw()
        for drawn, is_restricted in chosen:
            if validate(schemas()[0]._schema, parse(drawn.text)):
                continue
            operation = compiled(drawn.text, is_restricted, fallbacks)
            expected = await told(graph, drawn.text, drawn.variables, is_restricted, None)
            for _ in range(2):  # the second time from the texts that are kept
                found = operation and await told(graph, drawn.text, drawn.variables, is_restricted, operation)
                seen["left" if found is None else "compiled"] += 1
                assert found in (None, expected), (drawn.text, drawn.variables)
    assert seen["compiled"] > seen["left"] / 4, seen
    assert fallbacks.counts[Reason.FAULT] == 0


def vars_of(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__dataclass_fields__}


PAGE = "query($filter: OpportunityFilter, $first: Int) { opportunities(filter: $filter, first: $first) { %s } }"


@pytest.mark.parametrize(
    ("selected", "variables", "fallback"),
    [
        ("nodes { id asOf status } pageInfo { endCursor } totalCount sources { source }", {}, None),
        ("edges { cursor node { id } }", {"first": 2, "filter": {"status": {"in": ["OPEN", "WON"]}}}, None),
        ("nodes { id }", {"first": 0}, None),  # the resolver's error
        ("summary(groupBy: []) { rows { count keys { value } } asOf }", {}, None),
        ("nodes { url customer { matchedBy opportunities { totalCount nodes { id } } } }", {}, None),
        ("nodes { id }", {"filter": {"status": {"eq": "PERHAPS"}}}, Reason.VARIABLES),
    ],
)
async def test_what_is_compiled_of_a_page_and_what_is_not(
    selected: str, variables: dict[str, Any], fallback: Reason | None
) -> None:
    deals = deals_of({source: records[:4] for source, records in simulated().items()})
    async with open_deals(*deals) as graph:
        answers = [await graph.ask(PAGE % selected, **variables) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        assert dict(graph.engine.fallbacks) == {Reason.FIRST_REQUEST: 1, **({fallback: 2} if fallback else {})}


@pytest.mark.parametrize("selected", ["status asOf", "url", "customer { matchedBy opportunities { nodes { id } } }"])
async def test_records_by_id_from_the_store_are_compiled(selected: str) -> None:
    query = """query($f: FreshnessInput) {
      opportunity(id: "bmV4dWR1czoxNDI3MDAwNTAx", freshness: $f) { %s } }"""
    async with open_deals(*deals_of({"nexudus": simulated()["nexudus"][:4]})) as graph:
        answers = [await graph.data(query % selected, f={"maxAgeSeconds": 60}) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["opportunity"]
        assert dict(graph.engine.fallbacks) == {Reason.FIRST_REQUEST: 1}


async def test_a_record_that_changes_is_another_text() -> None:
    records = simulated()["nexudus"]
    (deal,) = deals_of({"nexudus": records[:1]})
    async with open_deals(deal) as graph:
        query = PAGE % "nodes { id stageName asOf }"
        for _ in range(3):
            before = await graph.data(query)
        record = msgspec.structs.replace(stored_record.decode("nexudus", deal.body), crm_board_column_name="Elsewhere")
        changed = vars_of(deal) | {"body": stored_record.encode("nexudus", record)}
        await graph.fill([type(deal)(**changed | {"read_at": deal.read_at + 1_000_000})])
        after = await graph.data(query)
        again = await graph.data(query)
        await graph.fill([type(deal)(**vars_of(deal) | {"is_whole": False, "source_id": "5"})])
        one = PAGE % "nodes { asOf }"
        for later in (0, 5):
            await graph.fill(
                [
                    type(deal)(
                        **vars_of(deal)
                        | {"is_whole": later > 0, "read_at": deal.read_at + later * 1_000_000, "source_id": "5"}
                    )
                ]
            )
            times = {node["asOf"] for node in (await graph.data(one))["opportunities"]["nodes"]}
            assert f"2026-02-25T06:13:2{later}Z" in times, "the same record, read again"
    assert before != after == again
    assert after["opportunities"]["nodes"][0]["asOf"] == "2026-02-25T06:13:21Z"


async def test_the_bytes_of_a_page_are_counted() -> None:
    deals = deals_of({source: records[:4] for source, records in simulated().items()})
    async with open_deals(*deals) as graph:
        text = "{ opportunities { edges { cursor node { id } } } }"
        operation = compiled(text, False, Fallbacks())
        assert operation
        whole = await told(graph, text, {}, False, operation)
        upstream = UpstreamContext(5)
        context = Context(Loaders({}, upstream), upstream, ALL, deals=graph.deals)
        size = AnswerSize(10_000_000)
        await operation.execute({}, context, size, text)
        assert size.bytes == len(whole) - len('{"data":,"errors":[]}')
