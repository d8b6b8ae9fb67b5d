"""Deals are written: the unchanged is not, the older overwrites nothing newer, and what is gone stays known."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy import delete as delete_from

from store.amounts import scaled
from store.change_log import Seen, append, erase, logged_accounts
from store.changes import LOGGED, Origin
from store.deal_ids import deal_id as deal_id
from store.deal_rows import WRITTEN, Row, column_of, look, seen, write, write_attributes
from store.groups import forget_unused, numbered
from store.narrow import BY_GROUPS, narrowed
from store.sequence import advance, hold
from store.tables import ALIVE, DEAL_GROUPS, DEALS, DealColumns
from store.text import fold, storable
from store.turns import turns_of

T = TypeVar("T")

IDS_AT_ONCE = 20  # in one statement, which others wait for

_NAMES = tuple(one.name for one in fields(DealColumns))
_VALUES = attrgetter(*_NAMES)
_LOGGED_VALUES = attrgetter(*LOGGED)
_encode = msgspec.msgpack.Encoder().encode


class Evidence(StrEnum):
    """How it is known that a deal is gone from its source."""

    AUDIT = "audit"
    NOT_FOUND = "not_found"
    SWEEPS = "sweeps"


_ORIGINS = {
    Evidence.AUDIT: Origin.AUDIT_TRAIL,
    Evidence.NOT_FOUND: Origin.READ,
    Evidence.SWEEPS: Origin.SWEEP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal as it was read from its source.

    `was` is the stored body that was found, with what is made of it today, where another version of this program may
    have made its columns: then it is these that are compared for the log.
    """

    source: str
    account: str = ""
    source_id: str
    body: bytes  # the record as resolvers encode it
    read_at: int  # microseconds, by our own clock, when its source was asked
    is_whole: bool  # from get-one; a list may leave fields out
    columns: DealColumns
    attributes: Mapping[str, str | Decimal | bool] = field(default_factory=dict)
    was: tuple[bytes, DealColumns] | None = None

    @property
    def id(self) -> bytes:
        """Its key in the store."""
        return deal_id(self.source, self.account, self.source_id)


@dataclass(frozen=True, slots=True)
class StoredDeal:
    """A deal as it is stored; `deleted_at` where its source no longer has it, `misses` as in `store/tables.py`."""

    id: bytes
    source: str
    account: str
    source_id: str
    body: bytes
    read_at: int
    is_whole: bool
    deleted_at: int | None
    customer_name: str | None = None
    customer_company: str | None = None
    customer_email: str | None = None
    misses: int = 0


def upsert(connection: Connection, deals: Iterable[Deal], *, origin: Origin = Origin.READ) -> int:
    """Write what has changed, and log it as seen by `origin`; return how many rows that were.

    A deal is as it was if its body, columns and attributes are: then nothing is written, and the number of the last
    change does not move. What was read before the stored copy, or before the deal was seen to be gone, is dropped;
    what was read after that brings it back.
    """
    turns = turns_of(connection)
    turns.pause()
    newest: dict[bytes, Deal] = {}
    for deal in deals:
        key = deal.id
        if key not in newest or deal.read_at >= newest[key].read_at:
            newest[key] = deal
    changed: dict[bytes, tuple[Deal, bytes]] = {}
    known: set[bytes] = set()
    found_again: list[bytes] = []
    for ids in chunks(newest):
        stored = {row[0]: row for row in connection.execute(_STORED, {"ids": ids}).all()}
        for key in ids:
            turns.pause()
            deal, row = newest[key], stored.get(key)
            digest = _digest(deal)
            if row is None or _replaces(deal, digest, row):
                changed[key] = deal, digest
                if row is not None:
                    known.add(key)
            elif row[_MISSES] and deal.read_at >= row[_READ_AT]:
                found_again.append(key)
    written = 0
    for ids in chunks(changed):
        written += _write(connection, {key: changed[key] for key in ids}, known.intersection(ids), origin)
    for ids in chunks(found_again):
        hold(connection)
        connection.execute(update(DEALS).where(DEALS.c.id.in_(ids)).values(misses=0))
    return written


def find(connection: Connection, ids: Collection[bytes]) -> dict[bytes, StoredDeal]:
    """Return those of these deals that are stored, by id, also those that are gone from their source."""
    found: dict[bytes, StoredDeal] = {}
    for part in chunks(ids):
        found.update((row[0], stored_deal(row)) for row in connection.execute(_FOUND_BY_ID, {"ids": part}))
    return found


def find_by_customer(
    connection: Connection, source: str, account: str, customer_ids: Collection[str]
) -> list[StoredDeal]:
    """Return the deals of these customers, but for those that are gone."""
    its_own = (DEALS.c.source == source, DEALS.c.account == account, ALIVE)
    return [
        stored_deal(row)
        for part in chunks(customer_ids)
        for row in connection.execute(_FOUND.where(*its_own, DEALS.c.customer_source_id.in_(part)))
    ]


def count_alive(connection: Connection, source: str, account: str = "") -> int:
    """Return how many deals of a source are not gone."""
    return connection.scalar(_COUNT_ALIVE, {"source": source, "account": account}) or 0


def count_deleted(connection: Connection, source: str, account: str = "", *, evidence: Evidence, since: int) -> int:
    """Return how many deals of a source are gone by such evidence, if that was read since a time."""
    its_own = (DEALS.c.source == source, DEALS.c.account == account, DEALS.c.evidence == evidence.value)
    return connection.scalar(select(func.count()).where(*its_own, DEALS.c.deleted_at >= since)) or 0


def delete(connection: Connection, ids: Collection[bytes], *, evidence: Evidence, at: int) -> int:
    """Mark deals as gone; return how many were not yet.

    `at` is when the evidence was read, by our own clock: what was read from its source later stays.
    """
    deleted = 0
    for part in chunks(ids):
        gone = (DEALS.c.id.in_(part), ALIVE, DEALS.c.read_at <= at)
        if connection.scalar(select(DEALS.c.id).where(*gone).limit(1)) is not None:
            values = {"deleted_at": at, "evidence": evidence.value, "sequence": advance(connection)}
            logged = logged_accounts(connection)
            held = connection.execute(_HELD.where(*gone).order_by(DEALS.c.id)).all() if logged else ()
            deleted += connection.execute(update(DEALS).where(*gone).values(values)).rowcount
            changes = [
                Seen(source, account, source_id, at, tuple(had), None)
                for source, account, source_id, *had in held
                if (source, account) in logged
            ]
            append(connection, changes, _ORIGINS[evidence])
    return deleted


def doubt(connection: Connection, ids: Collection[bytes]) -> None:
    """Note that these deals are not known to be as they are stored: not all that their source has could be read."""
    for part in chunks(ids):
        hold(connection)
        connection.execute(update(DEALS).where(DEALS.c.id.in_(part), DEALS.c.is_whole == 1).values(is_whole=0))


def purge(connection: Connection, *, deleted_before: int) -> int:
    """Forget for good what was gone before that time, and names that no deal has any more; return how many deals."""
    hold(connection)  # a deal that comes back just now keeps what is logged of it
    old = DEALS.c.deleted_at < deleted_before
    gone = [tuple(row) for row in connection.execute(select(*_KEY).where(old))]
    if gone:
        erase(connection, gone)
        connection.execute(delete_from(DEALS).where(old))
    forget_unused(connection)
    return len(gone)


def chunks(items: Iterable[T]) -> Iterator[Sequence[T]]:
    """Return ids, or deals, in parts that one statement takes."""
    rest = iter(items)
    while part := list(islice(rest, IDS_AT_ONCE)):
        yield part


_IN = DEALS.c.id.in_(bindparam("ids", expanding=True))
_LOOKED_AT = ("id", "hash", "read_at", "is_whole", "misses", "deleted_at")
_READ_AT, _MISSES = _LOOKED_AT.index("read_at"), _LOOKED_AT.index("misses")
_STORED = select(*(DEALS.c[name] for name in _LOOKED_AT)).where(_IN)
STORED_DEAL = tuple(DEALS.c[one.name] for one in fields(StoredDeal))
"""The columns of which `stored_deal` makes one."""

_FOUND = select(*STORED_DEAL)
_FOUND_BY_ID = _FOUND.where(_IN)
_KEY = (DEALS.c.source, DEALS.c.account, DEALS.c.source_id)
_ITS_GROUPS = select(DEAL_GROUPS.c.id).where(
    DEAL_GROUPS.c.source == bindparam("source"), DEAL_GROUPS.c.account == bindparam("account")
)
_COUNT_ALIVE = narrowed(select(func.count()).where(DEALS.c.group_id.in_(_ITS_GROUPS), ALIVE), BY_GROUPS)
"""By groups, in SQLite: by their sources all rows would be looked at, which takes four times as long."""

_HELD = select(*_KEY, *map(column_of, LOGGED)).select_from(WRITTEN)


def stored_deal(row: Sequence[Any]) -> StoredDeal:
    """Return the deal of a row of these columns."""
    id_, source, account, source_id, body, read_at, is_whole, *rest = row
    return StoredDeal(id_, source, account, source_id, body, read_at, bool(is_whole), *rest)


def _digest(deal: Deal) -> bytes:
    # What follows from the body is part of it: when a mapping or a customer's name changes, so does the row.
    derived = (_VALUES(deal.columns), sorted(deal.attributes.items()) if deal.attributes else ())
    try:
        encoded = _encode(derived)
    except (UnicodeEncodeError, OverflowError):  # half a surrogate pair, or a number beyond 64 bits
        encoded = repr(derived).encode("utf-8", "surrogatepass")
    return blake2b(encoded + deal.body, digest_size=16).digest()


def _replaces(deal: Deal, digest: bytes, row: tuple[Any, ...]) -> bool:
    """Return whether a deal is newer than its row and differs; `store.deal_rows` asks the database the same."""
    _, hash_, read_at, is_whole, _, deleted_at = row
    if deal.read_at < read_at:
        return False
    if deleted_at is not None:
        return bool(deal.read_at >= deleted_at)
    return bool(digest != hash_ or deal.is_whole > is_whole)


def _write(
    connection: Connection,
    changed: Mapping[bytes, tuple[Deal, bytes]],
    stored: Collection[bytes],
    origin: Origin,
) -> int:
    sequence = advance(connection)
    accounts = logged_accounts(connection)
    logged = {key for key, (deal, _) in changed.items() if (deal.source, deal.account) in accounts}
    known = look(connection, logged.union(stored))
    turns = turns_of(connection)
    rows, attributes = [], {}
    for key, (deal, digest) in changed.items():
        turns.pause()
        rows.append(_row(key, deal, digest, sequence))
        attributes[key] = [_attribute(key, *item) for item in deal.attributes.items()]
    were = {key: (deal.was[0], _logged(deal.was[1])) for key, (deal, _) in changed.items() if deal.was is not None}
    changes = list(seen([row for row in rows if row[0] in logged], known, were)) if logged else ()
    written = write(connection, numbered(connection, rows, known), known, turns.pause)
    append(connection, changes, origin)
    write_attributes(connection, attributes, stored, turns.pause)
    return written


def _row(key: bytes, deal: Deal, digest: bytes, sequence: int) -> Row:
    """Return a row but for its numbers (`store.groups`), its values in the order of `store.tables.ROW`."""
    own = (key, deal.source, deal.account, deal.source_id, deal.body, digest, sequence, deal.read_at)
    return (*own, int(deal.is_whole), 0, None, None, *map(_storable, _VALUES(deal.columns)))


def _logged(columns: DealColumns) -> Row:
    """Return what is logged, as a row would have it."""
    return tuple([_storable(value) for value in _LOGGED_VALUES(columns)])


def _storable(value: str | int | None) -> str | int | None:
    """Return a value as both databases take it: one that they refuse would take all of its page along."""
    if value is None:
        return None
    if isinstance(value, str):
        return storable(value)
    return int(value) if -(2**63) < value < 2**63 else None


def _attribute(key: bytes, name: str, value: str | Decimal | bool) -> dict[str, Any]:
    row: dict[str, Any] = {"deal_id": key, "key": storable(name), "text": None, "text_folded": None}
    row |= {"number": None, "boolean": None}
    match value:
        case bool():
            return row | {"boolean": int(value)}
        case str():
            return row | {"text": storable(value), "text_folded": fold(value)}
    return row | {"number": scaled(value)}
