"""`store.together`: many short statements, which a server gets in one round trip."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, create_engine, event, exc, select, text, update

from store import postgresql
from store.deals import DEALS_AT_ONCE, find, upsert
from store.tables import DEALS
from store.together import IDS_AT_ONCE, ByValues, DriverStatement, fetch, together
from store.turns import end_turns
from tests import logged, stores
from tests.stores import begin_log, deal, key

IDS = ByValues(select(DEALS.c.id), DEALS.c.id)


def keys(*numbers: int) -> list[bytes]:
    return [key(f"nexudus:{number}") for number in numbers]


@contextmanager
def waits(connection: Connection, patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield what is waited for at a server from now on: statements, and what is sent together."""
    waited: list[str] = []

    def note(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if connection.dialect.name == "sqlite" or not cursor.connection.pgconn.pipeline_status:
            waited.append(statement.split()[0])

    @contextmanager
    def pipeline(connection: Connection) -> Iterator[Any]:
        with postgresql.pipeline(connection) as driver:
            yield driver
        waited.append("together")

    patch.setattr("store.together.pipeline", pipeline)
    event.listen(connection, "before_cursor_execute", note)
    try:
        yield waited
    finally:
        event.remove(connection, "before_cursor_execute", note)


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, IDS_AT_ONCE, IDS_AT_ONCE + 1, 3 * IDS_AT_ONCE])
def test_any_number_of_values_finds_each_row_once(connection: Connection, count: int) -> None:
    upsert(connection, [deal(number) for number in range(count + 5)])
    wanted = keys(*range(count), 1_000_000) if count else []
    assert sorted(row[0] for row in IDS.rows(connection, wanted)) == sorted(keys(*range(count)))


def test_rows_that_a_statement_changes_are_counted_whether_it_runs_once_or_often(connection: Connection) -> None:
    upsert(connection, [deal(number) for number in range(50)])
    its_own = DEALS.c.id == bindparam("one", type_=DEALS.c.id.type)
    changed = DriverStatement(update(DEALS).where(its_own).values(misses=3), connection.dialect, ("misses", "one"))
    for numbers in (range(1), range(5), range(60)):
        rows = [(3, one) for one in keys(*numbers)]
        assert changed.run(connection, rows, 5) == min(len(rows), 50)
    assert connection.scalars(select(DEALS.c.misses)).all() == [3] * 50


def test_others_may_have_a_turn_between_two_statements(connection: Connection) -> None:
    pauses: list[int] = []
    connection.info["turns"] = SimpleNamespace(pause=lambda: pauses.append(1))
    IDS.rows(connection, keys(*range(3 * IDS_AT_ONCE)))
    end_turns(connection)
    assert len(pauses) >= 3


def test_a_server_is_waited_for_once_however_many_ids_are_looked_up(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert(connection, [deal(number) for number in range(100)])
    with waits(connection, monkeypatch) as waited:
        assert len(find(connection, keys(*range(100)))) == 100
    assert waited == (["SELECT"] * 5 if connection.dialect.name == "sqlite" else ["together"])


@pytest.mark.parametrize(("is_new", "most"), [(True, 14), (False, 8)])
def test_a_server_is_waited_for_seldom_however_many_deals_are_written(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, is_new: bool, most: int
) -> None:
    begin_log(connection)

    def deals(read_at: int) -> list[Any]:
        own = {"body": bytes(read_at), "read_at": read_at, "attributes": {"read": str(read_at)}}
        return [deal(n, **own, status=f"{read_at}", owner_folded=f"{n % 7}") for n in range(DEALS_AT_ONCE)]

    if not is_new:
        upsert(connection, deals(1))
    with waits(connection, monkeypatch) as waited:
        assert upsert(connection, deals(2)) == DEALS_AT_ONCE
    if connection.dialect.name != "sqlite":
        assert len(waited) <= most


@pytest.mark.programs
def test_a_connection_that_is_lost_is_one_error_and_no_line_of_the_drivers(caplog: pytest.LogCaptureFixture) -> None:
    engine = create_engine(stores.url_of("postgresql"))
    with engine.connect() as connection:
        ended = ("SELECT pg_terminate_backend(pg_backend_pid())", {})
        with pytest.raises(exc.DBAPIError):
            fetch(connection, [ended, ("SELECT 1", {})])
        connection.invalidate()
    engine.dispose()
    assert [logged.records(caplog, one) for one in ("psycopg", "sqlalchemy", logged.PROJECT)] == [[], [], []]


def test_what_goes_wrong_together_is_an_error_of_the_database(connection: Connection) -> None:
    def change() -> None:
        with together(connection):
            for _ in range(2):
                connection.execute(text("UPDATE deals SET no_such_column = 1"))

    with pytest.raises(exc.DBAPIError):
        change()
