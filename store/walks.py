"""Walks along an order: the first deals of a list behind a position, each segment of it one range of an index.

A list is asked for in segments: the deals with the position's value and what follows it, then the deals with a value
behind it, and, before or after them, the deals without a value. Statements are built once for each shape of what is
asked: to build one takes five times as long as to run it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    UnaryExpression,
    bindparam,
    func,
    null,
    select,
    tuple_,
)

from store.conditions import Condition, clause, is_selective, shape
from store.tables import ALIVE, DEALS

Position: TypeAlias = tuple[str | int | None, ...]
"""Where a deal is in a list: its values of the order's columns, then its id."""

MOST_STATEMENTS: Final = 128
"""Of tens of kilobytes each."""


@dataclass(frozen=True, slots=True)
class OrderKey:
    """A column that a list is ordered by, and where deals without a value come."""

    column: str
    is_descending: bool = False
    nulls_first: bool = False


class PageRow(NamedTuple):
    """A deal of a page, with its record as it was stored."""

    id: str
    source: str
    account: str
    source_id: str
    body: bytes
    hash: bytes
    read_at: int  # microseconds
    customer_name: str | None
    customer_company: str | None
    customer_email: str | None
    position: Position


def walk(
    connection: Connection,
    condition: Condition | None,
    order: tuple[OrderKey, ...],
    start: Position | None,
    limit: int,
    *,
    is_inclusive: bool = False,
    within: int | None = None,
) -> list[PageRow]:
    """Return the first deals behind a position; `id` is the order's last key.

    `within` so many deals of the first segment, whether they meet the condition or not, if that is given.
    """
    shaped, values = shape(condition)
    names = tuple(None if value is None else f"start_{index}" for index, value in enumerate(start or ()))
    given = {name: value for name, value in zip(names, start or (), strict=True) if name is not None}
    key = (order, names if start is not None else None, is_inclusive)
    rows: list[PageRow] = []
    for statement, edge, within_edge in _statements(shaped, *key):
        chosen = statement
        if within is not None:
            end = connection.execute(edge, given | {"within": within}).first()
            if end is not None:
                chosen = within_edge
                given |= {f"end_{index}": value for index, value in enumerate(end)}
        found = connection.execute(chosen, given | values | {"limit": limit - len(rows)}).fetchall()
        rows += [page_row(row) for row in found]
        if within is not None or len(rows) == limit:
            break
    return rows


WANTED: Final = tuple(DEALS.c[name] for name in PageRow._fields[1:-1])
"""What a row has before the columns of the order."""


def page_row(row: Sequence[Any]) -> PageRow:
    """Return the deal of a row that has the columns `WANTED`, then those of the order, whose last is the id."""
    return PageRow._make((row[-1], *row[: len(WANTED)], tuple(row[len(WANTED) :])))


class Segment(NamedTuple):
    """A part of a list: what its deals meet, in the list's order."""

    clauses: tuple[ColumnElement[bool], ...]
    settled: frozenset[str]  # columns that all its deals have, or have not


class _Statements(NamedTuple):
    """Of one segment: its deals; the deal at which it ends, so many deals further on; and its deals up to that one."""

    all: Select[Any]
    edge: Select[Any]
    within_edge: Select[Any]


def _statements(
    condition: Condition | None,
    order: tuple[OrderKey, ...],
    start: tuple[str | None, ...] | None,
    is_inclusive: bool,
) -> tuple[_Statements, ...]:
    try:
        return _built_once(condition, order, start, is_inclusive)
    except TypeError:  # a list of values, which has no hash
        return _built(condition, order, start, is_inclusive)


def _built(
    condition: Condition | None,
    order: tuple[OrderKey, ...],
    start: tuple[str | None, ...] | None,
    is_inclusive: bool,
) -> tuple[_Statements, ...]:
    is_looked_up = is_selective(condition)
    meets = clause(condition, walked=order[0].column)
    wanted = select(*WANTED, *(DEALS.c[key.column] for key in order))
    columns = [DEALS.c[key.column] for key in order]
    position = (
        None
        if start is None
        else tuple(
            None if name is None else bindparam(name, type_=column.type)
            for name, column in zip(start, columns, strict=True)
        )
    )
    end = tuple(bindparam(f"end_{index}", type_=column.type) for index, column in enumerate(columns))
    built = []
    for segment in segments(order, position, is_inclusive, _unindexed if is_looked_up else DEALS.c.__getitem__):
        ordered = [ordering(key, segment) for key in order]
        found = wanted.where(ALIVE, *segment.clauses, meets).order_by(*ordered).limit(bindparam("limit", type_=Integer))
        edge = select(*columns).where(ALIVE, *segment.clauses).order_by(*ordered)
        edge = edge.limit(1).offset(bindparam("within", type_=Integer))
        up_to = tuple_(*columns) >= tuple_(*end) if order[0].is_descending else tuple_(*columns) <= tuple_(*end)
        built.append(_Statements(found, edge, found.where(up_to)))
    return tuple(built)


_built_once = lru_cache(MOST_STATEMENTS)(_built)


def _unindexed(name: str) -> ColumnElement[Any]:
    """Return a column as an expression, which no index is looked into for."""
    return func.coalesce(DEALS.c[name], null())


def ordering(key: OrderKey, segment: Segment) -> UnaryExpression[Any]:
    """Return a key of an order as SQL has it, within a segment."""
    column = DEALS.c[key.column]
    directed = column.desc() if key.is_descending else column.asc()
    if (
        key.column in segment.settled or not column.nullable
    ):  # said without need, it would keep the index from being used
        return directed
    return directed.nulls_first() if key.nulls_first else directed.nulls_last()


def segments(
    order: tuple[OrderKey, ...],
    start: tuple[Any, ...] | None,
    is_inclusive: bool,
    column_of: Callable[[str], ColumnElement[Any]],
) -> Iterator[Segment]:
    """Yield what of a list lies behind a position, in the list's order."""
    key, rest = order[0], order[1:]
    column = column_of(key.column)
    settled = frozenset({key.column})
    if not rest:
        yield Segment(() if start is None else (_behind(key, (column,), start, is_inclusive),), settled)
        return
    without, with_ = Segment((column.is_(None),), settled), Segment((column.is_not(None),), settled)
    if start is None:
        yield from (without, with_) if key.nulls_first else (with_, without)
        return
    value, following = start[0], start[1:]
    if value is None:
        same: Segment | None = without
    elif len(rest) == 1 and rest[0].is_descending == key.is_descending:
        # The deals with the same value, and those behind it, are one range of the index.
        yield Segment((_behind(key, (column, column_of("id")), start, is_inclusive),), settled)
        same = None
    else:
        same = Segment((column == value,), settled)
    if same is not None:
        for one in segments(rest, following, is_inclusive, column_of):
            yield Segment((*same.clauses, *one.clauses), same.settled | one.settled)
    if value is None and key.nulls_first:
        yield with_
    if value is not None:
        if same is not None:
            yield Segment((_behind(key, (column,), (value,), False),), settled)
        if not key.nulls_first:
            yield without


def _behind(
    key: OrderKey, columns: tuple[ColumnElement[Any], ...], values: tuple[Any, ...], is_inclusive: bool
) -> ColumnElement[bool]:
    left, right = (tuple_(*columns), tuple_(*values)) if len(columns) > 1 else (columns[0], values[0])
    if key.is_descending:
        return left <= right if is_inclusive else left < right
    return left >= right if is_inclusive else left > right
