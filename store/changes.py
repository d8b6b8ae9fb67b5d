"""What changed of deals, as it was seen: a log that is written in the transaction of the change.

An account's changes are logged from its first complete sweep on, which finds what there is. A deal has changed if its
record has: what is derived from the same record in another way, or is its customer's, is no change of it. Positions are
given while the transaction keeps the sequence (`store/sequence.py`), so that they are committed in their order, and who
goes on behind one misses nothing.
"""

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, false, func, insert, not_, select, tuple_, update

from store.conditions import Operator
from store.sequence import advance, insert_into
from store.tables import CHANGE_LOG, CHANGES, SYNC_STATE
from store.turns import turns_of

MOST: Final = 250_000
"""Changes that are kept, whatever their age: so many are looked through in a tenth of a second."""

MOST_IN_MEMORY: Final = 50_000
"""The same of a store in memory, where they take 5 MB."""

KEYS_AT_ONCE: Final = 100

ROWS_AT_ONCE: Final = 25
"""After which who writes may pause: half a millisecond's work."""


class Kind(IntEnum):
    """What happened to a deal. Numbers are stored: none is ever changed."""

    CREATED = 1
    UPDATED = 2
    DELETED = 3


class Origin(IntEnum):
    """By what a change was seen. Numbers are stored."""

    INCREMENT = 1
    SWEEP = 2
    READ = 3
    AUDIT_TRAIL = 4


class Field(IntEnum):
    """What is logged of a deal: the number of its bit in `changes.fields`. Numbers are stored."""

    STATUS = 0
    VALUE = 1
    KIND = 2
    PIPELINE_NAME = 3
    STAGE_NAME = 4
    OWNER = 5
    CUSTOMER_SOURCE_ID = 6
    NAME = 7
    WIN_LIKELIHOOD = 8
    FORECAST_CATEGORY = 9
    ESTIMATED_CLOSE_DATE = 10
    DUE_DATE = 11
    LOSS_REASON = 12


Held: TypeAlias = tuple[str | int | None, ...] | None
"""What a deal had in the columns of a field; None where it was not there."""

COLUMNS: Final[Mapping[Field, tuple[str, ...]]] = {
    Field.STATUS: ("status",),
    Field.VALUE: ("value", "currency", "value_is_inexact"),
    Field.KIND: ("kind",),
    Field.PIPELINE_NAME: ("pipeline_name",),
    Field.STAGE_NAME: ("stage_name",),
    Field.OWNER: ("owner_email", "owner_name"),
    Field.CUSTOMER_SOURCE_ID: ("customer_source_id",),
    Field.NAME: ("name",),
    Field.WIN_LIKELIHOOD: ("win_likelihood",),
    Field.FORECAST_CATEGORY: ("forecast_category",),
    Field.ESTIMATED_CLOSE_DATE: ("close_on",),
    Field.DUE_DATE: ("due_at",),
    Field.LOSS_REASON: ("loss_reason",),
}
"""Of `store.tables.DealColumns`."""

LOGGED: Final = tuple(name for names in COLUMNS.values() for name in names)

_PLACES: Final = {
    one: slice(LOGGED.index(names[0]), LOGGED.index(names[0]) + len(names)) for one, names in COLUMNS.items()
}
_NOTHING: Final = tuple(0 if name == "value_is_inexact" else None for name in LOGGED)
_STATUS_BIT: Final = 1 << Field.STATUS
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[tuple[int, Any, Any]]).decode

Key: TypeAlias = tuple[str, str, str]
"""Source, account, and the source's own id of a deal."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What a field had before and has since, as `COLUMNS` has it."""

    field: Field
    before: Held
    after: Held


@dataclass(frozen=True, slots=True)
class Change:
    """One entry. `observed_at`, microseconds, is when its source was asked; `fields` is None once that was erased."""

    position: int
    source: str
    account: str
    source_id: str
    kind: Kind
    origin: Origin
    observed_at: int
    fields: Sequence[FieldChange] | None

    @property
    def key(self) -> Key:
        """Which deal changed."""
        return self.source, self.account, self.source_id


@dataclass(frozen=True, slots=True)
class Log:
    """How far the log goes. Changes behind `dropped` and up to `last` are kept; both are positions, 0 for none.

    `generation` tells logs apart: it is when the last account's changes began to be logged, microseconds. Who knows
    deals from before that does not know those which that account had.
    """

    generation: int
    dropped: int
    last: int

    def has(self, generation: int, position: int) -> bool:
        """Return whether all that happened behind a position of a generation is here."""
        return generation == self.generation and self.dropped <= position <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFilter:
    """Which changes; what is None does not matter, and nothing meets an empty collection.

    `fields`: one of these changed. `statuses`: the status changed to one of these, that of a new deal too. `accounts`
    are named with their sources; `hidden` are sources. `observed` are comparisons of `observed_at`.
    """

    kinds: Collection[Kind] | None = None
    origins: Collection[Origin] | None = None
    fields: Collection[Field] | None = None
    statuses: Collection[str] | None = None
    deals: Collection[Key] | None = None
    other_deals: Collection[Key] = ()
    accounts: Collection[tuple[str, str]] | None = None
    hidden: Collection[str] = ()
    observed: Sequence[tuple[Operator, int]] = ()

    def clauses(self) -> list[ColumnElement[bool]]:
        """Return the conditions."""
        columns = CHANGES.c
        key = (columns.source, columns.account, columns.source_id)
        found = [_COMPARED[one](columns.observed_at, value) for one, value in self.observed]
        if self.kinds is not None:
            found.append(columns.kind.in_([int(one) for one in self.kinds]))
        if self.origins is not None:
            found.append(columns.origin.in_([int(one) for one in self.origins]))
        if self.fields is not None:
            found.append(columns.fields.bitwise_and(mask(self.fields)) != 0)
        if self.statuses is not None:
            found.append(columns.status.in_(list(self.statuses)))
        if self.deals is not None:
            found.append(_is_one_of(key, self.deals))
        if self.other_deals:
            found.append(not_(_is_one_of(key, self.other_deals)))
        if self.accounts is not None:
            found.append(_is_one_of((columns.source, columns.account), self.accounts))
        if self.hidden:
            found.append(columns.source.not_in(list(self.hidden)))
        return found


@dataclass(frozen=True, slots=True)
class Changes:
    """Some changes, oldest first. Behind `end`, a position, are those that come next, if there are any (`has_more`)."""

    log: Log
    changes: Sequence[Change]
    end: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A change to be logged: what the deal had in the columns `LOGGED` before and has since, None where not there."""

    source: str
    account: str
    source_id: str
    observed_at: int
    before: Sequence[Any] | None
    after: Sequence[Any] | None


def log_of(connection: Connection) -> Log:
    """Return how far the log goes."""
    dropped, last = connection.execute(_LOG).first() or (0, 0)
    return Log(connection.scalar(_GENERATION) or 0, dropped, last)


def changes_after(connection: Connection, position: int, given: ChangeFilter, *, count: int) -> Changes:
    """Return the first changes behind a position that meet a filter, at most so many; 0 is behind none."""
    log = log_of(connection)
    wanted = _ENTRIES.where(CHANGES.c.position > position, *given.clauses()).order_by(CHANGES.c.position)
    rows = connection.execute(wanted.limit(count + 1)).all()
    has_more = len(rows) > count
    found = [_change(row) for row in rows[:count]]
    # All up to the last one was looked through: who goes on from there is not behind when nothing met the filter.
    return Changes(log, found, found[-1].position if has_more else max(log.last, position), has_more)


def logged_accounts(connection: Connection) -> set[tuple[str, str]]:
    """Return the accounts whose changes are logged, each with its source."""
    return {(row[0], row[1]) for row in connection.execute(_LOGGED_ACCOUNTS)}


def append(connection: Connection, seen: Iterable[Seen], origin: Origin) -> int:
    """Log what was seen, all of which has been written in the transaction under way; return how much it was.

    The transaction must have taken its number (`store.sequence.advance`).
    """
    turns, rows = turns_of(connection), []
    for one in seen:
        turns.pause()
        if (row := _row(one, origin)) is not None:
            rows.append(row)
    if not rows:
        return 0
    statement = insert_into(connection.dialect.name, CHANGE_LOG).values(one=1, last=len(rows), dropped=0)
    last = connection.scalar(
        statement.on_conflict_do_update(index_elements=["one"], set_={"last": CHANGE_LOG.c.last + len(rows)}).returning(
            CHANGE_LOG.c.last
        )
    )
    assert last is not None
    for place, row in enumerate(rows, 1):
        row["position"] = last - len(rows) + place
    for start in range(0, len(rows), ROWS_AT_ONCE):
        turns.pause()
        connection.execute(insert(CHANGES), rows[start : start + ROWS_AT_ONCE])
    return len(rows)


def begin(connection: Connection, source: str, account: str = "", *, at: int) -> None:
    """Log an account's changes from now on, if that is not done yet: all that it has is known."""
    columns = SYNC_STATE.c
    its_own = (columns.source == source, columns.account == account, columns.logged_since.is_(None))
    if connection.scalar(select(columns.source).where(*its_own)) is None:
        return
    advance(connection)
    # Later than any other began, whatever the clock says: what has begun tells logs apart.
    begun = (connection.scalar(_GENERATION) or 0) + 1
    connection.execute(update(SYNC_STATE).where(*its_own).values(logged_since=max(at, begun)))


def end(connection: Connection) -> None:
    """Log nothing any more, and forget what was logged: who begins it anew does not know what happened in between."""
    begun = SYNC_STATE.c.logged_since.is_not(None)
    if connection.execute(update(SYNC_STATE).where(begun).values(logged_since=None)).rowcount:
        advance(connection)
    _drop(connection, log_of(connection).last)


def prune(connection: Connection, *, most: int, seen_before: int) -> None:
    """Forget changes beyond the newest so many, and those that were seen before a time, microseconds.

    What goes is always the oldest: a later one stays, whenever it was seen.
    """
    log = log_of(connection)
    young = select(CHANGES.c.position).where(CHANGES.c.observed_at >= seen_before).order_by(CHANGES.c.position)
    first = connection.scalar(young.limit(1))
    _drop(connection, max(log.last - most, log.last if first is None else first - 1))


def erase(connection: Connection, deals: Sequence[Key]) -> None:
    """Forget what these deals held: that they have changed stays."""
    key = (CHANGES.c.source, CHANGES.c.account, CHANGES.c.source_id)
    for start in range(0, len(deals), KEYS_AT_ONCE):
        theirs = (_is_one_of(key, deals[start : start + KEYS_AT_ONCE]), CHANGES.c.held.is_not(None))
        if connection.execute(update(CHANGES).where(*theirs).values(held=None)).rowcount:
            advance(connection)  # what was asked before has another answer now


def mask(fields: Iterable[Field]) -> int:
    """Return the bits of some fields."""
    return sum({1 << one for one in fields})


def _drop(connection: Connection, upto: int) -> None:
    if connection.execute(update(CHANGE_LOG).where(CHANGE_LOG.c.dropped < upto).values(dropped=upto)).rowcount:
        connection.execute(delete(CHANGES).where(CHANGES.c.position <= upto))
        advance(connection)


def _row(seen: Seen, origin: Origin) -> dict[str, Any] | None:
    before, after = seen.before or _NOTHING, seen.after or _NOTHING
    bits, held = 0, []
    for one, place in _PLACES.items():
        if before[place] != after[place]:
            bits |= 1 << one
            held.append((one, seen.before and before[place], seen.after and after[place]))
    if seen.before is None:
        kind = Kind.CREATED
    elif seen.after is None:
        kind = Kind.DELETED
    elif not bits:
        return None
    else:
        kind = Kind.UPDATED
    return {
        "source": seen.source,
        "account": seen.account,
        "source_id": seen.source_id,
        "kind": int(kind),
        "origin": int(origin),
        "observed_at": seen.observed_at,
        "fields": bits,
        "status": _status(after) if bits & _STATUS_BIT else None,
        "held": _encode(held),
    }


_status: Final = itemgetter(LOGGED.index("status"))


def _change(row: Any) -> Change:
    position, source, account, source_id, kind, origin, observed_at, held = row
    fields = None
    if held is not None:
        fields = [FieldChange(Field(one), _held(before), _held(after)) for one, before, after in _decode(held)]
    return Change(position, source, account, source_id, Kind(kind), Origin(origin), observed_at, fields)


def _held(values: Any) -> Held:
    return None if values is None else tuple(values)


def _is_one_of(columns: Sequence[ColumnElement[Any]], keys: Collection[tuple[str, ...]]) -> ColumnElement[bool]:
    if not keys:
        return false()
    return tuple_(*columns).in_(list(keys))


_COMPARED: Final[Mapping[Operator, Callable[[Any, Any], ColumnElement[bool]]]] = {
    Operator.EQ: operator.eq,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
}
_COLUMNS: Final = ("position", "source", "account", "source_id", "kind", "origin", "observed_at", "held")
_ENTRIES: Final = select(*(CHANGES.c[name] for name in _COLUMNS))
_LOG: Final = select(CHANGE_LOG.c.dropped, CHANGE_LOG.c.last)
_GENERATION: Final = select(func.max(SYNC_STATE.c.logged_since))
_LOGGED_ACCOUNTS: Final = select(SYNC_STATE.c.source, SYNC_STATE.c.account).where(
    SYNC_STATE.c.logged_since.is_not(None)
)
