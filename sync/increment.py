"""An increment reads what was changed since a moment: the start of the last good increment, and some minutes before it.

Never the newest `UpdatedOn`: rows may come late, behind it. Where an increment breaks off is kept, so that a refusal in
the middle does not begin it anew for ever.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from resolvers.listing import ListedPage
from store import sweeps
from store.changes import Origin
from store.deals import Deal
from sync.account import Requests
from sync.job import Parts, Reading, Step, moment, reading
from sync.run import Counts, Problem


class Increment:
    """A `Job`: one page a step."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading: Reading | None = None
        self._unreadable = 0

    async def step(self, counts: Counts) -> Step:
        """Read and commit the next page; move the watermark with the last one."""
        parts = self._parts
        run = self._reading = self._reading or await reading(parts, lambda state: state.changes_until)
        if run is None:
            return Step(is_done=True)
        read_at, requests = parts.now(), Requests(parts.account.source)
        try:
            page = await requests.send(
                lambda fetch: parts.account.its_listing.page(run.position, fetch, changed_since=moment(run.since))
            )
        finally:
            counts.requests += requests.count
        await parts.offer(page, read_at, adds=True)
        is_last = page.next is None
        watermark = run.started_at if is_last and not page.filter_ignored else None
        last = await parts.write_ahead(page, read_at, counts, Origin.INCREMENT)
        changed = await parts.database.write(lambda connection: self._commit(connection, page, last, watermark))
        counts.rows += len(page.rows)
        counts.changed += changed
        run.position = page.next
        self._unreadable += page.unreadable
        problem = Problem.UNREADABLE_ROWS if self._unreadable else None
        if is_last or page.filter_ignored:
            self._reading, self._unreadable = None, 0
        if page.filter_ignored:
            return Step(is_done=True, problem=Problem.FILTER_IGNORED, is_impossible=True)
        return Step(is_done=is_last, problem=problem)

    def _commit(self, connection: Connection, page: ListedPage, deals: Sequence[Deal], watermark: int | None) -> int:
        changed = self._parts.write(connection, page, deals, Origin.INCREMENT)
        if watermark is not None:
            sweeps.note_watermarks(connection, *self._parts.account.key, changes_until=watermark)
        return changed
