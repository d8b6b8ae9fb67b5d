"""`httpclient.client`, its pools: which connection takes a request, and what becomes of those that rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from httpclient import client
from httpclient.client import ConnectionPool, header_lines, open_session
from httpclient.connection import Connection, Result
from httpclient.response import Response
from tests.waiting import PATIENCE_SECONDS

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def an_origin() -> AsyncIterator[tuple[ConnectionPool, list[asyncio.StreamWriter]]]:
    """An origin of which every connection is answered at once, and the other ends of its connections."""
    ends: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        while await reader.read(1000):
            writer.write(OK)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        async with open_session() as session:
            assert session.connector
            yield ConnectionPool(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", session.connector, {}), ends
        for end in ends:
            end.close()
        await asyncio.gather(*[end.wait_closed() for end in ends], return_exceptions=True)


async def answered(connection: Connection) -> None:
    answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    connection.send(b"GET", 100, answer)
    assert isinstance(await answer, Response)


def ending(there: ConnectionPool, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return what is set when a connection that is yet to be opened has ended."""
    ended, remove = asyncio.Event(), there._remove

    def remove_and_tell(connection: Connection) -> None:
        remove(connection)
        ended.set()

    monkeypatch.setattr(there, "_remove", remove_and_tell)
    return ended


async def test_a_connection_is_idle_when_its_response_is_there_and_not_before() -> None:
    async with an_origin() as (there, _):
        assert there.idle_connection() is None
        connection = await there.open()
        assert there.idle_connection() is None
        await answered(connection)
        assert there.idle_connection() is connection
        assert there.idle_connection() is None


async def test_the_one_that_was_used_last_is_used_next_so_that_the_others_may_end() -> None:
    async with an_origin() as (there, _):
        first, second = await there.open(), await there.open()
        await answered(second)
        await answered(first)
        assert there.idle_connection() is first
        assert there.idle_connection() is second


async def test_one_that_the_source_has_closed_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with an_origin() as (there, ends):
        ended = ending(there, monkeypatch)
        connection = await there.open()
        await answered(connection)
        ends[0].close()
        await asyncio.wait_for(ended.wait(), PATIENCE_SECONDS)
        assert there.idle_connection() is None
        assert there._idle == []


async def test_one_that_was_idle_for_too_long_is_closed_by_whoever_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with an_origin() as (there, _):
        connection = await there.open()
        await answered(connection)
        monkeypatch.setattr(client, "KEEP_ALIVE_SECONDS", 0.0)
        assert there.idle_connection() is None
        assert connection.is_closing()


async def test_one_that_nobody_wants_is_closed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "KEEP_ALIVE_SECONDS", 0.001)
    async with an_origin() as (there, _):
        ended = ending(there, monkeypatch)
        await answered(await there.open())
        await asyncio.wait_for(ended.wait(), PATIENCE_SECONDS)
        assert there._idle == []


async def test_all_connections_end_with_the_session() -> None:
    async with an_origin() as (there, _):
        connections = [await there.open(), await there.open()]
        await answered(connections[0])
    assert all(connection.is_closing() for connection in connections)


async def test_credentials_are_those_of_the_request_not_of_the_one_before() -> None:
    async with an_origin() as (there, _):
        assert there.head({"Authorization": "a"}).endswith("Authorization: a\r\n")
        assert there.head({"Authorization": "b"}).endswith("Authorization: b\r\n")
        assert "Authorization" not in there.head({})


@pytest.mark.parametrize("value", ["a\r\nX: 1", "a\nb", "a\rb", "a\0b"])
def test_no_header_can_hold_another_one(value: str) -> None:
    with pytest.raises(UnicodeError):
        header_lines({"Authorization": value})
