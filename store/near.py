"""Pages that the next deals of their order fill: one query of a millisecond or so, whatever is stored."""

from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, Select, literal, literal_column, select, tuple_, union_all

from store.conditions import LARGEST, Condition, Shape, bounds, clause, is_selective, ranges, shape, shaped
from store.order_columns import of_deals
from store.paging import (
    INDEXED,
    WANTED,
    WANTED_OF_PARTS,
    OrderKey,
    Page,
    PageRequest,
    Position,
    Row,
    kept,
    page_of,
    turned,
)
from store.queries import End, Look, Query, Values, parameter
from store.steps import row_steps
from store.tables import ALIVE, DEALS, held
from store.walks import ordering, parameters, segments

NEAR: Final = 20
"""Deals that are looked through for each one of a page: mostly it is full before, and nobody needs to know how many
meet its condition. To find where they end takes a quarter of the time that it takes to look through them, of which
SQLite is spared (`store/steps.py`)."""

WITHIN: Final = "within"
"""The parameter that says how many deals are looked through."""

ENDS: Final = ("end_0", "end_1")
"""Those that say up to which, where that is known."""

MOST_QUERIES: Final = 256
"""Of tens of kilobytes each."""


class NearPage(NamedTuple):
    """A page that is near, perhaps."""

    request: PageRequest
    start: Position | None
    query: Query
    values: Values

    def page(self, rows: list[Row]) -> Page | None:
        """Return the page of the query's rows; None if it is not full, or not known to have deals before it."""
        request, start = self.request, self.start
        if len(rows) <= request.count or (start is not None and rows[0][-1] is None):
            return None
        is_of_parts = request.is_of_parts
        found = kept(request, rows if start is None else [row[:-1] for row in rows], is_of_parts)
        if not found:
            return None
        more = len(rows) > len(found)
        return page_of(request, found, has_more=more, has_less=start is not None, is_of_parts=is_of_parts)


def near_page(request: PageRequest) -> NearPage | None:
    """Return the query for a page, which tells whether it is near; None if there is no such query.

    Raises ValueError for a position of another order.
    """
    order, start, _ = request.walk()
    if len(order) != 2 or order[0].is_descending != order[1].is_descending or order[0].column not in INDEXED:
        return None
    key, values = shape(request.condition)
    given: dict[str, str | int | bytes | None] = {
        **values,
        "limit": request.count + 1,
        WITHIN: NEAR * (request.count + 1),
    }
    names = None
    if start is not None:
        names = tuple([None if one is None else f"start_{n}" for n, one in enumerate(start)])
        given |= {f"start_{n}": one for n, one in enumerate(start) if one is not None}
    try:
        query = _query(key, order, names, request.is_of_parts)
    except TypeError:  # a long list of values, which has no hash
        return None
    return None if query is None else NearPage(request, start, query, given)


def find_near(connection: Connection, near: NearPage) -> Page | None:
    """Return the page if it is near."""
    rows = connection.exec_driver_sql(*near.query.text(connection.dialect, near.values))
    return near.page([tuple(row) for row in rows])


@lru_cache(MOST_QUERIES)
def _query(
    shape_: Shape, order: tuple[OrderKey, ...], start: tuple[str | None, ...] | None, is_of_parts: bool
) -> Query | None:
    """Return the query for the first deals behind a start; its last column then says whether there are any before.

    None if few deals can meet the condition: these are looked up.
    """
    condition = shaped(shape_)
    if is_selective(condition):
        return None
    wanted = WANTED_OF_PARTS if is_of_parts else WANTED
    counted, broken_off, marked = [_statement(condition, wanted, order, start, end) for end in End]
    first = order[0]
    look = Look(
        WITHIN,
        {End.BROKEN_OFF: broken_off, End.MARKED: marked},
        row_steps(condition, held(first.column)),
        first.column,
        first.is_descending,
        _starts(condition, first, start),
        ENDS,
        (_last(DEALS.c[first.column], first.is_descending), _last(DEALS.c.id, first.is_descending)),
    )
    return Query(counted, look)


def _starts(
    condition: Condition | None, first: OrderKey, start: tuple[str | None, ...] | None
) -> list[tuple[str, str | None]] | None:
    """Return where a look begins, as `Look` says."""
    names = bounds(condition, first.column, is_upper=first.is_descending)
    if names is None or (start is not None and start[0] is None):  # it begins among deals without a value
        return None
    behind: list[tuple[str, str | None]] = [] if start is None else [(str(start[0]), start[1])]
    return [*behind, *[(name, None) for name in names]]


def _statement(
    condition: Condition | None,
    wanted: tuple[ColumnElement[Any], ...],
    order: tuple[OrderKey, ...],
    start: tuple[str | None, ...] | None,
    end: End,
) -> Select[Any]:
    columns = [DEALS.c[key.column] for key in order]
    found = _next(condition, order, start, [*wanted, *columns], is_inclusive=False, end=end)
    if start is not None:
        one: list[ColumnElement[Any]] = [literal_column("1")]
        back = End.COUNTED if end is End.MARKED else end  # the mark is on the other side
        less = _next(condition, turned(order), start, one, is_inclusive=True, end=back)
        found = found.add_columns(less.limit(1).correlate(None).scalar_subquery())
    return found.limit(parameter("limit", Integer()))


def _next(
    condition: Condition | None,
    order: tuple[OrderKey, ...],
    start: tuple[str | None, ...] | None,
    wanted: list[ColumnElement[Any]],
    *,
    is_inclusive: bool,
    end: End,
) -> Select[Any]:
    columns: list[ColumnElement[Any]] = [DEALS.c[key.column] for key in order]
    position = None if start is None else parameters(start, order)
    segment = next(segments(order, position, is_inclusive, of_deals))
    found = select(*wanted).where(ALIVE, *segment.clauses).order_by(*[ordering(key, segment) for key in order])
    if condition is None:
        return found
    walked = order[0].column
    found = found.where(clause(condition, walked=walked, held=held(walked), is_along=True))
    last: Any
    if end is End.BROKEN_OFF:
        return found
    if end is End.MARKED:
        last = tuple_(*parameters(ENDS, order))
    else:
        edge = select(*columns).where(ALIVE, *segment.clauses, *ranges(condition, walked)).correlate(None)
        edge = edge.order_by(*[ordering(key, segment) for key in order])
        edge = edge.limit(1).offset(parameter(WITHIN, Integer()))
        list_end = [literal(_last(column, key.is_descending)) for key, column in zip(order, columns, strict=True)]
        last = union_all(select(edge.subquery()), select(*list_end)).limit(1).scalar_subquery()
    up_to = tuple_(*columns) >= last if order[0].is_descending else tuple_(*columns) <= last
    return found.where(up_to)


def _last(column: ColumnElement[Any], is_descending: bool) -> str | int | bytes:
    """Return what no deal's value lies behind."""
    if column.type.python_type is int:
        return -LARGEST - 1 if is_descending else LARGEST
    if column.type.python_type is bytes:
        return b"" if is_descending else b"\xff"
    return "" if is_descending else "\U0010ffff"
