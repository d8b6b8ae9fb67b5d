"""Months and quarters of points in time and of dates, in a time zone: whole numbers that a database can compare.

No database knows all zones, and to name a month takes longer than to sum a deal up. So the starts of those months in
which there can be deals are worked out here, and a deal's month is its place among them, which takes a few comparisons.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from sqlalchemy import BigInteger, Connection, func, select

from store.conditions import LARGEST
from store.queries import BuiltOnce, Query, fetched, parameter
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
        self._starts: list[tuple[int, int]] = []

    def sql(self, connection: Connection) -> str:
        """Return an expression for the place of a deal's period among those that there are, counted from 1.

        It is null for a deal without one. Raises TooManyPeriods.
        """
        self._starts = starts = self._found(connection)
        name = f"deals.{self._column}"
        if not starts:
            return "CAST(NULL AS bigint)"
        if connection.dialect.name == "postgresql":
            others = ",".join(str(start) for _, start in starts[1:])
            return f"width_bucket({name}, CAST('{{{others}}}' AS bigint[])) + 1"
        return f"CASE WHEN {name} IS NOT NULL THEN {_tree(name, [start for _, start in starts])} END"

    def name(self, place: int) -> str:
        """Return the name of the period in this place: `2026-11`, or `2026-Q4`."""
        year, part = divmod(self._starts[place - 1][0], 12 // self._months)
        return f"{year:04}-{part + 1:02}" if self._months == 1 else f"{year:04}-Q{part + 1}"

    def _found(self, connection: Connection) -> list[tuple[int, int]]:
        """Return the number and the start of each period of the years in which there are deals."""
        found: list[tuple[int, int]] = []
        since = -LARGEST - 1
        while (first := fetched(connection, _first(self._column), {"since": since})[0][0]) is not None:
            year = self._year(first)
            parts = range(year * 12 // self._months, (year + 1) * 12 // self._months)
            found += [(part, self._start(part)) for part in parts]
            if len(found) > MOST:
                raise TooManyPeriods
            if year == _LAST_YEAR:
                break
            since = self._start(parts.stop)
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


def _tree(name: str, starts: list[int], place: int = 1) -> str:
    """Return an expression that gives the place of the last period that has begun, by halves."""
    if len(starts) == 1:
        return str(place)
    middle = len(starts) // 2
    less, more = _tree(name, starts[:middle], place), _tree(name, starts[middle:], place + middle)
    return f"CASE WHEN {name} < {starts[middle]} THEN {less} ELSE {more} END"


def _first_built(name: str) -> Query:
    """Return what finds the first value of a column since another one."""
    column = DEALS.c[name]
    return Query(select(func.min(column)).where(ALIVE, column >= parameter("since", BigInteger())))


_first: Final = BuiltOnce(_first_built, 8)
