"""`httpserver.connection`: a client that does not read its answers is closed, in time of the loop's own."""

import asyncio
from typing import Any

import pytest

from httpserver.connection import LINGER_SECONDS, WRITE_SECONDS
from httpserver.response import CLOSE
from tests import loops
from tests.sockets import FastStub, Served, Stub, connections, post

LOOPS = loops.WITH_ITS_OWN_TIME
STUBS = pytest.mark.parametrize("stub", [Stub, FastStub], ids=["in a task", "at once"])


class Unread:
    """A transport whose client reads nothing."""

    def __init__(self, protocol: Any) -> None:
        self.protocol, self.size, self.aborted, self.is_reset = protocol, 0, False, False

    def write(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > 65_536 and not self.protocol.is_full():
            self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.size

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default

    def setsockopt(self, *_: Any) -> None:
        self.is_reset = True  # once it is aborted

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    getpeername = getsockname

    def abort(self) -> None:
        self.aborted = True
        self.protocol.connection_lost(None)

    def can_write_eof(self) -> bool:
        return True

    def pause_reading(self) -> None: ...

    resume_reading = write_eof = close = pause_reading


async def connected(stub: type[Stub]) -> tuple[Any, Unread]:
    served = Served(connections(), stub().app, 2)
    connection = served.connection()
    transport = Unread(connection)
    connection.connection_made(transport)
    return connection, transport


@STUBS
async def test_who_reads_no_answer_is_closed_in_time_and_nothing_more_is_made_for_it(stub: type[Stub]) -> None:
    connection, transport = await connected(stub)
    connection.data_received(post(b"big") * 1_000)
    await asyncio.sleep(0.01)
    assert 65_536 < transport.size < 300_000
    await asyncio.sleep(WRITE_SECONDS - 1)
    assert not transport.aborted
    await asyncio.sleep(2)
    assert transport.aborted
    assert transport.is_reset
    assert transport.size < 300_000


@STUBS
async def test_who_reads_slowly_is_not(stub: type[Stub]) -> None:
    connection, transport = await connected(stub)
    connection.data_received(post(b"big" * 3))
    await asyncio.sleep(0.01)
    size = transport.size
    for _ in range(3):
        await asyncio.sleep(WRITE_SECONDS - 0.1)
        transport.size -= 70_000
    assert size > 3 * 70_000
    assert not transport.aborted


@STUBS
async def test_a_small_answer_that_nobody_reads_keeps_no_connection_either(stub: type[Stub]) -> None:
    connection, transport = await connected(stub)
    connection.data_received(post(b"x", b"Connection: close"))
    await asyncio.sleep(0.01)
    assert transport.size
    await asyncio.sleep(WRITE_SECONDS)
    assert transport.aborted
    assert transport.is_reset


@STUBS
@pytest.mark.parametrize("reads", [True, False])
async def test_who_is_slow_to_read_a_last_response_gets_all_of_it(stub: type[Stub], reads: bool) -> None:
    connection, transport = await connected(stub)
    connection.state.default_headers = [CLOSE]
    connection.data_received(post(b"big"))
    await asyncio.sleep(LINGER_SECONDS - 0.5)
    transport.size = 10_000
    connection.resume_writing()
    await asyncio.sleep(1)
    assert not transport.aborted
    if reads:
        transport.size = 0
    else:
        await asyncio.sleep(LINGER_SECONDS)
    assert transport.aborted is not reads
    assert transport.is_reset is not reads  # or a response that its connection ends would look whole


async def test_nothing_is_closed_while_its_transport_says_that_more_may_be_written() -> None:
    connection, transport = await connected(FastStub)
    closed: list[bool] = []
    transport.close = lambda: closed.append(is_resuming)  # type: ignore[method-assign]
    connection.data_received(post(b"big"))
    connection.eof_received()
    assert connection.is_full()
    is_resuming = True
    connection.resume_writing()
    is_resuming = False
    await asyncio.sleep(0.1)
    assert closed == [False]
