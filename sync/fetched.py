"""Records that people asked for by id go into the store, some moments later; and the store's copy is served when a
source fails."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection

from resolvers.errors import UpstreamBadResponse
from resolvers.fetching.record_store import LOOKUP_TIMEOUT_SECONDS
from resolvers.source import Record
from resolvers.stored_record import decode
from store import sweeps
from store.deals import Evidence, StoredDeal, deal_id, find, find_alive
from store.errors import StoreUnavailable
from store.fetched import find_fetched, mark_fetched
from store.sweeps import SyncState
from sync.brake import BRAKE_SECONDS, delete_believed
from sync.job import SECOND, Parts
from sync.rows import Found, Read
from sync.shared_lookups import SharedLookups

logger: Final = logging.getLogger("opportunity_graph.sync")

GATHERING_SECONDS: Final = 0.2
"""Records that come within it are written together."""

LEFT_ALONE_SECONDS: Final = 5.0
"""For so long a store that took too long is not asked before the source."""

MOST_WAITING: Final = 5_000
"""Records that are not written yet; beyond, the oldest are let go, and the next sweep has them."""


class FetchedRecords:
    """A `resolvers.fetching.record_store.RecordStore` of one account. `run` writes, for as long as the server does."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting: dict[str, tuple[Record | None, int]] = {}
        self._has_come = asyncio.Event()
        self._held_back_at = float("-inf")
        self._left_alone_until = float("-inf")
        self._lookups = SharedLookups(self._find_stored)
        self._fresh_seconds = 0.0

    @property
    def is_braked(self) -> bool:
        """Whether, of late, more deals were said to be gone than can be believed."""
        return self._parts.wall_clock() - self._held_back_at < BRAKE_SECONDS

    def on_fetched(self, source_id: str, record: Record | None, *, age_seconds: float, is_alone: bool) -> None:
        """Take a record to be written; that there is none is believed only of a request of its own."""
        if record is None and not is_alone:
            return
        self._waiting.pop(source_id, None)
        if len(self._waiting) >= MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[source_id] = record, self._parts.now() - int(age_seconds * SECOND)
        self._has_come.set()

    @property
    def has_fresh(self) -> bool:
        """Whether other processes write records too."""
        return self._parts.database.is_shared and self._parts.wall_clock() >= self._left_alone_until

    async def fresh(self, ids: Sequence[str], seconds: float) -> Mapping[str, tuple[Record, float]]:
        """Return what some process has read by its id within so many seconds, with its age."""
        self._fresh_seconds = seconds
        async with asyncio.timeout(LOOKUP_TIMEOUT_SECONDS):
            found = await self._lookups.find(ids)
        now = self._parts.now()
        return {one: (record, max(0, now - fetched_at) / SECOND) for one, (record, fetched_at) in found.items()}

    async def _find_stored(self, ids: Sequence[str]) -> Mapping[str, tuple[Record, int]]:
        parts, (source, account) = self._parts, self._parts.account.key
        if not self.has_fresh:
            return {}
        keys = [deal_id(source, account, one) for one in ids]
        since = parts.now() - int(self._fresh_seconds * SECOND)
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_SECONDS):
                stored = await find_fetched(parts.database, keys, since=since)
        except (TimeoutError, StoreUnavailable):
            self._left_alone_until = parts.wall_clock() + LEFT_ALONE_SECONDS
            return {}
        found: dict[str, tuple[Record, int]] = {}
        for deal, fetched_at in stored:
            if fetched_at > parts.now() + sweeps.SKEW_MICROSECONDS:
                continue  # by a clock that is ahead: nobody knows how old it is
            with suppress(UpstreamBadResponse):
                found[deal.source_id] = decode(source, deal.body), fetched_at
        return found

    async def find(self, ids: Sequence[str]) -> Mapping[str, tuple[Record, float]]:
        """Return the stored copies whose age is known, with it: since they were read, or were known to be unchanged."""
        parts, (source, account) = self._parts, self._parts.account.key
        by_key = {deal_id(source, account, one): one for one in ids}

        def read(connection: Connection) -> tuple[dict[bytes, StoredDeal], SyncState | None]:
            return find(connection, list(by_key)), sweeps.state(connection).get((source, account))

        stored, state = await parts.database.read(read)
        found, now = {}, parts.now()
        for key, deal in stored.items():
            if deal.deleted_at is None:
                try:
                    record = decode(source, deal.body)
                except UpstreamBadResponse:
                    continue
                if at := sweeps.confirmed_at(deal, state, now=now):
                    found[by_key[key]] = record, max(0, now - at) / SECOND
        return found

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._has_come.wait()
            await asyncio.sleep(GATHERING_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what has come; what cannot be written is let go, for the next sweep has it."""
        self._has_come.clear()
        waiting, self._waiting = self._waiting, {}
        try:
            await self._write(waiting)
        except StoreUnavailable:  # which has told the log itself
            pass
        except Exception as error:
            logger.warning(
                "%s: %d records could not be stored: %s", self._parts.account.label, len(waiting), type(error).__name__
            )

    async def _write(self, waiting: Mapping[str, tuple[Record | None, int]]) -> None:
        parts = self._parts
        reads = [Read(id_, record, read_at) for id_, (record, read_at) in waiting.items() if record is not None]
        missing = {id_: read_at for id_, (record, read_at) in waiting.items() if record is None}
        found = await parts.rows.found(reads, now=parts.now(), derives_all=False)
        gone = await self._stored(missing)
        fetched = {}
        if parts.database.is_shared:
            fetched = {deal_id(*parts.account.key, read.source_id): read.read_at for read in reads}
        if found.deals or found.stored or gone or fetched:
            await parts.database.write(lambda connection: self._commit(connection, found, gone, fetched))

    async def _stored(self, missing: Mapping[str, int]) -> dict[bytes, int]:
        """Return those that the store has, by key, with the time at which their source did not have them."""
        if not missing:
            return {}
        times = {deal_id(*self._parts.account.key, id_): read_at for id_, read_at in missing.items()}
        alive = await self._parts.database.read(lambda connection: find_alive(connection, times))
        return {key: times[key] for key in alive}

    def _commit(
        self, connection: Connection, found: Found, gone: Mapping[bytes, int], fetched: Mapping[bytes, int]
    ) -> None:
        is_written = self._parts.derives_alike(connection)
        if is_written:
            self._parts.write_found(connection, found)
        if gone and delete_believed(self._parts, connection, gone, evidence=Evidence.NOT_FOUND) is None:
            self._held_back_at = self._parts.wall_clock()
        if is_written:
            mark_fetched(connection, fetched)  # last, as `store/README.md` has the order of locks
