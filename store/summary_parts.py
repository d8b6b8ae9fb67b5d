"""How deals are summed up: by one statement, or in SQLite cell by cell, by several threads at once.

SQLite groups by sorting, and of all deals that takes three times as long as to read and add them. A cell has the deals
of one currency, kind and likelihood, by which every summary keeps apart: a range of the index `deals_summed`. Its rows
are few and narrow, and quickly sorted; and threads that read share the cells out among themselves.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Connection, func, literal_column, null, select
from sqlalchemy.exc import DBAPIError

from store.conditions import Condition, clause, columns, is_selective, ranges, shape
from store.queries import Query, Values, parameter
from store.sequence import CURRENT
from store.tables import ALIVE, CELL, DEALS, GROUPED, LIKELIHOOD, SUMMED

Row: TypeAlias = tuple[Any, ...]

MOST_CELLS: Final = 500
"""A statement for each of more would take longer than one for all."""

MOST_STATEMENTS: Final = 128

BY_INDEX: Final = "INDEXED BY deals_summed"


@dataclass(frozen=True, slots=True)
class Grouping:
    """What deals have in common: a column, or an expression of this name, and columns with what is shown for it.

    Of those columns the first one with a value is shown, of all deals the least of its values; without such columns
    what `name` makes of the key.
    """

    key: str
    shown: tuple[str, ...] = ()
    sql: str | None = None
    name: Callable[[Any], Any] | None = None


class Totals:
    """Sums by identity: the keys, currency and kind. `texts`: for each grouping what there is to show for a key."""

    def __init__(self, groupings: Sequence[Grouping], names: Sequence[str]) -> None:
        self._groupings = groupings
        self._shown = [[names.index(name) for name in one.shown] for one in groupings]
        self._identity = [names.index(name) for name in (*(one.key for one in groupings), "currency", "kind")]
        self._likelihood = names.index(LIKELIHOOD)
        self._sums_at = len(names)
        self.texts: list[dict[Any, list[Any]]] = [{} for _ in groupings]
        self.sums: dict[Row, list[int]] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Add what the database has summed up."""
        for row in rows:
            identity = tuple([row[at] for at in self._identity])
            _add(self.sums, identity, _sums(row[self._likelihood], *row[self._sums_at :]))
            for key, places, texts in zip(identity, self._shown, self.texts, strict=False):
                if places:
                    _least(texts, key, [row[at] for at in places])

    def merge(self, other: "Totals") -> None:
        """Add other sums by the same groupings."""
        for identity, sums in other.sums.items():
            _add(self.sums, identity, sums)
        for texts, others in zip(self.texts, other.texts, strict=True):
            for key, shown in others.items():
                _least(texts, key, shown)

    def label(self, number: int, key: Any) -> Any:
        """Return what is shown for a key of the grouping of this number."""
        name = self._groupings[number].name
        if name is not None and key is not None:
            return name(key)
        return next((text for text in self.texts[number].get(key, ()) if text), key)


class Summary:
    """One summary, of the state of the store that the connection sees, until threads have read it.

    `is_divided`: whether its cells wait to be read by `part`; else `totals` reads it.
    """

    def __init__(self, connection: Connection, condition: Condition | None, groupings: Sequence[Grouping]) -> None:
        self._groupings = groupings
        self._sequence = connection.scalar(CURRENT.statement)
        shaped, self._values = shape(condition)
        sql = {one.key: one.sql for one in groupings}
        shown = list(dict.fromkeys(name for one in groupings for name in one.shown))
        self._cell: tuple[str, ...] = CELL
        if is_ordered := {*CELL, *sql, *shown} <= set(GROUPED):
            keys, shown = list(GROUPED[: 1 + max(map(GROUPED.index, (*CELL, *sql, *shown)))]), []
        else:
            if "status" in sql:
                self._cell = (*CELL, "status")
            # Numbers first: rows that are sorted are told apart by them soonest.
            others = sorted(sql, key=lambda key: sql[key] is None)
            keys = list(dict.fromkeys([*self._cell, *others]))
        self._names = [*keys, *shown]
        self._shape = (tuple((key, sql.get(key)) for key in keys), tuple(shown), shaped, is_ordered)
        self._cells: deque[Row] = deque()
        if connection.dialect.name == "sqlite" and not is_selective(condition):
            read = columns(condition).union(self._names) - {one.key for one in groupings if one.sql is not None}
            if read <= {*SUMMED, "id"}:
                self._cells = deque(_cells(connection, self._cell))
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
            for row in _fetched(connection, query, values):
                yield cell + row


def _query(
    keys: tuple[tuple[str, str | None], ...],
    shown: tuple[str, ...],
    condition: Condition | None,
    is_ordered: bool,
    cell: tuple[str, ...],
) -> Query:
    try:
        return _built_once(keys, shown, condition, is_ordered, cell)
    except TypeError:  # a list of values, which has no hash
        return _built(keys, shown, condition, is_ordered, cell)


def _built(
    keys: tuple[tuple[str, str | None], ...],
    shown: tuple[str, ...],
    condition: Condition | None,
    is_ordered: bool,
    cell: tuple[str, ...],
) -> Query:
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
        statement = statement.where(*(_is(DEALS.c[name]) for name in cell), *ranges(condition, "status"))
    return Query(statement.group_by(*groups))


_built_once = lru_cache(MOST_STATEMENTS)(_built)


# A sum of 64-bit numbers does not fit into one: the upper and the lower half of each are summed apart.
_SUMS: Final[tuple[ColumnElement[Any], ...]] = (
    func.count(),
    func.count(DEALS.c.value),
    func.sum(DEALS.c.value.op(">>")(literal_column("32"))),
    func.sum(DEALS.c.value.op("&")(literal_column("4294967295"))),
)


def _sums(likelihood: int | None, count: int, with_amount: int, upper: Any, lower: Any) -> list[int]:
    """Return the sums of deals with one likelihood: deals, with amount, with likelihood, with both, amount, weighted.

    Weighted here, once for each likelihood that there is: to do it for each deal takes the database twice as long.
    """
    amount = (int(upper or 0) << 32) + int(lower or 0)
    if likelihood is None or not 0 <= likelihood <= 100:
        return [count, with_amount, 0, 0, amount, 0]
    return [count, with_amount, count, with_amount, amount, amount * likelihood]


def _add(totals: dict[Row, list[int]], identity: Row, sums: list[int]) -> None:
    known = totals.get(identity)
    totals[identity] = sums if known is None else [one + other for one, other in zip(known, sums, strict=True)]


def _least(texts: dict[Any, list[Any]], key: Any, shown: list[Any]) -> None:
    known = texts.get(key)
    if known is None:
        texts[key] = shown
    elif known != shown:
        texts[key] = [min((t for t in pair if t), default=None) for pair in zip(known, shown, strict=True)]


def _is(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return column.is_not_distinct_from(parameter(str(column.key), column.type))


def _cells(connection: Connection, names: tuple[str, ...]) -> Iterator[Row]:
    """Yield the cells in which there are deals, one more than are divided at most: by steps along the index."""
    first, following = _steps(names)
    found, count = _fetched(connection, first, {}), 0
    while found and count <= MOST_CELLS:
        yield found[0]
        count += 1
        known = dict(zip(names, found[0], strict=True))
        for step in following:
            is_null = known[step.behind] is None
            if found := _fetched(connection, step.queries[is_null], {name: known[name] for name in step.names}):
                break


class _Step(NamedTuple):
    """Finds the next cell with the same `names` but for the last one, `behind`; another query if that is null."""

    names: tuple[str, ...]
    behind: str
    queries: tuple[Query, Query]


@cache
def _steps(names: tuple[str, ...]) -> tuple[Query, list[_Step]]:
    """Return what finds the first cell, and what finds the next one: the nearest is asked for first."""
    steps = []
    for depth in reversed(range(len(names))):
        *same, other = [DEALS.c[name] for name in names[: depth + 1]]
        # Nulls come first in the index.
        behind = (other > parameter(names[depth], other.type), other.is_not(None))
        queries = [_first_cell(names, *map(_is, same), one) for one in behind]
        steps.append(_Step(names[: depth + 1], names[depth], (queries[0], queries[1])))
    return _first_cell(names), steps


def _first_cell(names: tuple[str, ...], *where: ColumnElement[bool]) -> Query:
    cell = [DEALS.c[name] for name in names]
    statement = select(*cell).where(ALIVE, *where).order_by(*cell).limit(literal_column("1"))
    return Query(statement.with_hint(DEALS, BY_INDEX, "sqlite"))


def _fetched(connection: Connection, query: Query, values: Values) -> list[Row]:
    """Return a query's rows by SQLite's own driver, which takes a tenth of what SQLAlchemy takes for a few rows."""
    driver: Any = connection.connection.driver_connection
    try:
        return list(driver.execute(*query.text(connection.dialect, values)))
    except driver.Error as error:
        raise DBAPIError(None, None, error, hide_parameters=True) from None
