"""`httpserver.protocol`: a client that ends its own side of a connection waits for its answer, in the loop's own time.

RFC 9112, 9.6: a server that reads the end of what a client sends may still have a response to send.
"""

import asyncio
from typing import Any

import pytest

from httpserver.connection import DEFAULT_LIMITS
from httpserver.exchange import CONTINUE
from tests import loops
from tests.sockets import Served, Stub, connections, post
from tests.transports import Recorded

LOOPS = loops.WITH_ITS_OWN_TIME
DEADLINE_SECONDS = 26.0
PROBE_SECONDS = DEFAULT_LIMITS.probe_seconds
REQUESTS = {"POST": post(b"wait"), "PUT": post(b"wait").replace(b"POST", b"PUT")}


def connected() -> tuple[Stub, Any, Recorded]:
    stub = Stub()
    # As a server has it; a hundredth of that is much to do in so long a time.
    kind = connections(half_close_seconds=DEADLINE_SECONDS, probe_seconds=PROBE_SECONDS)
    connection = Served(kind, stub.app, 2).connection()
    transport = Recorded(connection)
    connection.connection_made(transport)
    return stub, connection, transport


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_a_client_that_half_closes_gets_an_answer_that_takes_nearly_as_long_as_an_operation_may(
    request_: bytes,
) -> None:
    stub, connection, transport = connected()
    connection.data_received(request_)
    assert connection.eof_received()
    await asyncio.sleep(DEADLINE_SECONDS - 1)
    stub.gate.set()
    await asyncio.sleep(0.1)
    assert transport.written.startswith(CONTINUE)
    assert transport.written.replace(CONTINUE, b"").startswith(b"HTTP/1.1 200 ")
    assert transport.is_closed
    assert not stub.cancelled


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_work_for_a_client_that_half_closed_ends_when_no_operation_takes_longer(request_: bytes) -> None:
    stub, connection, transport = connected()
    connection.data_received(request_)
    connection.eof_received()
    await asyncio.sleep(DEADLINE_SECONDS + 0.1)
    assert transport.is_closed
    assert stub.cancelled == [b"wait"]
    assert transport.written.replace(CONTINUE, b"") == b""


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_work_for_a_client_that_hangs_up_ends_at_once_though_it_half_closed_before(request_: bytes) -> None:
    stub, connection, _ = connected()
    connection.data_received(request_)
    connection.eof_received()
    await asyncio.sleep(0.1)
    connection.connection_lost(ConnectionResetError())
    await asyncio.sleep(0.1)
    assert stub.cancelled == [b"wait"]


async def test_a_client_of_http_1_0_is_sent_no_interim_response() -> None:
    stub, connection, transport = connected()
    connection.data_received(post(b"wait").replace(b"HTTP/1.1", b"HTTP/1.0"))
    connection.eof_received()
    await asyncio.sleep(3 * PROBE_SECONDS)
    assert transport.written == b""
    stub.gate.set()
    await asyncio.sleep(0.1)
    assert transport.written.startswith(b"HTTP/1.1 200 ")


async def test_each_request_that_a_client_sent_before_it_half_closed_gets_its_own_time() -> None:
    stub, connection, transport = connected()
    connection.data_received(post(b"wait") + post(b"wait again"))
    connection.eof_received()
    await asyncio.sleep(DEADLINE_SECONDS - 1)
    stub.gate.set()
    await asyncio.sleep(0)
    stub.gate.clear()
    await asyncio.sleep(DEADLINE_SECONDS - 1)
    stub.gate.set()
    await asyncio.sleep(0.1)
    assert transport.written.count(b"HTTP/1.1 200 ") == 2


async def test_who_waits_for_a_second_answer_is_probed_though_the_first_was_not_read_for_long() -> None:
    stub, connection, transport = connected()
    write = transport.write

    def fill(data: bytes) -> None:
        write(data)
        if data.startswith(b"HTTP/1.1 200 "):
            connection._writable = asyncio.Event()

    transport.write = fill  # type: ignore[method-assign] # nothing is read
    connection.data_received(2 * post(b"wait"))
    connection.eof_received()
    stub.gate.set()
    await asyncio.sleep(0.1)
    stub.gate.clear()
    await asyncio.sleep(3 * PROBE_SECONDS)
    assert stub.bodies == [b"wait"]
    connection.resume_writing()
    await asyncio.sleep(0.1)
    assert stub.bodies == [b"wait"] * 2
    before = len(transport.written)
    await asyncio.sleep(2 * PROBE_SECONDS)
    assert transport.written[before:].startswith(CONTINUE)
