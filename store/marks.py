"""Marks along an order: by them PostgreSQL is told where a look ends, instead of counting up to there.

To count a thousand entries of an index takes twice as long as to look through them for deals that meet a filter. So of
an order that is often asked for every thousandth deal is known, for a minute: a look ends at a mark behind those that
it must go through. Deals that come meanwhile make looks longer, and change no page.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import func, select

from store.queries import Look, Query, Values
from store.tables import ALIVE, DEALS

APART: Final = 1_000
"""Deals from one mark to the next."""

LASTING_SECONDS: Final = 60.0

WORTH: Final = 100
"""Looks along an order after which it gets marks: to find them takes as long as to count for so many, where there are
50,000 deals."""

_LAST: Final = b"\xff"
"""Behind every id."""


class Marks:
    """For each order, by its first column: value and id of each thousandth deal, lowest first. `clock`: seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._set: dict[str, tuple[float, Sequence[tuple[Any, ...]]]] = {}
        self._looks: dict[str, int] = {}

    def end(self, look: Look, values: Values) -> Values | None:
        """Return the parameters for where a look ends; None without marks, or if its start is not known."""
        marks = self._known(look.column)
        if marks is None or look.starts is None:
            return None
        further = 1 + int(values[look.reach] or 0) // APART
        if look.is_descending:
            starts = [(values[value], values[id_] if id_ else _LAST) for value, id_ in look.starts]
            place = (bisect_right(marks, min(starts)) if starts else len(marks)) - 1 - further
        else:
            starts = [(values[value], values[id_] if id_ else b"") for value, id_ in look.starts]
            place = (bisect_left(marks, max(starts)) if starts else 0) + further
        found = marks[place] if 0 <= place < len(marks) else look.last  # the list ends soon
        return dict(zip(look.ends, found, strict=True))

    def wanted(self, look: Look) -> Query | None:
        """Count a look; return what asks for the marks of its order, where they are worth it and not known."""
        if self._known(look.column) is not None:
            return None
        self._looks[look.column] = count = self._looks.get(look.column, 0) + 1
        return _every(look.column) if count % WORTH == 0 else None

    def put(self, column: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Take the rows of what `wanted` gave."""
        self._set[column] = self._clock(), rows

    def _known(self, column: str) -> Sequence[tuple[Any, ...]] | None:
        set_at, marks = self._set.get(column, (None, ()))
        return None if set_at is None or self._clock() - set_at > LASTING_SECONDS else marks


@lru_cache
def _every(column: str) -> Query:
    value = DEALS.c[column]
    number = func.row_number().over(order_by=[value, DEALS.c.id]).label("number")
    found = select(value.label("value"), DEALS.c.id, number).where(ALIVE, value.is_not(None)).subquery()
    wanted = select(found.c.value, found.c.id).where(found.c.number % APART == 0)
    return Query(wanted.order_by(found.c.number))
