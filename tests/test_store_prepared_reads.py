"""PostgreSQL asked from the event loop: `store.prepared_reads`."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, literal_column, make_url, select, text

from store import prepared_session
from store.database import Database, StoreUnavailable, open_database
from store.deals import upsert
from store.prepared_reads import PreparedReads
from store.queries import Query, Values, parameter
from store.tables import DEALS
from store.threads import Threads
from tests import postgres, stores
from tests.waiting import PATIENCE_SECONDS

ALL = Query(select(DEALS.c.source_id).order_by(DEALS.c.source_id))
NAMED = Query(select(DEALS.c.source_id).where(DEALS.c.name == parameter("name", DEALS.c.name.type)))
WHO = Query(select(func.pg_backend_pid()))


@pytest.fixture
def url() -> str:
    postgres.server()
    return stores.url_of("postgresql")


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with open_database(url, threads=1, poll_seconds=1e6) as opened:
        await opened.write(lambda it: upsert(it, [stores.deal(1, name="one"), stores.deal(2, name="two")]))
        yield opened


def reads(database: Database) -> PreparedReads:
    """Return what is tested, without the usual way behind it."""
    direct = database._direct
    assert isinstance(direct, PreparedReads)
    return direct


@contextmanager
def locked(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Have queries of deals wait until the block ends."""
    search_path = str(make_url(url).query["options"])
    with psycopg.connect(postgres.server().conninfo, options=search_path) as connection:
        connection.execute("LOCK TABLE deals IN ACCESS EXCLUSIVE MODE")
        yield connection


async def until_waiting(count: int = 1) -> None:
    """Return when so many queries wait for the lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name <> ''"
    with psycopg.connect(postgres.server().conninfo, autocommit=True) as connection:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (connection.execute(waiting).fetchone() or (0,))[0] < count:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)


async def test_many_at_once_share_what_connections_there_are(database: Database) -> None:
    asked: list[tuple[Query, Values]] = [(NAMED, {"name": "one" if n % 2 else "two"}) for n in range(20)]
    asked += [(WHO, {})] * 20
    found = await asyncio.gather(*[reads(database).fetch(*one) for one in asked])
    assert found[:20] == [[("1" if n % 2 else "2",)] for n in range(20)]
    assert len({str(one) for one in found[20:]}) == 1


async def test_who_goes_before_the_answer_is_there_leaves_it_to_nobody(database: Database, url: str) -> None:
    assert await reads(database).fetch(WHO, {})
    before = await reads(database).fetch(WHO, {})
    with locked(url):
        gone, queued = [asyncio.create_task(reads(database).fetch(ALL, {})) for _ in range(2)]
        await until_waiting()
        following = asyncio.create_task(reads(database).fetch(NAMED, {"name": "two"}))
        await asyncio.sleep(0)
        for one in (gone, queued):
            one.cancel()
    assert await following == [("2",)]
    assert await asyncio.gather(gone, queued, return_exceptions=True) != [[("1",), ("2",)]] * 2
    assert await reads(database).fetch(WHO, {}) == before, "by the same connection"


async def test_a_connection_that_does_not_answer_is_given_up(database: Database, url: str) -> None:
    before = await reads(database).fetch(WHO, {})
    with locked(url):
        asked = asyncio.create_task(reads(database).fetch(ALL, {}))
        usual = asyncio.create_task(database.fetch(ALL, {}))
        await until_waiting()
        reads(database)._look_for_stalled()
        await asyncio.sleep(0)
        assert not asked.done(), "it may have been asked just now"
        reads(database)._look_for_stalled()
        assert await asked is None
    assert await usual == [("1",), ("2",)]
    assert await reads(database).fetch(WHO, {}) != before


async def test_a_database_that_hangs_is_waited_for_no_longer_than_a_call_may_take(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that hung and the usual way after it, together."""
    now = 0.0
    monkeypatch.setattr("store.database.perf_counter", lambda: now)
    with locked(url):
        asked = asyncio.create_task(database.fetch(ALL, {}))
        await until_waiting()
        now = database.patience_seconds
        for _ in range(2):
            reads(database)._look_for_stalled()
        with pytest.raises(StoreUnavailable):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asked


async def test_at_the_end_a_connection_that_hangs_is_closed_too(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.database.CLOSING_SECONDS", 0.0)
    with locked(url):
        async with open_database(url, threads=1, poll_seconds=1e6) as opened:
            direct = reads(opened)
            asked = asyncio.create_task(direct.fetch(ALL, {}))
            await until_waiting()
        assert not direct._open
        assert await asked is None


async def test_who_waits_for_a_connection_that_cannot_be_opened_asks_the_usual_way() -> None:
    opening, asked_for = Event(), 0

    def connect() -> None:
        nonlocal asked_for
        asked_for += 1
        opening.wait(PATIENCE_SECONDS)
        raise OSError

    threads = Threads(1, "opens")
    direct = PreparedReads(connect, threads, 1)
    for waits_longer in (True, False):
        opening.clear()
        asked = [asyncio.create_task(direct.fetch(WHO, {})) for _ in range(3)]
        await asyncio.sleep(0)
        if waits_longer:
            direct._look_for_stalled()
            assert not asked[0].done()
            direct._look_for_stalled()
            assert await asyncio.gather(*asked) == [None] * 3
        opening.set()
        assert await asyncio.gather(*asked) == [None] * 3
        await asyncio.gather(*direct._tasks)
    assert asked_for == 2
    direct.close()
    await threads.stop()


async def test_a_connection_with_many_statements_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared_session, "MOST_PREPARED", 3)
    before = await reads(database).fetch(WHO, {})
    for number in range(10):
        assert await reads(database).fetch(Query(select(literal_column(str(number)))), {}) == [(number,)]
    assert await reads(database).fetch(WHO, {}) != before


async def test_a_connection_that_the_server_has_ended_is_replaced(database: Database, url: str) -> None:
    ((process_id,),) = await reads(database).fetch(WHO, {}) or [(0,)]
    await database.write(lambda it: it.execute(text(f"SELECT pg_terminate_backend({process_id}, 5000)")))
    assert await database.fetch(ALL, {}) == [("1",), ("2",)]
    assert await reads(database).fetch(ALL, {}) == [("1",), ("2",)]


async def test_a_statement_that_fails_fails_for_who_asks_alone(database: Database) -> None:
    wrong = Query(select(1 / literal_column("0")))
    found = await asyncio.gather(*[reads(database).fetch(one, {}) for one in (wrong, ALL, wrong, ALL)])
    assert found == [None, [("1",), ("2",)], None, [("1",), ("2",)]]


async def test_after_the_end_nothing_is_open_and_nobody_waits(url: str) -> None:
    async with open_database(url, threads=1, poll_seconds=1e6) as opened:
        direct = reads(opened)
        assert await direct.fetch(WHO, {})
    assert not direct._open
    assert await direct.fetch(WHO, {}) is None
