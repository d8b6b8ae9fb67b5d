"""Walks along an order: the first deals of a list behind a position, each segment of it one range of an index.

A list is asked for in segments: the deals with the position's value and what follows it, then the deals with a value
behind it, and, before or after them, the deals without a value. Statements are built once for each shape of what is
asked: to build one takes five times as long as to run it.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    UnaryExpression,
    func,
    null,
    select,
    tuple_,
)

from store.conditions import Condition, Shape, clause, is_selective, shape, shaped
from store.paging import WANTED, OrderKey, PageRow, Position
from store.queries import parameter
from store.tables import ALIVE, DEALS

MOST_STATEMENTS: Final = 128
"""Of tens of kilobytes each."""


def walk(
    connection: Connection,
    condition: Condition | None,
    order: tuple[OrderKey, ...],
    start: Position | None,
    limit: int,
    *,
    is_inclusive: bool = False,
) -> list[PageRow]:
    """Return the first deals behind a position; `id` is the order's last key."""
    key, values = shape(condition)
    names = tuple(None if value is None else f"start_{index}" for index, value in enumerate(start or ()))
    given = {name: value for name, value in zip(names, start or (), strict=True) if name is not None}
    asked = (order, names if start is not None else None, is_inclusive)
    rows: list[PageRow] = []
    for statement in _statements(key, *asked):
        found = connection.execute(statement, given | values | {"limit": limit - len(rows)})
        rows += [PageRow(row) for row in found]
        if len(rows) == limit:
            break
    return rows


class Segment(NamedTuple):
    """A part of a list: what its deals meet, in the list's order."""

    clauses: tuple[ColumnElement[bool], ...]
    settled: frozenset[str]  # columns that all its deals have, or have not


def _statements(
    shape_: Shape,
    order: tuple[OrderKey, ...],
    start: tuple[str | None, ...] | None,
    is_inclusive: bool,
) -> tuple[Select[Any], ...]:
    try:
        return _built_once(shape_, order, start, is_inclusive)
    except TypeError:  # a list of values, which has no hash
        return _built(shape_, order, start, is_inclusive)


def _built(
    shape_: Shape,
    order: tuple[OrderKey, ...],
    start: tuple[str | None, ...] | None,
    is_inclusive: bool,
) -> tuple[Select[Any], ...]:
    condition = shaped(shape_)
    is_looked_up = is_selective(condition)
    meets = clause(condition, walked=order[0].column)
    wanted = select(*WANTED, *(DEALS.c[key.column] for key in order))
    columns: list[ColumnElement[Any]] = [DEALS.c[key.column] for key in order]
    position = None if start is None else parameters(start, columns)
    built = []
    for segment in segments(order, position, is_inclusive, _unindexed if is_looked_up else DEALS.c.__getitem__):
        ordered = [ordering(key, segment) for key in order]
        found = wanted.where(ALIVE, *segment.clauses, meets).order_by(*ordered).limit(parameter("limit", Integer()))
        built.append(found)
    return tuple(built)


_built_once = lru_cache(MOST_STATEMENTS)(_built)


def parameters(names: tuple[str | None, ...], columns: list[ColumnElement[Any]]) -> tuple[Any, ...]:
    """Return a position's values as parameters of these names, None where it has none."""
    return tuple(
        [None if name is None else parameter(name, column.type) for name, column in zip(names, columns, strict=True)]
    )


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
