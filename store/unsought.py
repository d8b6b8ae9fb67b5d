"""A column that SQLite looks into no index for: it then reads the one that it walks, or a narrow one of all deals."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class Unsought(FunctionElement[Any]):
    """A column as an expression in SQLite, and as it is in PostgreSQL, which counts what it expects to find.

    Of a plain column SQLite would think that few deals meet a comparison, or that its index's order is worth looking
    up each deal (https://sqlite.org/optoverview.html#disqualifying_where_clause_terms_using_unary_).
    """

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(Unsought, "sqlite")
def _in_sqlite(element: Unsought, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(Unsought, "postgresql")
def _in_postgresql(element: Unsought, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))
