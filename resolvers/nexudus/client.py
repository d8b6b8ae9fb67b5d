"""Fetches CrmOpportunity records: one id by get-one, several by list-by-ids (`resolvers/nexudus/list_by_ids.py`)."""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from httpclient.client import Request
from resolvers.errors import AnotherRecord, UpstreamError, UpstreamUnauthorized
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.listing import Listing, ListStages
from resolvers.nexudus.list_by_ids import ListByIds
from resolvers.nexudus.list_doubts import ListDoubts
from resolvers.nexudus.listing import NexudusListing
from resolvers.nexudus.record import SOURCE, parse
from resolvers.nexudus.stages import StageListing
from resolvers.resilience.transport import Transport
from resolvers.source import FetchCustomer, Outcome

LIST_SIZE = 50
"""Ids in one list call. No maximum is documented; 100 ten-digit ids would make a query of over a kilobyte."""

SINGLES_AT_ONCE = 4
"""Of the records that a list left in doubt, so many are asked for at once: others wait for the same ration."""


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

    def begin_anew(self) -> None:
        """Forget tokens and refusals: the credential was replaced."""


class NexudusClient:
    """A `resolvers.source.Client` for Nexudus."""

    def __init__(
        self,
        base_url: str,
        tokens: Tokens,
        transport: Transport,
        *,
        confirm_missing: bool,
    ) -> None:
        self._url = f"{base_url}/api/crm/crmopportunities"
        self._tokens = tokens
        self.transport = transport
        self._all_records = NexudusListing(base_url, self.get, clock=transport.clock)
        self.listing: Listing | None = self._all_records
        self.fetch_customer: FetchCustomer | None = None
        self.list_stages: ListStages | None = StageListing(base_url, self.get).page
        self._doubts = ListDoubts(transport.telemetry, clock=transport.clock)
        self._lists = ListByIds(self._url, self, self._doubts, confirm_missing=confirm_missing)

    @property
    def batch_size(self) -> int:
        """50, or 1 where list-by-ids does not work."""
        return 1 if self._doubts.is_switched_off else LIST_SIZE

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
            return [await self.fetch_one(ids[0], shared_fetch)]
        listed = () if self._doubts.is_switched_off else self._doubts.listable(ids)
        if len(listed) < 2:
            listed = ()
        found = await self._lists.fetch(listed, shared_fetch) if listed else {}
        if len(listed) < len(ids):
            found |= await self.fetch_singly([one for one in ids if one not in found], shared_fetch)
        return [found[source_id] for source_id in ids]

    def begin_anew(self) -> None:
        """Sign in anew at the next request, and try again what the account was not allowed."""
        self._tokens.begin_anew()
        self._doubts.begin_anew()
        self._all_records.begin_anew()

    async def fetch_singly(self, ids: Sequence[str], shared_fetch: SharedFetch) -> dict[str, Outcome]:
        """Return the outcomes of several ids, each fetched with a request of its own."""
        slots = asyncio.Semaphore(SINGLES_AT_ONCE)

        async def fetch_one(source_id: str) -> Outcome:
            async with slots:
                return await self.fetch_one(source_id, shared_fetch)

        return dict(zip(ids, await asyncio.gather(*map(fetch_one, ids)), strict=True))

    async def fetch_one(self, source_id: str, shared_fetch: SharedFetch) -> Outcome:
        """Return the outcome of one id."""
        request = Request(f"{self._url}/{quote(source_id, safe='')}", "get")
        try:
            body = await self.get(request, shared_fetch)
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
        self._doubts.learn_absent(absent)
        return record

    async def get(self, request: Request, shared_fetch: SharedFetch) -> bytes | None:
        """Return a body, None for 404: sent with a token; after one refusal with a renewed one, once."""
        token = self._tokens.current()
        if token is None:
            with shared_fetch.time_left(SOURCE):
                token = await self._tokens.get(shared_fetch)
        request.headers["Authorization"] = f"Bearer {token}"
        try:
            body = await self.transport.fetch(request, shared_fetch)
        except UpstreamUnauthorized:
            with shared_fetch.time_left(SOURCE):
                token = await self._tokens.renew(token, shared_fetch)
            request.headers["Authorization"] = f"Bearer {token}"
            body = await self.transport.fetch(request, shared_fetch)
        self._tokens.accepted(token)
        return body
