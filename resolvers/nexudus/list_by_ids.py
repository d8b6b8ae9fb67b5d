"""Fetches several CrmOpportunity records with one request (list-by-ids), with every doubt settled by get-one.

A list may fail though single records do not, because one of its rows stops the source, or because lists do not work at
all. Its halves tell: halves that fail are halved until the row is found, which is kept out of lists for some minutes;
if both halves of the first list fail, lists are off for some minutes.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from httpclient.client import Request
from resolvers.errors import UpstreamError
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.nexudus.list_doubts import ListDoubts
from resolvers.nexudus.page import ROWS_FAULTS, read_page
from resolvers.source import Outcome

Halves = dict[tuple[str, ...], dict[str, Outcome] | None]
"""Halves of a list, and what came of each; None if it failed."""


class SingleRecords(Protocol):
    """Sends a list's request, and fetches records each by itself."""

    async def get(self, request: Request, shared_fetch: SharedFetch) -> bytes | None:
        """Return the body of a response, None for 404; raises an `UpstreamError`."""

    async def fetch_one(self, source_id: str, shared_fetch: SharedFetch) -> Outcome:
        """Return the outcome of one id."""

    async def fetch_singly(self, ids: Sequence[str], shared_fetch: SharedFetch) -> dict[str, Outcome]:
        """Return the outcomes of several ids, each fetched with a request of its own."""


class ListByIds:
    """Fetches lists of records. `confirm_missing`: what a list does not have is asked for singly."""

    def __init__(self, url: str, singles: SingleRecords, doubts: ListDoubts, *, confirm_missing: bool) -> None:
        self._url = url
        self._singles = singles
        self._doubts = doubts
        self._confirm_missing = confirm_missing

    async def fetch(self, ids: Sequence[str], shared_fetch: SharedFetch) -> dict[str, Outcome]:
        """Return an outcome for each of two ids or more, with one request where all goes well."""
        try:
            return await self._list(ids, shared_fetch)
        except UpstreamError as error:
            failure = error.with_traceback(None)
        if failure.retryable and failure.status not in ROWS_FAULTS:
            return dict.fromkeys(ids, failure)
        # One id singly; only if that works, the rest: an outage must not be multiplied by fifty.
        first = await self._singles.fetch_one(ids[0], shared_fetch)
        if isinstance(first, UpstreamError):
            return dict.fromkeys(ids, failure)
        if failure.status is not None and 400 <= failure.status < 500 and not failure.retryable:
            self._doubts.switch_off(f"it is refused with status {failure.status}, though single records are not")
            return {ids[0]: first} | await self._singles.fetch_singly(ids[1:], shared_fetch)
        halves = await self._try_halves(ids[1:], ids[0], shared_fetch)
        if None not in halves.values():
            self._doubts.exclude(ids[0])  # the only one that was in no list that worked
        elif not any(halves.values()):
            self._doubts.switch_off("it fails, though single records do not")
            return {ids[0]: first} | await self._singles.fetch_singly(ids[1:], shared_fetch)
        return {ids[0]: first} | await self._joined(halves, ids[0], shared_fetch)

    async def _joined(self, halves: Halves, good: str, shared_fetch: SharedFetch) -> dict[str, Outcome]:
        """Return what halves of a list gave, and halves of one that failed; keep rows that stop lists out of them."""
        found: dict[str, Outcome] = {}
        both_failed = not any(halves.values())
        for half, part in halves.items():
            if part is not None:
                found |= part
            elif both_failed or len(half) == 1:
                for source_id in half:
                    self._doubts.exclude(source_id)
                found |= await self._singles.fetch_singly(half, shared_fetch)
            else:
                found |= await self._joined(await self._try_halves(half, good, shared_fetch), good, shared_fetch)
        return found

    async def _try_halves(self, ids: Sequence[str], good: str, shared_fetch: SharedFetch) -> Halves:
        """Ask for each half by a list, a half of one id together with a good one."""
        halves = [tuple(half) for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]) if half]
        lists = [half if len(half) > 1 else (*half, good) for half in halves]
        return dict(
            zip(halves, await asyncio.gather(*[self._try_list(one, shared_fetch) for one in lists]), strict=True)
        )

    async def _try_list(self, ids: Sequence[str], shared_fetch: SharedFetch) -> dict[str, Outcome] | None:
        """Return what came of a list; None if one of its rows may have stopped it."""
        try:
            return await self._list(ids, shared_fetch)
        except UpstreamError as error:
            if error.retryable and error.status not in ROWS_FAULTS:
                return dict.fromkeys(ids, error.with_traceback(None))
            return None

    async def _list(self, ids: Sequence[str], shared_fetch: SharedFetch) -> dict[str, Outcome]:
        """Return what one list gives, with its doubts settled singly; raises an `UpstreamError` if it is none."""
        request = self._request(ids)
        body = await self._singles.get(request, shared_fetch)
        if body is None:
            return (
                dict.fromkeys(ids) if self._doubts.none_found_is_404 else await self._after_first_404(ids, shared_fetch)
            )
        never_sent = self._doubts.never_sent
        page = read_page(body, ids, never_sent=never_sent)
        if page.filter_ignored:
            request.close_connection()  # it may have been the reply to another request
            self._doubts.switch_off("it answered with records that were not asked for")
        if self._confirm_missing:
            page.unsure += page.missing
        doubts: dict[str, Outcome] = {}
        if page.unsure:
            # Two first: they may show that rows lack nothing but what single records lack too.
            doubts = await self._singles.fetch_singly(page.unsure[:2], shared_fetch)
            if self._doubts.never_sent > never_sent:
                page = read_page(body, ids, never_sent=self._doubts.never_sent)
                if self._confirm_missing:
                    page.unsure += page.missing
            doubts |= await self._singles.fetch_singly([one for one in page.unsure if one not in doubts], shared_fetch)
        return dict.fromkeys(ids) | page.records | doubts

    async def _after_first_404(self, ids: Sequence[str], shared_fetch: SharedFetch) -> dict[str, Outcome]:
        """Learn what 404 means on this account: none of the ids exists, or no such route."""
        first = await self._singles.fetch_one(ids[0], shared_fetch)
        if first is None:
            self._doubts.learn_404()
            return dict.fromkeys(ids)
        if not isinstance(first, UpstreamError):
            self._doubts.switch_off("it is not found, though single records are")
        return {ids[0]: first} | await self._singles.fetch_singly(ids[1:], shared_fetch)

    def _request(self, ids: Sequence[str]) -> Request:
        # Brackets percent-encoded, commas not, as a browser would; `size`, or only 25 rows come back.
        query = f"CrmOpportunity_Id=%5B{quote(','.join(ids), safe=',')}%5D&page=1&size={len(ids)}"
        return Request(f"{self._url}?{query}", "list-by-ids", keys=len(ids), final=ROWS_FAULTS)
