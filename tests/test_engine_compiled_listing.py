"""`engine.compiled_listing` and `engine.arguments`: any page is the same, whether compiled or not."""

import os
from random import Random
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answer_size import AnswerSize
from engine.compilation import Compilation
from engine.compiler import CompiledQuery
from engine.engine import execute_with_graphql_core
from engine.fallbacks import Fallbacks, NotCompiled, Reason
from engine.serialization_cache import SerializationCache
from httpserver.response import dumps
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
ENUMS = {"OPEN", "NEXUDUS", "PERHAPS", "CREATED_AT", "VALUE", "DESC", "STATUS", "FIRST", "UPDATED_AT", "ASC", "MONTH"}

TYPES = {"first": "Int", "last": "Int", "filter": "OpportunityFilter", "orderBy": "[OpportunityOrder!]"}
TYPES |= {"after": "String", "search": "String"}


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
            "summary(groupBy: [STATUS]) { rows { count } }",
        ]
        # The first of two `edges` and the second cannot differ, so they are merged.
        weights = [5, 3, 2, 4, 3, 2, 1, 1]
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
    context = Context(Loaders({}, upstream), upstream, access, deals=graph.deals)
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

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
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
        ("summary(groupBy: []) { rows { count } }", {}, Reason.SELECTION),
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


async def test_a_record_that_changes_is_another_text() -> None:
    records = simulated()["nexudus"]
    (deal,) = deals_of({"nexudus": records[:1]})
    async with open_deals(deal) as graph:
        query = PAGE % "nodes { id stageName asOf }"
        for _ in range(3):
            before = await graph.data(query)
        changed = vars_of(deal) | {"body": deal.body.replace(b'"Id":', b'"CrmBoardColumnName":"Elsewhere","Id":')}
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
