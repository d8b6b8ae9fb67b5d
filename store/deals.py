"""Deals are written: the unchanged is not, the older overwrites nothing newer, and what is gone stays known."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, Executable, Text, bindparam, func, select, update
from sqlalchemy import delete as delete_from

from store.amounts import scaled
from store.change_log import Seen, append, erase, logged_accounts
from store.changes import LOGGED, Origin
from store.deal_ids import deal_id as deal_id
from store.deal_rows import (
    WRITTEN,
    Known,
    Row,
    body_of,
    column_of,
    is_found_again,
    is_replaced,
    look,
    misses_of,
    seen,
    write,
    write_attributes,
    write_found,
)
from store.groups import forget_unused, numbered
from store.narrow import BY_GROUPS, narrowed
from store.queries import parameter
from store.sequence import advance, hold
from store.tables import ALIVE, DEAL_GROUPS, DEALS, DealColumns
from store.text import fold, storable
from store.together import ByValues, chunks, together
from store.turns import turns_of

DEALS_AT_ONCE = 100  # that are looked at and written by the same statements

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
    filled_from: bytes | None = None

    @property
    def id(self) -> bytes:
        """Its key in the store."""
        return deal_id(self.source, self.account, self.source_id)

    @property
    def account_key(self) -> tuple[str, str]:
        """Source and account."""
        return self.source, self.account


@dataclass(frozen=True, slots=True)
class StoredDeal:
    """A deal as it is stored; `sequence` is the number of its last change, `deleted_at` where its source no longer has
    it, `misses` as in `store/tables.py`."""

    id: bytes
    source: str
    account: str
    source_id: str
    body: bytes
    read_at: int
    is_whole: bool
    sequence: int
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
    return sum(_write(connection, [*map(newest.__getitem__, ids)], origin) for ids in chunks(newest, DEALS_AT_ONCE))


def find(connection: Connection, ids: Collection[bytes]) -> dict[bytes, StoredDeal]:
    """Return those of these deals that are stored, by id, also those that are gone from their source."""
    return {row[0]: stored_deal(row) for row in _FOUND_BY_ID.rows(connection, ids)}


def find_alive(connection: Connection, ids: Collection[bytes]) -> dict[bytes, int]:
    """Return when those of these deals that are not gone were read, by id."""
    return {row[0]: row[1] for row in _ALIVE_BY_ID.rows(connection, ids)}


def find_by_customer(
    connection: Connection, source: str, account: str, customer_ids: Collection[str]
) -> list[StoredDeal]:
    """Return the deals of these customers, but for those that are gone."""
    found = _FOUND_BY_CUSTOMER.rows(connection, customer_ids, source=source, account=account)
    return [stored_deal(row) for row in found]


def count_alive(connection: Connection, source: str, account: str = "") -> int:
    """Return how many deals of a source are not gone."""
    return connection.scalar(_COUNT_ALIVE, {"source": source, "account": account}) or 0


def deletions_since(connection: Connection, source: str, account: str = "", *, since: int) -> list[int]:
    """Return how many deals of a source are gone by evidence of the same moment, for each moment since a time, the
    first of them first."""
    return list(connection.scalars(_DELETIONS, {"source": source, "account": account, "since": since}))


def delete(connection: Connection, ids: Collection[bytes], *, evidence: Evidence, at: int) -> int:
    """Mark deals as gone; return how many were not yet.

    `at` is when the evidence was read, by our own clock: what was read from its source later stays.
    """
    deleted = 0
    for part in chunks(ids, DEALS_AT_ONCE):
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


def confirm(connection: Connection, found: Iterable[tuple[bytes, int, int]]) -> None:
    """Note that requests have found deals in their source as they were stored: by id, each with the number of its last
    change, and when its source was asked. What has changed since stays, and what was read later.

    It is no change that anybody follows: it takes no number.
    """
    if rows := list(found):
        hold(connection)
        write_found(connection, rows, is_listed=False)


def doubt(connection: Connection, ids: Collection[bytes]) -> None:
    """Note that these deals are not known to be as they are stored: not all that their source has could be read."""
    if ids:
        hold(connection)
        _run_for(connection, _DOUBTED, ids)


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


def _run_for(connection: Connection, statement: Executable, ids: Iterable[bytes]) -> None:
    turns = turns_of(connection)
    with together(connection):
        for part in chunks(ids):
            turns.pause()
            connection.execute(statement, {"ids": part})


_IN = DEALS.c.id.in_(bindparam("ids", expanding=True))
_DOUBTED = update(DEALS).where(_IN, DEALS.c.is_whole == 1).values(is_whole=0)
STORED_DEAL = tuple(DEALS.c[one.name] for one in fields(StoredDeal))
"""The columns of which `stored_deal` makes one."""

_FOUND = select(*STORED_DEAL)
_FOUND_BY_ID = ByValues(_FOUND, DEALS.c.id)
_ALIVE_BY_ID = ByValues(select(DEALS.c.id, DEALS.c.read_at).where(ALIVE), DEALS.c.id)
_OF_ACCOUNT = (DEALS.c.source == parameter("source", Text()), DEALS.c.account == parameter("account", Text()))
_FOUND_BY_CUSTOMER = ByValues(_FOUND.where(*_OF_ACCOUNT, ALIVE), DEALS.c.customer_source_id)
_KEY = (DEALS.c.source, DEALS.c.account, DEALS.c.source_id)
_ITS_GROUPS = select(DEAL_GROUPS.c.id).where(
    DEAL_GROUPS.c.source == bindparam("source"), DEAL_GROUPS.c.account == bindparam("account")
)
_COUNT = select(func.count()).where(DEALS.c.group_id.in_(_ITS_GROUPS))
"""By groups, in SQLite: by their sources all rows would be looked at, which takes four times as long."""

_COUNT_ALIVE = narrowed(_COUNT.where(ALIVE), BY_GROUPS)
_GONE_SINCE = _COUNT.where(DEALS.c.deleted_at >= bindparam("since"))
_DELETIONS = narrowed(_GONE_SINCE.group_by(DEALS.c.deleted_at).order_by(DEALS.c.deleted_at), BY_GROUPS)

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


def _write(connection: Connection, deals: Sequence[Deal], origin: Origin) -> int:
    turns = turns_of(connection)
    known = look(connection, [deal.id for deal in deals])
    changed: dict[bytes, tuple[Deal, bytes]] = {}
    found_again: list[tuple[bytes, int, int]] = []
    for deal in deals:
        turns.pause()
        key, digest = deal.id, _digest(deal)
        was = known.rows.get(key)
        if deal.filled_from is not None and deal.filled_from != (b"" if was is None else body_of(was)):
            continue
        if was is None or is_replaced(was, deal.read_at, digest, deal.is_whole):
            changed[key] = deal, digest
        elif is_found_again(was, deal.read_at):
            found_again.append((key, was[1], deal.read_at))
    if found_again:
        write_found(connection, found_again, is_listed=origin is not Origin.READ)
    return _write_changed(connection, changed, known, origin) if changed else 0


def _write_changed(
    connection: Connection, changed: Mapping[bytes, tuple[Deal, bytes]], known: Known, origin: Origin
) -> int:
    sequence = advance(connection)
    turns = turns_of(connection)
    rows, attributes = [], {}
    for key, (deal, digest) in changed.items():
        turns.pause()
        misses = misses_of(known.rows.get(key), deal.read_at, is_listed=origin is not Origin.READ)
        rows.append(_row(key, deal, digest, sequence, misses))
        attributes[key] = [_attribute(key, *item) for item in deal.attributes.items()]
    were = {key: (deal.was[0], _logged(deal.was[1])) for key, (deal, _) in changed.items() if deal.was is not None}
    logged = [row for row, (deal, _) in zip(rows, changed.values(), strict=True) if deal.account_key in known.logged]
    changes = list(seen(logged, known.rows, were, turns.pause))
    written = write(connection, numbered(connection, rows, known.rows), known.rows, turns.pause)
    append(connection, changes, origin)
    write_attributes(connection, attributes, known.attributes, turns.pause)
    return written


def _row(key: bytes, deal: Deal, digest: bytes, sequence: int, misses: int) -> Row:
    """Return a row but for its numbers (`store.groups`), its values in the order of `store.tables.ROW`."""
    own = (key, deal.source, deal.account, deal.source_id, deal.body, digest, sequence, deal.read_at)
    return (*own, int(deal.is_whole), misses, None, None, *map(_storable, _VALUES(deal.columns)))


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
