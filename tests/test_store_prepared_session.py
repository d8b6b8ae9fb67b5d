"""One connection to PostgreSQL that the event loop waits for: `store.prepared_session`."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from store import prepared_session
from store.prepared_session import Asked, PreparedSession, Rows
from tests import postgres


class Opened:
    """A session, and what it has told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        connection = psycopg.connect(postgres.server().conninfo, autocommit=True)
        self.session = PreparedSession(
            connection, lambda _: self.told.append("free"), lambda _: self.told.append("closed")
        )

    async def ask(self, text: str, *values: str | int | None) -> Rows | None:
        """Return what it answers."""
        answer: asyncio.Future[Rows | None] = asyncio.get_running_loop().create_future()
        self.session.ask(Asked(text, values, answer))
        return await answer


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    found = Opened()
    yield found
    found.session.close()


async def test_texts_numbers_bytes_and_nulls_come_as_they_are(opened: Opened) -> None:
    asked = await opened.ask("SELECT $1::VARCHAR, $2::BIGINT, $3::VARCHAR, '\\x00ff'::BYTEA", "é'%", -(2**63), None)
    assert asked == [("é'%", -(2**63), None, b"\x00\xff")]
    assert opened.told == ["free"]


async def test_a_text_is_prepared_once(opened: Opened) -> None:
    for number in range(3):
        assert await opened.ask("SELECT $1::BIGINT", number) == [(number,)]
    assert await opened.ask("SELECT count(*) FROM pg_prepared_statements") == [(2,)]
    assert opened.told == ["free"] * 4


async def test_a_value_that_no_socket_takes_at_once_arrives(opened: Opened) -> None:
    assert await opened.ask("SELECT length($1::VARCHAR)", "é" * 2_000_000) == [(2_000_000,)]


@pytest.mark.parametrize("text", ["SELECT nothing", "SELECT 1 / 0", "SET work_mem = 64"])
async def test_what_gives_no_rows_closes_it(opened: Opened, text: str) -> None:
    assert await opened.ask(text) is None
    assert opened.told == ["closed"]
    opened.session.close()
    assert opened.told == ["closed"], "once"


async def test_one_with_many_statements_is_closed_after_its_answer(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared_session, "MOST_PREPARED", 2)
    assert [await opened.ask(f"SELECT {number}") for number in range(3)] == [[(0,)], [(1,)], [(2,)]]
    assert opened.told == ["free", "free", "closed"]
