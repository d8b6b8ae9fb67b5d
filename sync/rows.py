"""From the rows of a list, and from records by id, to the deals that the store has to write.

What a list leaves out is never taken from it: the stored record has it, if anything has. The names of stages, pipelines
and types stay what they were last, where a vendor has only their ids left.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import Connection

from background import in_slices
from lru import LRU
from resolvers.errors import UpstreamBadResponse
from resolvers.listing import ListedRow
from resolvers.registry import SOURCES
from resolvers.source import Record
from resolvers.stored_record import decode, encode, merge
from store import sweeps
from store.customers import Customer, find_customers
from store.database import Database
from store.deals import Deal, StoredDeal, deal_id, find
from store.sequence import hold
from store.tables import DealColumns
from store.text import fold, searchable
from sync.account import Account, Columns, Derivation

logger: Final = logging.getLogger("opportunity_graph.sync")

MOST_NAMES: Final = 10_000
MOST_PASSED_OVER: Final = 1_000
"""Deals that are remembered one by one."""

NOTED_AFTER: Final = 10_000_000
"""Microseconds after a deal was read before it is worth a write that it was read again, and had not changed."""

_NAMES = {source.name: source.names for source in SOURCES}


@dataclass(frozen=True, slots=True)
class Read:
    """A record that was asked for at `read_at`, microseconds; `lacks` are fields that its row left out, by the vendor's
    names."""

    source_id: str
    record: Record
    read_at: int
    lacks: frozenset[str] = frozenset()
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """What requests for single records say: `deals` that differ from what is stored, or may; and for
    `store.deals.confirm` those that are stored, of whose reading it is worth to take note."""

    deals: Sequence[Deal]
    stored: Sequence[tuple[bytes, int, int]]


_Changed: TypeAlias = tuple[Read, Record, bytes, bool, tuple[bytes, DealColumns] | None, bytes | None]


class Rows:
    """Makes deals of what one account's list and single records say."""

    def __init__(self, account: Account, database: Database, columns: Columns, derivation: Derivation) -> None:
        self._account = account
        self._database = database
        self._columns = columns
        self._derivation = derivation
        self._named = _NAMES[account.source]
        self._names: LRU[tuple[str, Any], str] = LRU(max_entries=MOST_NAMES)
        self.derives_all = True
        """Whether columns are derived of unchanged records too: another version of the program may have stored them."""
        self._passed_over: frozenset[str] = frozenset()
        """Of these alone, once a sweep has read all others; by the source's own ids."""

    @property
    def derivation(self) -> str:
        """By what columns are made just now."""
        return self._derivation(self._account.source)

    def derive_anew(self) -> None:
        """Derive columns of unchanged records too, until a sweep has read them that begins from now on."""
        self.derives_all = True

    @property
    def is_deriving(self) -> bool:
        """Whether columns are derived of some unchanged records."""
        return self.derives_all or bool(self._passed_over)

    def have_derived(self, passed_over: Collection[str]) -> None:
        """Take note that a sweep, which was of today's derivation all along, has read all stored deals but these: they
        keep what another version of the program may have made of them, however the sweep has ended."""
        left = frozenset(passed_over if self.derives_all else self._passed_over.intersection(passed_over))
        self.derives_all = len(left) > MOST_PASSED_OVER
        self._passed_over = frozenset() if self.derives_all else left

    async def listed(self, rows: Sequence[ListedRow], read_at: int, *, now: int) -> list[Deal]:
        """Return the deals of the rows that can be read and say something new, of a page that was asked for at
        `read_at`."""
        reads = [
            Read(row.source_id, row.record, read_at, row.lacks, is_whole=not row.lacks)
            for row in rows
            if row.record is not None
        ]
        return await self.deals(reads, now=now)

    async def deals(self, reads: Sequence[Read], *, now: int, derives_all: bool | None = None) -> list[Deal]:
        """Return the deals of the records that differ from what is stored, or may."""
        derives_all = self.derives_all if derives_all is None else derives_all
        return await self._differing(reads, await self._stored(reads, now), derives_all=derives_all)

    async def found(self, reads: Sequence[Read], *, now: int, derives_all: bool | None = None) -> Found:
        """Return what the records say, which were read by their ids."""
        derives_all = self.derives_all if derives_all is None else derives_all
        stored = await self._stored(reads, now)
        deals = await self._differing(reads, stored, derives_all=derives_all)
        known = [(read, stored[read.source_id]) for read in reads if read.source_id in stored]
        return Found(
            deals,
            [(one.id, one.sequence, read.read_at) for read, one in known if read.read_at - one.read_at > NOTED_AFTER],
        )

    async def _stored(self, reads: Sequence[Read], now: int) -> Mapping[str, StoredDeal]:
        key, database = self._account.key, self._database
        ids = [deal_id(*key, read.source_id) for read in reads]
        found = await database.read(lambda connection: find(connection, ids), gives_way=True)
        # By the time of now: a page may have been asked for minutes ago, and a single record since.
        if any(sweeps.is_ahead(one, now) for one in found.values()):
            # Another process's clock is, or was: it may have written single records, and nothing that says so.
            logger.warning("%s: a clock was ahead: what it has read counts as read now", self._account.label)
            latest, at = now + sweeps.SKEW_MICROSECONDS, min(now, *(read.read_at for read in reads))
            await database.write(lambda connection: sweeps.set_back(connection, *key, later_than=latest, at=at))
            found = await database.read(lambda connection: find(connection, ids), gives_way=True)
        return {deal.source_id: deal for deal in found.values()}

    async def _differing(
        self, reads: Sequence[Read], stored: Mapping[str, StoredDeal], *, derives_all: bool
    ) -> list[Deal]:
        source = self._account.source
        changed: list[_Changed] = []
        async for read in in_slices(reads):
            known = stored.get(read.source_id)
            record = self._merged(read, known)
            body = encode(source, record)
            is_whole = read.is_whole or (known is not None and known.is_whole)
            if (
                derives_all
                or read.source_id in self._passed_over
                or known is None
                or _differs(known, body, is_whole=is_whole)
            ):
                filled_from = (known.body if known is not None else b"") if read.lacks else None
                changed.append((read, record, body, is_whole, self._was(known, body), filled_from))
        return await self._with_columns(changed)

    def _was(self, known: StoredDeal | None, body: bytes) -> tuple[bytes, DealColumns] | None:
        """Return what the stored record stands for today, if it is another one, and was stored by who knows whom."""
        if not self.is_deriving or known is None or known.body == body:
            return None
        source = self._account.source
        with suppress(UpstreamBadResponse):
            return known.body, self._columns(source, decode(source, known.body))[0]
        return None

    async def _with_columns(self, changed: "Sequence[_Changed]") -> list[Deal]:
        source, account = self._account.key
        deals = []
        async for read, record, body, is_whole, was, filled_from in in_slices(changed):
            columns, attributes = self._columns(source, record)
            deals.append(
                Deal(
                    source=source,
                    account=account,
                    source_id=read.source_id,
                    body=body,
                    read_at=read.read_at,
                    is_whole=is_whole,
                    columns=columns,
                    attributes=attributes,
                    was=was,
                    filled_from=filled_from,
                )
            )
        if self._account.fetch_customer is None:
            return deals
        known = await self._database.read(partial(self._customers, deals=deals), gives_way=True)
        async for at in in_slices(range(len(deals))):
            deals[at] = with_customer(deals[at], known.get(deals[at].columns.customer_source_id or ""))
        return deals

    def _customers(self, connection: Connection, deals: Sequence[Deal]) -> Mapping[str, Customer]:
        ids = {deal.columns.customer_source_id for deal in deals if deal.columns.customer_source_id}
        return find_customers(connection, *self._account.key, ids)

    def named_as_known(self, connection: Connection, deals: Sequence[Deal]) -> Sequence[Deal]:
        """Return deals, which are about to be written, with what their customers are called now: since the deals were
        made, that may have been learnt, and written into all that the store had."""
        if self._account.fetch_customer is None or not deals:
            return deals
        hold(connection)  # who learns it from now on finds these deals in the store
        known = self._customers(connection, deals)
        return [self._named_as(deal, known.get(deal.columns.customer_source_id or "")) for deal in deals]

    def _named_as(self, deal: Deal, customer: Customer | None) -> Deal:
        columns = deal.columns
        names = (columns.customer_name, columns.customer_company, columns.customer_email)
        if customer is None or names == (customer.name, customer.company_name, customer.email):
            return deal
        source = self._account.source
        return with_customer(replace(deal, columns=self._columns(source, decode(source, deal.body))[0]), customer)

    def _merged(self, read: Read, stored: StoredDeal | None) -> Any:
        record: Any = read.record
        if stored is not None and (read.lacks or any(getattr(record, name) is None for _, name in self._named)):
            source = self._account.source
            with suppress(UpstreamBadResponse):  # nobody can read the stored one any more: this one takes its place
                record = merge(source, record, decode(source, stored.body), lacks=read.lacks)
        return self._with_last_names(record)

    def _with_last_names(self, record: Any) -> Any:
        """Return the record with names that other records had for the same ids, where it has none."""
        lost = {}
        for id_field, name_field in self._named:
            if (id_ := getattr(record, id_field)) is None:
                continue
            key, name = (id_field, id_), getattr(record, name_field)
            if name is not None:
                if self._names.peek(key) != name:
                    self._names.put(key, name)
            elif (last := self._names.get(key)) is not None:
                lost[name_field] = last
        return msgspec.structs.replace(record, **lost) if lost else record


def with_customer(deal: Deal, customer: Customer | None) -> Deal:
    """Return a deal with its customer's names, where a customer is known."""
    if customer is None:
        return deal
    columns = deal.columns
    personal = (columns.search_personal, _searchable(customer.name), _searchable(customer.email))
    company = (columns.search_public, _searchable(customer.company_name))
    named: DealColumns = replace(
        columns,
        customer_name=customer.name,
        customer_name_folded=_folded(customer.name),
        customer_company=customer.company_name,
        customer_company_folded=_folded(customer.company_name),
        customer_email=customer.email,
        customer_email_folded=_folded(customer.email),
        search_personal=" ".join(filter(None, personal)) or None,
        search_public=" ".join(filter(None, company)) or None,
    )
    return replace(deal, columns=named)


def _differs(stored: StoredDeal, body: bytes, *, is_whole: bool) -> bool:
    is_missed = stored.deleted_at is not None or stored.misses
    return bool(is_missed or stored.body != body or is_whole > stored.is_whole)


def _folded(text: str | None) -> str | None:
    return fold(text) if text else None


def _searchable(text: str | None) -> str | None:
    return searchable(text) if text else None
