"""Queries of SQLite that are broken off once they have looked far enough, by the steps of its virtual machine.

To find the row at which a look ends takes a quarter of the time of a page. Steps are counted by SQLite anyway
(https://sqlite.org/c3ref/progress_handler.html).
"""

import sqlite3
from typing import Any, Final

from store.queries import DirectReads, Query, Values

STEPS_OF_ROW: Final = 16
"""Of an entry of an index that is looked at and passed over; one whose row is read takes 40."""

STEPS_AT_ONCE: Final = 2_000
"""How often they are looked at: a page of 50 deals takes 8,000."""


class SteppedCursor(sqlite3.Cursor):
    """A cursor of a connection of its own, which breaks off statements."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._left = 0
        connection.set_progress_handler(self._is_over, STEPS_AT_ONCE)

    def rows_within(self, steps: int, text: str, parameters: Any) -> list[tuple[Any, ...]]:
        """Return a statement's rows; none if it takes more steps, or so."""
        self._left = 1 + steps // STEPS_AT_ONCE
        try:
            return self.execute(text, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return []
            raise
        finally:
            self._left = 0

    def _is_over(self) -> bool:
        self._left -= 1
        return self._left == 0


class SteppedReads(DirectReads):
    """Reads by `SteppedCursor`s: a query that looks further than it should gives no rows."""

    def rows(self, cursor: Any, query: Query, values: Values) -> list[tuple[Any, ...]]:
        """Return a query's rows by a cursor."""
        if not query.reach:
            return super().rows(cursor, query, values)
        steps = STEPS_OF_ROW * int(values[query.reach] or 0)
        found: list[tuple[Any, ...]] = cursor.rows_within(steps, *query.text(self.dialect, values, is_endless=True))
        return found
