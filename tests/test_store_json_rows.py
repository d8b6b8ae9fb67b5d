"""Rows of values as one parameter: `store.json_rows`."""

import pytest
from sqlalchemy import BigInteger, Connection, Integer, String, event, insert, select, update

from store.json_rows import among, json_rows, packed, texts
from store.tables import DEALS
from tests.deal_rows import deal
from tests.stores import connected

COLUMNS = (("number", Integer), ("text", String), ("large", BigInteger))


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(0, "a", 1), (1, None, None), (2, "", -(2**63)), (3, 'it\'s "so" \\ $[1] %s :x ?', 2**63 - 1)],
        [(0, "Ñandú \U0001f600\n\t\x01", None)],
        [(n, "7", 7) for n in range(300)],
    ],
)
def test_rows_come_as_they_were_given(connection: Connection, rows: list[tuple[int, str | None, int | None]]) -> None:
    given = json_rows("given", COLUMNS)
    statement = select(given.c.number, given.c.text, given.c.large).order_by(given.c.number)
    assert [tuple(row) for row in connection.execute(statement, {"given": packed(rows)})] == rows


def test_a_text_of_digits_stays_a_text(connection: Connection) -> None:
    given = json_rows("given", COLUMNS)
    found = connection.execute(select(given.c.text).where(given.c.text == "007"), {"given": packed([(1, "007", 7)])})
    assert found.scalars().all() == ["007"]


def test_the_statement_is_the_same_for_any_number_of_rows(connection: Connection) -> None:
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *told: statements.append(told[2]))
    given = json_rows("given", COLUMNS)
    for count in (1, 50):
        connection.execute(select(given.c.large), {"given": packed([(n, None, n) for n in range(count)])})
    assert len(statements) == 2
    assert len(set(statements)) == 1


TEXTS = ["a", "007", "", 'it\'s "so" \\ $[1] %s :x ?', "Ñandú \U0001f600\n\t\x01"]


@pytest.mark.parametrize("given", [[], TEXTS[:1], TEXTS, [str(n) for n in range(300)]])
def test_a_column_is_compared_with_any_number_of_texts(connection: Connection, given: list[str]) -> None:
    connection.execute(insert(DEALS), [deal(n, owner_name=one) for n, one in enumerate([*TEXTS, "A", "7", None])])
    chosen = select(DEALS.c.owner_name).where(among(DEALS.c.owner_name, "names"), DEALS.c.deleted_at.is_(None))
    assert set(connection.scalars(chosen, {"names": texts(given)})) == {one for one in [*TEXTS, "7"] if one in given}
    changed = connection.execute(
        update(DEALS).where(among(DEALS.c.owner_name, "names")).values(misses=1), {"names": texts(TEXTS)}
    )
    assert changed.rowcount == len(TEXTS)


def test_sqlite_finds_texts_by_an_index() -> None:
    with connected("sqlite") as connection:
        statement = select(DEALS.c.body).where(among(DEALS.c.id, "ids"))
        text = str(statement.compile(connection))
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (texts(["a"]),))]
        assert plan[0].startswith("SEARCH deals USING INDEX"), plan
