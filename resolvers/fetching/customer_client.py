"""Customers of a source's records, fetched as records are: queued, and bounded by the same limiters and breaker."""

from collections.abc import Sequence
from typing import Final

from resolvers.fetching.record_cache import CacheSettings
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.listing import Listing, ListStages
from resolvers.source import Client, FetchCustomer, Outcome

FRESH_SECONDS: Final = 3_600.0
"""For so long a customer is served from memory: names seldom change. What sync learns meanwhile is taken at once."""
MISSING_SECONDS: Final = 300.0


class CustomerClient:
    """A `resolvers.source.Client` of customers: one for each request."""

    batch_size = 1
    listing: Listing | None = None
    fetch_customer: FetchCustomer | None = None
    list_stages: ListStages | None = None

    def __init__(self, client: Client, fetch: FetchCustomer) -> None:
        self.transport = client.transport
        self._client = client
        self._fetch = fetch

    @property
    def is_ready(self) -> bool:
        """Whether a request can be sent just now without `prepare`."""
        return self._client.is_ready

    async def prepare(self, shared_fetch: SharedFetch) -> None:
        """Do what must come before a request of the source."""
        await self._client.prepare(shared_fetch)

    async def fetch_many(self, ids: Sequence[str], shared_fetch: SharedFetch) -> list[Outcome]:
        """Return the outcome of the one id, in a list."""
        (customer_id,) = ids
        return [await self._fetch(customer_id, shared_fetch)]

    def begin_anew(self) -> None:
        """Forget what the source's client does."""
        self._client.begin_anew()


def cache_settings(settings: CacheSettings) -> CacheSettings:
    """Return how customers are kept: longer than records, and not at all where these are not.

    None is served when its time is over: an answer says which records are stale, and a customer is none.
    """
    if not (settings.cache_fresh_seconds or settings.cache_missing_seconds or settings.cache_stale_seconds):
        return CacheSettings(cache_fresh_seconds=0, cache_missing_seconds=0, cache_stale_seconds=0)
    return CacheSettings(
        cache_fresh_seconds=FRESH_SECONDS,
        cache_missing_seconds=MISSING_SECONDS,
        cache_stale_seconds=FRESH_SECONDS,
        cache_max_records=settings.cache_max_records,
        cache_max_bytes=settings.cache_max_bytes,
    )
