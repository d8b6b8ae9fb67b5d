"""What changed of deals, as it was seen: the log's entries, and how it is read. `store/change_log.py` writes it.

A deal has changed if its record has: what is derived from the same record in another way, or is its customer's, is no
change of it.
"""

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, false, func, not_, select, tuple_

from store.conditions import Operator
from store.tables import CHANGE_LOG, CHANGES, SYNC_STATE


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

    `mark` tells which entry is at the position `last`: when it was seen, 0 where there is none. A log that was put back
    to what it was gives the same positions to other entries, which are seen later.
    """

    generation: int
    dropped: int
    last: int
    mark: int = 0

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
            found.append(is_one_of(key, self.deals))
        if self.other_deals:
            found.append(not_(is_one_of(key, self.other_deals)))
        if self.accounts is not None:
            found.append(is_one_of((columns.source, columns.account), self.accounts))
        if self.hidden:
            found.append(columns.source.not_in(list(self.hidden)))
        return found


@dataclass(frozen=True, slots=True)
class Changes:
    """Some changes, oldest first. Behind `end`, a position, are those that come next, if there are any (`has_more`).

    `mark` is that of the entry which they come behind, `end_mark` that of `end` (`Log`).
    """

    log: Log
    changes: Sequence[Change]
    end: int
    has_more: bool
    mark: int
    end_mark: int


def log_of(connection: Connection) -> Log:
    """Return how far the log goes."""
    dropped, last, mark = connection.execute(_LOG).first() or (0, 0, 0)
    return Log(connection.scalar(GENERATION) or 0, dropped, last, mark)


def changes_after(connection: Connection, position: int, given: ChangeFilter, *, count: int) -> Changes:
    """Return the first changes behind a position that meet a filter, at most so many; 0 is behind none."""
    log = log_of(connection)
    mark = log.mark if position == log.last else connection.scalar(_MARK, {"position": position}) or 0
    wanted = _ENTRIES.where(CHANGES.c.position > max(position, log.dropped), *given.clauses()).order_by(
        CHANGES.c.position
    )
    rows = connection.execute(wanted.limit(count + 1)).all()
    has_more = len(rows) > count
    found = [_change(row) for row in rows[:count]]
    # All up to the last one was looked through: who goes on from there is not behind when nothing met the filter.
    end, end_mark = (found[-1].position, found[-1].observed_at) if has_more else (max(log.last, position), log.mark)
    return Changes(log, found, end, has_more, mark, end_mark)


def mask(fields: Iterable[Field]) -> int:
    """Return the bits of some fields."""
    return sum({1 << one for one in fields})


def _change(row: Any) -> Change:
    position, source, account, source_id, kind, origin, observed_at, held = row
    fields = None
    if held is not None:
        fields = [FieldChange(Field(one), _held(before), _held(after)) for one, before, after in _decode(held)]
    return Change(position, source, account, source_id, Kind(kind), Origin(origin), observed_at, fields)


def _held(values: Any) -> Held:
    return None if values is None else tuple(values)


def is_one_of(columns: Sequence[ColumnElement[Any]], keys: Collection[tuple[str, ...]]) -> ColumnElement[bool]:
    """Return whether columns have the values of one of these keys."""
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
_LOG: Final = select(CHANGE_LOG.c.dropped, CHANGE_LOG.c.last, func.coalesce(CHANGES.c.observed_at, 0)).select_from(
    CHANGE_LOG.outerjoin(CHANGES, CHANGES.c.position == CHANGE_LOG.c.last)
)
_MARK: Final = select(CHANGES.c.observed_at).where(CHANGES.c.position == bindparam("position"))
GENERATION: Final = select(func.max(SYNC_STATE.c.logged_since))
