"""What all jobs of an account share, and what a step of one says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Protocol

from sqlalchemy import Connection

from background import BACKGROUND, in_slices
from resolvers.listing import ListedPage
from store import sweeps
from store.change_log import prune
from store.changes import Origin
from store.database import Database
from store.deals import Deal, confirm, deal_id, doubt, upsert
from store.sweeps import SyncState
from store.turns import turns_of
from sync.account import Account
from sync.rows import Found, Rows
from sync.run import Counts, Problem
from sync.settings import SyncSettings

SECOND: Final = 1_000_000
"""In microseconds, in which the store keeps times."""

DEALS_AT_ONCE = 100
"""In a transaction while nobody asks: with fewer, the same pages of the store would be written more often."""

DEALS_AT_ONCE_BUSY = 20
"""The same while requests come, of a store in this process: the end of a transaction is one piece of its work, the
longer the more was written."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """Whether a job is at its end, what is wrong, and whether the source turned out not to be able to do it.

    `total` is how many rows there are in all, where that is known. `is_outdated`: columns are made otherwise by now
    than those of what the job has read, so that it is to be done again.
    """

    is_done: bool
    problem: Problem | None = None
    is_impossible: bool = False
    total: int | None = None
    is_outdated: bool = False


class Job(Protocol):
    """One thing that is done again and again for an account."""

    async def step(self, counts: Counts) -> Step:
        """Do what one request, or a few, allow; commit it; count it.

        Raises `UpstreamError` and `StoreUnavailable`, after which the next step goes on where this one began.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What jobs work with. `wall_clock` gives seconds since 1970.

    `changes_seconds`: how long what changed is remembered, 0 for not at all; `most_changes`: how much of it.
    """

    account: Account
    database: Database
    rows: Rows
    settings: SyncSettings
    wall_clock: Callable[[], float]
    tombstone_seconds: float
    changes_seconds: float
    most_changes: int

    def now(self) -> int:
        """Return the time as the store keeps it: microseconds since 1970."""
        return int(self.wall_clock() * SECOND)

    def derives_alike(self, connection: Connection) -> bool:
        """Whether what one asks for by id may be written: its columns are made as those of all other deals, or of what
        the sweep under way has read. Only in a store that others share would nobody derive them anew."""
        if not self.database.is_shared:
            return True
        state = sweeps.state(connection).get(self.account.key)
        if state is None or state.last_sweep_at is None:
            return True
        return self.rows.derivation in (state.derivation, state.sweep_derivation)

    def forget_changes(self, connection: Connection) -> None:
        """Forget what changed too long ago, or too much."""
        prune(connection, most=self.most_changes, seen_before=self.now() - int(self.changes_seconds * SECOND))

    async def write_ahead(self, page: ListedPage, read_at: int, counts: Counts, origin: Origin) -> Sequence[Deal]:
        """Write most deals of a page that say something new, each few of them in a transaction of their own, and count
        what has changed; return the last few, for that with the page's position.

        Others wait for a transaction that is under way, and a page's deals take more memory than its rows. If the last
        one is never reached, the page is read again.
        """
        deals: list[Deal] = []
        for start in range(0, len(page.rows), DEALS_AT_ONCE):
            rows = page.rows[start : start + DEALS_AT_ONCE]
            deals += await self.rows.listed(rows, read_at, now=self.now())
            while len(deals) > (most := self._deals_at_once):
                counts.changed += await self.database.write(partial(self.upsert, deals=deals[:most], origin=origin))
                del deals[:most]
        return deals

    @property
    def _deals_at_once(self) -> int:
        is_felt = BACKGROUND.is_busy and not self.database.is_shared
        return DEALS_AT_ONCE_BUSY if is_felt else DEALS_AT_ONCE

    def upsert(self, connection: Connection, deals: Sequence[Deal], origin: Origin = Origin.READ) -> int:
        """Write deals, as `store.deals.upsert` does, with the names of their customers that are known by then."""
        return upsert(connection, deals=self.rows.named_as_known(connection, deals), origin=origin)

    def write_found(self, connection: Connection, found: Found) -> int:
        """Write what requests for single records say; return how many deals have changed."""
        changed = self.upsert(connection, found.deals)
        if not self._is_deriving(connection):
            confirm(connection, found.stored)  # of those that have changed by now it says nothing
        return changed

    def _is_deriving(self, connection: Connection) -> bool:
        """Whether a sweep is under way that derives columns anew: of a copy that was confirmed since its page was asked
        for it would write none."""
        state = sweeps.state(connection).get(self.account.key)
        return state is not None and state.sweep is not None and state.derivation != self.rows.derivation

    def write(self, connection: Connection, page: ListedPage, deals: Sequence[Deal], origin: Origin) -> int:
        """Write the deals of a page, and which of its rows could not be read or left fields out; return how many have
        changed. `origin` is by what they were seen."""
        source, account = self.account.key
        changed = self.upsert(connection, deals, origin)
        turns_of(connection).pause()
        doubted = [row.source_id for row in page.rows if row.record is None or row.lacks]
        doubt(connection, [deal_id(source, account, one) for one in doubted])
        if changed:
            self.forget_changes(connection)
        return changed

    async def offer(self, page: ListedPage, read_at: int, *, adds: bool) -> None:
        """Let the record cache know of the whole records on a page; with `adds` also of those that it does not have."""
        if self.account.cache is not None:
            age_seconds = (self.now() - read_at) / SECOND
            async for row in in_slices(page.rows):
                if row.record is not None and not row.lacks:
                    self.account.cache(row.source_id, row.record, age_seconds=age_seconds, adds=adds)


@dataclass(slots=True)
class Reading:
    """Pages of what happened since a moment, and how far they are read; times are microseconds."""

    started_at: int
    since: int
    position: str | None = None


async def reading(parts: Parts, watermark: Callable[[SyncState], int | None]) -> Reading | None:
    """Return a reading from the watermark on, and some minutes before it; None before the first sweep has begun.

    Without a watermark it begins where the last sweep did, which has read everything.
    """
    state = (await parts.database.read(sweeps.state, gives_way=True)).get(parts.account.key)
    if state is None:
        return None
    start = watermark(state) or state.last_sweep_started_at or state.sweep_started_at
    if start is None:
        return None
    return Reading(parts.now(), start - int(parts.settings.overlap_seconds * SECOND))


def moment(microseconds: int) -> datetime:
    """Return the time that a number in the store is."""
    return _EPOCH + timedelta(microseconds=microseconds)
