"""An increment reads what was changed since a moment: the start of the last good increment, and some minutes before it.

Never the newest `UpdatedOn`: rows may come late, behind it. Where an increment breaks off is kept, so that a refusal in
the middle does not begin it anew for ever.

A vendor that reads the time of the filter in a zone behind UTC, or otherwise than it is meant, leaves out what has
changed, and nothing shows that. So now and then an increment begins early enough to have a deal that is known.

A list that may lack rows (`sync/listed.py`), or lacks the deal that it should have, is read once more before anything
is believed of it.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from resolvers.errors import UpstreamError
from resolvers.listing import ListedPage
from store import sweeps
from store.changes import Origin
from store.deals import Deal
from sync.account import Requests
from sync.job import SECOND, Parts, Reading, Step, moment, reading
from sync.listed import Listed
from sync.run import Counts, Problem

MOST_DOUBTED: Final = 5
"""Lists in a row that may lack rows, before sweeps take over."""


class Increment:
    """A `Job`: one page a step."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading: Reading | None = None
        self._listed = Listed()
        self._doubts: list[Problem] = []
        """Of the last lists in a row that could not be believed."""
        self._witness: str | None = None
        """The deal that the increment under way should have, where there is one."""
        self._proven_at: int | None = None
        """When the last increment began that had it."""

    async def step(self, counts: Counts) -> Step:
        """Read and commit the next page; move the watermark with the last one, unless that is doubted."""
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
        listed = self._listed.plus(page)
        doubt = await self._doubt(page, listed, counts)
        last = await parts.write_ahead(page, read_at, counts, Origin.INCREMENT)
        changed = await parts.database.write(lambda connection: self._commit(connection, run, page, last, doubt))
        counts.rows += len(page.rows)
        counts.changed += changed
        run.position, self._listed = page.next, listed
        unreadable = Problem.UNREADABLE_ROWS if listed.unreadable else None
        if page.next is not None and doubt is None:
            return Step(is_done=False, problem=unreadable)
        return self._end(run, doubt, unreadable)

    def _end(self, run: Reading, doubt: Problem | None, unreadable: Problem | None) -> Step:
        """Take note of a list that was read to its end, or is of no use."""
        is_useless, is_known = self._is_useless(doubt), doubt in self._doubts
        if doubt is None and self._witness in self._listed.ids:
            self._proven_at = run.started_at
        self._listed = Listed()
        self._doubts = [] if doubt is None or is_useless else [*self._doubts, doubt]
        if doubt is not None and not is_useless and not is_known:
            run.position = None
            return Step(is_done=False, problem=unreadable)
        self._reading = None
        return Step(is_done=True, problem=doubt or unreadable, is_impossible=is_useless)

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

    async def _doubt(self, page: ListedPage, listed: Listed, counts: Counts) -> Problem | None:
        """Return why the list cannot be believed that ends with a page."""
        if page.filter_ignored:
            return Problem.FILTER_IGNORED
        if page.next is not None or listed.doubt is not None:
            return listed.doubt if page.next is None else None
        witness, is_proof = self._witness, listed.is_ordered and not listed.unreadable
        if witness is None or witness in listed.ids or not is_proof:
            return None
        is_there = Problem.FILTER_DIFFERS in self._doubts or await self._is_there(witness, counts)
        return Problem.FILTER_DIFFERS if is_there else None

    async def _is_there(self, witness: str, counts: Counts) -> bool:
        """Return whether the source has a deal that its list lacks."""
        fetch_alone, requests = self._parts.account.fetch_alone, Requests(self._parts.account.source)
        assert fetch_alone is not None
        try:
            outcome = await requests.send(lambda fetch: fetch_alone(witness, fetch))
        finally:
            counts.requests += requests.count
        return outcome is not None and not isinstance(outcome, UpstreamError)

    def _is_useless(self, doubt: Problem | None) -> bool:
        """Whether, with this doubt, the list is one by which nobody learns what has changed."""
        differs = Problem.FILTER_DIFFERS
        is_blind = doubt is differs and differs in self._doubts
        too_often = doubt is not None and len(self._doubts) + 1 >= MOST_DOUBTED
        return doubt is Problem.FILTER_IGNORED or is_blind or too_often

    def _commit(
        self, connection: Connection, run: Reading, page: ListedPage, deals: Sequence[Deal], doubt: Problem | None
    ) -> int:
        key = self._parts.account.key
        changed = self._parts.write(connection, page, deals, Origin.INCREMENT)
        if page.next is None and doubt is None:
            sweeps.note_watermarks(connection, *key, changes_until=run.started_at)
        elif doubt is Problem.FILTER_DIFFERS and self._is_useless(doubt):
            sweeps.forget_changes_until(connection, *key)
        return changed
