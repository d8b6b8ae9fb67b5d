"""Walks along an order: the first deals of a list behind a position, each segment of it one range of an index.

A list is asked for in segments: the deals with the position's value and what follows it, then the deals with a value
behind it, and, before or after them, the deals without a value. Statements are built once for each shape of what is
asked: to build one takes five times as long as to run it.
"""

from collections.abc import Callable, Iterator
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
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from store.conditions import Condition, Shape, clause, is_selective, shape, shaped
from store.paging import CUSTOMER_ID, SORTED, WANTED, OrderKey, PageRow, Position, merged
from store.queries import BuiltOnce, parameter
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
    is_split = order[0].column == CUSTOMER_ID and not is_selective(condition)
    parts = _accounts(connection) if is_split else [{}]
    rows: list[PageRow] = []
    for statement in _statements(key, *asked):
        left = limit - len(rows)
        wanted = given | values | {"limit": left}
        found = [PageRow(row) for part in parts for row in connection.execute(statement, wanted | part)]
        rows += found if len(parts) == 1 else merged(order, found)[:left]
        if len(rows) == limit:
            break
    return rows


_ACCOUNT: Final = (DEALS.c.source, DEALS.c.account)
_SOURCE, _NAME = _GIVEN_ACCOUNT = tuple([parameter(column.name, column.type) for column in _ACCOUNT])
_NEXT_ACCOUNT: Final = tuple(
    [
        select(*_ACCOUNT).where(*behind).order_by(*_ACCOUNT).limit(1)
        # One after the other: of both in one comparison SQLite would go through all deals of the account.
        for behind in ((DEALS.c.source == _SOURCE, DEALS.c.account > _NAME), (DEALS.c.source > _SOURCE,))
    ]
)


def _accounts(connection: Connection) -> list[dict[str, str]]:
    """Return the accounts that deals are of: few, each found by a step in an index."""
    found: list[dict[str, str]] = []
    last = {"source": "", "account": ""}
    while row := next(filter(None, (connection.execute(one, last).first() for one in _NEXT_ACCOUNT)), None):
        last = {"source": row[0], "account": row[1]}
        found.append(last)
    return found


class Segment(NamedTuple):
    """A part of a list: what its deals meet, in the list's order."""

    clauses: tuple[ColumnElement[bool], ...]
    settled: frozenset[str]  # columns that all its deals have, or have not


def _built(
    shape_: Shape,
    order: tuple[OrderKey, ...],
    start: tuple[str | None, ...] | None,
    is_inclusive: bool,
) -> tuple[Select[Any], ...]:
    condition = shaped(shape_)
    is_looked_up, first = is_selective(condition), order[0].column
    meets = [ALIVE, clause(condition, walked=first)]
    if first == CUSTOMER_ID and not is_looked_up:
        meets += [column == given for column, given in zip(_ACCOUNT, _GIVEN_ACCOUNT, strict=True)]
    wanted = select(*WANTED, *(DEALS.c[key.column] for key in order))
    columns: list[ColumnElement[Any]] = [DEALS.c[key.column] for key in order]
    position = None if start is None else parameters(start, columns)
    is_sorted = first in SORTED and not is_looked_up
    column_of = _unindexed if is_looked_up else _Sorted if is_sorted else DEALS.c.__getitem__
    built, limit = [], parameter("limit", Integer())
    for segment in segments(order, position, is_inclusive, column_of):
        ordered = [ordering(key, segment) for key in order]
        clauses = [*meets, *segment.clauses]
        if is_sorted:  # by ids alone, which SQLite finds in a narrow index
            keys = [ordering(key, segment, _Sorted) for key in order]
            clauses = [DEALS.c.id.in_(select(DEALS.c.id).where(*clauses).order_by(*keys).limit(limit))]
        built.append(wanted.where(*clauses).order_by(*ordered).limit(limit))
    return tuple(built)


_statements = BuiltOnce(_built, MOST_STATEMENTS)


def parameters(names: tuple[str | None, ...], columns: list[ColumnElement[Any]]) -> tuple[Any, ...]:
    """Return a position's values as parameters of these names, None where it has none."""
    return tuple(
        [None if name is None else parameter(name, column.type) for name, column in zip(names, columns, strict=True)]
    )


def _unindexed(name: str) -> ColumnElement[Any]:
    """Return a column as an expression, which no index is looked into for."""
    return func.coalesce(DEALS.c[name], null())


class _Sorted(FunctionElement[Any]):
    """A column that deals are sorted by where no index has the order of its list."""

    inherit_cache = True

    def __init__(self, name: str) -> None:
        super().__init__(DEALS.c[name])
        self.type = DEALS.c[name].type


@compiles(_Sorted, "sqlite")
def _sorted_in_sqlite(element: _Sorted, compiler: SQLCompiler, **options: Any) -> str:
    return f"coalesce({compiler.process(element.clauses, **options)}, NULL)"


@compiles(_Sorted, "postgresql")
def _sorted_in_postgresql(element: _Sorted, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


def ordering(
    key: OrderKey, segment: Segment, column_of: Callable[[str], ColumnElement[Any]] = DEALS.c.__getitem__
) -> UnaryExpression[Any]:
    """Return a key of an order as SQL has it, within a segment."""
    column = column_of(key.column)
    directed = column.desc() if key.is_descending else column.asc()
    if (
        key.column in segment.settled or not DEALS.c[key.column].nullable
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
