"""The deals of the store, as the fields of the graph ask for them. One for the process; made by the server."""

from asyncio import Semaphore, get_running_loop
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection

from engine.lookup import ListedRecord, NotRead
from lru import LRU
from resolvers.errors import ResolverError
from resolvers.registry import SOURCES
from resolvers.resilience.time_limit import TimeLimit
from resolvers.source import CustomerJoin
from schema.deals.exchange_rates import ExchangeRates
from schema.deals.followers import Followers
from schema.deals.source_status import SourceState, SourceStatus, Sync, name_of, with_unconfigured
from schema.deals.values import moment_of
from schema.opportunity import Opportunity
from schema.refused_argument import RefusedArgument
from schema.sources import MAPPINGS
from store.conditions import And, Compare, Condition, Operator, Or
from store.customer_deals import Link
from store.errors import StoreUnavailable
from store.pages import PageRow
from store.queries import Query, Values

T = TypeVar("T")

_JOINS: Final[dict[str, CustomerJoin | None]] = {source.name: source.customer_join for source in SOURCES}
MOST_DECODED: Final = 1_000
"""Records of pages that stay in memory, of two kilobytes each."""

READS_AT_ONCE: Final = 2
"""Reads of one operation that the store has to do at once, as many as it has threads. The others wait here: in its
queue they would be before those of every operation that comes later."""


class StoreOutage(ResolverError):
    """The store cannot be read. Records by id need no store."""

    code = "STORE_UNAVAILABLE"
    retryable = True

    def __init__(self) -> None:
        super().__init__("Lists of deals are not available right now; records by id are.")


class NoStore(StoreOutage):
    """This server has none."""

    retryable = False

    def __init__(self) -> None:
        ResolverError.__init__(self, "This server has no store of deals: lists are not available; records by id are.")


class StoreTooSlow(StoreOutage):
    """The operation's time is over."""

    def __init__(self) -> None:
        ResolverError.__init__(self, "The time for this request was over before its lists were: ask for less at once.")


class ReadTurns:
    """One operation's turns to read the store, until its `deadline`, a time of the running loop; None for no end.

    Operations that are one as far as others are concerned take turns by the same `semaphore`.
    """

    def __init__(self, deadline: float | None, semaphore: Semaphore | None = None) -> None:
        self._deadline = deadline
        self._semaphore = semaphore or Semaphore(READS_AT_ONCE)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and give it back in the end; raises `StoreOutage`."""
        with self.in_time():
            async with self._semaphore:
                yield

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """Break off what the block waits for when the time is over, and raise `StoreOutage` for what goes wrong."""
        if self._deadline is not None and get_running_loop().time() >= self._deadline:
            raise StoreTooSlow
        try:
            with nullcontext() if self._deadline is None else TimeLimit(self._deadline):
                yield
        except StoreUnavailable:
            raise StoreOutage from None
        except TimeoutError:
            raise StoreTooSlow from None


class Reader(Protocol):
    """What runs statements: `store.database.Database`."""

    @property
    def sequence(self) -> int:
        """The number of the last change that is known."""
        ...

    @property
    def is_current(self) -> bool:
        """Whether other processes' changes are known too."""
        ...

    async def wait_beyond(self, number: int) -> None:
        """Wait until a change is known that was committed after the one of this number."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` gives, of one snapshot."""
        ...

    async def fetch(self, query: Query, values: Values) -> list[tuple[Any, ...]]:
        """Return the rows of a query that takes a millisecond or so, whatever is stored."""
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
    """What lists need. `decode` makes a source's record of what the store has, `decode_parts` what has some attributes
    of such records (`resolvers/partial_record.py`); `clock` gives seconds since 1970.

    `links` join customers of both sources.
    `closed_fields`: the listed fields that callers without the scope for personal data may not list by. It has no
    default: who forgets it must not thereby open them.
    """

    database: Reader
    decode: Callable[[str, bytes], Any]
    decode_parts: Callable[[str, Sequence[bytes], frozenset[str], Callable[[str], Exception]], Sequence[Any] | None]
    sync: Sync
    closed_fields: frozenset[str]
    exchange_rates: ExchangeRates | None = None
    unconfigured: frozenset[str] = frozenset()
    """Sources without credentials here, or that this version lacks: what the store has of them, from another time or
    process, is not shown."""
    keeps_changes: bool = True
    """Whether what changed is logged."""
    heartbeat_seconds: float = 15.0
    """The longest time without an event, for those who follow the changes."""
    followers: Followers = field(default_factory=Followers)
    """What all of them share."""
    links: Sequence[Link] = ()
    clock: Callable[[], float] = time
    decoded: LRU[tuple[bytes, bytes, int], ListedRecord] = field(default_factory=lambda: LRU(max_entries=MOST_DECODED))
    """Records of pages, by their ids, hashes, and when they were read."""

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.clock(), UTC)

    async def read(self, work: Callable[[Connection], T], turns: ReadTurns) -> T:
        """Return what `work` gives, in the operation's turn; raises `StoreOutage`."""
        async with turns.turn():
            return await self.database.read(work)

    async def fetch(self, query: Query, values: Values, turns: ReadTurns) -> list[tuple[Any, ...]]:
        """Return the rows of a query that takes a millisecond or so, and needs no turn; raises `StoreOutage`."""
        with turns.in_time():
            return await self.database.fetch(query, values)

    def record(self, copy: StoredCopy) -> Any:
        """Return a stored record, with its customer as filters see it."""
        record, how = self.decode(copy.source, copy.body), _JOINS[copy.source]
        return record if how is None else how.join(record, self.customer(copy))

    def joins(self, source: str) -> bool:
        """Return whether a source's records are joined with their customers."""
        return _JOINS[source] is not None

    def customer(self, copy: StoredCopy) -> Any:
        """Return the customer of a stored record that is joined with it."""
        how = _JOINS[copy.source]
        return how and how.make(copy.customer_name, copy.customer_company, copy.customer_email)

    def parts(self, source: str, bodies: Sequence[bytes], names: frozenset[str]) -> Sequence[Any] | None:
        """Return what has these attributes of stored records of a source, as `engine.lookup.PageRecords` says.

        Their customers are not joined with them.
        """
        return self.decode_parts(source, bodies, names, NotRead)

    def unjoined(self, source: str, body: bytes) -> Any:
        """Return a stored record as it is, or why it cannot be shown."""
        try:
            return self.decode(source, body)
        except Exception as error:
            return error

    def copied(self, copy: StoredCopy) -> ListedRecord:
        """Return a stored record, or why it cannot be shown."""
        try:
            record = self.record(copy)
        except Exception as error:  # one of them must not spoil the others
            return ListedRecord(copy.source, error)
        return ListedRecord(copy.source, record, moment_of(copy.read_at))

    def listed(self, row: PageRow) -> ListedRecord:
        """Return the record of a row, the same object for equal rows as long as there is room for it."""
        key = (row.id, row.hash, row.read_at)
        known = self.decoded.get(key)
        if known is None:
            known = self.copied(row)
            if not isinstance(known.record, Exception):
                self.decoded.put(key, known)
        return known

    async def all_statuses(self, turns: ReadTurns) -> list[SourceStatus]:
        """Return the statuses of all sources, also of those that are not configured, in the operation's turn; raises
        `StoreOutage`."""
        async with turns.turn():
            return with_unconfigured(await self.sync.statuses())

    async def statuses(self, turns: ReadTurns, names: Sequence[str] | None = None) -> list[SourceStatus]:
        """Return the statuses of these sources, by default of all that are configured, in the operation's turn.

        A source without credentials is missed by nobody who has not named it; case does not count, as the enumeration
        of sources has them in capitals. Raises `RefusedArgument` for an unknown name, and `StoreOutage`.
        """
        known = await self.all_statuses(turns)
        if names is None:
            return [one for one in known if one.state is not SourceState.NOT_CONFIGURED]
        wanted = [name.lower() for name in names]
        there_are = {name_of(one).lower() for one in known}
        for index, name in enumerate(wanted):
            if name not in there_are:
                raise RefusedArgument(f"must be one of {', '.join(map(name_of, known))}.", "sources", index)
        return [one for one in known if name_of(one).lower() in wanted]


def shown(one: ListedRecord) -> Opportunity | Exception:
    """Return what clients see of a record on a page."""
    return one.record if isinstance(one.record, Exception) else _shown(one)


def _shown(one: ListedRecord) -> Opportunity:
    found: Opportunity = MAPPINGS[one.source].of(one.record)  # type: ignore[assignment] # no source's own type has a test of presence
    vars(found)["read_at"] = one.read_at
    return found


def of_sources(statuses: Sequence[SourceStatus]) -> Condition:
    """Return the condition that a deal is of one of these sources."""
    return Or(
        tuple(
            And((Compare("source", Operator.EQ, one.source), Compare("account", Operator.EQ, one.account)))
            for one in statuses
        )
    )
