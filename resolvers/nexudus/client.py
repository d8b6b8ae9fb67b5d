"""Fetches CrmOpportunity records: one id by get-one, several by list-by-ids, with every doubt settled by get-one.

A list may fail though single records do not, because one of its rows stops the source, or because lists do not work at
all. Its halves tell: halves that fail are halved until the row is found, which is kept out of lists for some minutes;
if both halves of the first list fail, lists are off for some minutes.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from httpclient.client import Request
from resolvers.errors import AnotherRecord, UpstreamError, UpstreamUnauthorized
from resolvers.fetching.upstream_context import SharedFetch
from resolvers.nexudus.list_doubts import ListDoubts
from resolvers.nexudus.listing import NexudusListing
from resolvers.nexudus.page import ROWS_FAULTS, read_page
from resolvers.nexudus.record import SOURCE, parse
from resolvers.resilience.transport import Transport
from resolvers.source import FetchCustomer, Listing, Outcome

LIST_SIZE = 50
"""Ids in one list call. No maximum is documented; 100 ten-digit ids would make a query of over a kilobyte."""


SINGLES_AT_ONCE = 4
"""Of the records that a list left in doubt, so many are asked for at once: others wait for the same ration."""

Halves = dict[tuple[str, ...], dict[str, Outcome] | None]
"""Halves of a list, and what came of each; None if it failed."""


class Tokens(Protocol):
    """Where the bearer token comes from."""

    def current(self) -> str | None:
        """Return the current token, None if one has to be got first."""

    async def get(self, shared_fetch: SharedFetch) -> str:
        """Return a token that should be good."""

    async def renew(self, stale: str, shared_fetch: SharedFetch) -> str:
        """Return another token than the refused one."""

    def accepted(self, token: str) -> None:
        """Note that the source has accepted a token."""


class NexudusClient:
    """A `resolvers.source.Client` for Nexudus."""

    def __init__(
        self,
        base_url: str,
        tokens: Tokens,
        transport: Transport,
        *,
        confirm_missing: bool = False,
    ) -> None:
        self._url = f"{base_url}/api/crm/crmopportunities"
        self._tokens = tokens
        self.transport = transport
        self.listing: Listing | None = NexudusListing(base_url, self._get, clock=transport.clock)
        self.fetch_customer: FetchCustomer | None = None
        self._confirm_missing = confirm_missing
        self._lists = ListDoubts(transport.telemetry, clock=transport.clock)

    @property
    def batch_size(self) -> int:
        """50, or 1 where list-by-ids does not work."""
        return 1 if self._lists.is_switched_off else LIST_SIZE

    @property
    def is_ready(self) -> bool:
        """Whether there is a current token."""
        return self._tokens.current() is not None

    async def prepare(self, shared_fetch: SharedFetch) -> None:
        """Sign in, if there is no current token, however long it takes."""
        await self._tokens.get(shared_fetch)

    async def fetch_many(self, ids: Sequence[str], shared_fetch: SharedFetch) -> list[Outcome]:
        """Return one outcome for each id, with one request where all goes well."""
        if len(ids) == 1:
            return [await self._fetch_one(ids[0], shared_fetch)]
        listed = () if self._lists.is_switched_off else self._lists.listable(ids)
        if len(listed) < 2:
            listed = ()
        found = await self._fetch_listed(listed, shared_fetch) if listed else {}
        if len(listed) < len(ids):
            found |= await self._fetch_singly([one for one in ids if one not in found], shared_fetch)
        return [found[source_id] for source_id in ids]

    async def _fetch_listed(self, ids: Sequence[str], shared_fetch: SharedFetch) -> dict[str, Outcome]:
        try:
            return await self._list(ids, shared_fetch)
        except UpstreamError as error:
            failure = error.with_traceback(None)
        if failure.retryable and failure.status not in ROWS_FAULTS:
            return dict.fromkeys(ids, failure)
        # One id singly; only if that works, the rest: an outage must not be multiplied by fifty.
        first = await self._fetch_one(ids[0], shared_fetch)
        if isinstance(first, UpstreamError):
            return dict.fromkeys(ids, failure)
        if failure.status is not None and 400 <= failure.status < 500 and not failure.retryable:
            self._lists.switch_off(f"it is refused with status {failure.status}, though single records are not")
            return {ids[0]: first} | await self._fetch_singly(ids[1:], shared_fetch)
        halves = await self._try_halves(ids[1:], ids[0], shared_fetch)
        if None not in halves.values():
            self._lists.exclude(ids[0])  # the only one that was in no list that worked
        elif not any(halves.values()):
            self._lists.switch_off("it fails, though single records do not")
            return {ids[0]: first} | await self._fetch_singly(ids[1:], shared_fetch)
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
                    self._lists.exclude(source_id)
                found |= await self._fetch_singly(half, shared_fetch)
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
        request = self._listing(ids)
        body = await self._get(request, shared_fetch)
        if body is None:
            return (
                dict.fromkeys(ids) if self._lists.none_found_is_404 else await self._after_first_404(ids, shared_fetch)
            )
        never_sent = self._lists.never_sent
        page = read_page(body, ids, never_sent=never_sent)
        if page.filter_ignored:
            request.close_connection()  # it may have been the reply to another request
            self._lists.switch_off("it answered with records that were not asked for")
        if self._confirm_missing:
            page.unsure += page.missing
        doubts: dict[str, Outcome] = {}
        if page.unsure:
            # Two first: they may show that rows lack nothing but what single records lack too.
            doubts = await self._fetch_singly(page.unsure[:2], shared_fetch)
            if self._lists.never_sent > never_sent:
                page = read_page(body, ids, never_sent=self._lists.never_sent)
                if self._confirm_missing:
                    page.unsure += page.missing
            doubts |= await self._fetch_singly([one for one in page.unsure if one not in doubts], shared_fetch)
        return dict.fromkeys(ids) | page.records | doubts

    async def _after_first_404(self, ids: Sequence[str], shared_fetch: SharedFetch) -> dict[str, Outcome]:
        """Learn what 404 means on this account: none of the ids exists, or no such route."""
        first = await self._fetch_one(ids[0], shared_fetch)
        if first is None:
            self._lists.learn_404()
            return dict.fromkeys(ids)
        if not isinstance(first, UpstreamError):
            self._lists.switch_off("it is not found, though single records are")
        return {ids[0]: first} | await self._fetch_singly(ids[1:], shared_fetch)

    async def _fetch_singly(self, ids: Sequence[str], shared_fetch: SharedFetch) -> dict[str, Outcome]:
        slots = asyncio.Semaphore(SINGLES_AT_ONCE)

        async def fetch_one(source_id: str) -> Outcome:
            async with slots:
                return await self._fetch_one(source_id, shared_fetch)

        return dict(zip(ids, await asyncio.gather(*map(fetch_one, ids)), strict=True))

    async def _fetch_one(self, source_id: str, shared_fetch: SharedFetch) -> Outcome:
        request = Request(f"{self._url}/{quote(source_id, safe='')}", "get")
        try:
            body = await self._get(request, shared_fetch)
            if body is None:
                return None
            record, absent = parse(body)
            if str(record.id) != source_id:
                raise AnotherRecord(SOURCE, detail="another record than the one asked for")
        except AnotherRecord as error:
            request.close_connection()
            return error
        except UpstreamError as error:
            return error
        self._lists.learn_absent(absent)
        return record

    def _listing(self, ids: Sequence[str]) -> Request:
        # Brackets percent-encoded, commas not, as a browser would; `size`, or only 25 rows come back.
        query = f"CrmOpportunity_Id=%5B{quote(','.join(ids), safe=',')}%5D&page=1&size={len(ids)}"
        return Request(f"{self._url}?{query}", "list-by-ids", keys=len(ids), final=ROWS_FAULTS)

    async def _get(self, request: Request, shared_fetch: SharedFetch) -> bytes | None:
        """Send with a token; after one refusal with a renewed one, once."""
        token = self._tokens.current()
        if token is None:
            with shared_fetch.time_left(SOURCE):
                token = await self._tokens.get(shared_fetch)
        try:
            return await self._send(request, token, shared_fetch)
        except UpstreamUnauthorized:
            with shared_fetch.time_left(SOURCE):
                token = await self._tokens.renew(token, shared_fetch)
            return await self._send(request, token, shared_fetch)

    async def _send(self, request: Request, token: str, shared_fetch: SharedFetch) -> bytes | None:
        request.headers["Authorization"] = f"Bearer {token}"
        body = await self.transport.fetch(request, shared_fetch)
        self._tokens.accepted(token)
        return body
