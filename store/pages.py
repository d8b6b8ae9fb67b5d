"""Pages of deals by keyset: the cost of a page does not depend on how far into the list it is."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, func, select

from store.conditions import Compare, Condition, Operator, clause, columns, is_selective
from store.tables import ALIVE, DEALS, ORDERABLE, SEQUENCE, USUAL, WALKED
from store.walks import OrderKey as OrderKey
from store.walks import PageRow as PageRow
from store.walks import Position as Position
from store.walks import walk

_SEQUENCE: Final = select(SEQUENCE.c.value)

CHUNK: Final = 1000
"""Rows that an export reads at once."""

NEAR: Final = 1_000
"""Deals that are looked through first: mostly a page is full before, and nobody needs to know how many meet it."""

FEW: Final = 300
"""Deals that are rather looked up and sorted than met on a walk along the order."""


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
    condition, most = request.condition, request.count + 1
    found = []
    is_many = _is_walked(condition, order[0])
    if not is_many and _is_simple(order):
        found = walk(connection, condition, order, start, most, within=NEAR)
        is_many = len(found) == most
    if not is_many:
        condition = _few(connection, condition)
    if len(found) < most:
        found = walk(connection, condition, order, start, most)
    kept = found[: request.count]
    if end is not None:
        kept = [row for row in kept if _comes_before(order, row.position, end)]
    has_more = len(found) > len(kept)
    has_less = False
    if start is not None:
        edge, is_inclusive = (kept[0].position, False) if kept else (start, True)
        back = walk(connection, condition, _reversed(order), edge, 1, is_inclusive=is_inclusive)
        has_less = bool(back)
    sequence = connection.scalar(_SEQUENCE) or 0
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
    rows = walk(connection, request.condition, full_order(request.order), request.after, request.count)
    return rows, replace(request, after=rows[-1].position) if len(rows) == request.count else None


def _is_walked(condition: Condition | None, first: OrderKey) -> bool:
    """Return whether the order's index has all that the condition reads, so that a walk need not fetch other rows.

    Or whether an index has the few deals that can meet the condition.
    """
    held = {first.column, *WALKED} if first.column in USUAL else {first.column}
    return condition is None or is_selective(condition) or columns(condition) <= held


def _few(connection: Connection, condition: Condition | None) -> Condition | None:
    """Return the condition, or, where few deals meet it, these deals: they are looked up and sorted.

    A walk along the order soon meets the deals of a page if there are many; if there are few, it would fetch all rows.
    """
    few = connection.scalars(select(DEALS.c.id).where(ALIVE, clause(condition)).limit(FEW + 1)).all()
    return condition if len(few) > FEW else Compare("id", Operator.IN, few)


def _is_simple(order: tuple[OrderKey, ...]) -> bool:
    """Return whether an index has the whole order, so that so many deals of it are one range."""
    return len(order) == 2 and order[0].is_descending == order[1].is_descending


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
