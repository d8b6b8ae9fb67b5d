"""Walks along an order: the first deals of a list behind a position, each segment of it one range of an index.

A list is asked for in segments: the deals with the position's value and what follows it, then the deals with a value
behind it, and, before or after them, the deals without a value. Statements are built once for each shape of what is
asked: to build one takes five times as long as to run it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    UnaryExpression,
    and_,
    false,
    or_,
    select,
    true,
    tuple_,
)

from store.conditions import Condition, Shape, clause, is_selective, shape, shaped
from store.narrow import narrow_clause, narrow_deals, narrow_index, narrowed, through_groups
from store.order_columns import OrderColumns, of_deals, stored, with_parameters
from store.paging import CUSTOMER_ID, SCANNED, SORTED, WANTED, OrderKey, PageRow, Position, merged
from store.queries import BuiltOnce, parameter
from store.tables import ALIVE, DEALS, held

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
    shape_of_order, attributes = with_parameters(order)
    given |= attributes
    index = narrow_index(connection, condition, _columns(order)) if _is_sorted(order[0]) else None
    asked = (shape_of_order, names if start is not None else None, is_inclusive, index)
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


def _is_sorted(first: OrderKey) -> bool:
    """Return whether all deals are sorted for an order that begins with this key, as no index has it."""
    return first.attribute is not None or first.column in SCANNED or first.column in SORTED


def _columns(order: tuple[OrderKey, ...]) -> list[str]:
    """Return the columns of deals that an order goes by."""
    return [key.column for key in order if key.attribute is None]


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
    settled: frozenset[OrderKey]  # keys of the order whose columns all its deals have, or have not


def _built(
    shape_: Shape,
    order: tuple[OrderKey, ...],
    start: tuple[str | None, ...] | None,
    is_inclusive: bool,
    index: str | None,
) -> tuple[Select[Any], ...]:
    """Return the statement of each segment; where all deals are sorted, `index` is the narrow one that has them all."""
    condition = shaped(shape_)
    is_looked_up, first = is_selective(condition), order[0].column
    met = clause(condition, walked=first, held=held(first)) if index is None else narrow_clause(condition, index)
    meets = [ALIVE, met]
    if first == CUSTOMER_ID and not is_looked_up:
        meets += [column == given for column, given in zip(_ACCOUNT, _GIVEN_ACCOUNT, strict=True)]
    columns = OrderColumns(order)
    wanted = select(*WANTED, *map(columns.plain, order)).select_from(columns.joined())
    is_scanned = first in SCANNED or order[0].attribute is not None
    is_sorted = _is_sorted(order[0]) and not is_looked_up
    column_of = columns.unindexed if is_looked_up else columns.sorted if is_sorted else columns.plain
    built, limit = [], parameter("limit", Integer())
    found: Iterable[Segment] = segments(order, start and parameters(start, order), is_inclusive, column_of)
    for segment in [together(found)] if is_scanned else found:
        ordered = [ordering(key, segment, columns.plain) for key in order]
        clauses = [*meets, *segment.clauses]
        if is_sorted:  # by ids alone, which SQLite finds in a narrow index
            keys = [ordering(key, segment, columns.sorted) for key in order]
            deals: FromClause = DEALS
            if index is not None:
                deals = narrow_deals(_columns(order))
                clauses = [*meets, *map(through_groups, segment.clauses)]
                keys = list(map(through_groups, keys))
            ids = narrowed(select(DEALS.c.id).select_from(columns.joined(deals)), index)
            ids = ids.where(*clauses).order_by(*keys).limit(limit)
            clauses = [DEALS.c.id.in_(ids.correlate(None))]
        built.append(wanted.where(*clauses).order_by(*ordered).limit(limit))
    return tuple(built)


_statements = BuiltOnce(_built, MOST_STATEMENTS)


def parameters(names: tuple[str | None, ...], order: tuple[OrderKey, ...]) -> tuple[Any, ...]:
    """Return a position's values as parameters of these names, None where it has none."""
    return tuple(
        [None if name is None else parameter(name, stored(key).type) for name, key in zip(names, order, strict=True)]
    )


def ordering(
    key: OrderKey, segment: Segment, column_of: Callable[[OrderKey], ColumnElement[Any]] = of_deals
) -> UnaryExpression[Any]:
    """Return a key of an order as SQL has it, within a segment."""
    column = column_of(key)
    directed = column.desc() if key.is_descending else column.asc()
    if key in segment.settled or not stored(key).nullable:  # said without need, it would keep the index from being used
        return directed
    return directed.nulls_first() if key.nulls_first else directed.nulls_last()


def segments(
    order: tuple[OrderKey, ...],
    start: tuple[Any, ...] | None,
    is_inclusive: bool,
    column_of: Callable[[OrderKey], ColumnElement[Any]],
) -> Iterator[Segment]:
    """Yield what of a list lies behind a position, in the list's order."""
    key, rest = order[0], order[1:]
    column = column_of(key)
    settled = frozenset({key})
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
        yield Segment((_behind(key, (column, column_of(rest[0])), start, is_inclusive),), settled)
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


def together(found: Iterable[Segment]) -> Segment:
    """Return segments as one, for a list that no index has the order of: to sort it once is enough."""
    return Segment((or_(false(), *[and_(true(), *one.clauses) for one in found]),), frozenset())


def _behind(
    key: OrderKey, columns: tuple[ColumnElement[Any], ...], values: tuple[Any, ...], is_inclusive: bool
) -> ColumnElement[bool]:
    left, right = (tuple_(*columns), tuple_(*values)) if len(columns) > 1 else (columns[0], values[0])
    if key.is_descending:
        return left <= right if is_inclusive else left < right
    return left >= right if is_inclusive else left > right
