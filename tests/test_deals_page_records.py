"""`schema.deals.page_records`: what a page shows of its records is what the whole records have."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from engine.fallbacks import NotCompiled
from schema.deals.page_records import PageRecords
from store.pages import OrderKey, PageRequest, page
from tests.deal_lists import DealGraph, deal, open_deals, simulated

NEXUDUS, CHARTMOGUL = (simulated()[source][0] for source in ("nexudus", "chartmogul"))
DEALS = (deal("nexudus", NEXUDUS), deal("chartmogul", CHARTMOGUL))
QUERY = """{ opportunities { nodes { id status value { amount currencyCode } owner { name email } createdAt
  customer { name companyName } ... on ChartMogulOpportunity { custom { key value } amountInCents } } } }"""


@pytest.mark.parametrize("query", [QUERY, "{ opportunities { nodes { id asOf customer { name } } } }"])
async def test_a_page_of_parts_is_that_of_whole_records(query: str) -> None:
    named = replace(DEALS[1], columns=replace(DEALS[1].columns, customer_name="Ada", customer_company="Engines"))
    async with open_deals(DEALS[0], named) as graph:
        whole, *parts = [await graph.ask(query) for _ in range(4)]
        assert parts == [whole] * 3
        assert "Ada" in str(whole)
        assert graph.engine.compiled == 3


async def columns_asked_for(graph: DealGraph, query: str) -> list[list[str]]:
    """Return the columns of the store's rows that a query reads."""
    found, fetch = [], type(graph.deals).fetch

    async def noted(deals: Any, query_: Any, *rest: Any) -> Any:
        found.append([column.name for column in query_.statement.selected_columns])
        return await fetch(deals, query_, *rest)

    with patch.object(type(graph.deals), "fetch", noted):
        await graph.data(query)
    return found


@pytest.mark.parametrize(
    ("fields", "are_parts"),
    [
        ("id stageName value { amount }", True),
        ("id customer { name }", False),
        ("id asOf", False),
        ("id customer { opportunities { totalCount } }", False),
    ],
)
async def test_customers_and_times_are_read_for_pages_that_show_them_alone(fields: str, are_parts: bool) -> None:
    query = f"{{ opportunities {{ nodes {{ {fields} }} pageInfo {{ endCursor }} }} }}"
    every = ["body", "hash", "source", "read_at", "customer_name", "customer_company", "customer_email"]
    async with open_deals(*DEALS) as graph:
        for _ in range(3):  # executed, compiled, compiled and known what it reads
            await graph.ask(query)
        ((*columns, updated_at, id_),) = await columns_asked_for(graph, query)
        assert columns == (every[:2] if are_parts else every)
        assert (updated_at, id_) == ("updated_at", "id")


async def test_a_source_without_a_deal_so_far_costs_nothing_and_its_first_deal_is_shown_whole() -> None:
    query = "{ opportunities { nodes { id customer { name } } } }"
    named = replace(DEALS[1], columns=replace(DEALS[1].columns, customer_name="Ada"))
    async with open_deals(DEALS[0]) as graph:
        for _ in range(3):
            await graph.ask(query)
        (columns,) = await columns_asked_for(graph, query)
        assert columns[:2] == ["body", "hash"]
        assert "customer_name" not in columns
        await graph.fill([named])
        for _ in range(3):
            found = (await graph.data(query))["opportunities"]["nodes"]
            assert len(found) == 2
            assert "Ada" in [node["customer"]["name"] for node in found]
        (columns,) = await columns_asked_for(graph, query)
        assert "customer_name" in columns


async def test_a_page_of_parts_makes_up_no_customer() -> None:
    later = msgspec.structs.replace(
        CHARTMOGUL, uuid=CHARTMOGUL.uuid[::-1], updated_at=CHARTMOGUL.updated_at + timedelta(days=1)
    )
    async with open_deals(DEALS[1], deal("chartmogul", later)) as graph:
        request = PageRequest(None, (OrderKey("updated_at"),), 1, is_of_parts=True)
        found = await graph.database.read(lambda connection: page(connection, request))
        assert found.is_of_parts
        records = PageRecords(graph.deals, found)
        assert records.sources == ["chartmogul"]
        assert records.record(0) == CHARTMOGUL
        (part,) = records.parts("chartmogul", [0], frozenset({"uuid"})) or ()
        assert part.uuid == CHARTMOGUL.uuid
        with pytest.raises(NotCompiled):
            records.parts("chartmogul", [0], frozenset({"uuid", "customer"}))


async def test_of_records_on_pages_none_is_read_as_a_whole_once_a_query_is_compiled() -> None:
    async with open_deals(*DEALS) as graph:
        await graph.data(QUERY)
        with patch.object(type(graph.deals), "record", side_effect=AssertionError):
            await graph.data(QUERY)
        assert graph.engine.compiled == 1


async def test_a_changed_deal_is_shown_as_it_is_now() -> None:
    async with open_deals(*DEALS) as graph:
        for _ in range(3):
            await graph.data(QUERY)
        record = msgspec.structs.replace(NEXUDUS, status=3)
        changed = replace(deal("nexudus", record), read_at=DEALS[0].read_at + 1)
        await graph.fill([changed])
        nodes = (await graph.data(QUERY))["opportunities"]["nodes"]
        assert sorted(node["status"] for node in nodes) == ["LOST", "OPEN"]


async def test_a_deal_that_is_again_what_it_was_is_as_young_as_its_copy() -> None:
    query = "{ opportunities { nodes { id asOf } } }"
    async with open_deals(DEALS[0]) as graph:
        before = [await graph.data(query) for _ in range(3)][-1]
        other = replace(deal("nexudus", msgspec.structs.replace(NEXUDUS, status=3)), read_at=DEALS[0].read_at + 1)
        again = replace(DEALS[0], read_at=DEALS[0].read_at + 60_000_000)
        await graph.fill([other])
        await graph.fill([again])
        after = await graph.data(query)
        assert before["opportunities"]["nodes"][0]["asOf"] != after["opportunities"]["nodes"][0]["asOf"]
