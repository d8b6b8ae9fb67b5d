"""The deals of the store, as the fields of the graph ask for them. One for the process; made by the server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection

from resolvers.errors import BadUserInput, ResolverError
from resolvers.registry import SOURCES
from resolvers.source import CustomerJoin
from schema.deals.exchange_rates import ExchangeRates
from schema.deals.source_status import SourceStatus, Sync, name_of, with_unconfigured
from schema.deals.values import moment_of
from schema.opportunity import Opportunity
from schema.sources import MAPPINGS
from store.conditions import And, Compare, Condition, Operator, Or
from store.customer_deals import Link
from store.errors import StoreUnavailable

T = TypeVar("T")

_JOINS: Final[dict[str, CustomerJoin | None]] = {source.name: source.customer_join for source in SOURCES}


class StoreOutage(ResolverError):
    """The store cannot be read. Records by id need no store."""

    code = "STORE_UNAVAILABLE"
    retryable = True

    def __init__(self) -> None:
        super().__init__("Lists of deals are not available right now; records by id are.")


class Reader(Protocol):
    """What runs statements: `store.database.Database`."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` gives, of one snapshot."""
        ...


class StoredCopy(Protocol):
    """A record as the store has it: `store.pages.PageRow`, `store.deals.StoredDeal`."""

    @property
    def source(self) -> str:
        """The source's name."""
        ...

    @property
    def body(self) -> bytes:
        """The record as `decode` takes it."""
        ...

    @property
    def read_at(self) -> int:
        """When it was read from its source, in microseconds."""
        ...

    @property
    def customer_name(self) -> str | None:
        """The customer's name."""
        ...

    @property
    def customer_company(self) -> str | None:
        """The customer's company."""
        ...

    @property
    def customer_email(self) -> str | None:
        """The customer's email address."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deals:
    """What lists need. `decode` makes a source's record of what the store has; `clock` gives seconds since 1970.

    `links` join customers of both sources.
    `closed_fields`: the listed fields that callers without the scope for personal data may not list by. It has no
    default: who forgets it must not thereby open them.
    """

    database: Reader
    decode: Callable[[str, bytes], Any]
    sync: Sync
    closed_fields: frozenset[str]
    exchange_rates: ExchangeRates | None = None
    links: Sequence[Link] = ()
    clock: Callable[[], float] = time

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.clock(), UTC)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` gives; raises `StoreOutage`."""
        try:
            return await self.database.read(work)
        except StoreUnavailable:
            raise StoreOutage from None

    def record(self, copy: StoredCopy) -> Any:
        """Return a stored record, with its customer as filters see it."""
        record, how = self.decode(copy.source, copy.body), _JOINS[copy.source]
        if how is None:
            return record
        return how.join(record, how.make(copy.customer_name, copy.customer_company, copy.customer_email))

    def opportunity(self, copy: StoredCopy) -> Opportunity:
        """Return what clients see of a stored record: the same as of one that was fetched."""
        found: Opportunity = MAPPINGS[copy.source].of(self.record(copy))  # type: ignore[assignment] # no source's own type has a test of presence
        vars(found)["read_at"] = moment_of(copy.read_at)
        return found

    async def statuses(self, names: Sequence[str] | None = None) -> list[SourceStatus]:
        """Return the statuses of these sources, by default of all.

        Raises `BadUserInput` for an unknown name, and `StoreOutage`.
        """
        try:
            known = with_unconfigured(await self.sync.statuses())
        except StoreUnavailable:
            raise StoreOutage from None
        if names is None:
            return known
        if set(names) - {name_of(one) for one in known}:
            raise BadUserInput(f"`sources` may have: {', '.join(map(name_of, known))}.")
        return [one for one in known if name_of(one) in names]


def of_sources(statuses: Sequence[SourceStatus]) -> Condition:
    """Return the condition that a deal is of one of these sources."""
    return Or(
        tuple(
            And((Compare("source", Operator.EQ, one.source), Compare("account", Operator.EQ, one.account)))
            for one in statuses
        )
    )
