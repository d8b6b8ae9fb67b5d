"""`schema.deals.connections`, with its `schema.deals.cursors`, `schema.deals.selection`, `schema.deals.service`
and `schema.deals.validity`.
"""

import base64
import gc
import json
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
from graphql import get_named_type, is_leaf_type

from resolvers import global_id
from schema.deals import cursors
from schema.deals.service import StoreOutage
from schema.refused_argument import RefusedArgument
from store.database import Database
from store.deals import Evidence, delete
from store.errors import StoreUnavailable
from store.pages import OrderKey
from store.paging import by_attribute, full_order
from tests.deal_lists import ALL, NOTHING, NOW, WITHOUT_CONTACTS, deal, deals_of, open_deals, schemas, simulated, status
from tests.stores import key

NEXUDUS, CHARTMOGUL = (simulated()[source] for source in ("nexudus", "chartmogul"))
FEW = deals_of({"nexudus": NEXUDUS[:4], "chartmogul": CHARTMOGUL[:3]})

PAGE = Path(__file__).parent.parent / "docs" / "lists.md"
QUERIES = re.findall(r"```graphql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

FIRST_PAGE = """{ opportunities(first: 2) {
  edges { cursor node { id sourceId } } nodes { id sourceId } pageInfo { startCursor endCursor } } }"""


async def test_nodes_are_what_a_fetch_by_id_gives() -> None:
    fields = "id __typename status value { amount currencyCode } owner { name } customer { companyName } createdAt"
    record = NEXUDUS[0]
    async with open_deals(deal("nexudus", record)) as graph:
        (listed,) = (await graph.data(f"{{ opportunities {{ nodes {{ {fields} asOf }} }} }}"))["opportunities"]["nodes"]
    assert listed == {
        "id": "bmV4dWR1czoxNDI3MDAwNTAx",
        "__typename": "NexudusOpportunity",
        "status": "OPEN",
        "value": {"amount": "4800.00000", "currencyCode": "EUR"},
        "owner": {"name": "Testy McAdminface"},
        "customer": {"companyName": "Example Widgets Ltd"},
        "createdAt": "2026-01-28T10:15:31.005062Z",
        "asOf": "2026-02-25T06:13:20Z",
    }


async def test_edges_and_nodes_are_the_same_deals_and_cursors_lead_on() -> None:
    async with open_deals(*FEW) as graph:
        page = (await graph.data(FIRST_PAGE))["opportunities"]
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert [edge["cursor"] for edge in page["edges"]] == list(page["pageInfo"].values())
        query = "query($a: String) { opportunities(after: $a) { nodes { id } } }"
        rest = (await graph.data(query, a=page["edges"][0]["cursor"]))["opportunities"]["nodes"]
        assert len(rest) == len(FEW) - 1
        assert rest[0]["id"] == page["nodes"][1]["id"]


async def test_an_empty_page_has_no_cursors() -> None:
    async with open_deals() as graph:
        query = "{ opportunities { nodes { id } totalCount pageInfo { hasNextPage startCursor endCursor } } }"
        assert (await graph.data(query))["opportunities"] == {
            "nodes": [],
            "totalCount": 0,
            "pageInfo": {"hasNextPage": False, "startCursor": None, "endCursor": None},
        }


BAD_PAGES = {
    "first: 0": "`first` must be from 1 to 200, not 0.",
    "first: -1": "`first` must be from 1 to 200, not -1.",
    "first: 201": "`first` must be from 1 to 200, not 201.",
    "last: 201": "`last` must be from 1 to 200, not 201.",
    "first: 2, last: 2": "Give `first` or `last`, not both.",
    'sources: ["nexudus", "salesforce"]': "`sources[1]` must be one of nexudus, chartmogul.",
    'after: ""': "`after` is no cursor of this graph: pass back a `cursor` unchanged.",
    'before: "é"': "`before` is no cursor of this graph: pass back a `cursor` unchanged.",
    f'search: "{"x" * 201}"': "`search` may have at most 200 characters, not 201.",
    f'search: "{"x " * 11}"': "`search` may have at most 10 words, not 11.",
    f'search: "{chr(0xFDFA) * 4}"': "`search` may have at most 10 words, not 13.",  # each stands for four
    "freshness: {maxAgeSeconds: -1}": "`freshness.maxAgeSeconds` must be from 0 to 315360000, which is ten years.",
    "orderBy: [{field: VALUE}, {field: VALUE}]": "`orderBy[1]` repeats a field that stands before it: give each once.",
    f"orderBy: [{' '.join(f'{{field: {one}}}' for one in 'ID VALUE STATUS SOURCE AS_OF NAME'.split())}]": (
        "`orderBy` takes at most 5 fields, not 6."
    ),
}
NO_ID = "This is not the id of an opportunity. Pass back an `id` that this graph gave out, unchanged."
NO_DAY = "Compare beside `timeZone`, for example by `relative`: it says which day is meant there."
NO_COMPARISON = (
    "Compare the attribute by `text`, `number` or `boolean`, or ask with `isNull: false` for deals that have it."
)
TOO_LONG = "may have at most 1,000 characters, not 1,001."
NUMBER = 'must be text, a number such as "1000.50" in quotation marks.'
BAD_FILTERS = {
    '{value: {gte: "1"}}': "`filter.value`: "
    'Give the amount\'s `currency` too, for example {currency: "EUR", gte: "1000"}.',
    '{value: {currency: "EUR", gte: "2", lt: "1"}}': (
        "`filter.value`: The range is reversed: `gte` must not be above `lt`."
    ),
    "{winLikelihood: {gt: 3, lte: 2}}": (
        "`filter.winLikelihood`: The range is reversed: `gt` must not be above `lte`."
    ),
    '{createdAt: {gte: "2026-02-01T00:00:00Z", lt: "2026-01-01T00:00:00Z"}}': (
        "`filter.createdAt`: The range is reversed: `gte` must not be above `lt`."
    ),
    "{wonOn: {relative: {unit: DAY, from: 1, to: 0}}}": (
        "`filter.wonOn.relative`: The range is reversed: `from` must not be greater than `to`."
    ),
    "{wonOn: {relative: {unit: YEAR, from: -9999, to: 0}}}": (
        "`filter.wonOn.relative` must have a `from` and a `to` that give dates in the years 1 to 9999."
    ),
    '{value: {currency: "\u20ac", gte: "2"}}': (
        "`filter.value.currency` must be an ISO 4217 code: three letters, such as EUR."
    ),
    f'{{id: {{in: ["{global_id.encode("nexudus", "1")}", "1427000501"]}}}}': f"`filter.id.in[1]`: {NO_ID}",
    '{not: {id: {eq: "1427000501"}}}': f"`filter.not.id.eq`: {NO_ID}",
    '{wonOn: {relative: {unit: DAY, from: 0, to: 0}, timeZone: "Mars"}}': (
        "`filter.wonOn.timeZone` must be an IANA name such as Europe/London."
    ),
    '{value: {currency: "EUR", gte: "1_000"}}': f"`filter.value.gte` {NUMBER}",
    '{or: [{}, {}, {}, {value: {currency: "EUR", gte: "1_000"}}]}': f"`filter.or[3].value.gte` {NUMBER}",
    '{and: [{or: [{}, {createdAt: {lt: "2026-02-01"}}]}]}': (
        "`filter.and[0].or[1].createdAt.lt` must be text, YYYY-MM-DDThh:mm:ss and the UTC offset, Z or +hh:mm."
    ),
    '{not: {estimatedCloseDate: {eq: "2026-02-30"}}}': "`filter.not.estimatedCloseDate.eq` must be text, YYYY-MM-DD.",
    '{custom: [{key: "a", isNull: true}, {key: "b", number: {lt: "NaN"}}]}': f"`filter.custom[1].number.lt` {NUMBER}",
    '{custom: [{key: "seats"}]}': f"`filter.custom[0]`: {NO_COMPARISON}",
    '{custom: [{key: "seats", number: null}]}': f"`filter.custom[0]`: {NO_COMPARISON}",
    '{custom: [{key: "a", isNull: true}, {key: "b", text: {}, number: {}}]}': f"`filter.custom[1]`: {NO_COMPARISON}",
    '{custom: [{key: "seats", text: {gt: "b", lte: "A"}}]}': (
        "`filter.custom[0].text`: The range is reversed: `gt` must not be above `lte`."
    ),
    '{custom: [{key: "seats", boolean: {eq: null}}]}': (
        "`filter.custom[0].boolean.eq` must not be null: leave it out."
    ),
    "{stageName: {isNull: null}}": "`filter.stageName.isNull` must not be null: leave it out, or give true or false.",
    "{value: {currency: null, isNull: true}}": (
        "`filter.value.currency` must not be null: leave it out, or give an ISO 4217 code."
    ),
    '{createdAt: {timeZone: "Europe/London"}}': f"`filter.createdAt`: {NO_DAY}",
    '{not: {wonOn: {timeZone: "Mars"}}}': f"`filter.not.wonOn`: {NO_DAY}",
    "{id: {in: null}}": "`filter.id.in` must not be null: leave it out.",
    "{stageName: {eq: null}}": "`filter.stageName.eq` must not be null: leave it out, or ask with `isNull: true`.",
    "{not: {not: {not: {not: {}}}}}": (
        "`filter.not.not.not.not` is nested too deeply: at most 3 levels of `and`, `or` and `not`."
    ),
    "{{or: [{}], status: {{eq: OPEN}}}}".format(", ".join(['{stageName: {eq: "a"}}'] * 21)): (
        "`filter` may have at most 20 comparisons, not 22."
    ),
    '{{or: [{{stageName: {{in: [{}]}}}}], stageName: {{eq: "a"}}}}'.format(", ".join(['"a"'] * 100)): (
        "`filter` may have at most 100 values to compare with, not 101."
    ),
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [*BAD_PAGES.items(), *((f"filter: {text}", message) for text, message in BAD_FILTERS.items())],
)
async def test_a_bad_argument_is_refused_at_its_field_and_hurts_no_neighbour(arguments: str, message: str) -> None:
    async with open_deals(*FEW[:1]) as graph:
        answer = await graph.ask(
            f"{{ bad: opportunities({arguments}) {{ nodes {{ id }} }} good: opportunities {{ totalCount }} }}"
        )
        assert answer["data"] == {"bad": None, "good": {"totalCount": 1}}
        (error,) = answer["errors"]
        assert (error["path"], error["message"]) == (["bad"], message)
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "retryable": False}


MALFORMED = {
    "Decimal": ('{value: {currency: "EUR", lt: $x}}', ["1_000", "NaN", ""]),
    "DateTime": ("{and: [{createdAt: {gt: $x}}]}", ["yesterday"]),
    "Date": ("{estimatedCloseDate: {gte: $x}}", ["2026-13-01"]),
}


@pytest.mark.parametrize(("type_", "text"), [(type_, text) for type_, (_, some) in MALFORMED.items() for text in some])
async def test_a_malformed_scalar_in_a_variable_hurts_no_neighbour_and_one_of_another_kind_is_refused(
    type_: str, text: str
) -> None:
    query = f"""query($x: {type_}) {{
      bad: opportunities(filter: {MALFORMED[type_][0]}) {{ totalCount }}
      sum: opportunitySummary(groupBy: [], filter: {MALFORMED[type_][0]}) {{ rows {{ count }} }}
      good: opportunities {{ totalCount }}
    }}"""
    async with open_deals(*FEW[:1]) as graph:
        for _ in range(3):  # executed, compiled, and compiled before
            answer = await graph.ask(query, x=text)
            assert answer["data"] == {"bad": None, "sum": None, "good": {"totalCount": 1}}
            assert [(one["path"], one["extensions"]["code"]) for one in answer["errors"]] == [
                (["bad"], "BAD_USER_INPUT"),
                (["sum"], "BAD_USER_INPUT"),
            ]
            assert text not in str(answer["errors"]) or not text
            assert "data" not in await graph.ask(query, x=5)


@pytest.mark.parametrize(
    ("filter_", "message"),
    [
        ({"or": [{}] * 100}, "`filter` may consist of at most 100 filters, not 101."),
        ({"and": [{"or": [{"and": []}] * 10}] * 10}, "`filter` may consist of at most 100 filters, not 111."),
        (
            {"utmTerm": {"contains": "%" * 1_001}},
            f"`filter.utmTerm.contains` {TOO_LONG}",
        ),
        (
            {"stageName": {"in": ["x", "x" * 1_001]}},
            f"`filter.stageName.in[1]` {TOO_LONG}",
        ),
    ],
)
async def test_a_filter_that_no_database_would_take_is_refused(filter_: dict[str, Any], message: str) -> None:
    async with open_deals() as graph:
        query = "query($f: OpportunityFilter) { opportunities(filter: $f) { totalCount } }"
        assert (await graph.refusal(query, f=filter_))[:2] == ("BAD_USER_INPUT", message)


async def test_the_largest_filter_that_is_taken_is_one_that_the_database_takes() -> None:
    filters: list[dict[str, Any]] = [
        {"and": [{"utmTerm": {"contains": "%" * 1_000}}, {"or": [{}]}]},
        {"or": [{"stageName": {"in": ["\0" * 1_000] * 80}}] * 1},
        *[{"or": [{"winLikelihood": {"lt": -(2**31)}}, {"value": {"currency": "EUR", "lt": "-1e+90"}}]}] * 5,
        *[{}] * 70,
    ]
    async with open_deals(*FEW) as graph:
        query = "query($f: OpportunityFilter) { opportunities(filter: $f) { totalCount } }"
        assert (await graph.data(query, f={"or": filters}))["opportunities"]["totalCount"] == len(FEW)


@pytest.mark.parametrize("levels", [100, 400])
async def test_a_filter_that_is_nested_very_deep_is_refused_like_any_other(levels: int) -> None:
    filter_: dict[str, Any] = {}
    for _ in range(levels):
        filter_ = {"not": filter_}
    async with open_deals() as graph:
        query = "query($f: OpportunityFilter) { opportunities(filter: $f) { totalCount } }"
        answer = await graph.ask(query, f=filter_)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "other",
    [
        "filter: {status: {eq: WON}}",
        "filter: {}",
        'search: "examplesson"',
        "orderBy: [{field: UPDATED_AT, direction: DESC, nulls: FIRST}]",
        "orderBy: [{field: CREATED_AT}]",
        'sources: ["nexudus"]',
    ],
)
async def test_a_cursor_of_another_list_is_refused(other: str) -> None:
    async with open_deals(*FEW) as graph:
        cursor = (await graph.data(FIRST_PAGE))["opportunities"]["pageInfo"]["endCursor"]
        code, message, _ = await graph.refusal(f'{{ opportunities(after: "{cursor}", {other}) {{ totalCount }} }}')
        assert code == "BAD_USER_INPUT"
        assert message.startswith("`after` is a cursor of another list")


@pytest.mark.parametrize("order", ["", ", nulls: LAST}, {field: ID, direction: DESC"])
async def test_a_cursor_is_good_for_the_same_order_written_out(order: str) -> None:
    written = f"orderBy: [{{field: UPDATED_AT, direction: DESC{order}}}]"
    pages = """{ opportunities(first: 1%s) { pageInfo { endCursor } nodes { customer {
      opportunities(first: 1%s) { pageInfo { endCursor } } } } } }"""
    async with open_deals(*FEW) as graph:
        assert await graph.data(pages % ("", "")) == await graph.data(pages % (f", {written}", f", {written}"))


async def test_a_time_zone_that_is_null_is_as_if_it_were_not_given() -> None:
    query = """query($tz: String) {
      opportunities(filter: {createdAt: {relative: {unit: YEAR, from: -5, to: 0}, timeZone: $tz}}) { totalCount } }"""
    async with open_deals(*FEW) as graph:
        assert await graph.data(query, tz=None) == await graph.data(query) == await graph.data(query, tz="UTC")


def forged(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


async def test_a_cursor_of_another_version_is_refused() -> None:
    async with open_deals(*FEW) as graph:
        query = "query($a: String) { opportunities(after: $a) { totalCount } }"
        code, message, _ = await graph.refusal(query, a=forged(1, "x", 1, "nexudus:1"))
        assert code == "BAD_USER_INPUT"
        assert message == "`after` is a cursor of another version of this graph: begin again without it."


@pytest.mark.parametrize(
    "position",
    [
        *(["a", "bgEB"], [1.5, "bgEB"], [True, "bgEB"], [2**63, "bgEB"], [[1], "bgEB"], [{}, "bgEB"]),
        *([1, None], [1, 2], [1, "bgE"], [1, "nexudus:1"], [1, "é"], [1, ["bgEB"]]),
    ],
)
async def test_a_cursor_that_somebody_made_up_reaches_no_database(position: list[Any]) -> None:
    hash_ = cursors.list_hash(None, None, None, None)
    async with open_deals(*FEW) as graph:
        query = '{ opportunities(after: "%s") { totalCount } }'
        assert (await graph.refusal(query % forged(cursors.VERSION, hash_, *position)))[0] == "BAD_USER_INPUT"
        await graph.data(query % forged(cursors.VERSION, hash_, 1, "bgEB"))


def test_a_made_up_cursor_has_no_number_that_its_column_does_not_hold() -> None:
    order = full_order(by_attribute("seats"))
    place = [key.column for key in order].index("boolean")
    for number, is_held in ((1, True), (2**15, False), (2**62, False)):
        position = (*(number if at == place else None for at in range(len(order) - 1)), b"n")
        cursor = cursors.encode("h", position)
        if is_held:
            assert cursors.decode(cursor, "after", "h", order) == position
        else:
            with pytest.raises(RefusedArgument, match="is no cursor of this graph"):
                cursors.decode(cursor, "after", "h", order)


def test_a_cursor_is_read_as_it_was_written() -> None:
    order = (OrderKey("value"), OrderKey("stage_folded", True))
    for position in ((None, 'é"', key("nexudus:1")), (-(2**63) + 1, None, key("chartmogul:x"))):
        assert cursors.decode(cursors.encode("h", position), "after", "h", order) == position


async def test_a_page_goes_on_where_it_was_though_its_deals_have_gone() -> None:
    async with open_deals(*FEW) as graph:
        everything = (await graph.data("{ opportunities { edges { cursor node { id sourceId } } } }"))["opportunities"][
            "edges"
        ]
        gone = next(one.id for one in FEW if one.source_id == everything[1]["node"]["sourceId"])
        await graph.database.write(
            lambda connection: delete(connection, [gone], evidence=Evidence.AUDIT, at=int(NOW * 1e6) + 1)
        )
        query = "query($a: String) { opportunities(after: $a) { nodes { id } } }"
        rest = (await graph.data(query, a=everything[1]["cursor"]))["opportunities"]["nodes"]
        assert [node["id"] for node in rest] == [edge["node"]["id"] for edge in everything[2:]]


async def test_a_row_that_cannot_be_read_is_null_with_an_error_and_spoils_no_other() -> None:
    async with open_deals(FEW[0], replace(FEW[1], body=b"{}")) as graph:
        answer = await graph.ask("{ opportunities { nodes { id } edges { node { id } } totalCount } }")
        page = answer["data"]["opportunities"]
        assert page["totalCount"] == 2
        assert sum(node is None for node in page["nodes"]) == 1
        assert sum(edge["node"] is None for edge in page["edges"]) == 1
        assert len(answer["errors"]) == 2


async def test_search_takes_no_case_accents_or_wildcards() -> None:
    async with open_deals(*FEW) as graph:
        query = "query($s: String) { opportunities(search: $s) { totalCount } }"

        async def count(text: str) -> int:
            return int((await graph.data(query, s=text))["opportunities"]["totalCount"])

        assert await count("WIDGETS  éxample") == 1
        assert await count("widgets nobody") == 0
        assert await count("%") == 0
        assert await count("  ") == len(FEW)
        assert await count("e\u0301xample") == await count("example") > 0
        assert await count("exa\u00admple\u200b") == await count("example")
        code, message, path = await graph.refusal(query, s=" \u0301 \u0308\u200b")
        assert (code, path) == ("BAD_USER_INPUT", ["opportunities"])
        assert "accents alone" in message


async def test_lists_can_be_of_some_sources_alone() -> None:
    async with open_deals(*FEW) as graph:
        query = "query($s: [String!]) { opportunities(sources: $s) { totalCount sources { source isComplete } } }"
        assert (await graph.data(query, s=["chartmogul"]))["opportunities"] == {
            "totalCount": 3,
            "sources": [{"source": "chartmogul", "isComplete": True}],
        }
        assert (await graph.data(query, s=[]))["opportunities"] == {"totalCount": 0, "sources": []}


async def test_a_further_account_of_a_source_is_a_part_of_every_list() -> None:
    """The store keeps both; which of them an id means is for whoever lets records be fetched from it."""
    further = [replace(one, account="eu") for one in FEW if one.source == "nexudus"]
    async with open_deals(*FEW, *further) as graph:
        graph.sync.known.append(status("nexudus", account="eu"))
        query = """query($s: [String!], $after: String) {
          opportunities(
            first: 2, after: $after, sources: $s, filter: {source: {eq: NEXUDUS}},
            orderBy: [{field: STATUS}, {field: SOURCE}]
          ) { totalCount nodes { sourceId } pageInfo { hasNextPage endCursor } sources { source } }
        }"""
        for names, accounts in ((["nexudus@eu"], 1), (["nexudus"], 1), (None, 2), (["NEXUDUS@EU", "Nexudus"], 2)):
            found: list[str] = []
            page: Any = {"pageInfo": {"endCursor": None, "hasNextPage": True}}
            while page["pageInfo"]["hasNextPage"]:
                answer = await graph.data(query, s=names, after=page["pageInfo"]["endCursor"])
                page = answer["opportunities"]
                found += [node["sourceId"] for node in page["nodes"]]
            assert sorted(found) == sorted([one.source_id for one in further] * accounts)
            assert page["totalCount"] == len(found)
            known = {one["source"] for one in page["sources"]}
            assert known >= {name.lower() for name in names or ["nexudus", "nexudus@eu"]}
        refused = await graph.refusal(query, s=["nexudus@us"])
        assert "nexudus@eu" in refused[1]


async def test_what_is_stored_of_a_source_that_is_not_configured_any_more_is_not_shown() -> None:
    async with open_deals(*FEW, unconfigured=frozenset({"nexudus"})) as graph:
        graph.sync.known = graph.sync.known[1:]
        query = """{
          opportunities { totalCount nodes { __typename } sources { source isComplete } }
          named: opportunities(sources: ["nexudus"]) { totalCount sources { source isComplete } }
          opportunitySummary(groupBy: [SOURCE]) { rows { keys { value } } isComplete }
          pipelines { source }
        }"""
        data = await graph.data(query)
        assert data["opportunities"]["totalCount"] == 3
        assert {one["__typename"] for one in data["opportunities"]["nodes"]} == {"ChartMogulOpportunity"}
        assert data["opportunities"]["sources"] == [{"source": "chartmogul", "isComplete": True}]
        assert data["named"] == {"totalCount": 0, "sources": [{"source": "nexudus", "isComplete": False}]}
        assert data["opportunitySummary"]["isComplete"], "nobody misses a source that this server does not have"
        assert {row["keys"][0]["value"] for row in data["opportunitySummary"]["rows"]} == {"CHARTMOGUL"}
        assert {one["source"] for one in data["pipelines"]} == {"CHARTMOGUL"}
        by_id = "query($id: ID!) { nexudusOpportunity(sourceId: $id, freshness: {maxAgeSeconds: 999999}) { id } }"
        assert (await graph.refusal(by_id, id=FEW[0].source_id))[0] == "SOURCE_NOT_CONFIGURED"


class Unavailable(Database):
    sequence = 0
    is_current = False

    def __init__(self) -> None:
        pass

    async def read(self, work: Any) -> Any:
        raise StoreUnavailable("the disk of postgresql://user:secret@db is full")

    async def fetch(self, query: Any, values: Any) -> Any:
        return await self.read(query)


async def test_a_store_that_cannot_be_read_is_an_error_at_the_lists_alone() -> None:
    async with open_deals(*FEW) as graph:
        object.__setattr__(graph.deals, "database", Unavailable())
        graph.sync.error = StoreUnavailable("the disk is full")
        answer = await graph.ask("{ opportunities { totalCount } pipelines { name } sources { name status { rows } } }")
        assert answer["data"] == {
            "opportunities": None,
            "pipelines": None,
            "sources": [{"name": "nexudus", "status": None}, {"name": "chartmogul", "status": None}],
        }
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"STORE_UNAVAILABLE"}
        assert {error["message"] for error in answer["errors"]} == {str(StoreOutage())}
        assert all(error["extensions"]["retryable"] for error in answer["errors"])


async def test_records_by_id_need_no_store() -> None:
    async with open_deals(*FEW) as graph:
        object.__setattr__(graph.deals, "database", Unavailable())
        query = '{ opportunity(id: "bmV4dWR1czoxNDI3MDAwNTAx", freshness: {maxAgeSeconds: 9}) { id } }'
        assert (await graph.refusal(query))[0] == "SOURCE_NOT_CONFIGURED", "the source was asked"


async def test_the_page_size_counts_against_the_limit_of_records() -> None:
    async with open_deals() as graph:
        query = "{ a: opportunities(first: %d) { totalCount } b: opportunities(last: 100) { totalCount } }"
        assert "errors" not in await graph.ask(query % 100)
        code, message, path = await graph.refusal(query % 101)
        assert (code, message, path) == (
            "BAD_USER_INPUT",
            "This asks for too much: at most 200 records are allowed, not 201: `a` asks for 101 of them, by `first`.",
            None,
        )


async def test_what_a_refused_page_needed_is_freed_without_a_collection() -> None:
    async with open_deals(*FEW[:1]) as graph:
        for _ in range(3):  # it is compiled by then
            await graph.refusal("{ opportunities(first: 0) { totalCount } }")
        gc.collect()
        gc.disable()
        try:
            await graph.refusal("{ opportunities(first: 0) { totalCount } }")
            assert graph.context is not None
            loaders, graph.context = ref(graph.context.loaders), None
            assert loaders() is None
        finally:
            gc.enable()


async def test_a_refusal_has_the_names_and_places_of_its_own_text() -> None:
    """Texts that differ in aliases and ids are one document to the engine, measured once."""
    document = "query Q($size: Int) {{ {}: nodes(ids: []) {{ id }} {}: opportunities(first: $size) {{ {} }} {} }}"
    more = "totalCount", "further: opportunities(first: 60) { totalCount }"
    async with open_deals() as graph:
        for first, second in (("early", "later"), ("before", "behind"), ("some_one", "some_other")):
            assert "errors" not in await graph.ask(document.format(first, second, *more), size=140)
            text = document.format(first, second, *more)
            (error,) = (await graph.ask(text, size=150))["errors"]
            assert f"not 210: `{second}` asks for 150 of them, by `first`" in error["message"]
            assert error["locations"] == [{"line": 1, "column": text.index("first: $size") + 1}]


def _all_of(type_: Any, without: Collection[str] = ()) -> str:
    """Return a selection of all that an object has, but for further lists, as clients with a normalised cache ask."""
    found = ["__typename"]
    for name, field in type_.fields.items():
        if name in without or "first" in field.args:
            continue
        below = get_named_type(field.type)
        found.append(name if is_leaf_type(below) else f"{name} {{ {_all_of(below)} }}")
    return " ".join(found)


async def test_the_largest_page_may_have_all_fields() -> None:
    types = schemas()[0]._schema.type_map
    interface = types["Opportunity"]
    record = _all_of(interface) + "".join(
        f" ... on {name} {{ {_all_of(types[name], interface.fields)} }}"
        for name in ("NexudusOpportunity", "ChartMogulOpportunity")
    )
    query = f"""{{ opportunities(first: 200) {{
      __typename totalCount edges {{ __typename cursor node {{ {record} }} }}
      pageInfo {{ {_all_of(types["PageInfo"])} }} sources {{ {_all_of(types["ListedSource"])} }}
    }} }}"""
    async with open_deals(*FEW) as graph:
        assert len((await graph.data(query))["opportunities"]["edges"]) == len(FEW)


@pytest.mark.parametrize(
    ("field", "is_kept"),
    [
        ("opportunities { totalCount nodes { id asOf } pageInfo { endCursor } }", True),
        ("opportunities { summary(groupBy: []) { rows { count } } }", True),
        ("opportunitySummary(groupBy: []) { rows { count } }", True),
        ("pipelines { name }", True),
        ("opportunities { sources { isComplete } }", False),
        ("opportunities(freshness: {maxAgeSeconds: 60}) { totalCount }", False),
        ("opportunities(filter: {createdAt: {relative: {unit: DAY, from: -7, to: 0}}}) { totalCount }", False),
        ("opportunities { summary(groupBy: []) { asOf } }", False),
        ("opportunitySummary(groupBy: []) { isComplete }", False),
        ("sources { name }", False),
        ('opportunity(id: "bmV4dWR1czoxNDI3MDAwNTAx", freshness: {maxAgeSeconds: 60}) { id }', False),
    ],
)
async def test_an_answer_is_kept_until_the_store_changes_unless_it_depends_on_the_time(
    field: str, is_kept: bool
) -> None:
    async with open_deals(*FEW) as graph:
        for _ in range(3):  # by graphql-core, then compiled
            await graph.ask("{ %s }" % field)  # noqa: UP031 - braces in it are GraphQL's
            assert graph.context is not None
            validator = graph.context.validator()
            assert (validator is not None) is is_kept
        if validator is not None:
            assert validator()
            graph.database.is_current = False
            assert not validator(), "others may have changed it"
            graph.database.is_current = True
            await graph.fill([replace(FEW[0], body=FEW[1].body)])
            assert not validator()


async def test_an_answer_without_the_store_is_kept_as_long_as_its_records() -> None:
    async with open_deals(*FEW) as graph:
        await graph.ask("{ __typename }")
        assert graph.context is not None
        assert (validator := graph.context.validator()) is not None
        await graph.fill([replace(FEW[0], body=FEW[1].body)])
        assert validator()


# --- scopes


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ('filter: {owner: {eq: "x"}}', "`filter.owner`"),
        ('filter: {customerName: {startsWith: "A"}}', "`filter.customerName`"),
        ("filter: {customerEmail: {isNull: true}}", "`filter.customerEmail`"),
        ('filter: {name: {contains: "x"}}', "`filter.name`"),
        ('filter: {not: {or: [{customerEmail: {eq: "x"}}]}}', "`filter.customerEmail`"),
        ('filter: {custom: [{key: "seats", isNull: true}]}', "`filter.custom`"),
        ("orderBy: [{field: OWNER}]", "`OWNER` in `orderBy`"),
        ("orderBy: [{field: STATUS}, {field: CUSTOMER_NAME}]", "`CUSTOMER_NAME` in `orderBy`"),
        ("orderBy: [{field: CUSTOMER_EMAIL}]", "`CUSTOMER_EMAIL` in `orderBy`"),
    ],
)
async def test_who_may_not_see_personal_data_may_not_list_by_it(arguments: str, place: str) -> None:
    async with open_deals(*FEW) as graph:
        query = f"{{ opportunities({arguments}) {{ totalCount }} other: opportunities {{ totalCount }} }}"
        answer = await graph.ask(query, WITHOUT_CONTACTS)
        assert answer["data"] == {"opportunities": None, "other": {"totalCount": 7}}
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert error["message"].startswith(f"This caller may not list by {place}, which is personal data: ")
        assert "errors" not in await graph.ask(query, ALL)


async def test_who_may_not_see_personal_data_searches_companies_and_stages_alone() -> None:
    async with open_deals(*FEW) as graph:
        query = "query($s: String) { opportunities(search: $s) { totalCount } }"
        for text, everybody in (("examplesson", 0), ("widgets", 1), ("office tour", 2), ("mcadminface", 0)):
            assert (await graph.data(query, WITHOUT_CONTACTS, s=text))["opportunities"]["totalCount"] == everybody
            assert (await graph.data(query, ALL, s=text))["opportunities"]["totalCount"] >= 1


async def test_who_may_not_read_opportunities_lists_none() -> None:
    async with open_deals(*FEW) as graph:
        answer = await graph.ask(
            "{ opportunities { totalCount } pipelines { name } opportunitySummary(groupBy: []) { isComplete } "
            "sources { name status { rows } } }",
            NOTHING,
        )
        assert answer["data"] == {
            "opportunities": None,
            "pipelines": None,
            "opportunitySummary": None,
            "sources": [{"name": "nexudus", "status": None}, {"name": "chartmogul", "status": None}],
        }
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}


# --- the page on lists


def test_the_page_on_lists_has_queries() -> None:
    assert len(QUERIES) >= 4


@pytest.mark.parametrize("query", QUERIES)
async def test_the_queries_of_the_page_on_lists_are_answered(query: str) -> None:
    async with open_deals(*FEW) as graph:
        await graph.data(query)


async def test_an_argument_refused_in_rows_of_two_types_is_told_at_its_place_in_the_document_for_each() -> None:
    of = "... on %s { customer { opportunities(first: 99) { totalCount } } }"
    query = f"{{ opportunities {{ nodes {{ {of % 'NexudusOpportunity'}\n{of % 'ChartMogulOpportunity'} }} }} }}"
    async with open_deals(*FEW) as graph:
        errors = (await graph.ask(query))["errors"]
    assert sorted(error["locations"][0]["line"] for error in errors) == [1, 2]
