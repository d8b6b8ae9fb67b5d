"""`resolvers.nexudus.listing`, `resolvers.nexudus.audit_trail`, `resolvers.nexudus.time_filter`: all is listed.

Over real sockets, and whatever becomes of the pages (`resolvers.listing`).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamRateLimited, UpstreamUnavailable
from resolvers.listing import ListedPage
from resolvers.nexudus import NEXUDUS
from resolvers.nexudus.audit_trail import DENIED_SECONDS
from resolvers.nexudus.record import NexudusRecord, parse
from simulator import FAULTS, NEXUDUS_EXAMPLE_ID, NEXUDUS_SPECIAL, PAGE_FAULTS, faults
from simulator.replies import encode_json
from tests import loops
from tests.listings import TODAY, Listed, ids, open_listing

LOOPS = loops.WITH_ITS_OWN_TIME


@pytest.fixture
async def listed() -> AsyncIterator[Listed]:
    async with open_listing(NEXUDUS) as found:
        found.simulator.nexudus.list_largest_size = 200
        yield found


def everything(listed: Listed) -> list[str]:
    return [str(number) for number in sorted(listed.simulator.nexudus.records)]


async def test_a_sweep_lists_every_record_once_in_the_order_of_ids() -> None:
    async with open_listing(NEXUDUS, deals=(1_200, 200)) as listed:
        pages = await listed.sweep()
        assert ids(pages) == everything(listed)
        assert [len(page.rows) for page in pages] == [500, 500, 200]
        assert all(page.is_ordered and page.total == 1_200 and not page.filter_ignored for page in pages)
        assert [dict(call.query) for call in listed.calls] == [
            {"page": number, "size": "500", "orderBy": "Id"} for number in "123"
        ]


async def test_a_row_has_the_record_that_the_vendor_has_digit_by_digit(listed: Listed) -> None:
    rows = {row.source_id: row for page in await listed.sweep() for row in page.rows}
    row = rows[str(NEXUDUS_SPECIAL["large value"])]
    assert isinstance(row.record, NexudusRecord)
    assert row.record.value == Decimal("9007199254740993.12345")
    assert row.lacks == frozenset()
    for row in rows.values():
        assert row.record == parse(encode_json(listed.simulator.nexudus.records[int(row.source_id)]))[0]


async def test_a_sweep_goes_on_after_a_restart(listed: Listed) -> None:
    first = await listed.page()
    async with open_listing(NEXUDUS) as restarted:
        restarted.simulator.nexudus.list_largest_size = 200
        assert ids([first, *await restarted.sweep(first.next)]) == everything(listed)
        assert len(restarted.calls) == 4


async def test_fields_that_rows_leave_out_are_named_as_the_vendor_names_them(listed: Listed) -> None:
    listed.simulator.nexudus.partial_fields = {"Notes", "UtmTerm", "TeamDescription"}
    page = await listed.page()
    assert {row.lacks for row in page.rows} == {frozenset({"Notes", "UtmTerm", "TeamDescription"})}
    assert all(row.record is not None for row in page.rows)


async def test_a_null_that_no_record_has_is_lacking(listed: Listed) -> None:
    listed.simulator.nexudus.records[NEXUDUS_EXAMPLE_ID]["UniqueId"] = None
    row = (await listed.page()).rows[0]
    assert (row.source_id, row.lacks) == (str(NEXUDUS_EXAMPLE_ID), {"UniqueId"})


@pytest.mark.parametrize("largest", [25, 199, 500, 5_000])
async def test_the_size_of_pages_is_learnt_from_the_rows_that_come(listed: Listed, largest: int) -> None:
    listed.simulator.nexudus.list_largest_size = largest
    assert ids(await listed.sweep()) == everything(listed)
    assert len(listed.calls) == -(-1_000 // min(largest, 500))
    assert listed.listing.page_size == min(largest, 500)


async def test_a_page_size_that_is_cut_down_in_the_middle_leaves_no_row_out(listed: Listed) -> None:
    listed.simulator.nexudus.faults.add(PAGE_FAULTS["short-page"], kinds={"list"}, after=2)
    pages = await listed.sweep()
    assert set(ids(pages)) == set(everything(listed))
    assert all(page.is_ordered for page in pages)


async def test_a_moved_order_is_told(listed: Listed) -> None:
    listed.simulator.nexudus.faults.add(PAGE_FAULTS["moved-order"], kinds={"list"}, after=1)
    assert [page.is_ordered for page in await listed.sweep()] == [True, False, True, True, True]
    listed.simulator.nexudus.list_order_ignored = True
    pages = await listed.sweep()
    assert not any(page.is_ordered for page in pages)
    assert sorted(ids(pages), key=int) == everything(listed)


async def test_rows_that_come_again_on_the_next_page_leave_no_row_out(listed: Listed) -> None:
    listed.simulator.nexudus.list_repeats = 3
    pages = await listed.sweep()
    assert set(ids(pages)) == set(everything(listed))
    assert all(page.is_ordered for page in pages)


async def test_an_id_that_comes_twice_in_a_page_is_one_row(listed: Listed) -> None:
    listed.simulator.nexudus.faults.add(PAGE_FAULTS["same-row-twice"], kinds={"list"}, times=1)
    page = await listed.page()
    assert ids([page]) == everything(listed)[:200]
    assert not page.is_ordered


async def test_a_wrong_total_is_what_the_vendor_says(listed: Listed) -> None:
    listed.simulator.nexudus.faults.add(PAGE_FAULTS["wrong-total"], kinds={"list"}, times=None)
    pages = await listed.sweep()
    assert {page.total for page in pages} == {1_007}
    assert len(set(ids(pages))) == 1_000


@pytest.mark.parametrize("fault", ["unreadable-row", "row-that-is-no-json"])
async def test_a_row_that_cannot_be_read_spoils_no_other(listed: Listed, fault: str) -> None:
    listed.simulator.nexudus.faults.add(PAGE_FAULTS[fault], kinds={"list"})
    page = await listed.page()
    assert ids([page]) == everything(listed)[:200]
    assert [row.source_id for row in page.rows if row.record is None] == [str(NEXUDUS_EXAMPLE_ID)]
    assert page.is_ordered
    assert page.unreadable == 0


async def test_a_row_without_an_id_is_counted(listed: Listed) -> None:
    listed.simulator.nexudus.faults.add(PAGE_FAULTS["row-without-id"], kinds={"list"})
    page = await listed.page()
    assert ids([page]) == everything(listed)[1:200]
    assert page.unreadable == 1


async def test_half_a_character_costs_this_character(listed: Listed) -> None:
    listed.simulator.nexudus.faults.add(FAULTS["half-surrogate"], kinds={"list"})
    page = await listed.page()
    assert all(row.record is not None for row in page.rows)
    record = page.rows[0].record
    assert record is not None
    assert "\N{REPLACEMENT CHARACTER}" in record.crm_board_column_name


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("500", UpstreamUnavailable),
        ("429-retry-after-60", UpstreamRateLimited),
        ("truncated", UpstreamBadResponse),
        ("not-successful", UpstreamBadResponse),
        ("html", UpstreamBadResponse),
        ("404", UpstreamBadResponse),
    ],
)
async def test_a_page_that_fails_is_an_error_and_the_sweep_goes_on_where_it_was(
    listed: Listed, fault: str, error: type[UpstreamError]
) -> None:
    first = await listed.page()
    rule = listed.simulator.nexudus.faults.add(FAULTS[fault], kinds={"list"}, times=None)
    with pytest.raises(error):
        await listed.page(first.next, seconds=5)
    rule.times = 0
    await asyncio.sleep(60)
    pages = [first, *await listed.sweep(first.next)]
    assert set(ids(pages)) == set(everything(listed))
    assert all(page.is_ordered for page in pages)


async def test_a_500_is_asked_for_again(listed: Listed) -> None:
    listed.simulator.nexudus.faults.add(FAULTS["ooops"], kinds={"list"}, times=1)
    assert len((await listed.page()).rows) == 200
    assert [call.status for call in listed.calls] == [500, 200]


async def test_pages_that_are_too_large_become_smaller() -> None:
    """A page of a thousand deals with long notes is larger than what is read of a reply."""
    async with open_listing(NEXUDUS, MAX_REPLY_BYTES="400000") as listed:
        position, pages = None, []
        while len(pages) < 20:
            try:
                pages.append(await listed.page(position))
            except UpstreamBadResponse:
                continue
            position = pages[-1].next
            if position is None:
                break
        assert set(ids(pages)) == set(everything(listed))
        assert all(page.is_ordered for page in pages)
        assert listed.listing.page_size < 500


async def sweep_of(listed: Listed, **given: Any) -> list[ListedPage]:
    """Return all pages, also those that bring nothing."""
    pages = [await listed.page(**given)]
    while pages[-1].next is not None:
        pages.append(await listed.page(pages[-1].next, **given))
    return pages


@pytest.mark.parametrize("places", [[0], [437], [199, 200], [999]])
async def test_a_row_that_makes_nexudus_fail_keeps_no_other_back(listed: Listed, places: list[int]) -> None:
    bad = [everything(listed)[place] for place in places]
    listed.simulator.nexudus.faults.add(faults.stops_page(*bad), kinds={"list"}, times=None)
    pages = await sweep_of(listed)
    assert set(ids(pages)) == {*everything(listed)} - {*bad}
    assert sum(page.unreadable for page in pages) == len(bad)
    assert all(page.is_ordered for page in pages)
    assert len(listed.calls) < 80
    assert listed.listing.page_size == 200


async def test_a_row_that_makes_nexudus_fail_is_passed_over_in_what_was_changed_too(listed: Listed) -> None:
    await asyncio.sleep(3_600)
    for id_ in range(NEXUDUS_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID + 10):
        listed.simulator.nexudus.update(id_, {"Status": 2})
    listed.simulator.nexudus.faults.add(PAGE_FAULTS["row-that-stops-its-page"], kinds={"list"}, times=None)
    pages = await sweep_of(listed, changed_since=TODAY + timedelta(hours=1))
    assert ids(pages) == [str(id_) for id_ in range(NEXUDUS_EXAMPLE_ID + 1, NEXUDUS_EXAMPLE_ID + 10)]
    assert sum(page.unreadable for page in pages) == 1


async def test_in_an_outage_no_row_is_passed_over(listed: Listed) -> None:
    first = await listed.page()
    rule = listed.simulator.nexudus.faults.add(faults.ooops(), kinds={"list"}, times=None)
    for _ in range(12):
        with pytest.raises(UpstreamUnavailable):
            await listed.page(first.next)
    rule.times = 0
    assert ids([first, *await listed.sweep(first.next)]) == everything(listed)


async def test_what_was_changed_since_a_moment(listed: Listed) -> None:
    nexudus = listed.simulator.nexudus
    await asyncio.sleep(3_600)
    new = nexudus.create({"Name": "New"})
    nexudus.update(NEXUDUS_EXAMPLE_ID, {"Status": 2})
    page = await listed.page(changed_since=TODAY + timedelta(hours=1))
    assert ids([page]) == sorted([str(NEXUDUS_EXAMPLE_ID), str(new)], key=int)
    assert (page.next, page.total, page.is_ordered, page.filter_ignored) == (None, 2, True, False)
    assert listed.calls[-1].query["from_CrmOpportunity_UpdatedOn"] == "2026-11-01T13:00"


async def test_a_filter_that_is_ignored_is_told(listed: Listed) -> None:
    listed.simulator.nexudus.list_range_ignored = True
    assert (await listed.page(changed_since=TODAY)).filter_ignored


async def test_rows_that_a_time_zone_explains_are_no_ignored_filter(listed: Listed) -> None:
    page = await listed.page(changed_since=TODAY - timedelta(days=3))
    moments = [row.record.updated_on for row in page.rows if row.record]
    listed.simulator.nexudus.list_range_ignored = True
    oldest = min(moment for page in await listed.sweep() for row in page.rows if (moment := row.record.updated_on))
    assert moments
    assert not (await listed.page(changed_since=oldest + timedelta(hours=13))).filter_ignored


async def test_nothing_changed_is_an_empty_page_even_as_a_404(listed: Listed) -> None:
    assert (await listed.page(changed_since=TODAY + timedelta(days=1))).rows == []
    listed.simulator.nexudus.faults.add(FAULTS["404"], kinds={"list"})
    page = await listed.page(changed_since=TODAY)
    assert (page.rows, page.total) == ((), 0)  # of a later page it shows that the list has become shorter


async def test_deletions_come_with_their_times(listed: Listed) -> None:
    nexudus = listed.simulator.nexudus
    nexudus.delete(NEXUDUS_EXAMPLE_ID + 1)
    nexudus.update(NEXUDUS_EXAMPLE_ID, {"Status": 2})
    await asyncio.sleep(7_200)
    since = TODAY + timedelta(hours=1)
    nexudus.delete(NEXUDUS_EXAMPLE_ID + 2)
    page = await listed.deletions(since)
    assert page
    assert [(one.source_id, one.deleted_at.replace(microsecond=0)) for one in page.deletions] == [
        (str(NEXUDUS_EXAMPLE_ID + 2), TODAY + timedelta(hours=2))
    ]
    assert (page.next, page.filter_ignored) == (None, False)


async def test_deletions_are_paged(listed: Listed) -> None:
    gone = [NEXUDUS_EXAMPLE_ID + number for number in range(1, 26)]
    for number in gone:
        listed.simulator.nexudus.delete(number)
    listed.simulator.nexudus.list_largest_size = 10
    found, position = [], None
    for _ in range(3):
        page = await listed.deletions(TODAY, position)
        assert page
        found += [int(one.source_id) for one in page.deletions]
        position = page.next
    assert (found, position) == (gone, None)


async def test_only_deletions_of_opportunities_are_taken_from_a_trail_that_is_not_filtered(listed: Listed) -> None:
    entry = {"AuditType": 2, "EntityShortName": "CrmOpportunity", "EntityId": 1, "CreatedOn": "2026-11-01T12:00:00Z"}
    trail = [{**entry, "Id": 1}, {**entry, "Id": 2, "AuditType": 3, "EntityShortName": "Coworker"}]
    listed.simulator.nexudus.audit_trail += trail
    listed.simulator.nexudus.faults.add(
        faults.body(json.dumps({"Records": trail, "HasNextPage": False}).encode()), kinds={"audit-trail"}
    )
    page = await listed.deletions(TODAY)
    assert page
    assert (page.deletions, page.filter_ignored) == ([], True)


@pytest.mark.parametrize("status", ["401", "403"])
async def test_without_the_role_there_are_no_deletions_and_nothing_is_asked_for_an_hour(
    listed: Listed, status: str
) -> None:
    await listed.page()
    rule = listed.simulator.nexudus.faults.add(FAULTS[status], kinds={"audit-trail"}, times=None)
    assert await listed.deletions(TODAY) is None
    asked = len(listed.calls)
    assert await listed.deletions(TODAY) is None
    assert len(listed.calls) == asked <= 3
    assert (await listed.page()).rows  # the token is as good as before
    rule.times = 0
    await asyncio.sleep(DENIED_SECONDS)
    assert await listed.deletions(TODAY) is not None


async def test_a_token_that_has_expired_is_renewed(listed: Listed) -> None:
    await listed.page()
    listed.simulator.nexudus.expire_tokens()
    assert (await listed.page()).rows
