"""Pages of deals by keyset: the cost of a page does not depend on how far into the list it is."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select

from store.conditions import And, Compare, Condition, Operator, clause, columns, is_selective
from store.narrow import narrow_clause, narrow_index, narrowed, of_groups
from store.near import find_near, near_page
from store.paging import OrderKey as OrderKey
from store.paging import Page as Page
from store.paging import PageRequest as PageRequest
from store.paging import PageRow as PageRow
from store.paging import Position as Position
from store.paging import full_order, kept, page_of, position_of, turned
from store.tables import ALIVE, DEALS, held
from store.walks import walk

CHUNK: Final = 1000
"""Rows that an export reads at once."""

FEW: Final = 300
"""Deals that are rather looked up and sorted than met on a walk along the order."""


def page(connection: Connection, request: PageRequest) -> Page:
    """Return a page of deals that are not deleted. Raises ValueError for a position of another order."""
    near = near_page(request)
    return (near and find_near(connection, near)) or far_page(connection, request)


def far_page(connection: Connection, request: PageRequest) -> Page:
    """Return the page, wherever its deals are. Raises ValueError for a position of another order."""
    order, start, _ = request.walk()
    condition = _in_few_groups(connection, request.condition)
    if not _is_walked(condition, full_order(request.order)[0]):
        condition = _few(connection, condition)
    found = walk(connection, condition, order, start, request.count + 1)
    rows = kept(request, found)
    has_less = False
    if start is not None:
        edge, is_inclusive = (position_of(rows[0]), False) if rows else (start, True)
        has_less = bool(walk(connection, condition, turned(order), edge, 1, is_inclusive=is_inclusive))
    return page_of(request, rows, has_more=len(found) > len(rows), has_less=has_less)


def count(connection: Connection, condition: Condition | None) -> int:
    """Return how many deals meet the condition."""
    found: int = connection.execute(_meeting(connection, condition, func.count())).scalar_one()
    return found


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
    return condition is None or is_selective(condition) or columns(condition) <= held(first.column)


def _few(connection: Connection, condition: Condition | None) -> Condition | None:
    """Return the condition, or, where few deals meet it, these deals: they are looked up and sorted.

    A walk along the order soon meets the deals of a page if there are many; if there are few, it would fetch all rows.
    """
    few = connection.scalars(_meeting(connection, condition, DEALS.c.id).limit(FEW + 1)).all()
    return condition if len(few) > FEW else Compare("id", Operator.IN, few)


def _in_few_groups(connection: Connection, condition: Condition | None) -> Condition | None:
    """Return the condition, or, where few deals are of the groups that it allows, what it is of these.

    The deals of a group are together in an index: to ask takes a fraction of a millisecond, and a walk passes over all.
    """
    part = of_groups(condition)
    if part is None or condition is None or narrow_index(connection, part) is None:
        return condition
    few = connection.scalars(_meeting(connection, part, DEALS.c.id).limit(FEW + 1)).all()
    return condition if len(few) > FEW else And((Compare("id", Operator.IN, few), condition))


def _meeting(connection: Connection, condition: Condition | None, wanted: ColumnElement[Any]) -> Select[Any]:
    """Return the query for this of all deals that meet the condition."""
    index = narrow_index(connection, condition)
    met = clause(condition) if index is None else narrow_clause(condition, index)
    return narrowed(select(wanted).select_from(DEALS).where(ALIVE, met), index)
