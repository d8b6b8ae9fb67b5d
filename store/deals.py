"""Deals are written: the unchanged is not, the older overwrites nothing newer, and what is gone stays known."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from itertools import islice
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update
from sqlalchemy import delete as delete_from

from store.amounts import scaled
from store.deal_rows import Row, write, write_attributes
from store.json_rows import among, texts
from store.sequence import advance
from store.tables import ALIVE, DEALS, DealColumns
from store.text import fold, storable

IDS_AT_ONCE = 1_000  # by one statement
WORK_SECONDS = 0.0005  # after which the writer pauses
PAUSE_SECONDS = 0.001  # in which readers have the interpreter and the processor

_NAMES = tuple(one.name for one in fields(DealColumns))
_VALUES = attrgetter(*_NAMES)
_encode = msgspec.msgpack.Encoder().encode


class Evidence(StrEnum):
    """How it is known that a deal is gone from its source."""

    AUDIT = "audit"
    NOT_FOUND = "not_found"
    SWEEPS = "sweeps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal as it was read from its source."""

    source: str
    account: str = ""
    source_id: str
    body: bytes  # the record as resolvers encode it
    read_at: int  # microseconds, by our own clock, when its source was asked
    is_whole: bool  # from get-one; a list may leave fields out
    columns: DealColumns
    attributes: Mapping[str, str | Decimal | bool] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its key in the store."""
        return deal_id(self.source, self.account, self.source_id)


@dataclass(frozen=True, slots=True)
class StoredDeal:
    """A deal as it is stored; `deleted_at` where its source no longer has it, `misses` as in `store/tables.py`."""

    id: str
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


def deal_id(source: str, account: str, source_id: str) -> str:
    """Return the key of a deal: `nexudus:12`, of a further account `nexudus@eu:12`."""
    return f"{source}@{account}:{source_id}" if account else f"{source}:{source_id}"


def upsert(connection: Connection, deals: Iterable[Deal]) -> int:
    """Write what has changed; return how many rows that were.

    A deal is as it was if its body, columns and attributes are: then nothing is written, and the number of the last
    change does not move. What was read before the stored copy, or before the deal was seen to be gone, is dropped;
    what was read after that brings it back.
    """
    newest: dict[str, Deal] = {}
    for deal in deals:
        key = deal.id
        if key not in newest or deal.read_at >= newest[key].read_at:
            newest[key] = deal
    changed: dict[str, tuple[Deal, bytes]] = {}
    known: set[str] = set()
    found_again: list[str] = []
    turns = _Turns()
    for ids in chunks(newest):
        stored = {row[0]: row for row in connection.execute(_STORED, {"ids": texts(ids)}).all()}
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
    for ids in chunks(found_again):
        connection.execute(update(DEALS).where(_IN).values(misses=0), {"ids": texts(ids)})
    written = 0
    for ids in chunks(changed):
        written += _write(connection, {key: changed[key] for key in ids}, known.intersection(ids))
    return written


def find(connection: Connection, ids: Collection[str]) -> dict[str, StoredDeal]:
    """Return those of these deals that are stored, by id, also those that are gone from their source."""
    return {
        row.id: stored_deal(row)
        for part in chunks(ids)
        for row in connection.execute(_FOUND.where(_IN), {"ids": texts(part)}).all()
    }


def find_by_customer(
    connection: Connection, source: str, account: str, customer_ids: Collection[str]
) -> list[StoredDeal]:
    """Return the deals of these customers, but for those that are gone."""
    theirs = among(DEALS.c.customer_source_id, "customers")
    wanted = _FOUND.where(DEALS.c.source == source, DEALS.c.account == account, ALIVE, theirs)
    return [
        stored_deal(row)
        for part in chunks(customer_ids)
        for row in connection.execute(wanted, {"customers": texts(part)})
    ]


def count_alive(connection: Connection, source: str, account: str = "") -> int:
    """Return how many deals of a source are not gone."""
    counted = select(func.count()).where(DEALS.c.source == source, DEALS.c.account == account, ALIVE)
    return connection.scalar(counted) or 0


def delete(connection: Connection, ids: Collection[str], *, evidence: Evidence, at: int) -> int:
    """Mark deals as gone; return how many were not yet.

    `at` is when the evidence was read, by our own clock: what was read from its source later stays.
    """
    gone, deleted = (_IN, ALIVE, DEALS.c.read_at <= at), 0
    for part in chunks(ids):
        given = {"ids": texts(part)}
        if connection.scalar(select(DEALS.c.id).where(*gone).limit(1), given) is not None:
            values = {"deleted_at": at, "deleted_by": evidence.value, "sequence": advance(connection)}
            deleted += connection.execute(update(DEALS).where(*gone).values(values), given).rowcount
    return deleted


def doubt(connection: Connection, ids: Collection[str]) -> None:
    """Note that these deals are not known to be as they are stored: not all that their source has could be read."""
    for part in chunks(ids):
        connection.execute(update(DEALS).where(_IN, DEALS.c.is_whole == 1).values(is_whole=0), {"ids": texts(part)})


def purge(connection: Connection, *, deleted_before: int) -> int:
    """Forget for good what was gone before that time; return how many deals that were."""
    return connection.execute(delete_from(DEALS).where(DEALS.c.deleted_at < deleted_before)).rowcount


def chunks(ids: Iterable[str]) -> Iterator[Sequence[str]]:
    """Return the ids in parts for one statement each."""
    rest = iter(ids)
    while part := list(islice(rest, IDS_AT_ONCE)):
        yield part


_IN = among(DEALS.c.id, "ids")
_LOOKED_AT = ("id", "hash", "read_at", "is_whole", "misses", "deleted_at")
_READ_AT, _MISSES = _LOOKED_AT.index("read_at"), _LOOKED_AT.index("misses")
_STORED = select(*(DEALS.c[name] for name in _LOOKED_AT)).where(_IN)
STORED_DEAL = tuple(DEALS.c[one.name] for one in fields(StoredDeal))
"""The columns of which `stored_deal` makes one."""

_FOUND = select(*STORED_DEAL)


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


class _Turns:
    """Gives the interpreter to others now and then."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def pause(self) -> None:
        """Pause, if there was work for some time."""
        if time.perf_counter() - self._since >= WORK_SECONDS:
            time.sleep(PAUSE_SECONDS)
            self._since = time.perf_counter()


def _write(connection: Connection, changed: Mapping[str, tuple[Deal, bytes]], stored: Collection[str]) -> int:
    sequence = advance(connection)
    turns = _Turns()
    rows, attributes = [], {}
    for key, (deal, digest) in changed.items():
        turns.pause()
        rows.append(_row(key, deal, digest, sequence))
        attributes[key] = [_attribute(key, *item) for item in deal.attributes.items()]
    written = write(connection, rows, stored, turns.pause)
    write_attributes(connection, attributes, stored)
    return written


def _row(key: str, deal: Deal, digest: bytes, sequence: int) -> Row:
    """Return a row, its values in the order of `store.tables.DEALS`."""
    own = (key, deal.source, deal.account, deal.source_id, deal.body, digest, sequence, deal.read_at)
    return (*own, int(deal.is_whole), 0, None, None, *map(_storable, _VALUES(deal.columns)))


def _storable(value: str | int | None) -> str | int | None:
    """Return a value as both databases take it: one that they refuse would take all of its page along."""
    if value is None:
        return None
    if isinstance(value, str):
        return storable(value)
    return int(value) if -(2**63) < value < 2**63 else None


def _attribute(key: str, name: str, value: str | Decimal | bool) -> dict[str, Any]:
    row: dict[str, Any] = {"deal_id": key, "key": storable(name), "text": None, "text_folded": None}
    row |= {"number": None, "boolean": None}
    match value:
        case bool():
            return row | {"boolean": int(value)}
        case str():
            return row | {"text": storable(value), "text_folded": fold(value)}
    return row | {"number": scaled(value)}
