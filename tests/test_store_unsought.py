"""`store.unsought`: SQLite looks into no index for such a column, and finds the same."""

import pytest
from sqlalchemy import Column, ColumnElement, Integer, MetaData, String, Table, create_engine, insert, select
from sqlalchemy.dialects import postgresql

from store.unsought import Unsought

NUMBERS = Table("numbers", MetaData(), Column("number", Integer, index=True), Column("name", String))
PLAIN = NUMBERS.c.number
UNSOUGHT: ColumnElement[int] = Unsought(NUMBERS.c.number)


@pytest.mark.parametrize(("column", "is_sought"), [(PLAIN, True), (UNSOUGHT, False)])
def test_sqlite_looks_into_an_index_for_a_plain_column_alone(column: ColumnElement[int], is_sought: bool) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        NUMBERS.metadata.create_all(connection)
        connection.execute(insert(NUMBERS), [{"number": one, "name": str(one)} for one in (3, 1, 2)])
        found = select(NUMBERS.c.name).where(column > 1).order_by(column)
        assert list(connection.scalars(found)) == ["2", "3"]
        asked = found.compile(engine, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")
        assert any("ix_numbers_number" in row[-1] for row in plan) is is_sought
    engine.dispose()


def test_postgresql_has_the_column_itself() -> None:
    assert str(UNSOUGHT.compile(dialect=postgresql.dialect())) == "numbers.number"
