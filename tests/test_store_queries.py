"""Statements in the driver's own words: `store.queries`."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Select, exc, func, literal_column, select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from store import sqlite
from store.database import StoreUnavailable, open_database
from store.deals import upsert
from store.queries import Query, parameter
from store.tables import DEALS
from tests import stores
from tests.stores import current

NAMES = ("id", "body", "hash", "value", "close_on", "customer_name", "is_whole", "deleted_at")


def some(**values: Any) -> Select[Any]:
    bound = {name: parameter(f"wanted_{name}", DEALS.c[name].type) for name in values}
    return select(*[DEALS.c[name] for name in NAMES]).where(*[DEALS.c[name] >= one for name, one in bound.items()])


async def test_a_query_gives_what_the_statement_gives(store_url: str) -> None:
    deals = [
        stores.deal(1, body=b"\x00\xff", value=2**63 - 1, customer_name="\U0001f600 %s :x"),
        stores.deal(2, value=1 - 2**63, close_on=0),
    ]
    async with open_database(store_url, threads=1) as database:
        await database.write(lambda connection: upsert(connection, deals))
        statement = some(value=0).where(DEALS.c.source.in_(["nexudus", "chartmogul"])).order_by(DEALS.c.id)
        for lowest, count in ((1 - 2**63, 2), (0, 1)):
            given = {"wanted_value": lowest}
            rows = await database.fetch(Query(statement), given)
            expected = await database.read(lambda it, given=given: it.execute(statement, given).fetchall())
            assert rows == [tuple(row) for row in expected]
            assert len(rows) == count
            assert {type(row) for row in rows} == {tuple}


async def test_queries_are_counted_as_short_reads(store_url: str) -> None:
    told: list[tuple[str, bool]] = []
    async with open_database(store_url, threads=1) as database:
        database.on_work = lambda kind, seconds, has_failed: told.append((kind, has_failed))
        await database.fetch(Query(some(id="")), {"wanted_id": ""})
    assert told == [("short read", False)]


async def test_a_store_that_has_come_in_anothers_place_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deals.db"
    async with open_database(str(path), threads=1, poll_seconds=600) as database:
        await database.write(lambda it: upsert(it, [stores.deal()]))
        assert len(await database.fetch(Query(some(id="")), {"wanted_id": ""})) == 1
        for end in ("", "-wal", "-shm"):
            (tmp_path / f"deals.db{end}").unlink()
        await database.poll()
        assert await database.fetch(Query(some(id="")), {"wanted_id": ""}) == []


async def test_each_query_sees_what_was_committed_before_it(store_url: str) -> None:
    async with open_database(store_url, threads=1) as database:
        query = Query(some(id=""))
        for number in (1, 2):
            await database.write(lambda it, number=number: upsert(it, [stores.deal(number)]))
            assert len(await database.fetch(query, {"wanted_id": ""})) == number


async def test_a_query_changes_nothing(store_url: str) -> None:
    class Writes(Query):
        def text(self, *_: object, **__: object) -> tuple[str, Any]:
            return "DELETE FROM deals RETURNING id", ()

    async with open_database(store_url, threads=1) as database:
        await database.write(lambda it: upsert(it, [stores.deal()]))
        with suppress(exc.SQLAlchemyError, StoreUnavailable):
            await database.fetch(Writes(some()), {})
        assert len(await database.fetch(Query(some(id="")), {"wanted_id": ""})) == 1


async def test_a_query_finds_a_connection_while_all_threads_are_at_work() -> None:
    async with open_database(None, threads=1) as database:
        held = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        end = asyncio.run_coroutine_threadsafe

        def wait(number: int) -> None:
            loop.call_soon_threadsafe(held[number].set)
            end(released.wait(), loop).result()

        released = asyncio.Event()
        tasks = [
            asyncio.create_task(database.read(lambda _: wait(0))),
            asyncio.create_task(database.write(lambda _: wait(1))),
        ]
        await asyncio.gather(*[one.wait() for one in held])
        assert await database.fetch(Query(some(id="")), {"wanted_id": ""}) == []
        released.set()
        await asyncio.gather(*tasks)


def lock(path: Path) -> sqlite3.Connection:
    """Keep a file to oneself, as another process may."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("CREATE TABLE other (one)")
    return other


async def test_a_file_that_another_process_keeps_to_itself_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    path = tmp_path / "deals.db"
    async with open_database(str(path), threads=1):
        pass
    async with open_database(str(path), threads=1, poll_seconds=600) as database:
        assert await database.fetch(Query(some(id="")), {"wanted_id": ""}) == []
        database._direct.close()
        database._engine.dispose()  # they would keep the other from locking it
        with closing(lock(path)) as other:
            waiting = asyncio.create_task(database.fetch(Query(some(id="")), {"wanted_id": ""}))
            await asyncio.sleep(0)
            assert not waiting.done(), "a thread waits"
            other.execute("ROLLBACK")
        assert await waiting == []
        assert await database.fetch(Query(some(id="")), {"wanted_id": ""}) == []
        assert await database.read(current) == database.sequence


async def test_what_reads_in_the_event_loop_waits_for_no_lock(tmp_path: Path) -> None:
    sqlite.protect(tmp_path / "deals.db")
    reads = sqlite.direct_reads(tmp_path / "deals.db", sqlite_dialect())
    asked = Query(select(literal_column("timeout")).select_from(func.pragma_busy_timeout()))
    assert await reads.fetch(asked, {}) == [(0,)]
    reads.close()
