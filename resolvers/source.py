"""What a source has to provide. Each source folder fills in one `Source`; `registry.py` lists them."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

from msgspec import Meta

from resolvers.errors import UpstreamError
from resolvers.fetching.record_cache import CacheSettings
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.finding import Finding
from resolvers.resilience.rate_limiter import Rate
from resolvers.resilience.transport import Transport

ID_IN_URL: Final = "{sourceId}"
"""Stands for a record's id in the address of its page."""


class Record(Protocol):
    """What a source knows of one opportunity: a value of the source's own type."""

    def unknown_codes(self) -> list[tuple[str, str]]:
        """Return (field, code) for each code in it that the vendor does not document."""


Outcome = Any | None | UpstreamError
"""What became of one id: the source's record, None where there is none, or why it could not be had."""


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One row of a list's page.

    `source_id` is canonical. `record` is of the source's own type, None if the row cannot be read. `lacks` are fields,
    by the vendor's names, that the row left out: their values are unknown, not null.
    """

    source_id: str
    record: Any | None
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of a list. No id is in it twice, but rows that have moved may be in two pages.

    `next` is the position of the page that follows, a text that outlives a restart; None: this was the last one.
    `total` is how many rows there are, as the vendor says, if it does. `is_ordered`: whether the rows came in the order
    of the list, which does not move; else pages may have left rows out. `unreadable` counts rows without an id, and
    rows that the vendor fails to send.
    `filter_ignored`: rows came that `changed_since` leaves out.
    """

    rows: Sequence[ListedRow]
    next: str | None
    total: int | None
    is_ordered: bool
    unreadable: int = 0
    filter_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """The vendor says that a record was deleted, and when (UTC)."""

    source_id: str
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class DeletionsPage:
    """One page of deletions; `next` and `filter_ignored` are as those of a `ListedPage`."""

    deletions: Sequence[Deletion]
    next: str | None
    filter_ignored: bool = False


class Listing(Protocol):
    """Lists all records of one source, page by page, in an order that does not move.

    `page_size` is how many rows a page has, as far as is known. `has_changed_since`: whether the list can be restricted
    to what was changed since a moment. Each method sends one request, and raises an `UpstreamError`. The fetch should
    be in the background (`SharedFetch.is_background`).
    """

    @property
    def page_size(self) -> int:
        """The rows of a page, of the last one that was full or as many as are asked for."""

    has_changed_since: bool

    async def page(
        self, position: str | None, shared_fetch: SharedFetch, *, changed_since: datetime | None = None
    ) -> ListedPage:
        """Return the page at a position, None being the first; `changed_since`, in UTC, is cut to the minute.

        A position goes with the `changed_since` that it was got with.
        """

    async def deletions(self, since: datetime, position: str | None, shared_fetch: SharedFetch) -> DeletionsPage | None:
        """Return what was deleted since a moment; None where the vendor does not say it, at least not to us."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a pipeline as its vendor lists it, also one without a deal.

    Ids are the vendor's; a name is None where the row does not have it. `position`: the stages of one pipeline come in
    its order, the lowest first, in 32 bits; None where that is not known.
    """

    id: str
    name: str | None
    pipeline_id: str
    pipeline_name: str | None
    position: int | None


@dataclass(frozen=True, slots=True)
class StagesPage:
    """One page of stages; `next` is as that of a `ListedPage`. `is_whole`: no row of it is missing or unreadable."""

    stages: Sequence[Stage]
    next: str | None
    is_whole: bool = True


ListStages = Callable[[str | None, SharedFetch], Awaitable[StagesPage | None]]
"""Gives the page of stages at a position, None being the first; None where the vendor does not let us read them.

It sends one request, and raises an `UpstreamError`.
"""

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


class SourceSettings(CacheSettings, frozen=True, kw_only=True):
    """Where a source is, the credentials for it, and how long its records are kept.

    `record_url`: where people see a record in the vendor's own program; `{sourceId}` stands for its id.
    `rationed`: whether the source's documented rates are kept. Off only for a source that has none, such as a mock.
    `concurrency`: how many requests run at once, if not as many as the source's own module says.
    """

    record_url: str | None = None
    rationed: bool = True
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] | None = None

    def problems(self) -> Iterable[str]:
        """Yield a pattern of addresses that is none."""
        if self.record_url is not None and (fault := _check_pattern(self.record_url)):
            yield f"{self.prefix.upper()}RECORD_URL: {fault}"

    @property
    def is_configured(self) -> bool:
        """Whether there are credentials to ask the source with."""
        raise NotImplementedError  # each source says what it needs


def _check_pattern(text: str) -> str | None:
    """Return what is wrong with a pattern of addresses, or None."""
    is_url = re.fullmatch(r"https?://[\w.:-]+/[!-~]*", text, re.ASCII) is not None
    if not is_url or text.count(ID_IN_URL) != 1 or text.find(ID_IN_URL) < text.index("/", 8):
        return f"must be a URL like https://host/path/{ID_IN_URL}, in which {ID_IN_URL} stands for the record's id"
    return None


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
