"""What a source has to provide. Each source folder fills in one `Source`; `registry.py` lists them.

What its lists give is in `listing.py`, what an operator sets in `source_settings.py`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from resolvers.errors import UpstreamError
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.finding import Finding
from resolvers.listing import Listing, ListStages
from resolvers.resilience.rate_limiter import Rate
from resolvers.resilience.transport import Transport
from resolvers.source_settings import SourceSettings


class Record(Protocol):
    """What a source knows of one opportunity: a value of the source's own type."""

    def unknown_codes(self) -> list[tuple[str, str]]:
        """Return (field, code) for each code in it that the vendor does not document."""


Outcome = Any | None | UpstreamError
"""What became of one id: the source's record, None where there is none, or why it could not be had."""


FetchCustomer = Callable[[str, SharedFetch], Awaitable[Outcome]]
"""Fetches one customer by the id that records have of it: a value with `name`, `company` and `email`."""


@dataclass(frozen=True, slots=True)
class CustomerJoin:
    """How a record gets its customer, whose names it does not have itself.

    `id_of` gives the customer's id. `make` makes a customer of `name`, `company` and `email`. `join` gives the record
    with its attribute `customer`, which is such a value, or None where nothing is known of it.
    """

    id_of: Callable[[Any], str]
    make: Callable[[str | None, str | None, str | None], Any]
    join: Callable[[Any, Any], Any]


class Client(Protocol):
    """Fetches records of one source; lives as long as the server.

    `listing` is None for a vendor without lists: its records are there by id all the same. `fetch_customer` is None for
    one whose records have their customers' names, `list_stages` for one that does not list the stages of its pipelines.
    """

    transport: Transport
    listing: Listing | None
    fetch_customer: FetchCustomer | None
    list_stages: ListStages | None

    @property
    def batch_size(self) -> int:
        """How many ids one request can carry, just now."""

    @property
    def is_ready(self) -> bool:
        """Whether a request can be sent just now without `prepare`."""

    async def prepare(self, shared_fetch: SharedFetch) -> None:
        """Do what must come before a request, such as signing in; raises an `UpstreamError`."""

    async def fetch_many(self, ids: Sequence[str], shared_fetch: SharedFetch) -> list[Outcome]:
        """Return one outcome for each of at most `batch_size` ids, in order. They are canonical and distinct."""

    def begin_anew(self) -> None:
        """Forget tokens, and what refusals have taught: a credential was replaced."""


Check = Callable[[Any, Transport, SharedFetch], AsyncIterator[Finding]]
"""Tries what the credentials of some settings may do, each thing once."""


@dataclass(frozen=True, slots=True)
class Source:
    """One system that owns opportunities.

    `name` is the prefix of its global ids, the name of its folders and modules, and the key of its costs and errors.
    `canonical_id` gives the one spelling of an id, or None for what cannot be one; `id_shape` says it in words.
    `rates` and `concurrency` are what the vendor allows. `open` makes the client, where there are credentials.
    `records` are the types of its records, structs of msgspec, the usual one first. `stored` are the names of all their
    fields, in the order in which stores have them (`stored_record.py`): a new one goes to the end, and none ever leaves
    its place. `names` are pairs of fields: an id, and the name that the vendor joins to it. `customer_join` is there
    where records lack customers' names. `check` tries what the credentials may do; without it, the first page of the
    list is read.
    """

    name: str
    title: str
    id_shape: str
    canonical_id: Callable[[str], str | None]
    settings: type[SourceSettings]
    rates: Sequence[Rate]
    concurrency: int
    open: Callable[[Any, Transport], Client]
    records: tuple[type[Any], ...]
    stored: tuple[str, ...]
    names: tuple[tuple[str, str], ...] = ()
    customer_join: CustomerJoin | None = None
    check: Check | None = None
