"""Documents, ids and representations that nobody thought of. `FUZZ_EXAMPLES` makes it longer: `make fuzz`."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLScalarType, ValueNode, print_schema
from graphql.language import parse_value
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_graphql import queries

from resolvers import global_id
from resolvers.registry import SOURCES
from tests.canaries import API_KEY, PASSWORD, planted
from tests.fuzzing import bounded
from tests.harness import Graph, open_graph
from tests.schemas import build_schema

SCHEMA = build_schema()._schema
CODE = re.compile(r"[A-Z]+(_[A-Z]+)*")


class Fuzzed:
    """A graph that is asked from outside its event loop."""

    def __init__(self, runner: asyncio.Runner, graph: Graph) -> None:
        self._runner = runner
        self.graph = graph

    def ask(self, body: Any) -> Any:
        """Send a body; return the answer's JSON, after what holds of every answer has been checked."""
        answer = self._runner.run(self.graph.post(body))
        assert answer.status < 500
        assert "json" in answer.headers["content-type"]
        for error in answer.json.get("errors", ()):
            assert CODE.fullmatch(error["extensions"]["code"])
            assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", error
        for secret in (PASSWORD, API_KEY, "Traceback", "crmopportunities", ".py"):
            assert secret not in answer.body.decode()
        return answer.json


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Fuzzed]:
    """One graph for a whole test: opening one for each example would be most of the work."""
    with asyncio.Runner() as runner:
        opened = open_graph(planted())
        graph = runner.run(opened.__aenter__())
        yield Fuzzed(runner, graph)
        runner.run(opened.__aexit__(None, None, None))


def _digits() -> st.SearchStrategy[str]:
    """Digits of every script, which `str.isdigit` all takes for digits."""
    return st.text(st.characters(categories=["Nd", "No"]), min_size=1, max_size=12)


WALKING = st.lists(st.sampled_from(["..", "/", "%2e", "%2f", ".", "1", "\\", "?", "#", "&", ";", "@", ":", "users"]))
RAW_IDS = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(categories=["Cc", "Cf", "Zs", "Zl"]), max_size=8),
    st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3),
    _digits(),
    WALKING.map("".join),
    st.from_regex(r"\A0*[1-9][0-9]{0,18}\n?\Z"),
    st.from_regex(r"\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}.?\Z"),
    st.sampled_from(["1427000501", "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc"]),
)


def _global(source: str, raw: str) -> str:
    return global_id.encode(source, raw.encode("utf-8", "replace").decode())


IDS = st.one_of(RAW_IDS, st.builds(_global, st.sampled_from(["nexudus", "chartmogul", "other", ""]), RAW_IDS))

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["NexudusOpportunity", "ChartMogulOpportunity", "Opportunity", "Query", "_Entity", ""])
REPRESENTATIONS = st.one_of(
    VALUES,
    st.fixed_dictionaries({"__typename": NAMES | VALUES}, optional={"id": IDS | VALUES, "sourceId": IDS | VALUES}),
)

CALLED = """query($id: ID!, $ids: [ID!]!, $r: [_Any!]!) {
  a: opportunity(id: $id) { __typename id } b: node(id: $id) { id } c: nexudusOpportunity(sourceId: $id) { id }
  d: chartMogulOpportunity(sourceId: $id) { id } e: opportunitiesById(ids: $ids) { id } f: nodes(ids: $ids) { id }
  g: _entities(representations: $r) { __typename } }"""


def _is_possible(source_id: str) -> bool:
    return any(source.canonical_id(source_id) == source_id for source in SOURCES)


@bounded
@given(id_=IDS, ids=st.lists(IDS, max_size=4), representations=st.lists(REPRESENTATIONS, max_size=3))
def test_no_id_breaks_anything_and_a_bad_one_never_reaches_a_source(
    fuzzed: Fuzzed, id_: str, ids: list[str], representations: list[Any]
) -> None:
    calls = fuzzed.graph.simulator.calls
    before = len(calls)
    fuzzed.ask({"query": CALLED, "variables": {"id": id_, "ids": ids, "r": representations}})
    for call in fuzzed.graph.simulator.calls[before:]:
        assert call.kind in ("token-password", "token-refresh", "get", "list-by-ids")
        assert all(_is_possible(source_id) for source_id in call.ids)
        assert call.ids or call.kind.startswith("token")


def _literal(text: str) -> ValueNode:
    return parse_value(text)


SCALARS: dict[str, st.SearchStrategy[ValueNode]] = {
    name: st.sampled_from(['{__typename: "NexudusOpportunity", sourceId: "1427000501"}', "{}", "[]", "1", '"x"']).map(
        _literal
    )
    for name, type_ in SCHEMA.type_map.items()
    if isinstance(type_, GraphQLScalarType) and name not in ("ID", "Int", "Float", "String", "Boolean")
}


@bounded
@given(document=queries(print_schema(SCHEMA), custom_scalars=SCALARS))
def test_no_document_of_the_schema_breaks_anything(fuzzed: Fuzzed, document: str) -> None:
    fuzzed.ask({"query": document})


@bounded
@given(
    body=VALUES | st.fixed_dictionaries({"query": st.text(max_size=60)}, optional={"variables": VALUES, "x": VALUES})
)
def test_no_body_breaks_anything(fuzzed: Fuzzed, body: Any) -> None:
    fuzzed.ask(body)


@bounded
@given(letters=st.text(st.sampled_from('{}()[]!$:@."#,_ \n\\&|=a1e-\N{BYTE ORDER MARK}\x00é'), max_size=60))
def test_no_text_breaks_the_parser(fuzzed: Fuzzed, letters: str) -> None:
    fuzzed.ask({"query": letters})
    fuzzed.ask({"query": "{ opportunity(id: " + letters + ") { id } }"})
