"""Rows of values as one parameter of a statement, in JSON: the same statement for any number of them.

A statement with the values in it is made anew each time, which takes longer than to run it.
"""

from collections.abc import Sequence
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


class _Rows(FunctionElement[Any]):
    """The items of a list in JSON."""

    inherit_cache = True


class _Item(FunctionElement[Any]):
    """An item of a list in JSON, by its place: a text, a whole number or null."""

    type = String()
    inherit_cache = True


@compiles(_Rows, "sqlite")
def _rows_in_sqlite(element: _Rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Rows, "postgresql")
def _rows_in_postgresql(element: _Rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **options)} AS JSON))"


def _parts(element: _Item, compiler: SQLCompiler, options: dict[str, Any]) -> list[str]:
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
