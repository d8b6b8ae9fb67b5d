"""Sync as a whole: a task for each account, the records that people fetch, and how it all stands."""

import asyncio
import random as chance
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from resolvers.fetching.scheduler import Scheduler
from store.database import Database
from sync.account import Account, Columns
from sync.fetched import FetchedRecords
from sync.fetched_customers import FetchedCustomers
from sync.job import Parts
from sync.rows import Rows
from sync.schedule import Kind, Schedule
from sync.settings import SyncSettings
from sync.status import Capability, Status, status_of
from sync.worker import Worker

FLUSH_SECONDS: Final = 2.0
"""For what people fetched last, when the server stops."""


@dataclass(frozen=True, slots=True)
class _Entry:
    parts: Parts
    fetched: FetchedRecords
    fetched_customers: FetchedCustomers
    worker: Worker | None


class Sync:
    """What keeps the store current, and says how current it is."""

    def __init__(self, database: Database, entries: Sequence[_Entry]) -> None:
        self._database = database
        self._entries = entries

    async def statuses(self) -> list[Status]:
        """Return how each account stands, in the order in which sources are listed; raises `StoreUnavailable`."""
        return await self._database.read(
            lambda connection: [
                status_of(
                    connection,
                    entry.parts.account.key,
                    capabilities=_capabilities(entry),
                    now=entry.parts.now(),
                    worker=entry.worker,
                    is_braked=entry.fetched.is_braked,
                )
                for entry in self._entries
            ]
        )

    async def refresh(self, sources: Sequence[str] | None = None) -> None:
        """Have what changed in these sources, or in all, read soon; return when that was tried.

        It takes as long as it takes: whoever waits sets a limit.
        """
        workers = [
            entry.worker
            for entry in self._entries
            if entry.worker is not None and (sources is None or entry.parts.account.source in sources)
        ]
        await asyncio.gather(*[worker.refresh() for worker in workers])

    def begin_anew(self, source: str) -> None:
        """Try at once what failed at a source or could not be done there: a credential of it was replaced."""
        for entry in self._entries:
            if entry.worker is not None and entry.parts.account.source == source:
                entry.worker.begin_anew()


@asynccontextmanager
async def open_sync(
    database: Database,
    schedulers: Mapping[str, Scheduler],
    columns: Columns,
    settings: SyncSettings,
    *,
    tombstone_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
    random: Callable[[], float] = chance.random,
) -> AsyncIterator[Sync]:
    """Keep the store current until the block ends.

    `schedulers` by source name: their lists are read, and they get the store behind their caches. `columns` makes the
    columns of a record. `tombstone_seconds`: for how long a deleted deal is kept. `clock` only goes forward; both are
    in seconds.
    """
    entries = []
    for source, scheduler in schedulers.items():
        account = Account(
            source=source,
            listing=scheduler.listing,
            cache=scheduler.offer,
            cache_customer=scheduler.customers.offer if scheduler.customers else None,
            fetch_customer=scheduler.fetch_customer,
        )
        parts = Parts(
            account=account,
            database=database,
            rows=Rows(account, database, columns),
            settings=settings,
            wall_clock=wall_clock,
            tombstone_seconds=tombstone_seconds,
        )
        worker = None
        if settings.enabled and account.listing is not None:
            worker = Worker(parts, Schedule(settings, clock=clock, random=random), clock=clock)
        entry = _Entry(parts, FetchedRecords(parts), FetchedCustomers(parts), worker)
        entries.append(entry)
        scheduler.record_store = entry.fetched
        if scheduler.customers is not None:
            scheduler.customers.record_store = entry.fetched_customers
    stores = [store for entry in entries for store in (entry.fetched, entry.fetched_customers)]
    runs = [store.run() for store in stores] + [entry.worker.run() for entry in entries if entry.worker]
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield Sync(database, entries)
    finally:
        for scheduler in schedulers.values():
            scheduler.record_store = None
            if scheduler.customers is not None:
                scheduler.customers.record_store = None
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await asyncio.gather(*[store.flush() for store in stores])


def _capabilities(entry: _Entry) -> frozenset[Capability]:
    account, worker = entry.parts.account, entry.worker
    impossible = worker.impossible if worker else set()
    found = {Capability.BY_ID}
    if account.listing is not None:
        found.add(Capability.LIST)
        if account.listing.has_changed_since:
            if Kind.INCREMENT not in impossible:
                found.add(Capability.CHANGED_SINCE)
            if Kind.DELETIONS not in impossible:
                found.add(Capability.DELETIONS)
    if account.fetch_customer is not None:
        found.add(Capability.CUSTOMERS)
    return frozenset(found)
