"""`httpclient.client` over real sockets: what is written, what is read, and what becomes of the connection.

What it returns is an `httpclient.response`.
"""

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from httpclient.client import HttpClient, Request, open_session
from httpclient.connection import ConnectionFailed, MalformedResponse, ReusedConnectionClosed
from httpclient.response import Response
from simulator import FAULTS, Simulator
from tests.fakes import ByteSource
from tests.waiting import PATIENCE_SECONDS, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def answering(*replies: bytes) -> AsyncIterator[tuple[ByteSource, HttpClient]]:
    """Run a source that sends these, whatever it is asked, and closes the connection behind the last of them."""
    left = list(replies)
    source = ByteSource(lambda *_: (left.pop(0) if left else b"", bool(left)))
    async with source.serve(), open_session() as session:
        yield source, HttpClient(session)


def nothing() -> None:
    """Be told that a request is on its way."""


async def make(
    client: HttpClient, request: Request, *, max_bytes: int = 1000, sent: Callable[[], None] = nothing
) -> Response:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await client.send(request, max_bytes=max_bytes, on_sent=sent)


async def test_a_request_is_written_as_http_with_the_headers_of_session_and_request() -> None:
    async with answering(OK) as (source, client):
        reply = await make(client, Request(f"{source.url}/a/%C3%A9?b=%5B1%5D", "get", headers={"X-Mine": "1"}))

        assert (reply.status, reply.body) == (200, b"{}")
        assert reply.headers.get("content-length") == "2"
        lines = source.requests[0].decode().split("\r\n")
        assert lines[0] == "GET /a/%C3%A9?b=%5B1%5D HTTP/1.1"
        assert lines[1] == "Host: " + source.url.removeprefix("http://")
        assert {"Accept: application/json", "Accept-Encoding: gzip, deflate", "X-Mine: 1"} < set(lines)


async def test_a_form_is_written_with_its_length_and_its_type() -> None:
    async with answering(OK) as (source, client):
        await make(client, Request(f"{source.url}/token", "token", "POST", form={"user": "a&b", "é": "="}))

        head, _, body = source.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /token HTTP/1.1\r\n")
        assert b"Content-Type: application/x-www-form-urlencoded" in head
        assert body == b"user=a%26b&%C3%A9=%3D"


async def test_one_connection_serves_one_exchange_after_another() -> None:
    async with answering(OK, OK, OK) as (source, client):
        for _ in range(3):
            await make(client, Request(f"{source.url}/", "get"))
        assert source.connections == 1


@pytest.mark.parametrize(
    "reply", [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), b"HTTP/1.0 200 OK\r\n\r\n{}"]
)
async def test_a_connection_that_the_source_closes_is_not_used_again(reply: bytes) -> None:
    async with answering(reply) as (source, client):
        assert (await make(client, Request(f"{source.url}/", "get"))).body == b"{}"
        with pytest.raises(ConnectionFailed):
            await make(client, Request(f"{source.url}/", "get"))
        assert source.connections == 2


async def test_an_informational_reply_is_not_the_reply() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with answering(hints + OK) as (source, client):
        assert (await make(client, Request(f"{source.url}/", "get"))).status == 200


async def test_a_switch_to_another_protocol_is_a_reply_like_any_other() -> None:
    switch = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    async with answering(switch) as (source, client):
        assert (await make(client, Request(f"{source.url}/", "get"))).status == 101


@pytest.mark.parametrize("encoding", ["", "Content-Encoding: gzip\r\n"])
async def test_no_more_of_a_body_is_read_than_allowed(encoding: str) -> None:
    body = b"x" * 1001
    if encoding:
        body = gzip.compress(body)
    reply = f"HTTP/1.1 200 OK\r\n{encoding}Content-Length: {len(body)}\r\n\r\n".encode() + body
    async with answering(reply, reply, reply) as (source, client):
        assert len((await make(client, Request(f"{source.url}/", "get"), max_bytes=1001)).body) == 1001
        with pytest.raises(MalformedResponse, match="too large"):
            await make(client, Request(f"{source.url}/", "get"))


@pytest.mark.parametrize(
    "reply", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\nhello"]
)
async def test_bytes_that_are_no_reply_are_garbled(reply: bytes) -> None:
    async with answering(reply) as (source, client):
        with pytest.raises(MalformedResponse):
            await make(client, Request(f"{source.url}/", "get"))


@pytest.mark.parametrize("token", ["a\r\nX-Other: 1", "a\nb", "a\0b", "\ud800"])
async def test_no_header_can_hold_another_one(token: str) -> None:
    async with answering(OK) as (source, client):
        with pytest.raises(ConnectionFailed):
            await make(client, Request(f"{source.url}/", "get", headers={"Authorization": token}))
        assert source.requests == []


async def test_it_is_told_when_a_request_is_on_its_way_and_not_before() -> None:
    told: list[str] = []
    async with answering(OK) as (source, client):
        await make(client, Request(f"{source.url}/", "get"), sent=lambda: told.append("sent"))
        assert told == ["sent"]
        with pytest.raises(ConnectionFailed):
            await make(client, Request("http://127.0.0.1:1/", "get"), sent=lambda: told.append("again"))
        assert told == ["sent"]


async def test_a_cancelled_exchange_leaves_no_connection_that_another_could_take_its_reply_from() -> None:
    async with answering(b"", OK) as (source, client):
        cancelled = asyncio.create_task(make(client, Request(f"{source.url}/", "get")))
        await until(lambda: source.requests)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert (await make(client, Request(f"{source.url}/", "get"))).body == b"{}"
        assert source.connections == 2


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_connection_killed_on_reuse_costs_exactly_one_request(ending: str) -> None:
    """Trap 25: aiohttp's session would silently send it again."""
    simulator = Simulator()
    async with simulator.serve() as urls, open_session() as session:
        client = HttpClient(session)
        key = base64.b64encode(f"{simulator.chartmogul.api_key}:".encode()).decode()
        ping = Request(f"{urls.chartmogul}/v1/ping", "get", headers={"Authorization": f"Basic {key}"})
        assert (await make(client, ping)).status == 200
        simulator.chartmogul.faults.add(FAULTS[ending], times=None)
        before = len(simulator.calls)
        with pytest.raises(ReusedConnectionClosed):
            await make(client, ping)
        assert len(simulator.calls) == before + 1
        with pytest.raises(ConnectionFailed) as on_a_new_one:
            await make(client, ping)
        assert not isinstance(on_a_new_one.value, ReusedConnectionClosed)


async def test_a_connection_that_dies_within_a_reply_is_not_taken_for_one_that_had_been_closed() -> None:
    async with answering(OK, b"HTTP/1.1 200") as (source, client):
        request = Request(f"{source.url}/", "get")
        await make(client, request)
        with pytest.raises(ConnectionFailed) as died:
            await make(client, request)
        assert not isinstance(died.value, ReusedConnectionClosed)
        assert source.connections == 1


async def test_a_request_can_be_sent_on_a_new_connection_though_there_is_one() -> None:
    async with answering(OK, OK) as (source, client):
        request = Request(f"{source.url}/", "get")
        await make(client, request)
        await client.send(request, max_bytes=1000, on_sent=nothing, on_new_connection=True)
        assert source.connections == 2


@pytest.mark.parametrize("is_cancelled_first", [False, True])
async def test_who_is_cancelled_in_the_moment_of_its_reply_breaks_off_nobody_else(is_cancelled_first: bool) -> None:
    """The connection is idle by then, and the next request may be on it."""
    async with answering(OK, b"", OK) as (source, client):
        request = Request(f"{source.url}/", "get")
        await make(client, request)
        (there,) = client._pools.values()
        connection: Any = there.idle_connection()
        there._add_idle(connection)
        cancelled = asyncio.create_task(make(client, request))
        await asyncio.sleep(0)
        if is_cancelled_first:
            cancelled.cancel()
        connection.data_received(OK)
        cancelled.cancel()
        other = asyncio.create_task(make(client, again := Request(request.url, "get")))
        await asyncio.wait([cancelled])
        assert cancelled.cancelled()
        assert isinstance(await asyncio.wait_for(other, PATIENCE_SECONDS), Response)
        assert again.connection is connection
