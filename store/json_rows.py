"""Rows of values as one parameter of a statement, in JSON: the same statement for any number of them.

A statement with the values in it is made anew each time, which takes longer than to run it. One with a parameter for
each value is another one for each number of them; SQLite takes 230 kilobytes for a thousand, and each connection keeps
the last 128 statements.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import CTE, ColumnElement, String, cast, literal_column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from store.queries import parameter


def json_rows(name: str, columns: Sequence[tuple[str, type[TypeEngine[Any]]]]) -> CTE:
    """Return the rows of the parameter of this name, with these columns."""
    rows = _Rows(parameter(name, String())).table_valued("value").alias(f"{name}_rows")
    values = [
        cast(_Item(rows.c.value, literal_column(str(place))), type_).label(column)
        for place, (column, type_) in enumerate(columns)
    ]
    return select(*values).cte(name)


def packed(rows: Sequence[Sequence[str | int | None]]) -> str:
    """Return the value of the parameter."""
    return msgspec.json.encode(rows).decode()


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return whether a column is one of the texts that the parameter of this name has."""
    return _Among(column, parameter(name, String()))


def texts(values: Iterable[str]) -> str:
    """Return the value of that parameter."""
    return msgspec.json.encode(list(values)).decode()


class _Rows(FunctionElement[Any]):
    """The items of a list in JSON."""

    inherit_cache = True


class _Item(FunctionElement[Any]):
    """An item of a list in JSON, by its place: a text, a whole number or null."""

    type = String()
    inherit_cache = True


class _Among(FunctionElement[bool]):
    """Whether a text is in a list in JSON. It is no CTE: of a statement that begins with one SQLite's driver does not
    count the rows that have changed. It is not said to be a boolean, which for SQLite would be compared with 1: no
    index is taken for that."""

    inherit_cache = True


@compiles(_Rows, "sqlite")
def _rows_in_sqlite(element: _Rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Rows, "postgresql")
def _rows_in_postgresql(element: _Rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **options)} AS JSON))"


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, options: dict[str, Any]) -> list[str]:
    found: list[ColumnElement[Any]] = list(element.clauses)
    return [compiler.process(one, **options) for one in found]


@compiles(_Item, "sqlite")
def _item_in_sqlite(element: _Item, compiler: SQLCompiler, **options: Any) -> str:
    value, place = _parts(element, compiler, options)
    return f"json_extract({value}, '$[{place}]')"


@compiles(_Item, "postgresql")
def _item_in_postgresql(element: _Item, compiler: SQLCompiler, **options: Any) -> str:
    value, place = _parts(element, compiler, options)
    return f"({value} ->> {place})"


@compiles(_Among, "sqlite")
def _among_in_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = _parts(element, compiler, options)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - of a column and a name


@compiles(_Among, "postgresql")
def _among_in_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    # An array that is made first is looked up in an index, however many rows are expected from the function.
    column, values = _parts(element, compiler, options)
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text(CAST({values} AS JSON))))"
