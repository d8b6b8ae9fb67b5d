"""What sync has of one account of one source, and how a run asks it: in the background, each request counted."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.listing import Listing, ListStages
from resolvers.source import FetchCustomer, Outcome, Record
from store.tables import DealColumns

T = TypeVar("T")

LONGEST_REQUEST_SECONDS: Final = 600.0
"""With its wait for the lane. A ration that is used up for longer is waited for between two requests."""

Columns = Callable[[str, Record], tuple[DealColumns, Mapping[str, Any]]]
"""Gives what lists filter and order by: the columns of a source's record, and its custom attributes."""

Derivation = Callable[[str], str]
"""Gives by what these are made of a source's records: another text whenever they may differ, and never an empty one."""


class Cache(Protocol):
    """Takes whole records that lists had (`resolvers.fetching.scheduler.Scheduler.take_listed`)."""

    def __call__(self, source_id: str, record: Record, *, age_seconds: float, adds: bool) -> None:
        """Take one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of a source. `listing` is None where there is no list, `fetch_customer` where deals have names,
    `list_stages` where stages are not listed. `fetch_alone` gives the outcome of one id by a request of its own."""

    source: str
    listing: Listing | None
    account: str = ""
    cache: Cache | None = None
    cache_customer: Cache | None = None
    fetch_customer: FetchCustomer | None = None
    list_stages: ListStages | None = None
    fetch_alone: Callable[[str, SharedFetch], Awaitable[Outcome]] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Source and account, as the store's tables have them."""
        return self.source, self.account

    @property
    def label(self) -> str:
        """The account in a log line."""
        return f"{self.source}@{self.account}" if self.account else self.source

    @property
    def its_listing(self) -> Listing:
        """The list, of an account that has one."""
        assert self.listing is not None
        return self.listing


class Requests:
    """Sends the requests of one run, one after the other."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.count = 0
        """How many were sent, retries too."""

    async def send(self, work: Callable[[SharedFetch], Awaitable[T]]) -> T:
        """Return what `work` makes of a fetch that nobody waits for."""
        context = UpstreamContext(LONGEST_REQUEST_SECONDS)
        shared_fetch = SharedFetch(lambda: (context,), owner=context, is_background=True)
        try:
            return await work(shared_fetch)
        finally:
            shared_fetch.release_permit()
            self.count += context.usage(self._source).requests
