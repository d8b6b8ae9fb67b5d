"""Ids that are attacks: none reaches a source."""

import pytest

from resolvers import global_id
from tests.harness import Graph

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def graph(shared_graph: Graph) -> Graph:
    """One graph for all tests of this file."""
    return shared_graph


BAD_IDS = [
    "../users/1",
    "..",
    "1/../../users/1",
    "%2e%2e/1",
    "%2e%2e%2f1",
    "1?x=1",
    "1#x",
    "1&size=1000",
    "1,2",
    "[1]",
    "",
    " ",
    " 1",
    "1 ",
    "1\n",
    "1\r\nX-Evil: 1",
    "\x00",
    "1\x00",
    "\ud800",
    "1\udfff",
    "\N{FULLWIDTH DIGIT ONE}",
    "\N{ARABIC-INDIC DIGIT ONE}",
    "²",
    "-1",
    "+1",
    "1.0",
    "1e3",
    "0x10",
    "0",
    "9" * 20,
    "9" * 1_000,
    "null",
    "true",
    "\N{RIGHT-TO-LEFT OVERRIDE}1",
    "4ee13ca4-e7fe-11ee-fa7f-f303abf41ac",
    "4ee13ca4e7fe11eefa7ff303abf41acc",
    "{4ee13ca4-e7fe-11ee-fa7f-f303abf41acc}",
    "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc/../x",
]


@pytest.mark.parametrize("bad", BAD_IDS, ids=ascii)
async def test_an_id_that_cannot_be_one_is_never_sent_to_a_source(graph: Graph, bad: str) -> None:
    wrapped = [
        global_id.encode(source, bad.encode("utf-8", "surrogatepass").decode("utf-8", "replace")) for source in SOURCES
    ]
    query = """query($id: ID!, $g: [ID!]!, $r: [_Any!]!) {
      a: opportunity(id: $id) { id } b: node(id: $id) { id } c: nexudusOpportunity(sourceId: $id) { id }
      d: chartMogulOpportunity(sourceId: $id) { id } e: opportunitiesById(ids: $g) { id } f: nodes(ids: $g) { id }
      g: _entities(representations: $r) { __typename } }"""
    names = ("NexudusOpportunity", "ChartMogulOpportunity", "Opportunity")
    keys = [
        {"__typename": name, key: value} for name in names for key in ("id", "sourceId") for value in (bad, *wrapped)
    ]
    answer = await graph.post({"query": query, "variables": {"id": bad, "g": [bad, *wrapped], "r": keys}})
    assert answer.status == (400 if any("\ud800" <= letter <= "\udfff" for letter in bad) else 200)
    for value in answer.json.get("data", {}).values():
        assert value is None or set(value) == {None}
    assert {error["extensions"]["code"] for error in answer.json["errors"]} == {"BAD_USER_INPUT"}
    assert graph.simulator.calls == []


SOURCES = ("nexudus", "chartmogul", "", "nexudus:nexudus", "NEXUDUS", "../nexudus")
