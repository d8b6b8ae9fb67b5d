"""An increment reads what was changed since a moment: the start of the last good increment, and some minutes before it.

Never the newest `UpdatedOn`: rows may come late, behind it. Where an increment breaks off is kept, so that a refusal in
the middle does not begin it anew for ever.

A vendor that reads the time of the filter in a zone behind UTC, or otherwise than it is meant, leaves out what has
changed, and nothing shows that. So now and then an increment begins early enough to have a deal that is known.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from resolvers.errors import UpstreamError
from resolvers.listing import ListedPage
from store import sweeps
from store.changes import Origin
from store.deals import Deal
from sync.account import Requests
from sync.job import SECOND, Parts, Reading, Step, moment, reading
from sync.run import Counts, Problem


class Increment:
    """A `Job`: one page a step."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading: Reading | None = None
        self._unreadable = 0
        self._witness: str | None = None
        """The deal that the increment under way should have, until it has it."""
        self._proven_at: int | None = None
        """When the last increment began that had it."""

    async def step(self, counts: Counts) -> Step:
        """Read and commit the next page; move the watermark with the last one."""
        parts = self._parts
        run = self._reading = self._reading or await self._begin()
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
        is_blind = await self._lacks_witness(run, page, counts)
        watermark = run.started_at if is_last and not page.filter_ignored and not is_blind else None
        last = await parts.write_ahead(page, read_at, counts, Origin.INCREMENT)
        changed = await parts.database.write(lambda connection: self._commit(connection, page, last, watermark))
        counts.rows += len(page.rows)
        counts.changed += changed
        run.position = page.next
        self._unreadable += page.unreadable
        problem = Problem.UNREADABLE_ROWS if self._unreadable else None
        if is_last or page.filter_ignored:
            self._reading, self._unreadable = None, 0
        if page.filter_ignored or is_blind:
            wrong = Problem.FILTER_IGNORED if page.filter_ignored else Problem.FILTER_DIFFERS
            return Step(is_done=True, problem=wrong, is_impossible=True)
        return Step(is_done=is_last, problem=problem)

    async def _begin(self) -> Reading | None:
        parts = self._parts
        run = await reading(parts, lambda state: state.changes_until)
        self._witness = None
        if run is None or parts.account.fetch_alone is None:
            return run
        if self._proven_at is None or run.started_at - self._proven_at >= parts.settings.sweep_seconds * SECOND:
            known = await parts.database.read(lambda connection: sweeps.newest_seen(connection, *parts.account.key))
            if known is not None:
                self._witness, changed_at = known
                run.since = min(run.since, changed_at - int(parts.settings.overlap_seconds * SECOND))
        return run

    async def _lacks_witness(self, run: Reading, page: ListedPage, counts: Counts) -> bool:
        """Return whether the list ends without the deal that it should have, and which its source has all the same."""
        if self._witness in {row.source_id for row in page.rows}:
            self._witness, self._proven_at = None, run.started_at
        if page.unreadable or not page.is_ordered or page.filter_ignored:
            self._witness = None  # nothing is proven
        witness, fetch_alone = self._witness, self._parts.account.fetch_alone
        if page.next is not None or witness is None or fetch_alone is None:
            return False
        requests = Requests(self._parts.account.source)
        try:
            outcome = await requests.send(lambda fetch: fetch_alone(witness, fetch))
        finally:
            counts.requests += requests.count
        return outcome is not None and not isinstance(outcome, UpstreamError)

    def _commit(self, connection: Connection, page: ListedPage, deals: Sequence[Deal], watermark: int | None) -> int:
        changed = self._parts.write(connection, page, deals, Origin.INCREMENT)
        if watermark is not None:
            sweeps.note_watermarks(connection, *self._parts.account.key, changes_until=watermark)
        return changed
