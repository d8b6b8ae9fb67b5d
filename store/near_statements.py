"""Statements of near pages: the next deals of an order that meet a condition, and whether there are any around them."""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)

from store.conditions import LARGEST, Condition, clause, ranges
from store.order_columns import of_deals
from store.paging import OrderKey, turned
from store.queries import End, parameter
from store.tables import ALIVE, DEALS, held
from store.walks import Segment, ordering, parameters, segments

WITHIN: Final = "within"
"""The parameter that says how many deals are looked through."""

ENDS: Final = ("end_0", "end_1")
"""Those that say up to which, where that is known."""

HAS_BEFORE: Final = 1
"""In a row's last column: there are deals before the start."""

HAS_ALL: Final = 2
"""In it: the look has come to the end of the list, and no deals but those of the rows lie behind the start."""

Order: TypeAlias = tuple[OrderKey, ...]
Start: TypeAlias = tuple[str | None, ...] | None
"""A position, by the names of its parameters; None for the list's beginning."""


def tells_around(condition: Condition | None, order: Order, start: Start) -> bool:
    """Return whether the rows of a statement have a last column that tells what is around them.

    A list's first page is seldom all of it, and then by a filter of the order's column, such as "changed today"; no
    other has the column, whose values cost more than to ask for a few pages in another way.
    """
    return start is not None or bool(ranges(condition, order[0].column))


def near_statement(
    condition: Condition | None, wanted: Iterable[ColumnElement[Any]], order: Order, start: Start, end: End
) -> Select[Any]:
    """Return the statement for the first deals behind a start: what is wanted of each, and its position.

    Where it `tells_around`, the last column is `HAS_BEFORE`, `HAS_ALL`, the sum of both, or 0.
    """
    here, *following = _segments(order, start, is_inclusive=False)
    last = _last(condition, order, here, end)
    found = _looked_at(condition, order, here, last, [*wanted, *_columns(order)])
    found = found.limit(parameter("limit", Integer()))
    if not tells_around(condition, order, start):
        return found
    unseen = _unseen(condition, order, here, following, last)
    has_all = and_(true(), *[deal.is_(None) for deal in unseen])
    around: ColumnElement[int] = case((has_all, literal_column(str(HAS_ALL))), else_=literal_column("0"))
    if start is not None:
        back = turned(order)
        before = _segments(back, start, is_inclusive=True)[0]
        its_end = End.COUNTED if end is End.MARKED else end  # the mark is on the other side
        less = _looked_at(condition, back, before, _last(condition, back, before, its_end), [])
        around += func.coalesce(_first(less), literal_column("0"))
    return found.add_columns(around)


def list_end(key: OrderKey) -> str | int | bytes:
    """Return what no deal's value of the column lies behind."""
    type_ = DEALS.c[key.column].type.python_type
    if type_ is int:
        return -LARGEST - 1 if key.is_descending else LARGEST
    if type_ is bytes:
        return b"" if key.is_descending else b"\xff"
    return "" if key.is_descending else "\U0010ffff"


def _segments(order: Order, start: Start, *, is_inclusive: bool) -> list[Segment]:
    position = None if start is None else parameters(start, order)
    return list(segments(order, position, is_inclusive, of_deals))


def _columns(order: Order) -> list[ColumnElement[Any]]:
    return [of_deals(key) for key in order]


def _along(order: Order, segment: Segment, wanted: Iterable[ColumnElement[Any]]) -> Select[Any]:
    found = select(*wanted).where(ALIVE, *segment.clauses)
    return found.order_by(*[ordering(key, segment) for key in order])


def _first(deals: Select[Any]) -> ColumnElement[int]:
    """Return 1 if there is one of the deals, else null; in their order, so that their index is used."""
    one = deals.add_columns(literal_column(str(HAS_BEFORE), Integer()))
    return one.limit(1).correlate(None).scalar_subquery()


def _looked_at(
    condition: Condition | None, order: Order, segment: Segment, last: Any, wanted: Iterable[ColumnElement[Any]]
) -> Select[Any]:
    """Return the statement for the deals of a segment, up to the last one that is looked at, that meet a condition."""
    found = _along(order, segment, wanted)
    if condition is not None:
        walked = order[0].column
        found = found.where(clause(condition, walked=walked, held=held(walked), is_along=True))
    return found if last is None else found.where(~_is_behind(order, last))


def _is_behind(order: Order, last: Any) -> ColumnElement[bool]:
    position = tuple_(*_columns(order))
    found: ColumnElement[bool] = position < last if order[0].is_descending else position > last
    return found


def _last(condition: Condition | None, order: Order, segment: Segment, end: End) -> Any:
    """Return the position of the last deal that is looked at; None if the statement does not say it."""
    if condition is None or end is End.BROKEN_OFF:
        return None
    if end is End.MARKED:
        return tuple_(*parameters(ENDS, order))
    edge = _along(order, segment, _columns(order)).where(*ranges(condition, order[0].column)).correlate(None)
    edge = edge.limit(1).offset(parameter(WITHIN, Integer()))
    ends = [literal(list_end(key)) for key in order]
    return select(union_all(select(edge.subquery()), select(*ends)).limit(1).cte()).scalar_subquery()


def _unseen(
    condition: Condition | None, order: Order, here: Segment, following: Iterable[Segment], last: Any
) -> list[ColumnElement[int]]:
    """Return what is null if no deal that may meet the condition is further from the start than those looked at."""
    met = ranges(condition, order[0].column)
    unseen = []
    if last is not None:  # behind it is behind the start: both said, PostgreSQL would go from one to the other
        unseen.append(Segment((_is_behind(order, last), *met), here.settled))
    if not met and of_deals(order[0]).nullable:  # what a value is compared with is met by no deal without one
        unseen += following
    return [_first(_along(order, segment, [])) for segment in unseen]
