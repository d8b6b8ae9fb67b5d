"""Who writes gives others turns, in the midst of a transaction and of a statement: `store.turns`."""

import pytest
from sqlalchemy import Connection

from store.database import open_database
from store.deals import upsert
from store.sweeps import begin_sweep, continue_sweep
from store.turns import begin_turns, turns_of
from tests import loops
from tests.stores import deal

LOOPS = loops.ONE

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT count(*) FROM n"


class Counted:
    """Turns that count in place of pauses."""

    def __init__(self) -> None:
        self.count = self.before_long = 0

    def pause(self, *, before_long: bool = False) -> None:
        self.count += 1
        self.before_long += before_long


def counted(patch: pytest.MonkeyPatch) -> list[Counted]:
    """Return the turns that are begun from now on."""
    made: list[Counted] = []

    def make() -> Counted:
        made.append(Counted())
        return made[-1]

    patch.setattr("store.turns.Turns", make)
    return made


def test_a_transaction_has_the_same_turns_to_its_end_and_the_next_one_others(connection: Connection) -> None:
    first = begin_turns(connection)
    assert turns_of(connection) is turns_of(connection) is first
    assert begin_turns(connection) is not first
    assert turns_of(connection) is not first


def test_there_is_a_turn_at_each_deal_that_is_written_looked_at_or_seen(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Counted()
    monkeypatch.setitem(connection.info, "turns", turns)
    deals = [deal(number, attributes={"key": "value"}) for number in range(250)]
    upsert(connection, deals)
    written = turns.count
    assert written >= 4 * 250, "its hash, its row, its columns, and its attributes"
    upsert(connection, deals)
    assert turns.count >= written + 250, "unchanged ones are looked at, too"
    seen = turns.count
    sweep = begin_sweep(connection, "nexudus", at=1)
    continue_sweep(connection, "nexudus", sweep=sweep, seen=map(str, range(250)), position=None)
    assert turns.count >= seen + 3


async def test_there_is_a_turn_within_each_deal_that_sqlite_writes(
    store_kind: str, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five of them, which one statement takes, are longer than a page."""
    if store_kind == "postgresql":
        pytest.skip("PostgreSQL works in a process of its own")
    turns = Counted()
    monkeypatch.setattr("store.location.begin_turns", lambda _: turns)
    async with open_database(store_url) as database:
        before = turns.count
        await database.write(lambda connection: upsert(connection, [deal(number) for number in range(100)]))
    assert turns.count - before >= 100


async def test_a_long_statement_is_interrupted_where_one_of_sqlite_writes_and_nowhere_else(
    store_kind: str, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count(connection: Connection) -> int:
        return connection.exec_driver_sql(LONG).scalar() or 0

    async with open_database(store_url) as database:
        made = counted(monkeypatch)
        assert await database.write(count) == 100_000
        (turns,) = made
        assert (turns.count > 10) == (store_kind == "sqlite")
        before = turns.count
        for _ in range(4):  # by whatever connection
            assert await database.read(count) == 100_000
        assert turns.count == before
        assert len(made) == 1


async def test_the_end_of_a_transaction_has_a_slice_of_its_own_and_so_has_the_log_of_one_in_memory(
    store_kind: str, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = counted(monkeypatch)
    for url, expected in ((store_url, 1), *([(None, 2)] if store_kind == "sqlite" else [])):
        async with open_database(url) as database:
            await database.write(lambda connection: upsert(connection, [deal(1)]))
        assert made[-1].before_long == expected


async def test_who_gives_way_pauses_before_each_statement_and_who_comes_next_does_not(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(connection: Connection) -> None:
        for _ in range(10):
            connection.exec_driver_sql("SELECT 1")

    async with open_database(store_url, threads=1) as database:
        made = counted(monkeypatch)
        await database.read(ask, gives_way=True)
        (turns,) = made
        assert turns.count >= 10
        before = turns.count
        await database.read(ask)
        assert (turns.count, len(made)) == (before, 1)


async def test_indexes_that_are_written_anew_are_interrupted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_database(None) as database:
        await database.write(lambda connection: upsert(connection, [deal(number) for number in range(2_000)]))
        made = counted(monkeypatch)
        await database.compact()
    assert sum(turns.count > 0 for turns in made) > 10
