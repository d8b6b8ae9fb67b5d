"""Statements in the driver's own words: for what is asked thousands of times a second.

From a statement to its rows SQLAlchemy takes as long as SQLite does, and three times as long as PostgreSQL. Here it
builds the text once; connections of their own take it from the event loop, each statement a transaction of its own.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeAlias

from sqlalchemy import BindParameter, Dialect, Select, bindparam
from sqlalchemy.types import TypeEngine

Values: TypeAlias = Mapping[str, str | int | None]
"""Of a query's parameters, by their names."""


def parameter(name: str, type_: TypeEngine[Any]) -> BindParameter[Any]:
    """Return what stands for a value in a statement that is built once."""
    return bindparam(name, None, type_=type_)  # a text can then be made without its value


class Query:
    """A statement, whose columns and parameters are texts, whole numbers and bytes.

    Both drivers take and give these as they are, so that nothing is to be done to a value on its way. Parameters are
    made by `parameter`. `endless` is the statement without what ends it once it has looked at as many rows as its
    parameter `reach` says: for who breaks it off, after `row_steps` for each of them (`store/steps.py`).
    """

    def __init__(
        self, statement: Select[Any], *, endless: Select[Any] | None = None, reach: str = "", row_steps: int = 0
    ) -> None:
        self.statement: Final = statement
        self.reach: Final = reach
        self.row_steps: Final = row_steps
        self._endless = endless
        self._texts: dict[tuple[str, bool], tuple[str, dict[str, Any], tuple[str, ...] | None]] = {}

    def text(self, dialect: Dialect, values: Values, *, is_endless: bool = False) -> tuple[str, Any]:
        """Return the text, and the parameters that belong to it."""
        known = self._texts.get((dialect.paramstyle, is_endless))
        if known is None:
            statement = self._endless if is_endless and self._endless is not None else self.statement
            compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
            order = tuple(compiled.positiontup or ()) if compiled.positional else None
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            known = self._texts[dialect.paramstyle, is_endless] = str(compiled), constants, order
        text, constants, order = known
        given = {**constants, **values}
        return text, given if order is None else tuple([given[name] for name in order])


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
