"""Pages of deals by keyset: the cost of a page does not depend on how far into the list it is.

A list is asked for in segments, each one range of the index of its first key: the deals with the position's value and
what follows it, then the deals with a value behind it, and, before or after them, the deals without a value.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Connection, UnaryExpression, func, null, select, tuple_

from store.conditions import Compare, Condition, Operator, clause, columns, is_selective
from store.tables import ALIVE, DEALS, ORDERABLE, SEQUENCE, USUAL, WALKED

Position: TypeAlias = tuple[str | int | None, ...]
"""Where a deal is in a list: its values of the order's columns, then its id."""

CHUNK: Final = 1000
"""Rows that an export reads at once."""

FEW: Final = 300
"""Deals that are rather looked up and sorted than met on a walk along the order."""


@dataclass(frozen=True, slots=True)
class OrderKey:
    """A column that a list is ordered by, and where deals without a value come."""

    column: str
    is_descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`count` deals of a list: its first, or its last where `is_backward`, between two positions if they are given."""

    condition: Condition | None
    order: tuple[OrderKey, ...]
    count: int
    after: Position | None = None
    before: Position | None = None
    is_backward: bool = False


@dataclass(frozen=True, slots=True)
class PageRow:
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


@dataclass(frozen=True, slots=True)
class Page:
    """Deals in the list's order, whether there are more on either side, and the store's sequence number."""

    rows: list[PageRow]
    has_next: bool
    has_previous: bool
    sequence: int


def full_order(order: Sequence[OrderKey]) -> tuple[OrderKey, ...]:
    """Return the order with `id` as its last key, in the direction of the key before it, as the indexes have it."""
    for key in order:
        if key.column not in ORDERABLE:
            raise ValueError(f"deals are not ordered by {key.column}")
    return (*order, OrderKey("id", bool(order) and order[-1].is_descending))


def page(connection: Connection, request: PageRequest) -> Page:
    """Return a page of deals that are not deleted. Raises ValueError for a position of another order."""
    order = full_order(request.order)
    start, end = request.after, request.before
    if request.is_backward:
        order, start, end = _reversed(order), end, start
    for position in (start, end):
        if position is not None and len(position) != len(order):
            raise ValueError("the position is one of another order")
    condition = _narrowed(connection, request.condition, order[0])
    found = _walk(connection, condition, order, start, request.count + 1)
    kept = found[: request.count]
    if end is not None:
        kept = [row for row in kept if _comes_before(order, row.position, end)]
    has_more = len(found) > len(kept)
    has_less = False
    if start is not None:
        edge, is_inclusive = (kept[0].position, False) if kept else (start, True)
        back = _walk(connection, condition, _reversed(order), edge, 1, is_inclusive=is_inclusive)
        has_less = bool(back)
    sequence = connection.scalar(select(SEQUENCE.c.value)) or 0
    if request.is_backward:
        return Page(kept[::-1], has_less, has_more, sequence)
    return Page(kept, has_more, has_less, sequence)


def count(connection: Connection, condition: Condition | None) -> int:
    """Return how many deals meet the condition."""
    return connection.execute(select(func.count()).select_from(DEALS).where(ALIVE, clause(condition))).scalar_one()


def export(connection: Connection, request: PageRequest) -> Iterator[PageRow]:
    """Yield all deals behind the request's position, read in chunks.

    Who must not hold one snapshot for so long asks for each `chunk` in a transaction of its own: a deal whose place in
    the order changes meanwhile may be missed or come twice, every other comes just once.
    """
    following: PageRequest | None = replace(request, count=CHUNK)
    while following is not None:
        rows, following = chunk(connection, following)
        yield from rows


def chunk(connection: Connection, request: PageRequest) -> tuple[list[PageRow], PageRequest | None]:
    """Return the request's next rows, and the request for those behind them, None at the end."""
    rows = _walk(connection, request.condition, full_order(request.order), request.after, request.count)
    return rows, replace(request, after=rows[-1].position) if len(rows) == request.count else None


def _narrowed(connection: Connection, condition: Condition | None, first: OrderKey) -> Condition | None:
    """Return the condition, or, where few deals meet it, these deals: they are looked up and sorted.

    A walk along the order soon meets the deals of a page if there are many; if there are few, it would fetch all rows.
    Where the order's index has all that the condition reads, it need not fetch any, and nothing is asked before.
    """
    held = {first.column, *WALKED} if first.column in USUAL else {first.column}
    if condition is None or is_selective(condition) or columns(condition) <= held:
        return condition
    few = connection.scalars(select(DEALS.c.id).where(ALIVE, clause(condition)).limit(FEW + 1)).all()
    return condition if len(few) > FEW else Compare("id", Operator.IN, few)


_READ: Final = ("source", "account", "source_id", "body", "hash", "read_at")
_NAMED: Final = ("customer_name", "customer_company", "customer_email")
WANTED: Final = tuple(DEALS.c[name] for name in (*_READ, *_NAMED))


class Segment(NamedTuple):
    """A part of a list: what its deals meet, in the list's order."""

    clauses: tuple[ColumnElement[bool], ...]
    settled: frozenset[str]  # columns that all its deals have, or have not


def _walk(
    connection: Connection,
    condition: Condition | None,
    order: tuple[OrderKey, ...],
    start: Position | None,
    limit: int,
    *,
    is_inclusive: bool = False,
) -> list[PageRow]:
    """Return the first deals behind a position."""
    is_looked_up = is_selective(condition)
    meets = clause(condition, walked=order[0].column)
    wanted = select(*WANTED, *(DEALS.c[key.column] for key in order))
    rows: list[PageRow] = []
    for segment in segments(order, start, is_inclusive, _unindexed if is_looked_up else DEALS.c.__getitem__):
        ordered = [ordering(key, segment) for key in order]
        statement = wanted.where(ALIVE, *segment.clauses, meets).order_by(*ordered).limit(limit - len(rows))
        rows += [page_row(row) for row in connection.execute(statement)]
        if len(rows) == limit:
            break
    return rows


def _unindexed(name: str) -> ColumnElement[Any]:
    """Return a column as an expression, which no index is looked into for."""
    return func.coalesce(DEALS.c[name], null())


def page_row(row: Sequence[Any]) -> PageRow:
    """Return the deal of a row that has the columns `WANTED`, then those of the order, whose last is the id."""
    position: Position = tuple(row)[len(WANTED) :]
    return PageRow(row[-1], *tuple(row)[: len(WANTED)], position)  # type: ignore[call-arg] # as many as are selected


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
    start: Position | None,
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
    key: OrderKey, columns: tuple[ColumnElement[Any], ...], values: Position, is_inclusive: bool
) -> ColumnElement[bool]:
    left, right = (tuple_(*columns), tuple_(*values)) if len(columns) > 1 else (columns[0], values[0])
    if key.is_descending:
        return left <= right if is_inclusive else left < right
    return left >= right if is_inclusive else left > right


def _reversed(order: tuple[OrderKey, ...]) -> tuple[OrderKey, ...]:
    return tuple(OrderKey(key.column, not key.is_descending, not key.nulls_first) for key in order)


def _comes_before(order: tuple[OrderKey, ...], one: Position, other: Position) -> bool:
    for key, first, second in zip(order, one, other, strict=True):
        if first == second:
            continue
        if first is None or second is None:
            return (first is None) == key.nulls_first
        return bool(operator.gt(first, second) if key.is_descending else operator.lt(first, second))
    return False
