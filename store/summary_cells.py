"""Cells of the index `deals_summed`: ranges of deals that are alike in its first columns. SQLite alone has it."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Connection, literal_column, select
from sqlalchemy.exc import DBAPIError

from store.queries import Query, Values, parameter
from store.tables import ALIVE, DEALS

Cell: TypeAlias = tuple[Any, ...]

BY_INDEX: Final = "INDEXED BY deals_summed"


def cells(connection: Connection, names: tuple[str, ...]) -> Iterator[Cell]:
    """Yield the cells in which there are deals, by the values of these columns: each is found by a step or two."""
    first, following = _steps(names)
    found = fetched(connection, first, {})
    while found:
        yield found[0]
        known = dict(zip(names, found[0], strict=True))
        for step in following:
            is_null = known[step.behind] is None
            if found := fetched(connection, step.queries[is_null], {name: known[name] for name in step.names}):
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
        queries = [_first_cell(names, *map(same_as, same), one) for one in behind]
        steps.append(_Step(names[: depth + 1], names[depth], (queries[0], queries[1])))
    return _first_cell(names), steps


def _first_cell(names: tuple[str, ...], *where: ColumnElement[bool]) -> Query:
    cell = [DEALS.c[name] for name in names]
    statement = select(*cell).where(ALIVE, *where).order_by(*cell).limit(literal_column("1"))
    return Query(statement.with_hint(DEALS, BY_INDEX, "sqlite"))


def fetched(connection: Connection, query: Query, values: Values) -> list[tuple[Any, ...]]:
    """Return a query's rows by SQLite's own driver, which takes a tenth of what SQLAlchemy takes for a few rows."""
    driver: Any = connection.connection.driver_connection
    try:
        return list(driver.execute(*query.text(connection.dialect, values)))
    except driver.Error as error:
        raise DBAPIError(None, None, error, hide_parameters=True) from None


def same_as(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a column is as the parameter of its name, which may be null."""
    return column.is_not_distinct_from(parameter(str(column.key), column.type))
