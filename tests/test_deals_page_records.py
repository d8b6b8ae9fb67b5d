"""`schema.deals.page_records`: what a page shows of its records is what the whole records have."""

from dataclasses import replace
from unittest.mock import patch

import msgspec
import pytest

from tests.deal_lists import deal, open_deals, simulated

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
