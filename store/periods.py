"""Months and quarters of points in time and of dates, in a time zone: whole numbers that a database can compare.

No database knows all zones, and to name a month takes longer than to sum a deal up. So the starts of those months in
which there can be deals are worked out here, and a deal's month is found among them by a few comparisons.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from store.tables import ALIVE, DEALS

MOST: Final = 2_400
"""Periods that one statement tells apart: 200 years of months."""

DAYS: Final = "close_on"
"""The column that has dates; all others have points in time."""

_EPOCH: Final = datetime(1970, 1, 1)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_FIRST_YEAR, _LAST_YEAR = 1, 9999


class TooManyPeriods(Exception):
    """Deals are of more months than one statement tells apart."""


class Periods:
    """The months, or with `months` 3 the quarters, of a column's values in a zone; dates have none.

    A month begins with the first midnight of its first day, as the ranges of relative dates do.
    """

    def __init__(self, column: str, months: int, zone: tzinfo = UTC) -> None:
        self._column = column
        self._months = months
        self._zone = zone

    def sql(self, connection: Connection) -> str:
        """Return an expression for the number of a deal's period, null for a deal without one.

        Raises TooManyPeriods.
        """
        starts = self._starts(connection)
        name = f"deals.{self._column}"
        return f"CASE WHEN {name} IS NOT NULL THEN {_tree(name, starts)} END" if starts else "CAST(NULL AS bigint)"

    def name(self, number: int) -> str:
        """Return a period's name: `2026-11`, or `2026-Q4`."""
        year, part = divmod(number, 12 // self._months)
        return f"{year:04}-{part + 1:02}" if self._months == 1 else f"{year:04}-Q{part + 1}"

    def _starts(self, connection: Connection) -> list[tuple[int, int]]:
        """Return the number and the start of each period of the years in which there are deals."""
        column = DEALS.c[self._column]
        found: list[tuple[int, int]] = []
        since: ColumnElement[bool] = column.is_not(None)
        while (first := connection.scalar(select(func.min(column)).where(ALIVE, since))) is not None:
            year = self._year(first)
            parts = range(year * 12 // self._months, (year + 1) * 12 // self._months)
            found += [(part, self._start(part)) for part in parts]
            if len(found) > MOST:
                raise TooManyPeriods
            if year == _LAST_YEAR:
                break
            since = column >= self._start(parts.stop)
        return found

    def _year(self, value: int) -> int:
        try:
            in_utc = (_EPOCH + value * (_DAY if self._column == DAYS else _MICROSECOND)).year
        except OverflowError:
            return _FIRST_YEAR if value < 0 else _LAST_YEAR
        for year in (in_utc + 1, in_utc):
            if year <= _LAST_YEAR and value >= self._start(year * 12 // self._months):
                return year
        return max(in_utc - 1, _FIRST_YEAR)

    def _start(self, number: int) -> int:
        year, part = divmod(number, 12 // self._months)
        midnight = datetime(year, part * self._months + 1, 1)
        if self._column == DAYS:
            return (midnight - _EPOCH) // _DAY
        offset = midnight.replace(tzinfo=self._zone).utcoffset() or timedelta()
        return (midnight - _EPOCH - offset) // _MICROSECOND


def _tree(name: str, starts: list[tuple[int, int]]) -> str:
    """Return an expression that gives the number of the last period that has begun, by halves."""
    if len(starts) == 1:
        return str(starts[0][0])
    middle = len(starts) // 2
    less, more = _tree(name, starts[:middle]), _tree(name, starts[middle:])
    return f"CASE WHEN {name} < {starts[middle][1]} THEN {less} ELSE {more} END"
