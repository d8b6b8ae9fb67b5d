"""Sums of SQLite without a sort, by groups of deals and one more whole number.

SQLite groups by sorting, row by row. To add each deal to its row of a small table in memory takes half as long, where
that row is found by one number: so a set of groups and what deals are told apart by are put into one.
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

MOST_SETS: Final = 2**20
"""As many as the number that a group is given with has room for."""

_TALLIES: Final = Table(
    "tallies", MetaData(), Column("key", Integer, primary_key=True), Column("deals", Integer), Column("amount", Integer)
)


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer())  # in the statement's text: no parameter


_SET_BITS: Final = _number(20)
_SETS: Final = _number(2**20 - 1)
_HALF: Final = _number(32)
_LOW: Final = _number(2**32 - 1)
_NONE: Final = _number(0)
_ONE: Final = _number(1)
_WITH_AMOUNT: Final = _number(2**32 + 1)  # a deal below, an amount above


def tallied(
    connection: Connection, key: Key, shape_: Shape, values: Values, groups: Sequence[tuple[int, int]]
) -> list[tuple[Any, ...]] | None:
    """Return rows of the set, the key, how many deals, how many with an amount, and the sum of amounts.

    `groups` are their numbers with those of their sets. A key is a column with whole numbers or an expression for one,
    from 1 on, or a column with codes. Returns None for what does not fit: a sum of more than 64 bits, or a code that is
    negative or of more than 32.
    """
    given = ",".join([str(number << 20 | set_) for number, set_ in groups])
    fetched(connection, _EMPTIED, {})  # before: of what was broken off nothing is added again
    fetched(connection, _added(key, shape_), {**values, "groups": f"[{given}]"})
    rows = fetched(connection, _read(key[0] in CODES), {})
    fits = all(type(row[-1]) is int for row in rows) and not (rows and rows[0][0] < 0)
    return rows if fits else None


def _added_built(key: Key, shape_: Shape) -> Query:
    """Return what adds the deals of the groups that are given as numbers with their sets."""
    condition = shaped(shape_)
    met = clause(condition, is_of_all=True)
    value = func.json_each(parameter("groups", String())).table_valued("value").c.value
    groups = (
        select(value.op(">>")(_SET_BITS).label("id"), value.op("&")(_SETS).op("<<")(_HALF).label("set"))
        .cte("given")
        .prefix_with("MATERIALIZED")  # else both are worked out for each deal
    )
    number: ColumnElement[Any] = groups.c.set.op("|")(_place(*key))
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


def _place(name: str, sql: str | None) -> ColumnElement[Any]:
    """Return a number from 1 on, 0 for no value, and a negative one for what does not fit."""
    column = DEALS.c[name] if sql is None else literal_column(sql, BigInteger())
    if name not in CODES:
        return func.coalesce(column, _NONE)
    fits = column.between(_NONE, _number(2**32 - 2))
    return case((column.is_(None), _NONE), (fits, column + _ONE), else_=_number(-1))


def _read_built(is_of_codes: bool) -> Query:
    """Return what reads the table: of each row the set and the key, and what is summed up."""
    key, deals, amount = _TALLIES.c
    place: ColumnElement[Any] = func.nullif(key.op("&")(_LOW), _NONE)
    if is_of_codes:
        place = place - _ONE
    return Query(select(key.op(">>")(_HALF), place, deals.op("&")(_LOW), deals.op(">>")(_HALF), amount).order_by(key))


_added: Final = BuiltOnce(_added_built, 128)
_read: Final = BuiltOnce(_read_built, 2)
_EMPTIED: Final = Query(delete(_TALLIES))
