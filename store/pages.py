"""Pages of deals by keyset: the cost of a page does not depend on how far into the list it is."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, func, select

from store.conditions import Compare, Condition, Operator, clause, columns, is_selective
from store.tables import ALIVE, DEALS, ORDERABLE, USUAL, WALKED
from store.walks import OrderKey as OrderKey
from store.walks import PageRow as PageRow
from store.walks import Position as Position
from store.walks import walk

SOURCE: Final = "source"
"""A further column that lists may be ordered by: few values, and the ids begin with them."""

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
    """Deals in the list's order, and whether there are more on either side."""

    rows: list[PageRow]
    has_next: bool
    has_previous: bool


def full_order(order: Sequence[OrderKey]) -> tuple[OrderKey, ...]:
    """Return the order with `id` as its last key, in the direction of the key before it, as the indexes have it.

    A source just before the id is left out: ids begin with it, so that theirs is the same order, and has an index.
    """
    for key in order:
        if key.column not in (*ORDERABLE, SOURCE):
            raise ValueError(f"deals are not ordered by {key.column}")
    is_descending = bool(order) and order[-1].is_descending
    before = order[:-1] if order and order[-1].column == SOURCE else order
    return (*before, OrderKey("id", is_descending))


def page(connection: Connection, request: PageRequest) -> Page:
    """Return a page of deals that are not deleted. Raises ValueError for a position of another order."""
    return near_page(connection, request) or far_page(connection, request)


def near_page(connection: Connection, request: PageRequest) -> Page | None:
    """Return the page if the next deals of the order fill it, without a look at what lies further on.

    It takes less than a millisecond or two, whatever the condition and however many deals there are.
    """
    order = full_order(request.order)
    if len(order) != 2 or order[0].is_descending != order[1].is_descending or is_selective(request.condition):
        return None
    return _page(connection, request, request.condition, within=None if request.condition is None else NEAR)


def far_page(connection: Connection, request: PageRequest) -> Page:
    """Return the page, wherever its deals are."""
    condition = request.condition
    if not _is_walked(condition, full_order(request.order)[0]):
        condition = _few(connection, condition)
    found = _page(connection, request, condition)
    assert found
    return found


def _page(
    connection: Connection, request: PageRequest, condition: Condition | None, within: int | None = None
) -> Page | None:
    """Return the page; None if it is not full, or not known to have deals before it, `within` so many deals."""
    order = full_order(request.order)
    start, end = request.after, request.before
    if request.is_backward:
        order, start, end = _reversed(order), end, start
    for position in (start, end):
        if position is not None and len(position) != len(order):
            raise ValueError("the position is one of another order")
    most = request.count + 1
    found = walk(connection, condition, order, start, most, within=within)
    if within is not None and len(found) < most:
        return None
    kept = found[: request.count]
    if end is not None:
        kept = [row for row in kept if _comes_before(order, row.position, end)]
    has_more = len(found) > len(kept)
    has_less = False
    if start is not None:
        edge, is_inclusive = (kept[0].position, False) if kept else (start, True)
        back = walk(connection, condition, _reversed(order), edge, 1, is_inclusive=is_inclusive, within=within)
        if within is not None and not back:
            return None
        has_less = bool(back)
    if request.is_backward:
        return Page(kept[::-1], has_less, has_more)
    return Page(kept, has_more, has_less)


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
