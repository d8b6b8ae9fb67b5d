"""A client for sources that give one record in a request: their credential goes with it, and nothing comes before."""

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from httpclient.client import Request
from resolvers.errors import AnotherRecord, UpstreamError
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.listing import Listing, ListStages
from resolvers.resilience.transport import Transport
from resolvers.source import FetchCustomer, Outcome, Record

_PLAIN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII).fullmatch


class SingleRecordClient:
    """A `resolvers.source.Client`: `url` without the id; `headers` gives those of all requests, with the credential.

    `parse` makes a record of a body, or raises an `UpstreamError`; `id_of` gives a record's canonical id.
    """

    batch_size = 1
    is_ready = True
    listing: Listing | None = None
    fetch_customer: FetchCustomer | None = None
    list_stages: ListStages | None = None

    def __init__(
        self,
        url: str,
        headers: Callable[[], dict[str, str]],
        transport: Transport,
        *,
        parse: Callable[[bytes], Record],
        id_of: Callable[[Any], str],
    ) -> None:
        self._url = url
        self._make_headers = headers
        self._headers = headers()
        self.transport = transport
        self._parse = parse
        self._id_of = id_of

    async def prepare(self, shared_fetch: SharedFetch) -> None:
        """Nothing to do."""

    async def fetch_many(self, ids: Sequence[str], shared_fetch: SharedFetch) -> list[Outcome]:
        """Return the outcome of the one id, in a list."""
        (source_id,) = ids
        # A canonical id hardly ever has anything to quote, and to find that out `quote` takes its time.
        path = source_id if _PLAIN(source_id) else quote(source_id, safe="")
        request = Request(f"{self._url}/{path}", "get", headers=self._headers)
        try:
            body = await self.transport.fetch(request, shared_fetch)
            record = None if body is None else self._parse(body)
        except UpstreamError as error:
            return [error]
        if record is not None and self._id_of(record) != source_id:
            request.close_connection()
            return [AnotherRecord(self.transport.source, detail="another record than the one asked for")]
        return [record]

    def begin_anew(self) -> None:
        """Make the headers anew: a credential was replaced."""
        self._headers = self._make_headers()
