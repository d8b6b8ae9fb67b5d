"""Queries of SQLite that are broken off once they have looked far enough, by the steps of its virtual machine.

To find the row at which a look ends takes a quarter of the time of a page. Steps are counted by SQLite anyway
(https://sqlite.org/c3ref/progress_handler.html).
"""

import sqlite3
from collections.abc import Callable, Collection
from typing import Any, Final

from sqlalchemy import Dialect

from store.conditions import RANGES, And, Compare, CompareAttribute, Condition, Not, Or, Search
from store.queries import End, Query, Values

ROW_STEPS: Final = 10
"""Of an entry of an index, without what its deal is compared with; those of a page take 20 more."""

COMPARISON_STEPS: Final = 7

PLAIN_STEPS: Final = 2
"""Of a comparison that all deals must meet with what the index has: a value is read, and is right or not."""

STEPS_AT_ONCE: Final = 2_000
"""How often they are looked at: a page of 50 deals takes 8,000."""


def row_steps(condition: Condition | None, held: Collection[str] = ()) -> int:
    """Return how many steps it takes, about, to see whether a deal meets a condition.

    Of several that must all be met, mostly the first one tells. `held`: columns that the index has.
    """
    return ROW_STEPS + (COMPARISON_STEPS if condition is None else _needed(condition, held))


def _needed(condition: Condition, held: Collection[str]) -> int:
    match condition:
        case And(parts):
            return max([_needed(part, held) for part in parts], default=0)
        case Compare(column, operator, _) if column in held and operator in RANGES:
            return PLAIN_STEPS - COMPARISON_STEPS + _steps(condition)
    return _steps(condition)


def _steps(condition: Condition) -> int:
    match condition:
        case And(parts):
            return max(map(_steps, parts), default=0)
        case Or(parts):
            return sum(map(_steps, parts))
        case Not(part):
            return _steps(part)
        case Search(text, _):
            return 2 * COMPARISON_STEPS * len(text.split())
        case Compare(_, _, value) | CompareAttribute(_, _, _, value):
            is_list = isinstance(value, Collection) and not isinstance(value, str | bytes)
            return COMPARISON_STEPS + (len(value) if is_list else 0)  # type: ignore[arg-type] # it is one


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


class SteppedReads:
    """Reads by a `SteppedCursor` that waits for nobody: a query that looks further than it should gives no rows.

    `open_cursor` opens a connection when somebody first reads, and again after an error.
    """

    def __init__(self, dialect: Dialect, open_cursor: Callable[[], SteppedCursor]) -> None:
        self._dialect = dialect
        self._open_cursor = open_cursor
        self._cursor: SteppedCursor | None = None

    async def fetch(self, query: Query, values: Values) -> list[tuple[Any, ...]] | None:
        """Return a query's rows as `DirectReads` says."""
        try:
            cursor = self._cursor or self._open()
            if (look := query.look) is None:
                return cursor.execute(*query.text(self._dialect, values)).fetchall()
            steps = look.row_steps * int(values[look.reach] or 0)
            return cursor.rows_within(steps, *query.text(self._dialect, values, End.BROKEN_OFF))
        except sqlite3.Error:
            self.close()
            return None

    async def stop(self) -> None:
        """Nothing is ever under way: reading does not let others go on."""

    def close(self) -> None:
        """Close the connection."""
        if self._cursor is not None:
            self._cursor.connection.close()
            self._cursor = None

    def _open(self) -> SteppedCursor:
        self._cursor = found = self._open_cursor()
        return found
