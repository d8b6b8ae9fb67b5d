"""Fetches CrmOpportunity records: one id by get-one, several by list-by-ids, with every doubt settled by get-one."""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamUnauthorized
from resolvers.nexudus.page import Page, read_page
from resolvers.nexudus.record import SOURCE, NexudusRecord, parse
from resolvers.operation import Operation
from resolvers.source import Outcome
from resolvers.telemetry import ListByIdsSwitchedOff, Telemetry, UnknownCode
from resolvers.transport import Request, Transport

LIST_SIZE = 50
"""Ids in one list call. No maximum is documented; 100 ten-digit ids would make a query of over a kilobyte."""


class Tokens(Protocol):
    """Where the bearer token comes from."""

    async def current(self) -> str:
        """Return a token that should be good."""

    async def renew(self, stale: str) -> str:
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
        telemetry: Telemetry,
        *,
        confirm_missing: bool = False,
    ) -> None:
        self._url = f"{base_url}/api/crm/crmopportunities"
        self._tokens = tokens
        self._transport = transport
        self._telemetry = telemetry
        self._confirm_missing = confirm_missing
        self._list_works = True
        self._none_found_is_404 = False
        self._never_sent: frozenset[str] = frozenset()
        self._reported: set[tuple[str, str]] = set()

    async def fetch_many(self, ids: Sequence[str], operation: Operation) -> list[Outcome]:
        """Return one outcome for each id: one request for each 50 ids where list-by-ids works."""
        if len(ids) == 1 or not self._list_works:
            found = await self._fetch_singly(ids, operation)
        else:
            found = {}
            chunks = [ids[i : i + LIST_SIZE] for i in range(0, len(ids), LIST_SIZE)]
            for part in await asyncio.gather(*(self._fetch_chunk(chunk, operation) for chunk in chunks)):
                found |= part
        return [found[source_id] for source_id in ids]

    async def _fetch_chunk(self, ids: Sequence[str], operation: Operation) -> dict[str, Outcome]:
        if len(ids) == 1:
            return await self._fetch_singly(ids, operation)
        # Brackets and commas percent-encoded as a browser would; `size`, or only 25 rows come back.
        query = f"CrmOpportunity_Id=%5B{','.join(map(quote, ids))}%5D&page=1&size={len(ids)}"
        try:
            body = await self._get(Request(f"{self._url}?{query}", "list-by-ids", keys=len(ids)), operation)
            page = Page(missing=list(ids)) if body is None else read_page(body, ids, never_sent=self._never_sent)
        except UpstreamError as error:
            return await self._after_failed_list(ids, error, operation)
        if body is None and not self._none_found_is_404:
            return await self._after_first_404(ids, operation)
        if page.filter_ignored:
            self._switch_list_off("it answered with records that were not asked for")
        for record in page.records.values():
            self._report_unknown_codes(record)
        if self._confirm_missing:
            page.unsure += page.missing
        doubts = await self._fetch_singly(page.unsure, operation)
        return dict.fromkeys(ids) | page.records | doubts

    async def _after_failed_list(
        self, ids: Sequence[str], error: UpstreamError, operation: Operation
    ) -> dict[str, Outcome]:
        """Try one id singly; only if that works, the rest: an outage must not be multiplied by fifty."""
        if error.retryable and error.status not in (400, 500):
            return dict.fromkeys(ids, error)
        first = await self._fetch_one(ids[0], operation)
        if isinstance(first, UpstreamError):
            return dict.fromkeys(ids, error)
        if error.status is not None and 400 <= error.status < 500 and not error.retryable:
            self._switch_list_off(f"it is refused with status {error.status}, though single records are not")
        return {ids[0]: first} | await self._fetch_singly(ids[1:], operation)

    async def _after_first_404(self, ids: Sequence[str], operation: Operation) -> dict[str, Outcome]:
        """Learn once what 404 means on this account: none of the ids exists, or no such route."""
        first = await self._fetch_one(ids[0], operation)
        if first is None:
            self._none_found_is_404 = True
            return dict.fromkeys(ids)
        if not isinstance(first, UpstreamError):
            self._switch_list_off("it is not found, though single records are")
        return {ids[0]: first} | await self._fetch_singly(ids[1:], operation)

    async def _fetch_singly(self, ids: Sequence[str], operation: Operation) -> dict[str, Outcome]:
        outcomes = await asyncio.gather(*(self._fetch_one(source_id, operation) for source_id in ids))
        return dict(zip(ids, outcomes, strict=True))

    async def _fetch_one(self, source_id: str, operation: Operation) -> Outcome:
        try:
            body = await self._get(Request(f"{self._url}/{quote(source_id, safe='')}", "get"), operation)
            if body is None:
                return None
            record, absent = parse(body)
            if str(record.id) != source_id:
                raise UpstreamBadResponse(SOURCE, detail="another record than the one asked for")
        except UpstreamError as error:
            return error
        self._never_sent |= absent
        self._report_unknown_codes(record)
        return record

    async def _get(self, request: Request, operation: Operation) -> bytes | None:
        """Send with a token; after one refusal with a renewed one, once."""
        async with operation.time_left(SOURCE):
            token = await self._tokens.current()
        try:
            return await self._send(request, token, operation)
        except UpstreamUnauthorized:
            async with operation.time_left(SOURCE):
                token = await self._tokens.renew(token)
            return await self._send(request, token, operation)

    async def _send(self, request: Request, token: str, operation: Operation) -> bytes | None:
        request.headers["Authorization"] = f"Bearer {token}"
        body = await self._transport.fetch(request, operation)
        self._tokens.accepted(token)
        return body

    def _switch_list_off(self, reason: str) -> None:
        if self._list_works:
            self._list_works = False
            self._telemetry(ListByIdsSwitchedOff(SOURCE, reason))

    def _report_unknown_codes(self, record: NexudusRecord) -> None:
        for unknown in record.unknown_codes():
            if unknown not in self._reported and len(self._reported) < 100:
                self._reported.add(unknown)
                self._telemetry(UnknownCode(SOURCE, *unknown))
