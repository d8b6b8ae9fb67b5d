"""Fetches CrmOpportunity records: one id by get-one, several by list-by-ids, with every doubt settled by get-one."""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamUnauthorized
from resolvers.exchange import Request
from resolvers.nexudus.page import Page, read_page
from resolvers.nexudus.record import SOURCE, parse
from resolvers.operation import Flight
from resolvers.source import Outcome
from resolvers.telemetry import ListByIdsSwitchedOff
from resolvers.transport import Transport

LIST_SIZE = 50
"""Ids in one list call. No maximum is documented; 100 ten-digit ids would make a query of over a kilobyte."""


SINGLES_AT_ONCE = 4
"""Of the records that a list left in doubt, so many are asked for at once: others wait for the same ration."""


class Tokens(Protocol):
    """Where the bearer token comes from."""

    def at_hand(self) -> str | None:
        """Return a token that should be good, None if one has to be got first."""

    async def get(self, flight: Flight) -> str:
        """Return a token that should be good."""

    async def renew(self, stale: str, flight: Flight) -> str:
        """Return another token than the refused one."""

    def accepted(self, token: str) -> None:
        """Take note that a token was good."""


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
        self._confirm_missing = confirm_missing
        self._list_works = True
        self._none_found_is_404 = False
        self._never_sent: frozenset[str] = frozenset()

    @property
    def batch_size(self) -> int:
        """50, or 1 where list-by-ids does not work."""
        return LIST_SIZE if self._list_works else 1

    @property
    def is_ready(self) -> bool:
        """Whether a token is at hand."""
        return self._tokens.at_hand() is not None

    async def prepare(self, flight: Flight) -> None:
        """Sign in, if need be, however long it takes."""
        await self._tokens.get(flight)

    async def fetch_many(self, ids: Sequence[str], flight: Flight) -> list[Outcome]:
        """Return one outcome for each id, with one request where all goes well."""
        if len(ids) == 1:
            return [await self._fetch_one(ids[0], flight)]
        if not self._list_works:
            found = await self._fetch_singly(ids, flight)
        else:
            found = await self._fetch_listed(ids, flight)
        return [found[source_id] for source_id in ids]

    def request(self, ids: Sequence[str]) -> Request | None:
        """Return the request for all of the ids, if a token is at hand."""
        token = self._tokens.at_hand()
        if token is None or (len(ids) > 1 and not self._list_works):
            return None
        request = self._single(ids[0]) if len(ids) == 1 else self._listing(ids)
        return _authorized(request, token)

    def read(self, request: Request, ids: Sequence[str], body: bytes | None) -> list[Outcome] | None:
        """Return the outcomes that the answer leaves no doubt about; None if there is any."""
        if len(ids) == 1:
            outcomes = [self._read_single(ids[0], body)]
        elif (page := self._plain_page(ids, body)) is not None:
            outcomes = [page.records.get(source_id) for source_id in ids]
        else:
            return None
        self._tokens.accepted(_token(request))
        return outcomes

    def _plain_page(self, ids: Sequence[str], body: bytes | None) -> Page | None:
        if body is None:
            return None
        try:
            page = read_page(body, ids, never_sent=self._never_sent)
        except UpstreamError:
            return None
        is_doubted = page.filter_ignored or page.unsure or (self._confirm_missing and page.missing)
        return None if is_doubted else page

    async def _fetch_listed(self, ids: Sequence[str], flight: Flight) -> dict[str, Outcome]:
        try:
            body = await self._get(self._listing(ids), flight)
            page = Page(missing=list(ids)) if body is None else read_page(body, ids, never_sent=self._never_sent)
        except UpstreamError as error:
            return await self._after_failed_list(ids, error, flight)
        if body is None and not self._none_found_is_404:
            return await self._after_first_404(ids, flight)
        if page.filter_ignored:
            self._switch_list_off("it answered with records that were not asked for")
        if self._confirm_missing:
            page.unsure += page.missing
        doubts = await self._fetch_singly(page.unsure, flight)
        return dict.fromkeys(ids) | page.records | doubts

    async def _after_failed_list(self, ids: Sequence[str], error: UpstreamError, flight: Flight) -> dict[str, Outcome]:
        """Try one id singly; only if that works, the rest: an outage must not be multiplied by fifty."""
        if error.retryable and error.status not in (400, 500):
            return dict.fromkeys(ids, error)
        first = await self._fetch_one(ids[0], flight)
        if isinstance(first, UpstreamError):
            return dict.fromkeys(ids, error)
        if error.status is not None and 400 <= error.status < 500 and not error.retryable:
            self._switch_list_off(f"it is refused with status {error.status}, though single records are not")
        return {ids[0]: first} | await self._fetch_singly(ids[1:], flight)

    async def _after_first_404(self, ids: Sequence[str], flight: Flight) -> dict[str, Outcome]:
        """Learn once what 404 means on this account: none of the ids exists, or no such route."""
        first = await self._fetch_one(ids[0], flight)
        if first is None:
            self._none_found_is_404 = True
            return dict.fromkeys(ids)
        if not isinstance(first, UpstreamError):
            self._switch_list_off("it is not found, though single records are")
        return {ids[0]: first} | await self._fetch_singly(ids[1:], flight)

    async def _fetch_singly(self, ids: Sequence[str], flight: Flight) -> dict[str, Outcome]:
        places = asyncio.Semaphore(SINGLES_AT_ONCE)

        async def fetch_one(source_id: str) -> Outcome:
            async with places:
                return await self._fetch_one(source_id, flight)

        return dict(zip(ids, await asyncio.gather(*map(fetch_one, ids)), strict=True))

    async def _fetch_one(self, source_id: str, flight: Flight) -> Outcome:
        try:
            return self._read_single(source_id, await self._get(self._single(source_id), flight))
        except UpstreamError as error:
            return error

    def _read_single(self, source_id: str, body: bytes | None) -> Outcome:
        if body is None:
            return None
        try:
            record, absent = parse(body)
            if str(record.id) != source_id:
                raise UpstreamBadResponse(SOURCE, detail="another record than the one asked for")
        except UpstreamError as error:
            return error
        self._never_sent |= absent
        return record

    def _single(self, source_id: str) -> Request:
        return Request(f"{self._url}/{quote(source_id, safe='')}", "get")

    def _listing(self, ids: Sequence[str]) -> Request:
        # Brackets percent-encoded, commas not, as a browser would; `size`, or only 25 rows come back.
        query = f"CrmOpportunity_Id=%5B{quote(','.join(ids), safe=',')}%5D&page=1&size={len(ids)}"
        return Request(f"{self._url}?{query}", "list-by-ids", keys=len(ids))

    async def _get(self, request: Request, flight: Flight) -> bytes | None:
        """Send with a token; after one refusal with a renewed one, once."""
        token = self._tokens.at_hand()
        if token is None:
            async with flight.time_left(SOURCE):
                token = await self._tokens.get(flight)
        try:
            return await self._send(request, token, flight)
        except UpstreamUnauthorized:
            async with flight.time_left(SOURCE):
                token = await self._tokens.renew(token, flight)
            return await self._send(request, token, flight)

    async def _send(self, request: Request, token: str, flight: Flight) -> bytes | None:
        body = await self.transport.fetch(_authorized(request, token), flight)
        self._tokens.accepted(token)
        return body

    def _switch_list_off(self, reason: str) -> None:
        if self._list_works:
            self._list_works = False
            self.transport.telemetry(ListByIdsSwitchedOff(SOURCE, reason))


def _authorized(request: Request, token: str) -> Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _token(request: Request) -> str:
    return request.headers["Authorization"].removeprefix("Bearer ")
