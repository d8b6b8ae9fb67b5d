"""Statements in the driver's own words: for what is asked thousands of times a second.

From a statement to its rows SQLAlchemy takes as long as SQLite does, and three times as long as PostgreSQL. Here it
builds the text once; connections of their own take it from the event loop, each statement a transaction of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeAlias, TypeVar

from sqlalchemy import BindParameter, Connection, Dialect, Select, UpdateBase, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

P = ParamSpec("P")
T = TypeVar("T")

Values: TypeAlias = Mapping[str, str | int | bytes | None]
"""Of a query's parameters, by their names."""


def parameter(name: str, type_: TypeEngine[Any]) -> BindParameter[Any]:
    """Return what stands for a value in a statement that is built once."""
    return bindparam(name, None, type_=type_)  # a text can then be made without its value


class BuiltOnce(Generic[P, T]):
    """Builds a statement for each shape of what is asked, and keeps `most` of them.

    A shape with a list of values, which has no hash, has its statement built each time.
    """

    def __init__(self, build: Callable[P, T], most: int) -> None:
        self._build = build
        self.cache = lru_cache(most)(build)

    def __call__(self, *shape: P.args, **named: P.kwargs) -> T:
        """Return the statement."""
        try:
            return self.cache(*shape, **named)  # type: ignore[arg-type]  # whether they have a hash
        except TypeError:
            return self._build(*shape, **named)


class End(Enum):
    """How a look along an order ends."""

    COUNTED = "counted"  # the statement counts the deals that it looks through
    BROKEN_OFF = "broken off"  # by who asks
    MARKED = "marked"  # at a position that is given


@dataclass(frozen=True, slots=True)
class Look:
    """What else is known of a statement that looks along an order, for deals that may be rare.

    It looks through as many deals as its parameter `reach` says. `others` end otherwise: `store/steps.py` breaks one
    off after `row_steps` for each deal, `store/marks.py` gives the parameters `ends`: behind all deals they are `last`.
    `column` is the first of the order. The look begins behind the values of the parameters `starts`, each with that of
    an id, if there is one; None if nobody can say.
    """

    reach: str
    others: Mapping[End, Select[Any]]
    row_steps: int
    column: str
    is_descending: bool
    starts: Sequence[tuple[str, str | None]] | None
    ends: tuple[str, str]
    last: tuple[str | int | bytes, str | int | bytes]


class Query:
    """A statement, whose columns and parameters are texts, whole numbers and bytes.

    Both drivers take and give these as they are, so that nothing is to be done to a value on its way. Parameters are
    made by `parameter`.
    """

    def __init__(self, statement: Select[Any] | UpdateBase, look: Look | None = None) -> None:
        self.statement: Final = statement
        self.look: Final = look
        self._texts: dict[tuple[str, End], tuple[str, dict[str, Any], tuple[str, ...] | None]] = {}

    def text(self, dialect: Dialect, values: Values, end: End = End.COUNTED) -> tuple[str, Any]:
        """Return the text, and the parameters that belong to it."""
        known = self._texts.get((dialect.paramstyle, end))
        if known is None:
            statement = self.statement if self.look is None else self.look.others.get(end, self.statement)
            compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
            order = tuple(compiled.positiontup or ()) if compiled.positional else None
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            known = self._texts[dialect.paramstyle, end] = str(compiled), constants, order
        text, constants, order = known
        given = {**constants, **values}
        return text, given if order is None else tuple([given[name] for name in order])


def fetched(connection: Connection, query: Query, values: Values) -> list[tuple[Any, ...]]:
    """Return a query's rows, in the transaction under way, as tuples that the driver makes: SQLAlchemy's take longer.

    SQLite is asked by the driver itself, too: that takes a tenth of what SQLAlchemy takes for a few rows.
    """
    asked = query.text(connection.dialect, values)
    if connection.dialect.name != "sqlite":
        result: Any = connection.exec_driver_sql(*asked)
        rows: list[tuple[Any, ...]] = result.cursor.fetchall()
        result.close()
        return rows
    if not connection.in_transaction():
        connection.begin()  # else each statement would see a state of its own
    driver: Any = connection.connection.driver_connection
    try:
        return list(driver.execute(*asked))
    except driver.Error as error:
        raise DBAPIError(None, None, error, hide_parameters=True) from None


class DirectReads(Protocol):
    """What gives queries to the driver, in the event loop's own thread."""

    async def fetch(self, query: Query, values: Values) -> list[tuple[Any, ...]] | None:
        """Return a query's rows; None if that fails, for whatever reason: the usual way finds out, or waits."""
        ...

    async def stop(self) -> None:
        """Return when nothing is under way any more."""
        ...

    def close(self) -> None:
        """Close all connections; nobody reads any more, until they are opened again."""
        ...
