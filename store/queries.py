"""Statements in the driver's own words: for what is asked thousands of times a second.

From a statement to its rows SQLAlchemy takes as long as SQLite does, and three times as long as PostgreSQL. Here it
builds the text once; connections of their own take it, one for each thread, each statement a transaction of its own.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy import BindParameter, Dialect, Select, bindparam
from sqlalchemy.types import TypeEngine

Values: TypeAlias = Mapping[str, str | int | bytes | None]
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
        known = self._texts.get((dialect.name, is_endless))
        if known is None:
            statement = self._endless if is_endless and self._endless is not None else self.statement
            compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
            order = tuple(compiled.positiontup or ()) if compiled.positional else None
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            known = self._texts[dialect.name, is_endless] = str(compiled), constants, order
        text, constants, order = known
        given = {**constants, **values}
        return text, given if order is None else tuple([given[name] for name in order])


class DirectReads:
    """Connections, one for each thread that reads: opened when it first does, and again after an error.

    `open_cursor` opens one, and gives a cursor of it; `errors` are what that and the driver raise.
    """

    def __init__(self, dialect: Dialect, open_cursor: Callable[[], Any], errors: tuple[type[Exception], ...]) -> None:
        self.dialect: Final = dialect
        self._open_cursor = open_cursor
        self._errors = errors
        self._own = threading.local()
        self._connections: set[Any] = set()

    def fetch(self, query: Query, values: Values) -> list[tuple[Any, ...]] | None:
        """Return a query's rows; None if that fails, for whatever reason: the usual way finds out, or waits."""
        cursor = getattr(self._own, "cursor", None)
        try:
            if cursor is None:
                cursor = self._own.cursor = self._open_cursor()
                self._connections.add(cursor.connection)
            return self.rows(cursor, query, values)
        except self._errors:
            self._own.cursor = None
            if cursor is not None:
                self._connections.discard(cursor.connection)
                cursor.connection.close()
            return None

    def rows(self, cursor: Any, query: Query, values: Values) -> list[tuple[Any, ...]]:
        """Return a query's rows by a cursor."""
        found: list[tuple[Any, ...]] = cursor.execute(*query.text(self.dialect, values)).fetchall()
        return found

    def close(self) -> None:
        """Close all connections; nobody reads any more."""
        while self._connections:
            self._connections.pop().close()
