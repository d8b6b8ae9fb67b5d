"""How deals are summed up: in SQLite by a statement for each set of groups that a summary adds, else by one for all.

SQLite groups by sorting. The groups (`store.tables.DEAL_GROUPS`) that are alike in what a summary keeps apart are a few
short ranges of the index `deals_grouped`: their deals are added without a sort, or, where they are told apart by what
is in no group, by a short one of whole numbers. PostgreSQL has tables of hashes.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from store.conditions import Condition, columns, is_selective, shape
from store.queries import Query, Values
from store.summary_statements import groups_of, summed
from store.summary_totals import Grouping, Row, Totals
from store.tables import CELL, CUSTOMER_NAMED, GROUPED, SUMMED

MOST_SETS: Final = 2_000
"""A statement for each of more would take longer than one for all."""

CUSTOMER: Final = "customer"
"""The key of what is no column: the company, without one the person."""


def totals(connection: Connection, condition: Condition | None, groupings: Sequence[Grouping]) -> Totals:
    """Return the sums of the deals that meet a condition."""
    summary = _Summary(connection, condition, groupings)
    found = Totals(groupings, summary.names)
    found.add(summary.rows())
    return found


class _Summary:
    """One summary, of the state of the store that the connection sees. `names`: what its rows have before the sums."""

    def __init__(self, connection: Connection, condition: Condition | None, groupings: Sequence[Grouping]) -> None:
        self._connection = connection
        shown = [name for one in groupings for name in one.shown]
        wanted = dict.fromkeys([*CELL, *(one.key for one in groupings), *shown])
        sql = {one.key: one.sql for one in groupings}
        self._of_groups = tuple([name for name in wanted if name in GROUPED])
        of_deals = tuple([(name, sql[name]) for name in wanted if name not in {*GROUPED, *CUSTOMER_NAMED, CUSTOMER}])
        self.names = [*self._of_groups, *(name for name, _ in of_deals)]
        if by_customer := CUSTOMER in wanted:
            self.names += [CUSTOMER, *CUSTOMER_NAMED]
        key, self._values = shape(condition)
        read = {*columns(condition), *(name for name, expression in of_deals if expression is None)}
        self._is_narrow = not is_selective(condition) and read <= {*GROUPED, *SUMMED}
        self._shape = (of_deals, by_customer, key, self._is_narrow)

    def rows(self) -> Iterator[Row]:
        """Yield what is summed up; a row is a sum of those deals that are alike in all its names."""
        sets = self._sets() if self._is_narrow and self._connection.dialect.name == "sqlite" else {}
        if 0 < len(sets) <= MOST_SETS:
            for alike, ids in sets.items():
                values = {**self._values, "ids": f"[{','.join(map(str, ids))}]"}
                for row in _summed(self._connection, (*self._shape, None), values):
                    if row[-3]:  # without a key there is a row where there is no deal, too
                        yield alike + row
        else:
            yield from _summed(self._connection, (*self._shape, self._of_groups), self._values)

    def _sets(self) -> dict[Row, list[int]]:
        """Return the numbers of groups, by what the summary takes of them."""
        found: dict[Row, list[int]] = {}
        for number, *alike in fetched(self._connection, groups_of(self._of_groups), {}):
            found.setdefault(tuple(alike), []).append(number)
        return found


def fetched(connection: Connection, query: Query, values: Values) -> list[tuple[Any, ...]]:
    """Return a query's rows, in SQLite by the driver itself: that takes a tenth of what SQLAlchemy takes for a few."""
    if connection.dialect.name != "sqlite":
        return list(map(tuple, connection.exec_driver_sql(*query.text(connection.dialect, values))))
    driver: Any = connection.connection.driver_connection
    try:
        return list(driver.execute(*query.text(connection.dialect, values)))
    except driver.Error as error:
        raise DBAPIError(None, None, error, hide_parameters=True) from None


def _summed(connection: Connection, shape_: Any, values: Values) -> list[Row]:
    """Return rows whose last three are sums: whole numbers, of whatever length."""
    try:
        rows = fetched(connection, summed(False, *shape_), values)
    except DBAPIError as error:
        if str(error.orig) != OVERFLOW:
            raise
        rows = fetched(connection, summed(True, *shape_), values)
        return [(*row[:-2], ((row[-2] or 0) << 32) + (row[-1] or 0)) for row in rows]
    return [(*row[:-3], int(row[-3]), int(row[-2]), int(row[-1] or 0)) for row in rows]  # PostgreSQL's are decimals


OVERFLOW: Final = "integer overflow"
"""What SQLite says, at once, of a sum that 64 bits do not hold; PostgreSQL's are of any length."""
