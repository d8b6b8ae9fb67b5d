"""A store that is open: `store.database`, and `store.interruption`; what is said when it cannot be: `store.errors`."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, exc, text

from store import database as database_module
from store import memory
from store.database import Database, StoreUnavailable, open_database, problem_with
from store.deals import count_alive, upsert
from store.interruption import Interrupted, Interruption
from tests import loops, processes
from tests.stores import current, deal
from tests.waiting import PATIENCE_SECONDS

LOOPS = loops.ONE


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    async with open_database(store_url) as found:
        yield found


def put(connection: Connection, *numbers: int) -> int:
    return upsert(connection, [deal(number) for number in numbers])


def put_two(number: int, connection: Connection) -> int:
    return put(connection, 0, number)


def count(connection: Connection) -> int:
    return count_alive(connection, "nexudus")


async def test_what_is_written_is_read(database: Database) -> None:
    assert await database.write(lambda connection: put(connection, 1, 2)) == 2
    assert await database.read(count) == 2


async def test_the_sequence_moves_with_each_transaction_that_changes(database: Database) -> None:
    assert database.sequence == 0
    for numbers, expected in (([1, 2], 1), ([1, 2], 1), ([3], 2)):
        await database.write(lambda connection, numbers=numbers: put(connection, *numbers))
        assert (database.sequence, await database.read(current)) == (expected, expected)


async def test_of_a_transaction_that_fails_nothing_is_kept(database: Database) -> None:
    def fail(connection: Connection) -> None:
        put(connection, 1)
        raise KeyError("half way")

    with pytest.raises(KeyError, match="half way"):
        await database.write(fail)
    assert (await database.read(count), database.sequence) == (0, 0)
    assert await database.write(lambda connection: put(connection, 1)) == 1


async def test_a_reader_sees_one_state_while_another_writes(database: Database) -> None:
    begun, written = threading.Event(), threading.Event()

    def twice(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        begun.set()
        assert written.wait(PATIENCE_SECONDS)
        return before, count(connection)

    reading = asyncio.ensure_future(database.read(twice))
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    await database.write(lambda connection: put(connection, 1))
    written.set()
    assert (await reading, await database.read(count)) == ((0, 0), 1)


async def test_readers_are_not_held_up_while_a_page_is_written(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        put(connection, 1)
        begun.set()
        assert go_on.wait(PATIENCE_SECONDS)

    writing = asyncio.ensure_future(database.write(slow))
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    assert [await database.read(count) for _ in range(3)] == [0, 0, 0]
    assert not writing.done()
    go_on.set()
    await writing


async def test_writers_come_one_after_the_other(database: Database) -> None:
    results = await asyncio.gather(
        *(database.write(lambda connection, n=n: put(connection, n, 0)) for n in range(1, 6))
    )
    assert (results, database.sequence) == ([2, 1, 1, 1, 1], 5)


async def test_a_writer_does_not_begin_before_another_has_ended(database: Database) -> None:
    begun, go_on, second_begun = threading.Event(), threading.Event(), threading.Event()

    def first(_: Connection) -> bool:
        begun.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return second_begun.is_set()

    writing = asyncio.ensure_future(database.write(first))
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    second = asyncio.ensure_future(database.write(lambda _: second_begun.set()))
    assert not await asyncio.to_thread(second_begun.wait, 0.02)
    go_on.set()
    assert not await writing
    await second


async def test_a_transaction_is_not_broken_when_its_caller_is_cancelled(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        put(connection, 1)
        begun.set()
        assert go_on.wait(PATIENCE_SECONDS)
        put(connection, 2)

    writing = asyncio.ensure_future(database.write(slow))
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    go_on.set()
    assert await database.write(count) == 2
    assert database.sequence == 1


COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
"""Has no end."""


@pytest.mark.parametrize("is_patient", [True, False])
async def test_a_read_that_nobody_waits_for_is_broken_off_and_leaves_its_thread(
    store_url: str, is_patient: bool
) -> None:
    async with open_database(store_url, threads=1) as database:
        begun, ended = threading.Event(), threading.Event()

        def endless(connection: Connection) -> None:
            begun.set()
            try:
                connection.execute(text(COUNTING))
            finally:
                ended.set()

        if is_patient:
            reading = asyncio.ensure_future(database.read(endless))
            await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        database.patience_seconds = 0.01
        while not begun.is_set():  # where connecting took longer, it has not begun
            with pytest.raises(StoreUnavailable):
                await database.read(endless)
        assert await asyncio.to_thread(ended.wait, PATIENCE_SECONDS)
        database.patience_seconds = 20
        assert await database.read(count) == 0


async def test_a_read_that_was_interrupted_before_it_began_asks_nothing(database: Database) -> None:
    interruption = Interruption()
    begun: list[bool] = []

    def work(connection: Connection) -> None:
        with pytest.raises(Interrupted), interruption.over(connection):
            begun.append(True)

    interruption.interrupt()
    await database.read(work)
    assert begun == []


async def test_what_another_process_has_changed_is_learned(database: Database, store_url: str) -> None:
    async with open_database(store_url, poll_seconds=0) as other:
        await database.write(lambda connection: put(connection, 1))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while other.sequence != 1:  # noqa: ASYNC110 - it is polled for
                await asyncio.sleep(0)
        assert await other.read(count) == 1


async def test_who_waits_for_changes_is_woken_by_the_next_one_whoever_makes_it(
    database: Database, store_url: str
) -> None:
    async with open_database(store_url, poll_seconds=0) as other, asyncio.timeout(PATIENCE_SECONDS):
        waiting = [asyncio.ensure_future(one.wait_beyond(0)) for one in (database, other, other)]
        await database.write(lambda connection: put(connection))
        assert not any(one.done() for one in waiting), "nothing has changed"
        await database.write(lambda connection: put(connection, 1))
        await asyncio.gather(*waiting, database.wait_beyond(0))


async def test_what_takes_too_long_fails_and_does_not_hold_up_the_next(store_url: str) -> None:
    async with open_database(store_url) as database:
        go_on = threading.Event()
        database.patience_seconds = 0.01
        with pytest.raises(StoreUnavailable, match="the store does not answer"):
            await database.read(lambda _: go_on.wait(PATIENCE_SECONDS))
        database.patience_seconds = 20
        assert await database.read(count) == 0
        go_on.set()


async def test_a_mistake_of_ours_is_not_a_store_that_is_away(database: Database) -> None:
    with pytest.raises(exc.DBAPIError) as caught:
        await database.read(lambda connection: connection.execute(text("SELECT :it FROM missing"), {"it": "Ada"}))
    assert "Ada" not in str(caught.value)


@pytest.mark.programs
async def test_a_hung_database_does_not_hang_the_end_of_the_process() -> None:
    program = (
        "import asyncio, threading\nfrom store import database\ndatabase.CLOSING_SECONDS = 0.01\n"
        "async def main():\n"
        "    async with database.open_database(None) as store:\n"
        "        calls = [asyncio.ensure_future(run(lambda _: threading.Event().wait()))\n"
        "                 for run in (store.read, store.write)]\n"
        "        await asyncio.sleep(0.05)\n"
        "        print('hung', flush=True)\n"
        "asyncio.run(main())"
    )
    with processes.running([sys.executable, "-c", program], processes.ROOT) as process:
        process.read_until("hung")
        assert (process.popen.wait(PATIENCE_SECONDS), process.stderr) == (0, "")


async def test_a_store_in_memory_is_gone_when_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_places", lambda: [tmp_path])
    async with open_database(None) as database:
        await database.write(lambda connection: put(connection, 1))
        assert await database.read(count) == 1
    assert os.listdir(tmp_path) == []


async def test_with_no_threads_all_is_done_in_the_callers_own() -> None:
    async with open_database(None, threads=0) as database:
        await database.write(lambda connection: put(connection, 1))
        assert await database.read(lambda _: threading.get_ident()) == threading.get_ident()
        assert await database.read(count) == 1


@pytest.mark.parametrize(
    "url", [None, "", "deals.db", "/data/deals.db", "postgresql+psycopg://u:p@host/deals?sslmode=require"]
)
def test_nothing_a_path_and_a_server_are_stores(url: str | None) -> None:
    assert problem_with(url) is None


@pytest.mark.parametrize(
    "url",
    [
        ":memory:",
        "mysql://u:SECRET@host/deals",
        "postgresql://u:SECRET@host/deals",
        "postgresql+psycopg://u:SECRET@host:port/deals",
        "postgresql+psycopg://u:SECRET@host",
        "postgresql+psycopg://u:SECRET@host/deals?foo=SECRET",
        "postgresql+psycopg://u:SECRET@host/deals?plugin=SECRET",
        "postgresql+psycopg://u:SECRET@host/deals?connect_timeout=SECRET",
        "postgresql+psycopg://u:p@host/deals?connect_timeout=3&connect_timeout=4",
        "postgresql+psycopg//u:SECRET@host/deals",
        "postgresql:u:SECRET@host/deals",
        "host=db password=SECRET",
        "postgresql+psycopg://u:SECRET\udcff@host/deals",
        "sqlite:///SECRET.db",
        "://SECRET",
    ],
)
async def test_what_is_no_store_is_refused_in_one_line_without_its_password(url: str) -> None:
    problem = problem_with(url)
    assert problem
    assert "SECRET" not in problem
    assert "\n" not in problem
    with pytest.raises(StoreUnavailable) as caught:
        async with open_database(url):
            pass
    assert str(caught.value) == problem


async def test_it_is_known_when_others_changes_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_database(str(tmp_path / "deals.db"), poll_seconds=0) as database:
        polled: asyncio.Queue[bool] = asyncio.Queue()
        is_away = True

        async def poll() -> None:
            polled.put_nowait(database.is_current)
            if is_away:
                raise StoreUnavailable("away")

        assert database.is_current
        monkeypatch.setattr(database, "poll", poll)
        seen = [await polled.get() for _ in range(3)]
        is_away = False
        seen += [await polled.get() for _ in range(3)]
    assert (seen[2], seen[-1]) == (False, True)


async def test_it_is_known_that_a_database_which_hangs_tells_no_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LATE_SECONDS", 0.0)
    async with open_database(str(tmp_path / "deals.db"), poll_seconds=0) as database:
        begun, hangs = asyncio.Event(), asyncio.Event()

        async def poll() -> None:
            begun.set()
            await hangs.wait()

        monkeypatch.setattr(database, "poll", poll)
        await begun.wait()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while database.is_current:  # noqa: ASYNC110 - an attribute
                await asyncio.sleep(0)
            hangs.set()
            while not database.is_current:  # noqa: ASYNC110
                await asyncio.sleep(0)
