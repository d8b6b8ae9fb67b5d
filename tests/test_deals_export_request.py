"""`schema.deals.export_request`: parameters of an address, and the whole list that they ask for."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from resolvers.errors import BadUserInput
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from schema.access import Access, Forbidden
from schema.context import Context
from schema.deals.export_request import PARAMETERS, ROWS, ExportArguments, open_export
from schema.deals.freshness import StoreStale
from schema.deals.service import StoreOutage
from store.database import Database
from store.deals import upsert
from store.errors import StoreUnavailable
from store.tables import DEALS
from tests.deal_lists import (
    ALL,
    NOTHING,
    WITHOUT_CONTACTS,
    DealGraph,
    deal,
    deals_of,
    open_deals,
    schemas,
    simulated,
    status,
)
from web.file_formats import NDJSON

FEW = simulated()


def context(graph: DealGraph, access: Access = ALL) -> Context:
    operation = UpstreamContext(5)
    return Context(Loaders({}, operation), operation, access, deals=graph.deals)


async def export(graph: DealGraph, access: Access = ALL, **given: Any) -> list[dict[str, Any]]:
    """Return the rows of an export, which come in chunks."""
    found = await open_export(ExportArguments(schemas()[0]), given, context(graph, access))
    names = [column.name for column in found.columns]
    chunks = [chunk async for chunk in found.chunks(lambda rows: NDJSON.rows(names, rows))]
    assert all(chunk.count(b"\n") <= ROWS for chunk in chunks)
    return [json.loads(line) for line in b"".join(chunks).splitlines()]


def test_the_parameters_are_the_arguments_of_the_list_but_those_of_paging() -> None:
    arguments = schemas()[0]._schema.query_type.fields["opportunities"].args
    assert arguments.keys() - {"first", "after", "last", "before"} == PARAMETERS.keys() - {"columns"}


def test_an_export_takes_so_many_input_objects_and_reads_none_of_more() -> None:
    arguments = ExportArguments(schemas()[0], most_objects=5)
    order = [{"field": "VALUE"}, {"field": "ID"}]
    assert arguments.coerced({"filter": {"or": [{}, {}]}, "orderBy": order})
    with pytest.raises(BadUserInput, match="at most 5 objects"):
        arguments.coerced({"filter": {"or": [{}, {}, {"nonsense": 1}]}, "orderBy": order})


@pytest.mark.parametrize(
    "given",
    [
        {"filter": {"status": {"in": ["OPEN", "WON"]}, "value": {"currency": "EUR", "gte": "1000"}}},
        {"filter": {"not": {"source": {"eq": "NEXUDUS"}}}, "orderBy": [{"field": "CREATED_AT", "direction": "DESC"}]},
        {"search": "example", "orderBy": {"field": "VALUE", "nulls": "FIRST"}},
        {"sources": ["chartmogul"], "orderBy": [{"field": "STAGE_NAME"}]},
        {"filter": {"createdAt": {"relative": {"unit": "MONTH", "from": -6, "to": 0}, "timeZone": "Europe/Paris"}}},
        {"filter": None, "search": None},
    ],
)
async def test_an_export_has_what_the_list_has(given: dict[str, Any]) -> None:
    query = """query($filter: OpportunityFilter, $orderBy: [OpportunityOrder!], $search: String, $sources: [String!],
      $after: String) { opportunities(first: 200, after: $after, filter: $filter, orderBy: $orderBy, search: $search,
      sources: $sources) { nodes { id } pageInfo { endCursor hasNextPage } } }"""
    async with open_deals(*deals_of(FEW)) as graph:
        listed: list[Any] = []
        after = None
        while True:
            page = (await graph.data(query, **given, after=after))["opportunities"]
            listed += page["nodes"]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        rows = await export(graph, columns="id", **given)
    if "orderBy" not in given:
        listed, rows = (sorted(some, key=lambda one: one["id"]) for some in (listed, rows))
    assert rows == listed
    assert rows


@pytest.mark.parametrize(
    ("order", "parts"),
    [
        ([], 3),
        ([{"field": "VALUE"}], 3),
        ([{"field": "STATUS"}, {"field": "VALUE"}], 1),
        ([{"field": "UTM_TERM"}], 1),
        ([{"field": "CUSTOM", "key": "seats"}], 1),
    ],
)
async def test_deals_are_sorted_for_more_rows_at_once_than_are_read_along_an_index(order: Any, parts: int) -> None:
    deals = [replace(deal("nexudus", FEW["nexudus"][0]), source_id=str(number)) for number in range(2 * ROWS + 1)]
    async with open_deals(*deals) as graph:
        given = {"columns": "id"} | ({"orderBy": order} if order else {})
        found = await open_export(ExportArguments(schemas()[0]), given, context(graph))
        read = [len(chunk) async for chunk in found.chunks(lambda rows: b"x" * len(list(rows)))]
    assert (len(read), sum(read)) == (parts, len(deals))


async def test_an_export_without_an_order_misses_nothing_that_changes_meanwhile() -> None:
    """By the last change, as lists are, what changes would move to the front, which has been read."""
    deals = [
        replace(deal("nexudus", FEW["nexudus"][0]), source_id=str(number), read_at=number + 1)
        for number in range(3 * ROWS)
    ]
    async with open_deals(*deals) as graph:
        found = await open_export(ExportArguments(schemas()[0]), {"columns": "id"}, context(graph))
        read: list[int] = []
        async for chunk in found.chunks(lambda rows: b"x" * len(list(rows))):
            read.append(len(chunk))
            changed = [replace(one, columns=replace(one.columns, updated_at=2**50), read_at=2**50) for one in deals]
            await graph.database.write(lambda connection, changed=changed: upsert(connection, changed))  # type: ignore[misc]
    assert sum(read) == len(deals)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"filter": {"status": {"eq": "CANARY"}}}, "`filter.status.eq` must be one of OPEN, WON, LOST."),
        ({"filter": {"CANARY": 1}}, "`filter` must be of type OpportunityFilter, which has and, or, not, id, source"),
        ({"filter": "CANARY"}, "`filter` must be of type OpportunityFilter"),
        (
            {"filter": {"or": [{}, {"value": {"gte": 12.5}}]}},
            '`filter.or[1].value.gte` must be of type Decimal: text, a number such as "1000.50" in quotation marks.',
        ),
        ({"filter": {"wonOn": {"gte": "CANARY"}}}, "`filter.wonOn.gte` must be text, YYYY-MM-DDThh:mm:ss and"),
        ({"orderBy": [{"field": "CANARY"}]}, "`orderBy[0].field` must be one of ID, SOURCE, SOURCE_ID, STATUS, VALUE"),
        ({"orderBy": {}}, "`orderBy` must be of type OpportunityOrder, which has field, key, direction, nulls."),
        ({"sources": [1]}, "`sources[0]` must be of type String."),
        ({"sources": ["CANARY"]}, "`sources[0]` must be one of nexudus, chartmogul."),
        ({"freshness": {"maxAgeSeconds": "CANARY"}}, "`freshness.maxAgeSeconds` must be of type Int."),
        ({"filter": {"value": {"gte": "1"}}}, "`filter.value`: Give the amount's `currency` too"),
        ({"filter": {"winLikelihood": {"gt": 3, "lt": 2}}}, "`filter.winLikelihood`: The range is reversed"),
        ({"filter": {"or": [{"status": {"eq": "OPEN"}}] * 21}}, "`filter` may have at most 20 comparisons, not 21."),
        ({"search": "a " * 11}, "`search` may have at most 10 words"),
        ({"columns": "id,CANARY"}, "`columns[1]` must be one of these names"),
    ],
)
async def test_bad_input_is_refused_with_what_would_be_right(given: dict[str, Any], said: str) -> None:
    async with open_deals() as graph:
        with pytest.raises(BadUserInput) as refused:
            await export(graph, **given)
    assert refused.value.message.startswith(said)
    assert "CANARY" not in refused.value.message


async def test_a_filter_that_nests_without_end_is_refused() -> None:
    given: Any = {}
    for _ in range(900):
        given = {"not": given}
    async with open_deals() as graph:
        with pytest.raises(BadUserInput, match=r"^`filter` is nested too deeply"):
            await export(graph, filter=given)


async def test_what_a_caller_may_not_see_it_cannot_export_by() -> None:
    async with open_deals(*deals_of({"nexudus": FEW["nexudus"][:3]})) as graph:
        for given in (
            {"filter": {"customerEmail": {"contains": "@"}}},
            {"orderBy": [{"field": "OWNER"}]},
            {"columns": "id,customer.email"},
            {"filter": {"custom": [{"key": "a", "isNull": True}]}},
        ):
            with pytest.raises(Forbidden, match="contacts:read"):
                await export(graph, WITHOUT_CONTACTS, **given)
        with pytest.raises(Forbidden, match="opportunities:read"):
            await export(graph, NOTHING)
        rows = await export(graph, WITHOUT_CONTACTS)
        assert len(rows) == 3
        assert not {"customer.email", "owner.name", "name"} & rows[0].keys()
        assert await export(graph, WITHOUT_CONTACTS, search=FEW["nexudus"][0].coworker_full_name) == []


async def test_the_header_says_how_current_each_source_is() -> None:
    async with open_deals() as graph:
        graph.sync.known = [status("nexudus", 60), status("chartmogul", None)]
        found = await open_export(ExportArguments(schemas()[0]), {}, context(graph))
        assert found.headers == {
            "Opportunity-Sources": '"nexudus";as-of=@1771999940;complete, "chartmogul";complete=?0'
        }
        assert found.name == "opportunities-2026-02-25"
        only = await open_export(ExportArguments(schemas()[0]), {"sources": ["nexudus"]}, context(graph))
        assert only.headers == {"Opportunity-Sources": '"nexudus";as-of=@1771999940;complete'}
        graph.sync.known = [status("nexudus", 60), status("chartmogul", 60, unread_customers=7)]
        lacking = await open_export(ExportArguments(schemas()[0]), {"sources": ["chartmogul"]}, context(graph))
        assert lacking.headers == {"Opportunity-Sources": '"chartmogul";as-of=@1771999940;complete;unread-customers=7'}


async def test_a_caller_may_insist_on_a_fresh_copy() -> None:
    async with open_deals() as graph:
        with pytest.raises(StoreStale):
            await export(graph, freshness={"maxAgeSeconds": 10, "onStale": "ERROR"})


async def test_a_store_that_fails_is_an_outage_also_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_deals(*deals_of(FEW)) as graph:
        found = await open_export(ExportArguments(schemas()[0]), {}, context(graph))

        async def fail(*_: Any, **__: Any) -> None:
            raise StoreUnavailable("away")

        chunks = found.chunks(lambda rows: b"x" * len(list(rows)))
        assert await anext(chunks)
        monkeypatch.setattr(Database, "read", fail)
        with pytest.raises(StoreOutage):
            await anext(chunks)
        graph.sync.error = StoreUnavailable("away")
        with pytest.raises(StoreOutage):
            await open_export(ExportArguments(schemas()[0]), {}, context(graph))


def own_bytes() -> int:
    """Return what the process has for itself: of the store's file the system has as much in memory as it likes."""
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (resident - shared) * 4096


@pytest.mark.programs
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell how much memory is used")
async def test_an_export_of_100_000_deals_takes_no_more_memory_than_one_of_few() -> None:
    record = FEW["nexudus"][0]
    async with open_deals(replace(deal("nexudus", record), body=b"x" * 200)) as graph:
        columns = ", ".join(column.name for column in DEALS.columns if column.name not in ("id", "source_id"))
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "

        def fill(connection: Any) -> None:
            for index in DEALS.indexes:  # which take most of the time, and are not looked into
                connection.execute(text(f"DROP INDEX IF EXISTS {index.name}"))
            copies = f"SELECT CAST(id || i AS BLOB), source_id || i, {columns} FROM deals CROSS JOIN n"  # noqa: S608 - our own names
            connection.execute(text(f"INSERT INTO deals (id, source_id, {columns}) {numbers} {copies}"))

        await graph.database.write(fill)
        graph.deals = replace(graph.deals, decode=lambda *_: record)
        found = await open_export(ExportArguments(schemas()[0]), {"columns": "id,stageName"}, context(graph))
        rows, sizes = 0, []
        async for chunk in found.chunks(lambda rows: NDJSON.rows(["id", "stageName"], rows)):
            rows += chunk.count(b"\n")
            sizes.append(own_bytes())
            await asyncio.sleep(0)
    assert rows == 100_000
    assert max(sizes) - sizes[20] < 4_000_000  # all of it would be 40 MB
