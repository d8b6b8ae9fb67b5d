"""A sweep reads all pages of a list, and commits each with its position: what breaks off goes on where it was.

Only a complete sweep says anything of what it has not seen: every page was read, in an order that did not move, and as
many rows were seen as the vendor counts. A doubt about one page is kept beside the position, so that a restart does
not forget it.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from resolvers.errors import UpstreamBadResponse
from resolvers.listing import ListedPage
from store import change_log, sweeps
from store.changes import Origin
from store.customers import purge_customers
from store.database import StoreUnavailable
from store.deals import Deal, Evidence, purge
from store.fetched import forget_fetched
from store.sweeps import SyncState
from sync.account import Requests
from sync.brake import BRAKE_SECONDS, delete_believed, holds_back
from sync.heap import give_back
from sync.job import SECOND, Parts, Step
from sync.run import Counts, Problem
from sync.unseen import Unseen

RESUMABLE_SECONDS: Final = 21_600
"""A sweep that began longer ago is begun anew: pages may have moved too far."""

FETCHED_SECONDS: Final = 86_400
"""The longest time for which a record may count as fresh."""

MOST_REFUSALS: Final = 5
"""Of the same page in a row; then its position is taken to be of no use any more."""

MOST_REPEATED: Final = 1_000
"""Rows that may come again beyond as many as were seen, where pages were cut down: a list that shows more goes round in
a circle."""

COMPACT_ABOVE_ONE_IN: Final = 4
"""The store is compacted after a sweep in which more than one row of so many has changed."""

BASIS: Final = (None, Problem.UNREADABLE_ROWS, Problem.DELETION_BRAKE)
"""With these problems a sweep has read all pages: what is seen later is a change. A row that cannot be read, which may
last for ever, must not keep changes from being logged."""

DOUBTS: Final = (None, Problem.UNREADABLE_ROWS, Problem.COUNT_DIFFERS, Problem.MOVED_ORDER)
"""What may be wrong with pages; of several it is the last one that decides."""

_MARK: Final = "|"


@dataclass(frozen=True, slots=True)
class _Committed:
    """A page. Of the last one also which stored deals the sweep has not seen, where somebody has to know that, and
    those of them that are to be asked for."""

    step: Step
    found: Counts
    unseen: Sequence[str] = ()
    asked_for: Sequence[str] = ()


class Sweep:
    """A `Job`: one page a step."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._began_here: int | None = None
        self._derivation = sweeps.SEVERAL
        """Of what the sweep under way, or the last one, has read."""
        self._refusals = 0
        self._repeated = 0
        self._seen: str | None = None
        """The last deal that the sweep under way could read."""
        self._unread: set[str] = set()
        """Those that it could not."""
        self._unseen = Unseen(parts)

    async def step(self, counts: Counts) -> Step:
        """Read and commit the next page. A sweep ends with the last one, or when what it has not seen is asked for."""
        if self._unseen.is_asking:
            return self._last(Step(is_done=True, problem=await self._unseen.step(counts)))
        parts, (source, account) = self._parts, self._parts.account.key
        state = (await parts.database.read(sweeps.state, gives_way=True)).get((source, account))
        if state is None or state.sweep is None or self._is_hopeless(state):
            state = await self._begin()
        counts.rows = state.sweep_rows
        doubt, _, position = (state.sweep_position or "").partition(_MARK)
        read_at, requests = parts.now(), Requests(source)
        try:
            page = await requests.send(lambda fetch: parts.account.its_listing.page(position or None, fetch))
        except UpstreamBadResponse:
            self._refusals += 1
            raise
        finally:
            counts.requests += requests.count
        self._refusals = 0
        self._seen = next((row.source_id for row in reversed(page.rows) if row.record is not None), self._seen)
        self._unread.update(row.source_id for row in page.rows if row.record is None)
        problem = max(Problem(doubt) if doubt else None, _doubt(page, state), key=DOUBTS.index)
        await parts.offer(page, read_at, adds=False)  # all of them would push out what people ask for
        last = await parts.write_ahead(page, read_at, counts, Origin.SWEEP)
        is_alike = state.sweep_derivation == parts.rows.derivation
        self._derivation = parts.rows.derivation if is_alike else sweeps.SEVERAL
        try:
            committed = await parts.database.write(
                lambda connection: self._commit(connection, state, page, last, problem)
            )
        except sweeps.SweepLost:  # another process has begun one
            return Step(is_done=True)
        step, found = committed.step, committed.found
        counts.rows = found.rows
        counts.changed += found.changed
        counts.deleted += found.deleted
        if step.is_done and self._began_here == state.sweep and self._derivation == parts.rows.derivation:
            parts.rows.have_derived({*committed.unseen, *self._unread})
        if step.is_done:
            with suppress(StoreUnavailable):  # what was read is committed
                if counts.changed * COMPACT_ABOVE_ONE_IN > counts.rows:
                    await parts.database.compact()
                await parts.database.read(lambda _: give_back())  # in a thread, where it holds up no event loop
            self._unseen.begin(committed.asked_for, self._seen)
        return self._last(step)

    def _last(self, step: Step) -> Step:
        """Return a step, which is the last one if it says so and nothing is left to be asked for."""
        is_outdated = self._derivation != self._parts.rows.derivation
        return replace(step, is_done=step.is_done and not self._unseen.is_asking, is_outdated=is_outdated)

    async def _begin(self) -> SyncState:
        parts, (source, account) = self._parts, self._parts.account.key
        now = parts.now()
        # Also what no page will show: a deal that is gone would be taken to have been read since.
        is_ahead = await parts.database.read(
            lambda connection: sweeps.has_future(connection, source, account, now=now), gives_way=True
        )

        def begin(connection: Connection) -> SyncState:
            if is_ahead:
                latest = now + sweeps.SKEW_MICROSECONDS
                sweeps.set_back(connection, source, account, later_than=latest, at=now)
            sweeps.begin_sweep(connection, source, account, at=now, derivation=parts.rows.derivation)
            return sweeps.state(connection)[source, account]

        state = await parts.database.write(begin)
        self._began_here, self._refusals, self._repeated, self._seen = state.sweep, 0, 0, None
        self._unread = set()
        return state

    def _is_hopeless(self, state: SyncState) -> bool:
        age = self._parts.now() - (state.sweep_started_at or 0)
        return age > RESUMABLE_SECONDS * SECOND or self._refusals >= MOST_REFUSALS

    def _commit(
        self, connection: Connection, state: SyncState, page: ListedPage, deals: Sequence[Deal], problem: Problem | None
    ) -> _Committed:
        source, account = self._parts.account.key
        assert state.sweep is not None
        changed = self._parts.write(connection, page, deals, Origin.SWEEP)
        new = sweeps.continue_sweep(
            connection,
            source,
            account,
            sweep=state.sweep,
            seen=[row.source_id for row in page.rows],
            position=f"{problem or ''}{_MARK}{page.next}" if page.next is not None else None,
            total=page.total,
            derivation=self._derivation,
        )
        found = Counts(rows=state.sweep_rows + new, changed=changed)
        self._repeated += len(page.rows) - new
        if self._repeated > found.rows + MOST_REPEATED:
            problem = Problem.MOVED_ORDER
        elif page.next is not None:
            total = state.expected_rows if page.total is None else page.total
            return _Committed(Step(is_done=False, problem=problem, total=total), found)
        return self._finish(connection, state.sweep, problem, found)

    def _finish(self, connection: Connection, sweep: int, problem: Problem | None, found: Counts) -> _Committed:
        """End the sweep."""
        parts, (source, account) = self._parts, self._parts.account.key
        state, now = sweeps.state(connection)[source, account], parts.now()
        if problem is None and state.sweep_total is not None and state.sweep_rows != state.sweep_total:
            problem = Problem.COUNT_DIFFERS
        is_complete = problem is None
        unseen: Sequence[str] = ()
        asked_for: Sequence[str] = ()
        if problem is Problem.UNREADABLE_ROWS or parts.rows.is_deriving:
            unseen = sweeps.missing_after(connection, source, account)
        if is_complete:
            gone = sweeps.note_misses(connection, source, account, sweep=sweep)
            # No page has shown them since then. A sweep that was resumed began hours ago: they count within their hour.
            since = max(state.sweep_started_at or now, now - int(BRAKE_SECONDS / 2 * SECOND))
            deleted = delete_believed(parts, connection, dict.fromkeys(gone, since), evidence=Evidence.SWEEPS)
            if deleted is None:
                problem = Problem.DELETION_BRAKE
            found.deleted = deleted or 0
        elif problem is Problem.UNREADABLE_ROWS:
            if holds_back(parts, connection, len(unseen)):
                problem = Problem.DELETION_BRAKE
            else:
                asked_for = unseen
        has_read_all = problem in BASIS
        sweeps.finish_sweep(
            connection, source, account, sweep=sweep, at=now, is_complete=is_complete, has_read_all=has_read_all
        )
        if parts.changes_seconds == 0:
            change_log.end(connection)
        elif has_read_all:
            change_log.begin(connection, source, account, at=now)
        parts.forget_changes(connection)
        # Not before the brake has let go of them: its count is of what the store has.
        purge(connection, deleted_before=now - int(max(parts.tombstone_seconds, BRAKE_SECONDS) * SECOND))
        purge_customers(connection)
        forget_fetched(connection, before=now - FETCHED_SECONDS * SECOND)
        return _Committed(Step(is_done=True, problem=problem), found, unseen, asked_for)


def _doubt(page: ListedPage, state: SyncState) -> Problem | None:
    """Return why rows may have been left out up to this page."""
    if not page.is_ordered:
        return Problem.MOVED_ORDER
    if page.unreadable:
        return Problem.UNREADABLE_ROWS
    # Rows that were deleted meanwhile let those behind them slip onto pages that were read before.
    if page.total is not None and state.sweep_total is not None and page.total < state.sweep_total:
        return Problem.COUNT_DIFFERS
    return None
