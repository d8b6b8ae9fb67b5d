"""Lists all CrmOpportunity records, those changed since a moment, and what was deleted.

`GET /api/crm/crmopportunities` is ordered by `Id`, which does not move. Nexudus ignores parameters that it does not
know, so what came is compared with what was asked for.

A page that fails though the list answers has a row that stops it: smaller pages bring all others. A list that answers
no page at all is left to its outage, and no row is passed over for it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from httpclient.client import Request
from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamTimeout
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.listing import DeletionsPage, ListedPage
from resolvers.nexudus.audit_trail import AuditTrail, Fetch
from resolvers.nexudus.page import ROWS_FAULTS, id_of, split_list_page
from resolvers.nexudus.paging import LARGEST_PAGE, Position, step
from resolvers.nexudus.record import SOURCE, NexudusRecord, lacking, parse
from resolvers.nexudus.time_filter import is_older, minute
from resolvers.rows import once, read_rows

SMALLEST_PAGE: Final = 25
"""Pages do not shrink below Nexudus' own default."""

PAGE_WITHOUT_ROWS: Final = 1_000_000
"""The number of a page far behind the last one; it is empty, as a list's page behind its end is (assumed)."""


class NexudusListing:
    """A `resolvers.listing.Listing`; `fetch` sends a request with a token of the account."""

    has_changed_since = True

    def __init__(self, base_url: str, fetch: Fetch, *, clock: Callable[[], float]) -> None:
        self._base_url = base_url
        self._fetch = fetch
        self._audit_trail = AuditTrail(base_url, fetch, clock=clock)
        self._largest_page = LARGEST_PAGE
        self.page_size = LARGEST_PAGE

    async def page(
        self, position: str | None, shared_fetch: SharedFetch, *, changed_since: datetime | None = None
    ) -> ListedPage:
        """Return the page at a position; raises an `UpstreamError`."""
        at = Position.of(position).within(self._largest_page)
        is_search = 1 < at.size < at.full_size  # for a row: what fails is not asked for again, but in parts
        request = self._request(at.query, changed_since, final=ROWS_FAULTS if is_search else frozenset())
        try:
            body = await self._fetch(request, shared_fetch)
        except UpstreamError as error:
            if error.status in ROWS_FAULTS and await self._answers(changed_since, shared_fetch):
                is_one_row = at.size == 1
                return ListedPage((), str(at.narrowed()), None, is_ordered=True, unreadable=int(is_one_row))
            if isinstance(error, UpstreamTimeout | UpstreamBadResponse):
                # Too large a page, perhaps, for the time or the bytes that there are: notes are as long as people
                # write.
                self.page_size = self._largest_page = max(at.size // 2, SMALLEST_PAGE)
            raise
        if body is None:
            # For a list by ids, 404 is documented to mean that there are none of them.
            if changed_since is not None:
                return ListedPage((), None, 0, is_ordered=True)
            raise UpstreamBadResponse(SOURCE, detail="there is no list: is the base URL right?")
        envelope, texts = await split_list_page(body)
        rows = await read_rows(texts, _read, id_of)
        following, is_ordered = step(at, envelope, [int(row.source_id) for row in rows], len(texts))
        if following is not None:
            self.page_size = following.full_size or following.size
        elif changed_since is None:
            self._largest_page = LARGEST_PAGE  # what was in the way may be gone by the next sweep
        return ListedPage(
            once(rows),
            str(following) if following is not None else None,
            envelope.total_items,
            is_ordered,
            unreadable=len(texts) - len(rows),
            filter_ignored=changed_since is not None
            and any(is_older(row.record.updated_on, changed_since) for row in rows if row.record is not None),
        )

    async def _answers(self, changed_since: datetime | None, shared_fetch: SharedFetch) -> bool:
        """Return whether the list answers, as long as it has no row to show."""
        request = self._request(f"page={PAGE_WITHOUT_ROWS}&size=1&orderBy=Id", changed_since, final=ROWS_FAULTS)
        try:
            await self._fetch(request, shared_fetch)
        except UpstreamError:
            return False
        return True

    def _request(self, query: str, changed_since: datetime | None, *, final: frozenset[int]) -> Request:
        if changed_since is not None:
            query += f"&from_CrmOpportunity_UpdatedOn={minute(changed_since)}"
        return Request(f"{self._base_url}/api/crm/crmopportunities?{query}", "list", final=final)

    def begin_anew(self) -> None:
        """Forget what was refused."""
        self._audit_trail.begin_anew()

    async def deletions(self, since: datetime, position: str | None, shared_fetch: SharedFetch) -> DeletionsPage | None:
        """Return what the audit trail has of deletions; None where the account may not read it."""
        return await self._audit_trail.deletions(since, position, shared_fetch)


def _read(row: bytes) -> tuple[str, NexudusRecord, frozenset[str]]:
    record, absent = parse(row)
    return str(record.id), record, lacking(record, absent)
