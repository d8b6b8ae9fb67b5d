"""A connection that is reset, as its client sees it."""

import asyncio
from typing import cast

import pytest

from httpserver.connection import reset
from tests import loops
from tests.waiting import PATIENCE_SECONDS

LOOPS = loops.BOTH


async def test_the_client_of_a_connection_that_is_reset_gets_an_error_and_no_end() -> None:
    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connected = cast(asyncio.Transport, transport)  # uvloop's is none by its class
            connected.write(b"some")
            reset(connected)

    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
    finally:
        server.close()


def test_what_has_no_socket_is_ended_too() -> None:
    class Transport(asyncio.Transport):
        is_aborted = False

        def abort(self) -> None:
            self.is_aborted = True

    transport = Transport()
    reset(transport)
    assert transport.is_aborted
