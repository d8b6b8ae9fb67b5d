"""Sync as a whole: a task for each account, the records that people fetch, and how it all stands."""

import asyncio
import random as chance
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from resolvers.fetching.scheduler import Scheduler
from store import sweeps, sync_status
from store.change_log import MOST
from store.database import Database
from store.notices import REFRESH, notify
from sync.account import Account, Columns, Derivation
from sync.fetched import FetchedRecords
from sync.fetched_customers import FetchedCustomers
from sync.job import SECOND, Parts
from sync.leadership import BELIEVED_SECONDS, lead, stop
from sync.others import Others
from sync.rows import Rows
from sync.schedule import Kind, Schedule
from sync.settings import SyncSettings
from sync.status import Capability, Status, status_of, told_of
from sync.worker import Worker

if TYPE_CHECKING:
    from store.session import Session

POLL_SECONDS: Final = 0.5
"""Between two looks at whether another process has read what has changed."""

FLUSH_SECONDS: Final = 2.0
"""For what people fetched last, when the server stops."""


@dataclass(slots=True)
class _Entry:
    """An account; `worker` is there while this process syncs it."""

    parts: Parts
    fetched: FetchedRecords
    fetched_customers: FetchedCustomers
    scheduler: Scheduler
    make_worker: Callable[[], Worker] | None
    worker: Worker | None = None

    def begin(self) -> list[Coroutine[Any, Any, None]]:
        if self.make_worker is None:
            return []
        self.parts.rows.derive_anew()  # another version of the program may have synced meanwhile
        self.worker = self.make_worker()
        return [self.worker.run()]

    def end(self) -> None:
        self.worker = None

    async def take_over(self) -> None:
        await self.scheduler.transport.take_over_lane()


class Sync:
    """What keeps the store current, and says how current it is."""

    def __init__(self, database: Database, entries: Sequence[_Entry], *, is_shared: bool) -> None:
        self._database = database
        self._entries = entries
        self._is_shared = is_shared

    async def statuses(self) -> list[Status]:
        """Return how each account stands, in the order in which sources are listed; raises `StoreUnavailable`."""
        return await self._database.read(self._statuses)

    def _statuses(self, connection: Connection) -> list[Status]:
        told = {}
        if self._is_shared and self._entries:
            since = self._entries[0].parts.now() - int(BELIEVED_SECONDS * SECOND)
            told = sync_status.statuses(connection, since=since)
        return [
            status_of(
                connection,
                entry.parts.account.key,
                capabilities=_capabilities(entry),
                now=entry.parts.now(),
                worker=entry.worker,
                derivation=entry.parts.rows.derivation,
                is_braked=entry.fetched.is_braked,
                told=None if entry.worker else told_of(told.get(entry.parts.account.key)),
            )
            for entry in self._entries
        ]

    async def refresh(self, sources: Sequence[str] | None = None, *, max_age_seconds: float = 0.0) -> None:
        """Have what changed in these sources, or in all, read soon; return when that was tried.

        It takes as long as it takes: whoever waits sets a limit. A reading will do that began so long ago.
        """
        entries, workers = self._of(sources)
        if self._is_shared and entries and not workers:
            await self._refresh_elsewhere(entries, max_age_seconds)
        await asyncio.gather(*[worker.refresh(max_age_seconds) for worker in workers])

    async def hasten(self, sources: Sequence[str] | None = None) -> None:
        """Have what changed in these sources, or in all, read as soon as may be; nobody waits for it."""
        entries, workers = self._of(sources)
        if self._is_shared and entries and not workers:
            await self._database.write(lambda connection: notify(connection, REFRESH))
        for worker in workers:
            worker.hasten()

    def _of(self, sources: Sequence[str] | None) -> tuple[list[_Entry], list[Worker]]:
        """Return these sources' accounts, and what syncs them here."""
        entries = [entry for entry in self._entries if sources is None or entry.parts.account.source in sources]
        return entries, [entry.worker for entry in entries if entry.worker is not None]

    def read_all(self) -> None:
        """Have all deals read soon: what the store's columns have of them is made otherwise from now on."""
        for entry in self._entries:
            if entry.worker is not None:
                entry.worker.read_all()

    def begin_anew(self, source: str) -> None:
        """Try at once what failed at a source or could not be done there: a credential of it was replaced."""
        for entry in self._entries:
            if entry.worker is not None and entry.parts.account.source == source:
                entry.worker.begin_anew()

    async def _refresh_elsewhere(self, entries: Sequence[_Entry], max_age_seconds: float) -> None:
        """Have the process that syncs do it; return when all that happened until then was seen."""
        oldest = entries[0].parts.now() - int(max_age_seconds * SECOND)
        await self._database.write(lambda connection: notify(connection, REFRESH))
        keys = {entry.parts.account.key for entry in entries if entry.parts.account.listing is not None}
        while True:
            states = await self._database.read(sweeps.state)
            if all(key in states and (states[key].as_of or 0) >= oldest for key in keys):
                return
            await asyncio.sleep(POLL_SECONDS)

    def hear(self, text: str) -> None:
        """Refresh, if another process asks for it and this one syncs."""
        if text == REFRESH:
            for entry in self._entries:
                if entry.worker is not None:
                    entry.worker.hasten()


@asynccontextmanager
async def open_sync(
    database: Database,
    schedulers: Mapping[str, Scheduler],
    columns: Columns,
    settings: SyncSettings,
    *,
    derivation: Derivation,
    tombstone_seconds: float,
    changes_seconds: float,
    most_changes: int = MOST,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
    random: Callable[[], float] = chance.random,
    session: "Session | None" = None,
) -> AsyncIterator[Sync]:
    """Keep the store current until the block ends.

    `schedulers` by source name: their lists are read, and they get the store behind their caches. `columns` makes the
    columns of a record, and `derivation` says by what. `tombstone_seconds`: for how long a deleted deal is kept;
    `changes_seconds`: for how long what changed is, 0 for not at all, and at most `most_changes` of it. `clock` only
    goes forward; both are in seconds. `session`: of a store that other processes share, so that one of them syncs.
    """
    entries: list[_Entry] = []
    for source, scheduler in schedulers.items():
        account = Account(
            source=source,
            listing=scheduler.listing,
            cache=scheduler.take_listed,
            cache_customer=scheduler.customers.take_listed if scheduler.customers else None,
            fetch_customer=scheduler.fetch_customer,
            list_stages=scheduler.list_stages,
            fetch_alone=scheduler.fetch_alone,
        )
        parts = Parts(
            account=account,
            database=database,
            rows=Rows(account, database, columns, derivation),
            settings=settings,
            wall_clock=wall_clock,
            tombstone_seconds=tombstone_seconds,
            changes_seconds=changes_seconds,
            most_changes=most_changes,
        )
        make_worker = None
        if settings.enabled and account.listing is not None:
            make_worker = partial(_worker, parts, clock, random)
        entry = _Entry(parts, FetchedRecords(parts), FetchedCustomers(parts), scheduler, make_worker)
        entries.append(entry)
        scheduler.record_store = entry.fetched
        if scheduler.customers is not None:
            scheduler.customers.record_store = entry.fetched_customers
    stores = [store for entry in entries for store in (entry.fetched, entry.fetched_customers)]
    sync = Sync(database, entries, is_shared=session is not None)
    runs = [store.run() for store in stores]
    if session is None:
        runs += [run for entry in entries for run in entry.begin()]
    elif entries:
        now = entries[0].parts.now
        others = Others(database, {name: one.forget for name, one in schedulers.items()}, now)
        session.listen(others.hear)
        session.listen(sync.hear)
        runs += [others.run(), lead(session, entries, database, sync.statuses, now)]
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield sync
    finally:
        for scheduler in schedulers.values():
            scheduler.record_store = None
            if scheduler.customers is not None:
                scheduler.customers.record_store = None
        await stop(tasks)
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await asyncio.gather(*[store.flush() for store in stores])


def _worker(parts: Parts, clock: Callable[[], float], random: Callable[[], float]) -> Worker:
    return Worker(parts, Schedule(parts.settings, clock=clock, random=random), clock=clock)


def _capabilities(entry: _Entry) -> frozenset[Capability]:
    account, worker = entry.parts.account, entry.worker
    impossible = worker.impossible | worker.denied if worker else set()
    found = {Capability.BY_ID}
    if account.listing is not None:
        if Kind.SWEEP not in impossible:
            found.add(Capability.LIST)
        if account.listing.has_changed_since:
            if Kind.INCREMENT not in impossible:
                found.add(Capability.CHANGED_SINCE)
            if Kind.DELETIONS not in impossible:
                found.add(Capability.DELETIONS)
    if account.fetch_customer is not None and Kind.CUSTOMERS not in impossible:
        found.add(Capability.CUSTOMERS)
    if account.list_stages is not None and Kind.STAGES not in impossible:
        found.add(Capability.STAGES)
    return frozenset(found)
