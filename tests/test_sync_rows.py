"""`sync.rows`, `sync.account` and `sync.job`: from rows to deals that have something new to say."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from resolvers.errors import UpstreamError, UpstreamUnavailable
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.listing import ListedPage, ListedRow
from resolvers.nexudus.record import NexudusRecord, parse
from resolvers.source import Record
from resolvers.stored_record import decode
from store.changes import Origin
from store.customers import Customer
from store.deals import Deal, Evidence, count_alive, delete, find, upsert
from store.tables import DealColumns
from sync.account import Account, Requests
from sync.job import DEALS_AT_ONCE, DEALS_AT_ONCE_BUSY, Parts, moment
from sync.rows import Read, Rows, with_customer
from sync.run import Counts
from sync.settings import SyncSettings
from tests.stores import deal, key
from tests.sync_world import InlineDatabase


def record(number: int = 1, **fields: Any) -> NexudusRecord:
    return parse(json.dumps({"Id": number, "Status": 1, **fields}).encode())[0]


class World:
    def __init__(self) -> None:
        self.database = InlineDatabase()
        self.derived = 0
        self.rows = Rows(Account(source="nexudus", listing=None), self.database, self.columns, str)

    def columns(self, source: str, record: Record) -> tuple[DealColumns, dict[str, Any]]:
        self.derived += 1
        return DealColumns(name=record.name), {}  # type: ignore[attr-defined]

    async def take(self, *reads: Read) -> list[Deal]:
        deals = await self.rows.deals(reads, now=5)
        await self.database.write(lambda connection: upsert(connection, deals))
        return deals


def parts_of(world: World) -> Parts:
    return Parts(
        account=Account(source="nexudus", listing=None),
        database=world.database,
        rows=world.rows,
        settings=SyncSettings(),
        wall_clock=lambda: 0.0,
        tombstone_seconds=0.0,
        changes_seconds=0.0,
        most_changes=0,
    )


async def test_what_is_unchanged_is_derived_once_in_a_process_and_then_left_alone() -> None:
    world = World()
    read = Read("1", record(Name="a"), 1)
    assert len(await world.take(read)) == 1
    assert len(await world.take(read)) == 1  # another version of the columns may have been stored
    world.rows.derives_all = False
    assert await world.take(read) == []
    assert world.derived == 2
    assert len(await world.take(Read("1", record(Name="b"), 2))) == 1


async def test_a_row_that_cannot_be_read_is_no_deal() -> None:
    world = World()
    rows = [ListedRow("1", None), ListedRow("2", record(2), frozenset(["Notes"]))]
    (found,) = await world.rows.listed(rows, 5, now=5)
    assert (found.source_id, found.read_at, found.is_whole) == ("2", 5, False)


async def test_most_deals_of_a_page_are_written_before_the_last_are_made_and_all_that_are_new_come() -> None:
    world, counts = World(), Counts()
    parts = parts_of(world)
    written_when_derived = []
    columns = world.columns

    def derive(source: str, record: Record) -> tuple[DealColumns, dict[str, Any]]:
        written_when_derived.append(counts.changed)
        return columns(source, record)

    world.rows._columns = derive
    rows = [ListedRow(str(number), record(number)) for number in range(1, 5 * DEALS_AT_ONCE)]
    page = ListedPage(rows, None, len(rows), is_ordered=True)
    last = await parts.write_ahead(page, 5, counts, Origin.SWEEP)
    held = [made - written for made, written in enumerate(written_when_derived)]
    assert max(held) < 2 * DEALS_AT_ONCE
    assert counts.changed + len(last) == len(rows)
    assert len(last) <= DEALS_AT_ONCE
    assert await world.database.read(lambda connection: count_alive(connection, "nexudus")) == counts.changed


async def test_what_is_read_to_compare_a_page_gives_way_to_requests() -> None:
    world = World()
    await world.rows.listed([ListedRow("1", record())], 5, now=5)
    assert world.database.gave_way == 1


@pytest.mark.parametrize(
    ("is_busy", "is_shared", "most"),
    [(False, False, DEALS_AT_ONCE), (True, False, DEALS_AT_ONCE_BUSY), (True, True, DEALS_AT_ONCE)],
)
async def test_while_requests_come_transactions_of_a_store_in_the_process_are_smaller(
    is_busy: bool, is_shared: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.job.BACKGROUND", SimpleNamespace(is_busy=is_busy))
    sizes: list[int] = []
    monkeypatch.setattr("sync.job.upsert", lambda _, deals, origin: sizes.append(len(deals)) or len(deals))
    world = World()
    world.database.is_shared = is_shared
    rows = [ListedRow(str(number), record(number)) for number in range(1, 3 * DEALS_AT_ONCE + 1)]
    page = ListedPage(rows, None, len(rows), is_ordered=True)
    last = await parts_of(world).write_ahead(page, 5, Counts(), Origin.SWEEP)
    assert set(sizes) == {most}
    assert sum(sizes) + len(last) == len(rows)
    assert len(last) <= most


async def test_a_deleted_deal_that_is_seen_again_is_written() -> None:
    world = World()
    world.rows.derives_all = False
    await world.take(Read("1", record(), 1))
    await world.database.write(lambda one: delete(one, [key("nexudus:1")], evidence=Evidence.SWEEPS, at=2))
    assert len(await world.take(Read("1", record(), 3))) == 1


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_a_row_leaves_out_is_not_taken_from_a_copy_that_was_replaced_meanwhile(is_known: bool) -> None:
    world = World()
    if is_known:
        await world.take(Read("1", record(TeamDescription="old"), 1))
    page = await world.rows.listed([ListedRow("1", record(Name="b"), frozenset(["TeamDescription"]))], 3, now=5)
    await world.take(Read("1", record(TeamDescription="new"), 2))  # asked for before, written before
    await world.database.write(lambda connection: upsert(connection, page))
    found = await world.database.read(lambda connection: find(connection, [key("nexudus:1")]))
    assert decode("nexudus", found[key("nexudus:1")].body).team_description == "new"
    again = await world.rows.listed([ListedRow("1", record(Name="b"), frozenset(["TeamDescription"]))], 4, now=5)
    assert await world.database.write(lambda connection: upsert(connection, again)) == 1


async def test_a_stage_without_a_name_has_the_one_that_another_deal_had_for_it() -> None:
    world = World()
    await world.take(Read("1", record(1, CrmBoardColumnId=7, CrmBoardColumnName="Tour"), 1))
    (found,) = await world.take(Read("2", record(2, CrmBoardColumnId=7), 2))
    assert decode("nexudus", found.body).crm_board_column_name == "Tour"


def test_a_customers_names_are_columns_of_its_deals() -> None:
    customer = Customer(source="nexudus", source_id="c", name="Zoë", company_name="Ünit", email="Z@X.org", read_at=1)
    found = with_customer(deal(1, search_public="tour"), customer).columns
    assert (found.customer_name_folded, found.customer_email_folded) == ("zoë", "z@x.org")
    assert (found.search_public, found.search_personal) == ("tour unit", "zoe z@x.org")
    assert with_customer(deal(1), None) == deal(1)


async def test_requests_are_in_the_background_and_counted_also_when_they_fail() -> None:
    requests = Requests("nexudus")

    async def work(fetch: SharedFetch) -> None:
        assert fetch.is_background
        fetch.count_request("nexudus")
        fetch.count_request("nexudus")
        raise UpstreamUnavailable("nexudus")

    with pytest.raises(UpstreamError):
        await requests.send(work)
    assert requests.count == 2


def test_times_of_the_store_are_microseconds_in_utc() -> None:
    assert moment(1_500_000).isoformat() == "1970-01-01T00:00:01.500000+00:00"
