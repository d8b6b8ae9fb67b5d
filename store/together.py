"""Statements of one kind that are sent together: a server gets them all in one round trip, and answers in one.

Each takes a few rows or ids, so that the interpreter's pieces of work stay short, and between two of them others may
have a turn. They are in the driver's own words: SQLAlchemy takes longer for a statement than the server does. One that
comes alone, and all of SQLite's, which no network lies before, go the usual way, and pause as all do (`turns.py`).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from operator import itemgetter
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, Dialect, Executable, Select

from store.postgresql import pipeline
from store.queries import Query, parameter
from store.turns import pause_of

T = TypeVar("T")

Asked: TypeAlias = tuple[str, Any]
"""A query's text, and its parameters."""

IDS_AT_ONCE: Final = 20
"""In one statement, which others wait for."""

SIZES: Final = (1, 4, IDS_AT_ONCE)
"""For so many ids there are texts; a statement for fewer has its last one several times."""


def chunks(items: Iterable[T], size: int = IDS_AT_ONCE) -> Iterator[Sequence[T]]:
    """Return ids, or deals, in parts that one statement takes."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


class ByValues:
    """A query for the rows that have one of many values in a column: ids, mostly."""

    def __init__(self, query: Select[Any], column: ColumnElement[Any]) -> None:
        self._queries = {
            size: Query(query.where(column.in_([parameter(f"value_{one}", column.type) for one in range(size)])))
            for size in SIZES
        }

    def rows(
        self,
        connection: Connection,
        values: Collection[str | bytes],
        **others: str | int,
    ) -> list[Any]:
        """Return the rows; `others` are parameters of the query."""
        return [row for rows in fetch(connection, self.asked(connection, values, **others)) for row in rows]

    def asked(self, connection: Connection, values: Collection[str | bytes], **others: str | int) -> list[Asked]:
        """Return the statements that find them."""
        asked = []
        for part in chunks(values):
            size = next(one for one in SIZES if one >= len(part))
            given = {f"value_{number}": part[min(number, len(part) - 1)] for number in range(size)}
            asked.append(self._queries[size].text(connection.dialect, {**given, **others}))
        return asked


class DriverStatement:
    """A statement that changes rows, in a driver's own words; its parameters are taken from rows of values that have
    these names."""

    def __init__(self, statement: Executable, dialect: Dialect, names: Sequence[str]) -> None:
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        wanted = tuple(compiled.positiontup or compiled.params)
        self._text: Final = str(compiled)
        self._names = None if compiled.positional else wanted
        self._values = itemgetter(*map(names.index, wanted))

    def run(self, connection: Connection, rows: Iterable[Sequence[Any]], at_once: int) -> int:
        """Run it for each row, so many at once; return how many rows of the database it has changed."""
        parts = list(chunks(map(self._parameters, rows), at_once))
        if len(parts) < 2 or connection.dialect.name == "sqlite":
            return sum(self._run_usually(connection, part) for part in parts)
        pause = pause_of(connection)
        with pipeline(connection) as driver:
            cursors = [driver.cursor() for _ in parts]
            for cursor, part in zip(cursors, parts, strict=True):
                pause()
                cursor.executemany(self._text, part)
        return sum(cursor.rowcount for cursor in cursors)

    def _run_usually(self, connection: Connection, part: Sequence[Any]) -> int:
        counted = {"preserve_rowcount": True}
        return connection.exec_driver_sql(self._text, list(part), execution_options=counted).rowcount

    def _parameters(self, row: Sequence[Any]) -> Any:
        values = self._values(row)
        return values if self._names is None else dict(zip(self._names, values, strict=True))


def fetch(connection: Connection, asked: Sequence[Asked]) -> list[list[Any]]:
    """Return the rows of each of these queries. A later one sees what an earlier one has waited for, a lock."""
    found: list[list[Any]] = []
    if len(asked) < 2 or connection.dialect.name == "sqlite":
        for text, given in asked:
            found.append(list(connection.exec_driver_sql(text, given).all()))
        return found
    pause = pause_of(connection)
    with pipeline(connection) as driver:
        cursors = []
        for text, given in asked:
            pause()
            cursors.append(driver.execute(text, given))
        for cursor in cursors:
            pause()
            found.append(cursor.fetchall())
    return found


def together(connection: Connection) -> AbstractContextManager[Any]:
    """Send what the block changes together; what its statements return cannot be had."""
    return nullcontext() if connection.dialect.name == "sqlite" else pipeline(connection)
