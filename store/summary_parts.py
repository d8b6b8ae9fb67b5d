"""How deals are summed up: by one statement, or in SQLite cell by cell, by several threads at once.

SQLite groups by sorting, and of all deals that takes three times as long as to read and add them. A cell has the deals
of one currency, kind and likelihood, by which every summary keeps apart: a range of the index `deals_summed`. Its rows
are few and narrow, and quickly sorted; and threads that read share the cells out among themselves.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, literal_column, null, select

from store.conditions import Condition, Shape, clause, columns, is_selective, ranges, shape, shaped
from store.queries import BuiltOnce, Query
from store.sequence import CURRENT
from store.summary_cells import BY_INDEX, Cell, cells, fetched, same_as
from store.summary_totals import Grouping, Row, Totals
from store.tables import ALIVE, CELL, DEALS, GROUPED, SUMMED

MOST_CELLS: Final = 500
"""A statement for each of more would take longer than one for all."""

MOST_STATEMENTS: Final = 128


class Summary:
    """One summary, of the state of the store that the connection sees, until threads have read it.

    `is_divided`: whether its cells wait to be read by `part`; else `totals` reads it.
    """

    def __init__(self, connection: Connection, condition: Condition | None, groupings: Sequence[Grouping]) -> None:
        self._groupings = groupings
        key, self._values = shape(condition)
        sql = {one.key: one.sql for one in groupings}
        shown = list(dict.fromkeys(name for one in groupings for name in one.shown))
        self._cell: tuple[str, ...] = CELL
        is_sqlite = connection.dialect.name == "sqlite"
        if is_ordered := is_sqlite and {*CELL, *sql, *shown} <= set(GROUPED):
            keys, shown = list(GROUPED[: 1 + max(map(GROUPED.index, (*CELL, *sql, *shown)))]), []
        else:
            if "status" in sql:
                self._cell = (*CELL, "status")
            # Numbers first: rows that are sorted are told apart by them soonest.
            others = sorted(sql, key=lambda key: sql[key] is None)
            keys = list(dict.fromkeys([*self._cell, *others]))
        self._names = [*keys, *shown]
        self._shape = (tuple((key, sql.get(key)) for key in keys), tuple(shown), key, is_ordered)
        self._cells: deque[Cell] = deque()
        if is_sqlite and not is_selective(condition):
            read = columns(condition).union(self._names) - {one.key for one in groupings if one.sql is not None}
            if read <= {*SUMMED, "id"}:
                self._sequence = connection.scalar(CURRENT.statement)
                self._cells = deque(islice(cells(connection, self._cell), MOST_CELLS + 1))
        self.is_divided = 1 < len(self._cells) <= MOST_CELLS
        self._lock = threading.Lock()
        self._parts: list[Totals | None] = []

    def totals(self, connection: Connection) -> Totals:
        """Return the totals of all."""
        found = Totals(self._groupings, self._names)
        if self.is_divided:
            found.add(self._read(connection))
        else:
            found.add(map(tuple, connection.execute(_query(*self._shape, cell=()).statement, self._values)))
        return found

    def part(self, connection: Connection, parts: int) -> Totals | None:
        """Sum up cells until none is left; return the totals if this is the last one of so many parts.

        None for the others, and where they have not all seen the same state of the store.
        """
        found: Totals | None = None
        if connection.scalar(CURRENT.statement) == self._sequence:
            found = Totals(self._groupings, self._names)
            found.add(self._read(connection))
        with self._lock:
            self._parts.append(found)
            if len(self._parts) < parts:
                return None
        first, *others = self._parts
        for other in others:
            if first is None or other is None:
                return None
            first.merge(other)
        return first

    def _read(self, connection: Connection) -> Iterator[Row]:
        query = _query(*self._shape, cell=self._cell)
        while True:
            try:
                cell = self._cells.popleft()
            except IndexError:
                return
            values = {**self._values, **dict(zip(self._cell, cell, strict=True))}
            for row in fetched(connection, query, values):
                yield cell + row


def _built(
    keys: tuple[tuple[str, str | None], ...],
    shown: tuple[str, ...],
    shape_: Shape,
    is_ordered: bool,
    cell: tuple[str, ...],
) -> Query:
    condition = shaped(shape_)
    groups: list[ColumnElement[Any]] = []
    for name, sql in keys[len(cell) :]:
        if sql is not None:
            groups.append(literal_column(sql))
        else:
            # As an expression: no other index is then thought to have it in order.
            groups.append(DEALS.c[name] if is_ordered else func.coalesce(DEALS.c[name], null()))
    statement = select(*groups, *(func.min(DEALS.c[name]) for name in shown), *_SUMS).where(ALIVE, clause(condition))
    if cell:
        statement = statement.with_hint(DEALS, BY_INDEX, "sqlite")
        statement = statement.where(*(same_as(DEALS.c[name]) for name in cell), *ranges(condition, "status"))
    # Without a group there would be a row for a cell of which no deal meets the condition.
    return Query(statement.group_by(*(groups or [DEALS.c[name] for name in cell])))


_query = BuiltOnce(_built, MOST_STATEMENTS)


# A sum of 64-bit numbers does not fit into one: the upper and the lower half of each are summed apart.
_SUMS: Final[tuple[ColumnElement[Any], ...]] = (
    func.count(),
    func.count(DEALS.c.value),
    func.sum(DEALS.c.value.op(">>")(literal_column("32"))),
    func.sum(DEALS.c.value.op("&")(literal_column("4294967295"))),
)
