"""Pages that the next deals of their order fill, or that end the list: one query of a millisecond or so, whatever is
stored."""

from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from sqlalchemy import Connection

from store.conditions import Condition, Shape, bounds, is_selective, shape, shaped
from store.near_statements import (
    ENDS,
    HAS_ALL,
    HAS_BEFORE,
    WITHIN,
    Order,
    Start,
    list_end,
    near_statement,
    tells_around,
)
from store.paging import INDEXED, WANTED, WANTED_OF_PARTS, OrderKey, Page, PageRequest, Position, Row, kept, page_of
from store.queries import End, Look, Query, Values
from store.steps import row_steps
from store.tables import held

NEAR: Final = 20
"""Deals that are looked through for each one of a page: mostly it is full before, and nobody needs to know how many
meet its condition. To find where they end takes a quarter of the time that it takes to look through them, of which
SQLite is spared (`store/steps.py`)."""

MOST_QUERIES: Final = 256
"""Of tens of kilobytes each."""

_DEAL: Final = itemgetter(slice(-1))
"""A row without what it tells of others."""


class NearPage(NamedTuple):
    """A page that is near, perhaps."""

    request: PageRequest
    start: Position | None
    tells_around: bool
    query: Query
    values: Values

    def page(self, rows: list[Row]) -> Page | None:
        """Return the page of the query's rows.

        None if it is neither full nor known to be the list's last one, or is not known to have deals before it.
        """
        request, has_start = self.request, self.start is not None
        around = rows[0][-1] if rows and self.tells_around else 0
        if len(rows) <= request.count and not around & HAS_ALL:
            return None
        if has_start and not around & HAS_BEFORE:
            return None
        is_of_parts = request.is_of_parts
        found = kept(request, list(map(_DEAL, rows)) if self.tells_around else rows, is_of_parts)
        if not found:
            return None
        more = len(rows) > len(found)
        return page_of(request, found, has_more=more, has_less=has_start, is_of_parts=is_of_parts)


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
        found = _query(key, order, names, request.is_of_parts)
    except TypeError:  # a long list of values, which has no hash
        return None
    return None if found is None else NearPage(request, start, *found, given)


def find_near(connection: Connection, near: NearPage) -> Page | None:
    """Return the page if it is near."""
    rows = connection.exec_driver_sql(*near.query.text(connection.dialect, near.values))
    return near.page([tuple(row) for row in rows])


@lru_cache(MOST_QUERIES)
def _query(shape_: Shape, order: Order, start: Start, is_of_parts: bool) -> tuple[bool, Query] | None:
    """Return whether the query for the first deals behind a start tells what is around them, and the query.

    None if few deals can meet the condition: these are looked up.
    """
    condition = shaped(shape_)
    if is_selective(condition):
        return None
    wanted = WANTED_OF_PARTS if is_of_parts else WANTED
    counted, broken_off, marked = [near_statement(condition, wanted, order, start, end) for end in End]
    first = order[0]
    last_value, last_id = map(list_end, order)
    look = Look(
        WITHIN,
        {End.BROKEN_OFF: broken_off, End.MARKED: marked},
        row_steps(condition, held(first.column)),
        first.column,
        first.is_descending,
        _starts(condition, first, start),
        ENDS,
        (last_value, last_id),
    )
    return tells_around(condition, order, start), Query(counted, look)


def _starts(condition: Condition | None, first: OrderKey, start: Start) -> list[tuple[str, str | None]] | None:
    """Return where a look begins, as `Look` says."""
    names = bounds(condition, first.column, is_upper=first.is_descending)
    if names is None or (start is not None and start[0] is None):  # it begins among deals without a value
        return None
    behind: list[tuple[str, str | None]] = [] if start is None else [(str(start[0]), start[1])]
    return [*behind, *[(name, None) for name in names]]
