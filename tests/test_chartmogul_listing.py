"""`resolvers.chartmogul.listing` over real sockets, and `resolvers.rows`, which keeps its rows apart."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from resolvers.chartmogul import CHARTMOGUL
from resolvers.chartmogul.record import ChartMogulRecord, parse
from resolvers.errors import UpstreamBadResponse
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.rate_limiter import Rate
from simulator import CHARTMOGUL_SPECIAL, FAULTS, PAGE_FAULTS, faults
from simulator.replies import encode_json
from tests import loops
from tests.listings import TODAY, Listed, ids, open_listing

LOOPS = loops.WITH_ITS_OWN_TIME


@pytest.fixture
async def listed() -> AsyncIterator[Listed]:
    async with open_listing(CHARTMOGUL) as found:
        yield found


async def test_a_sweep_lists_every_record_once_the_newest_first(listed: Listed) -> None:
    pages = await listed.sweep()
    found = ids(pages)
    assert len(found) == 1_000
    assert set(found) == set(listed.simulator.chartmogul.records)
    assert [(len(page.rows), page.total, page.is_ordered, page.unreadable) for page in pages] == [
        (200, None, True, 0)
    ] * 5
    created = [row.record.created_at for page in pages for row in page.rows if row.record]
    assert created == sorted(created, reverse=True)
    assert {call.query["per_page"] for call in listed.calls} == {"200"}


async def test_a_row_has_the_record_that_the_vendor_has(listed: Listed) -> None:
    rows = {row.source_id: row for page in await listed.sweep() for row in page.rows}
    row = rows[CHARTMOGUL_SPECIAL["amount above 53 bits"]]
    assert isinstance(row.record, ChartMogulRecord)
    assert row.record.amount_in_cents == 9_007_199_254_740_993
    assert rows[CHARTMOGUL_SPECIAL["missing win likelihood"]].lacks == {"win_likelihood"}
    assert row.lacks == frozenset()
    for one in rows.values():
        assert one.record == parse(encode_json(listed.simulator.chartmogul.records[one.source_id]))


async def test_a_sweep_goes_on_after_a_restart(listed: Listed) -> None:
    first = await listed.page()
    async with open_listing(CHARTMOGUL) as restarted:
        rest = await restarted.sweep(first.next)
    assert len(rest) == 4
    assert set(ids([first, *rest])) == set(listed.simulator.chartmogul.records)
    assert all(page.is_ordered for page in rest)


@pytest.mark.parametrize("largest", [50, 199])
async def test_smaller_pages_leave_no_row_out(listed: Listed, largest: int) -> None:
    listed.simulator.chartmogul.list_largest_size = largest
    assert set(ids(await listed.sweep())) == set(listed.simulator.chartmogul.records)


async def test_a_moved_order_is_told(listed: Listed) -> None:
    listed.simulator.chartmogul.faults.add(PAGE_FAULTS["moved-order"], kinds={"list"})
    assert not (await listed.page()).is_ordered
    listed.simulator.chartmogul.list_repeats = 2
    assert [page.is_ordered for page in await listed.sweep()] == [True, False, False, False, False]


@pytest.mark.parametrize("fault", ["unreadable-row", "row-that-is-no-json"])
async def test_a_row_that_cannot_be_read_spoils_no_other(listed: Listed, fault: str) -> None:
    listed.simulator.chartmogul.faults.add(PAGE_FAULTS[fault], kinds={"list"})
    page = await listed.page()
    assert [number for number, row in enumerate(page.rows) if row.record is None] == [0]
    assert len(page.rows) == 200


async def test_a_row_without_an_id_is_counted_and_one_that_comes_twice_is_one(listed: Listed) -> None:
    listed.simulator.chartmogul.faults.add(PAGE_FAULTS["row-without-id"], kinds={"list"})
    page = await listed.page()
    assert (len(page.rows), page.unreadable) == (199, 1)
    listed.simulator.chartmogul.faults.add(PAGE_FAULTS["same-row-twice"], kinds={"list"})
    assert len((await listed.page()).rows) == 200


async def test_an_id_that_is_none_is_no_id(listed: Listed) -> None:
    listed.simulator.chartmogul.faults.add(faults.mutate(lambda row: {**row, "uuid": "../customers"}), kinds={"list"})
    page = await listed.page()
    assert (page.rows, page.unreadable) == ([], 200)


@pytest.mark.parametrize(
    "body",
    [
        b'{"entries": [], "has_more": true, "cursor": "next"}',
        b'{"entries": [{}], "has_more": true, "cursor": null}',
        b'{"entries": [{}], "cursor": "next"}',
        b'{"has_more": false}',
        b"[]",
    ],
)
async def test_a_list_of_which_the_end_is_not_known_is_a_bad_response(listed: Listed, body: bytes) -> None:
    listed.simulator.chartmogul.faults.add(faults.body(body), kinds={"list"})
    with pytest.raises(UpstreamBadResponse):
        await listed.page()


async def test_a_cursor_that_is_ignored_ends_the_sweep(listed: Listed) -> None:
    first = await listed.page()
    entries = [listed.simulator.chartmogul.records[row.source_id] for row in first.rows]
    again = {"entries": entries, "has_more": True, "cursor": (first.next or "").partition(" ")[2]}
    listed.simulator.chartmogul.faults.add(faults.body(json.dumps(again).encode()), kinds={"list"})
    with pytest.raises(UpstreamBadResponse):
        await listed.page(first.next)


async def test_a_500_is_asked_for_again_and_a_missing_list_is_no_empty_one(listed: Listed) -> None:
    listed.simulator.chartmogul.faults.add(FAULTS["500"], kinds={"list"})
    assert (await listed.page()).rows
    listed.simulator.chartmogul.faults.add(FAULTS["404"], kinds={"list"})
    with pytest.raises(UpstreamBadResponse):
        await listed.page()


async def test_it_knows_neither_changes_nor_deletions(listed: Listed) -> None:
    assert not listed.listing.has_changed_since
    with pytest.raises(ValueError, match="changed since"):
        await listed.page(changed_since=TODAY)
    assert await listed.deletions(TODAY) is None
    assert listed.calls == []


async def test_lists_keep_to_their_share_of_the_ration_and_records_go_at_once() -> None:
    async with open_listing(CHARTMOGUL, rates=[Rate(10, 60)]) as listed:
        started = loops.now()
        second = (await listed.page((await listed.page()).next)).next
        assert loops.now() - started < 1
        third = asyncio.create_task(listed.page(second, seconds=100))
        await asyncio.sleep(1)
        (record,) = await listed.scheduler.fetch_many([CHARTMOGUL_SPECIAL["yen"]], UpstreamContext(2))
        assert record.currency == "JPY"
        assert not third.done()
        await third
        assert 59 < loops.now() - started < 62


async def test_lists_that_hang_have_more_time_and_leave_the_breaker_closed(listed: Listed) -> None:
    chartmogul = listed.simulator.chartmogul
    chartmogul.faults.add(faults.delay(10), kinds={"list"})
    assert (await listed.page()).rows
    chartmogul.faults.add(FAULTS["hang"], kinds={"list"}, times=None)
    for _ in range(6):
        with pytest.raises(Exception, match="did not answer"):
            await listed.page(seconds=5)
    chartmogul.faults.clear()
    assert (await listed.page()).rows  # five timeouts in a row would have opened it
