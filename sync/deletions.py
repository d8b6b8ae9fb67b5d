"""Deletions that a vendor tells of in its audit trail. Each entry is evidence for one deal; the brake holds for all."""

from typing import Final

from sqlalchemy import Connection

from lru import LRU
from resolvers.listing import Deletion
from store import sweeps
from store.deals import Evidence, deal_id, delete, find
from sync.account import Requests
from sync.job import Parts, Reading, Step, moment, reading
from sync.run import Counts, Problem

MOST_HANDLED: Final = 10_000


class Deletions:
    """A `Job`: one page a step."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading: Reading | None = None
        self._handled: LRU[Deletion, bool] = LRU(max_entries=MOST_HANDLED)
        """Entries come again, because of the overlap: a deal that has come back since must not be deleted by them."""

    async def step(self, counts: Counts) -> Step:
        """Read the next page and delete what it tells of; move the watermark with the last one."""
        parts = self._parts
        run = self._reading = self._reading or await reading(parts, lambda state: state.deletions_until)
        if run is None:
            return Step(is_done=True)
        requests = Requests(parts.account.source)
        try:
            page = await requests.send(
                lambda fetch: parts.account.its_listing.deletions(moment(run.since), run.position, fetch)
            )
        finally:
            counts.requests += requests.count
        if page is None:
            self._reading = None
            return Step(is_done=True, is_impossible=True)
        is_last = page.next is None
        told = [one for one in page.deletions if one not in self._handled]
        watermark = run.started_at if is_last and not page.filter_ignored else None
        deleted = await parts.database.write(lambda connection: self._delete(connection, told, watermark))
        counts.rows += len(page.deletions)
        run.position = page.next
        if is_last or page.filter_ignored or deleted is None:
            self._reading = None
        if deleted is None:
            return Step(is_done=True, problem=Problem.DELETION_BRAKE)
        counts.deleted += deleted
        for one in told:
            self._handled.put(one, True)
        if page.filter_ignored:
            return Step(is_done=True, problem=Problem.FILTER_IGNORED, is_impossible=True)
        return Step(is_done=is_last)

    def _delete(self, connection: Connection, told: list[Deletion], watermark: int | None) -> int | None:
        """Return how many deals were deleted; None if they are too many to be believed."""
        source, account = self._parts.account.key
        ids = [deal_id(source, account, one.source_id) for one in told]
        alive = [deal.id for deal in find(connection, ids).values() if deal.deleted_at is None]
        if self._parts.holds_back(connection, len(alive)):
            return None
        deleted = delete(connection, alive, evidence=Evidence.AUDIT, at=self._parts.now())
        if watermark is not None:
            sweeps.note_watermarks(connection, source, account, deletions_until=watermark)
        return deleted
