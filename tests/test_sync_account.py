"""`sync.account`: two accounts of a vendor, with records of the same ids, share a store; neither touches the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import select

from resolvers.fetching.upstream_context import UpstreamContext
from simulator import Simulator
from store import sweeps
from store.tables import CUSTOMERS, DEALS, SYNC_RUNS
from sync.account import Account
from sync.fetched import FetchedRecords
from sync.job import Parts
from sync.rows import Rows
from sync.schedule import Schedule
from sync.settings import SyncSettings
from sync.worker import Worker
from tests import loops
from tests.sync_world import DAY_SECONDS, ROWS, TODAY, World, columns, derivation, open_world

LOOPS = loops.WITH_ITS_OWN_TIME
SWEEPS = {"sweep_seconds": 600.0, "customers_per_minute": 600}


def other_vendor() -> Simulator:
    """Return vendors whose records have the ids of the first ones, and other names."""
    simulator = Simulator(seed=7, throttled=False, clock=loops.now, today=TODAY)
    for records in (simulator.nexudus.records, simulator.chartmogul.records):
        for id_ in list(records)[ROWS // 2 : -ROWS // 2]:
            del records[id_]  # type: ignore[attr-defined] # by whichever type its ids have
    for id_ in simulator.nexudus.records:
        simulator.nexudus.records[id_]["Name"] = "other"
    return simulator


@asynccontextmanager
async def second_account(world: World, source: str) -> AsyncIterator[World]:
    """Keep an account `eu` of a source current in the store of another world."""
    async with open_world(sources=(source,), database=world.database, simulator=other_vendor(), is_open=False) as other:
        scheduler, settings = other.schedulers[source], SyncSettings(**SWEEPS)  # type: ignore[arg-type]
        account = Account(
            source=source,
            account="eu",
            listing=scheduler.listing,
            cache=scheduler.cache.refresh,
            fetch_customer=scheduler.fetch_customer,
        )
        parts = Parts(
            account=account,
            database=world.database,
            rows=Rows(account, world.database, columns, derivation),
            settings=settings,
            wall_clock=world.now,
            tombstone_seconds=30 * DAY_SECONDS,
            changes_seconds=30 * DAY_SECONDS,
            most_changes=1_000,
        )
        schedule = Schedule(settings, clock=loops.now, random=lambda: 0.5)
        scheduler.record_store = fetched = FetchedRecords(parts)
        worker = Worker(parts, schedule, clock=loops.now)
        tasks = [asyncio.create_task(one.run()) for one in (worker, fetched)]
        yield other
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def rows(world: World, table: Any, source: str, account: str) -> list[Any]:
    query = select(table).where(table.c.source == source, table.c.account == account).order_by(*table.primary_key)
    return world.database.run(lambda connection: list(connection.execute(query)))


def alive(world: World, source: str, account: str) -> set[str]:
    return {row.source_id for row in rows(world, DEALS, source, account) if row.deleted_at is None}


async def test_records_with_the_same_ids_are_kept_apart() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world, second_account(world, "nexudus") as other:
        await asyncio.sleep(60)
        ids = {str(id_) for id_ in world.simulator.nexudus.records}
        assert ids & {str(id_) for id_ in other.simulator.nexudus.records}
        assert alive(world, "nexudus", "") == ids
        assert {row.name for row in rows(world, DEALS, "nexudus", "eu")} == {"other"}
        assert "other" not in {row.name for row in rows(world, DEALS, "nexudus", "")}
        states = world.database.run(sweeps.state)
        assert {states["nexudus", account].last_sweep_rows for account in ("", "eu")} == {ROWS}


async def test_what_one_account_deletes_and_loses_stays_in_the_other() -> None:
    async with open_world(sources=("nexudus",), **SWEEPS) as world, second_account(world, "nexudus") as other:
        await asyncio.sleep(60)
        told, lost, asked_for, changed, *_ = other.simulator.nexudus.records
        before = rows(world, DEALS, "nexudus", "")
        other.simulator.nexudus.delete(told)
        del other.simulator.nexudus.records[lost], other.simulator.nexudus.records[asked_for]
        other.simulator.nexudus.update(changed, {"Name": "changed"})
        await other.schedulers["nexudus"].fetch_many([str(asked_for)], UpstreamContext(5.0))
        await asyncio.sleep(1_500)
        gone = {row.source_id: row.evidence for row in rows(world, DEALS, "nexudus", "eu") if row.deleted_at}
        assert gone == {str(told): "audit", str(lost): "sweeps", str(asked_for): "not_found"}
        assert rows(world, DEALS, "nexudus", "") == before
        assert {row.account for row in rows(world, SYNC_RUNS, "nexudus", "eu")} == {"eu"}


async def test_customers_with_the_same_ids_are_kept_apart() -> None:
    async with open_world(sources=("chartmogul",), **SWEEPS) as world, second_account(world, "chartmogul") as other:
        for customer in other.simulator.chartmogul.customers.values():
            customer["name"] = "other"
        await asyncio.sleep(400)
        names = {account: {row.name for row in rows(world, CUSTOMERS, "chartmogul", account)} for account in ("", "eu")}
        assert names["eu"] <= {"other", None}
        assert "other" in names["eu"]
        assert len(names[""]) > 10
        assert "other" not in {row.customer_name for row in rows(world, DEALS, "chartmogul", "")}
