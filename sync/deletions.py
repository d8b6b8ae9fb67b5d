"""Deletions that a vendor tells of in its audit trail. Each entry is evidence for one deal.

A run's entries are judged together: else a great deletion would pass the brake (`sync/brake.py`) page by page.
"""

from collections import deque
from functools import partial
from typing import Final

from sqlalchemy import Connection

from lru import LRU
from resolvers.listing import Deletion, DeletionsPage
from store import sweeps
from store.deals import Evidence, deal_id, find_alive
from sync.account import Requests
from sync.brake import BRAKE_SECONDS, delete_believed, holds_back
from sync.job import SECOND, Parts, Reading, Step, moment, reading
from sync.run import Counts, Problem

MOST_HANDLED: Final = 10_000


class Deletions:
    """A `Job`: one page a step. What a run was told of is deleted with its last page, or held back."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading: Reading | None = None
        self._gone: dict[bytes, int] = {}
        """Deals that the run under way was told of, of those that the store has, and when its source was asked. Never
        more than the brake lets go and a page has: beyond, the run ends."""
        self._told: deque[Deletion] = deque(maxlen=MOST_HANDLED)
        self._handled: LRU[Deletion, bool] = LRU(max_entries=MOST_HANDLED)
        """Entries come again, because of the overlap: a deal that has come back since must not be deleted by them."""

    async def step(self, counts: Counts) -> Step:
        """Read the next page; with the last one delete what the run was told of, and move the watermark."""
        parts = self._parts
        run = self._reading
        if run is None or self._is_old(run):
            run = self._reading = await self._begin()
        if run is None:
            return Step(is_done=True)
        asked_at, requests = parts.now(), Requests(parts.account.source)
        try:
            page = await requests.send(
                lambda fetch: parts.account.its_listing.deletions(moment(run.since), run.position, fetch)
            )
        finally:
            counts.requests += requests.count
        if page is None:
            self._reading = None
            return Step(is_done=True, is_impossible=True)
        told = [one for one in page.deletions if one not in self._handled]
        alive = await parts.database.read(partial(find_alive, ids=[self._key(one) for one in told]))
        self._gone = dict.fromkeys(alive, asked_at) | self._gone  # one may be told twice, and be there again since
        self._told.extend(told)
        is_held_back = await parts.database.read(self._is_held_back)
        if not is_held_back and (page.next is None or page.filter_ignored):
            watermark = None if page.filter_ignored else run.started_at
            deleted = await parts.database.write(partial(self._delete, watermark=watermark))
            is_held_back = deleted is None
            counts.deleted += deleted or 0
        counts.rows += len(page.deletions)
        return self._went_on(run, page, is_held_back=is_held_back)

    def _went_on(self, run: Reading, page: DeletionsPage, *, is_held_back: bool) -> Step:
        """Take note of a page that was read, and of the run's end if it was the last one."""
        run.position = page.next
        if is_held_back:
            self._reading = None
            return Step(is_done=True, problem=Problem.DELETION_BRAKE)
        if page.next is not None and not page.filter_ignored:
            return Step(is_done=False)
        self._reading = None
        for one in self._told:
            self._handled.put(one, True)
        if page.filter_ignored:
            return Step(is_done=True, problem=Problem.FILTER_IGNORED, is_impossible=True)
        return Step(is_done=True)

    def _is_old(self, run: Reading) -> bool:
        """Return whether a run has been kept back for so long that what it was told would not count in its hour."""
        return self._parts.now() - run.started_at >= BRAKE_SECONDS * SECOND

    async def _begin(self) -> Reading | None:
        self._gone.clear()
        self._told.clear()
        return await reading(self._parts, lambda state: state.deletions_until)

    def _key(self, told: Deletion) -> bytes:
        return deal_id(*self._parts.account.key, told.source_id)

    def _is_held_back(self, connection: Connection) -> bool:
        return holds_back(self._parts, connection, len(self._gone))

    def _delete(self, connection: Connection, watermark: int | None) -> int | None:
        """Return how many deals were deleted; None if they are too many to be believed."""
        deleted = delete_believed(self._parts, connection, self._gone, evidence=Evidence.AUDIT)
        if deleted is not None and watermark is not None:
            sweeps.note_watermarks(connection, *self._parts.account.key, deletions_until=watermark)
        return deleted
