"""A process's own connection to PostgreSQL: `store.session`, and what is said through it, `store.notices`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import psycopg
import pytest

from store.database import Database, open_database
from store.deals import upsert
from store.notices import CHANGED, REFRESH, notify
from store.session import Session, open_session
from tests import postgres, stores
from tests.waiting import PATIENCE_SECONDS

TAKEN_OVER_SECONDS = 10.0


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    """An empty database."""
    postgres.server()
    async with open_database(stores.url_of("postgresql"), threads=1, poll_seconds=60) as found:
        yield found


async def said(session: Session, text: str) -> asyncio.Event:
    """Return an event that is set when something is said."""
    event = asyncio.Event()
    session.listen(lambda heard: event.set() if heard == text else None)
    return event


async def first_of(*sessions: Session) -> None:
    """Wait until one of them leads."""
    leaders = [asyncio.create_task(session.leading.wait()) for session in sessions]
    await asyncio.wait(leaders, return_when=asyncio.FIRST_COMPLETED)
    for task in leaders:
        task.cancel()


async def test_what_one_process_changes_all_hear_of(database: Database) -> None:
    async with open_session(stores.server_url(), may_lead=True) as session, asyncio.timeout(PATIENCE_SECONDS):
        changed, refreshed = await said(session, CHANGED), await said(session, REFRESH)
        await session.leading.wait()
        for number in range(3):
            await database.write(lambda connection: upsert(connection, [stores.deal(number)]))  # noqa: B023
            await changed.wait()
            changed.clear()
        assert not refreshed.is_set()
        await database.write(lambda connection: notify(connection, REFRESH))
        await refreshed.wait()


async def test_one_of_several_leads_until_its_session_ends(database: Database) -> None:
    url = stores.server_url()
    async with AsyncExitStack() as first, open_session(url, may_lead=False) as never, asyncio.timeout(PATIENCE_SECONDS):
        one = await first.enter_async_context(open_session(url, may_lead=True))
        await one.leading.wait()
        async with open_session(url, may_lead=True) as other:
            await asyncio.sleep(0.1)
            assert not other.leading.is_set()
            await first.aclose()
            await other.leading.wait()
            assert not never.leading.is_set()


async def test_another_leads_soon_after_a_session_was_lost_and_all_go_on_when_the_database_is_back(
    database: Database,
) -> None:
    url = stores.server_url()
    async with open_session(url, may_lead=True) as one, asyncio.timeout(PATIENCE_SECONDS):
        await one.leading.wait()
        async with open_session(url, may_lead=True) as other:
            started = time.monotonic()
            with psycopg.connect(postgres.server().conninfo, autocommit=True) as connection:
                locks = "FROM pg_locks WHERE locktype = 'advisory' AND granted"
                connection.execute(f"SELECT pg_terminate_backend(pid) {locks}")
            await one.following.wait()
            await first_of(one, other)
            assert time.monotonic() - started < TAKEN_OVER_SECONDS
            with postgres.server().away():
                await asyncio.gather(one.following.wait(), other.following.wait())
            heard = await said(one, REFRESH)
            await first_of(one, other)
            while not heard.is_set():  # it may not be back yet, where the other one leads
                await database.write(lambda connection: notify(connection, REFRESH))
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await heard.wait()
