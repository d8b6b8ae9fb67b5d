"""Sums of SQLite without a sort, by groups of deals and by whole numbers that deals have.

SQLite groups by sorting, row by row. To add each deal to its row of a small table in memory takes half as long, where
that row is found by one number: so a set of groups and what deals are told apart by are put into one, each in bits of
its own.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    case,
    delete,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from store.conditions import Shape, clause, columns, shaped
from store.narrow import BY_GROUPS, narrowed, through_groups
from store.periods import MOST as MOST_PERIODS
from store.queries import BuiltOnce, Query, Values, fetched, parameter
from store.tables import ALIVE, DEAL_GROUPS, DEALS, GROUPED
from store.unsought import Unsought

Key: TypeAlias = tuple[str, str | None]
"""A column, or an expression of this name."""

MAKE: Final = "CREATE TEMP TABLE tallies (key INTEGER PRIMARY KEY, deals, amount)"
"""Makes the table, of each connection its own, which is emptied before it is used. A sum that 64 bits do not hold
becomes an inexact number, and stays one: the column has no type that would make it a whole one again."""

CODES: Final = frozenset({"lead_source", "loss_reason"})
"""Columns of any whole number, but of few, small ones."""

NUMBERS: Final = CODES | {"customer_names_id"}

SET_BITS: Final = 20

MOST_SETS: Final = 2**SET_BITS
"""As many as there is room for in a row's number, and in that which a group is given with."""

KEY_BITS: Final = 63 - SET_BITS
"""For all keys of deals: a row's number is not negative."""

PERIOD_BITS: Final = MOST_PERIODS.bit_length()

MOST_BITS: Final = 32
"""Of a code or a customer."""

FEWEST_BITS: Final = 16
"""Of a code or a customer: if it had fewer, one would often not fit, and all would be added for nothing."""

UNLIMITED_BITS: Final = KEY_BITS - PERIOD_BITS
"""More customers than a store ever has numbers for."""

_TALLIES: Final = Table(
    "tallies", MetaData(), Column("key", Integer, primary_key=True), Column("deals", Integer), Column("amount", Integer)
)


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer())  # in the statement's text: no parameter


_SET_BITS: Final = _number(SET_BITS)
_SETS: Final = _number(MOST_SETS - 1)
_KEY_BITS: Final = _number(KEY_BITS)
_HALF: Final = _number(32)
_LOW: Final = _number(2**32 - 1)
_NONE: Final = _number(0)
_ONE: Final = _number(1)
_WITH_AMOUNT: Final = _number(2**32 + 1)  # a deal below, an amount above


def widths(keys: Sequence[Key]) -> tuple[int, ...] | None:
    """Return the bits for each key; None where one of them is no whole number, or there are too few bits."""
    numbers = [name for name, sql in keys if sql is None]
    left = KEY_BITS - PERIOD_BITS * (len(keys) - len(numbers))
    of_number = min(left // len(numbers), MOST_BITS) if numbers else FEWEST_BITS
    if left < 0 or of_number < FEWEST_BITS or not NUMBERS.issuperset(numbers):
        return None
    return tuple([of_number if sql is None else PERIOD_BITS for _, sql in keys])


def tallied(
    connection: Connection, keys: tuple[Key, ...], shape_: Shape, values: Values, groups: Sequence[tuple[int, int]]
) -> list[tuple[Any, ...]] | None:
    """Return rows of the set, the keys, how many deals, how many with an amount, and the sum of amounts.

    `groups` are their numbers with those of their sets. A key is a column of `NUMBERS` or an expression for the place
    of a period, from 1 on; there are `widths` of them. Returns None for what does not fit: a sum of more than 64 bits,
    or a number that is negative or of more bits than it has.
    """
    given = ",".join([str(number << SET_BITS | set_) for number, set_ in groups])
    fetched(connection, _EMPTIED, {})  # before: of what was broken off nothing is added again
    fetched(connection, _added(keys, shape_), {**values, "groups": f"[{given}]"})
    rows = fetched(connection, _read(keys), {})
    fits = all(type(row[-1]) is int for row in rows) and not (rows and rows[0][0] < 0)
    return rows if fits else None


def _added_built(keys: tuple[Key, ...], shape_: Shape) -> Query:
    """Return what adds the deals of the groups that are given as numbers with their sets."""
    condition = shaped(shape_)
    met = clause(condition, is_of_all=True)
    value = func.json_each(parameter("groups", String())).table_valued("value").c.value
    groups = (
        select(value.op(">>")(_SET_BITS).label("id"), value.op("&")(_SETS).op("<<")(_KEY_BITS).label("set"))
        .cte("given")
        .prefix_with("MATERIALIZED")  # else both are worked out for each deal
    )
    number: ColumnElement[Any] = groups.c.set
    for key, width, shift in _placed(keys):
        place = _place(*key, width)
        number = number.op("|")(place.op("<<")(_number(shift)) if shift else place)
    one = case((DEALS.c.value.is_(None), _ONE), else_=_WITH_AMOUNT)
    found = select(number, one, func.coalesce(DEALS.c.value, _NONE))
    found = found.where(ALIVE, DEALS.c.group_id == Unsought(groups.c.id))
    if columns(condition).isdisjoint(GROUPED):
        found = found.where(met)
    else:
        found = found.where(DEAL_GROUPS.c.id == Unsought(groups.c.id), through_groups(met))
    added = insert(_TALLIES).from_select(list(_TALLIES.c), narrowed(found, BY_GROUPS))
    sums = {name: _TALLIES.c[name] + added.excluded[name] for name in ("deals", "amount")}
    return Query(added.on_conflict_do_update(index_elements=["key"], set_=sums))


def _placed(keys: tuple[Key, ...]) -> list[tuple[Key, int, int]]:
    """Return each key with its bits, and how many are below them."""
    bits = widths(keys) or ()
    return [(key, width, sum(bits[:at])) for at, (key, width) in enumerate(zip(keys, bits, strict=True))]


def _place(name: str, sql: str | None, width: int) -> ColumnElement[Any]:
    """Return a number from 1 on, 0 for no value; a negative one, as is all that has it, for what does not fit."""
    column = DEALS.c[name] if sql is None else literal_column(sql, BigInteger())
    if sql is not None or (name not in CODES and width >= UNLIMITED_BITS):
        return func.coalesce(column, _NONE)
    place = column + _ONE if name in CODES else column
    fits = column.between(_NONE, _number(2**width - 2))
    return case((column.is_(None), _NONE), (fits, place), else_=_number(-1))


def _read_built(keys: tuple[Key, ...]) -> Query:
    """Return what reads the table: of each row the set and the keys, and what is summed up."""
    key, deals, amount = _TALLIES.c
    places: list[ColumnElement[Any]] = []
    for (name, _), width, shift in _placed(keys):
        place: ColumnElement[Any] = func.nullif(key.op(">>")(_number(shift)).op("&")(_number(2**width - 1)), _NONE)
        places.append(place - _ONE if name in CODES else place)
    sums = (deals.op("&")(_LOW), deals.op(">>")(_HALF), amount)
    return Query(select(key.op(">>")(_KEY_BITS), *places, *sums).order_by(key))


_added: Final = BuiltOnce(_added_built, 128)
_read: Final = BuiltOnce(_read_built, 128)
_EMPTIED: Final = Query(delete(_TALLIES))
