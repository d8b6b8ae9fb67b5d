"""`httpserver.protocol`: the id of each request, in its response and in the lines of the log."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from asgi_correlation_id import correlation_id

from tests import loops, sockets
from tests.sockets import (
    Client,
    Stub,
    asking,
    endpoint,
    id_of,
    post,
    serving,
)
from web.graphql_response import GraphQLResponse
from web.parameters import GraphQLParams

served, stub, client = sockets.served, sockets.stub, sockets.client
LOOPS = loops.BOTH
test_they_run_on_both_loops = sockets.they_run_on_both_loops

# Ids


class Telling(logging.Handler):
    """Keeps each line with the id that it would be told with."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str | None]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append((record.getMessage(), correlation_id.get()))


@pytest.fixture
def told() -> Iterator[list[tuple[str, str | None]]]:
    handler = Telling()
    logger = logging.getLogger("opportunity_graph.test")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield handler.told
    logger.removeHandler(handler)


async def test_every_line_of_the_log_tells_the_id_of_its_own_request(told: list[tuple[str, str | None]]) -> None:
    logger = logging.getLogger("opportunity_graph.test")
    gates: dict[str, asyncio.Event] = {}
    shared: list[asyncio.Task[None]] = []

    async def upstream(name: str) -> None:
        await asyncio.sleep(0)
        logger.info(name)

    async def answer(params: GraphQLParams) -> GraphQLResponse:
        name = params.query or ""
        logger.info(name)
        shared.append(asyncio.create_task(upstream(name)))
        if name in gates:
            await gates[name].wait()
            logger.info(name)
            await shared[-1]
            logger.info(name)
        return GraphQLResponse({"data": None})

    async with serving(endpoint(answer)) as served, served.client() as one, served.client() as two:
        gates |= {"a": asyncio.Event(), "b": asyncio.Event()}
        await one.send(asking("a", b"X-Request-ID: id-a"))
        await two.send(asking("b", b"X-Request-ID: id-b"))
        gates["b"].set()
        found = [id_of(await two.answer()), id_of(await two.ask(asking("c", b"X-Request-ID: id-c")))]
        gates["a"].set()
        found.append(id_of(await one.answer()))
        made_up = id_of(await one.ask(asking("d")))
        await asyncio.gather(*shared)
    assert found == ["id-b", "id-c", "id-a"]
    assert len(told) == 4 + 4 + 2 + 2
    assert all(id_ == (made_up if name == "d" else f"id-{name}") for name, id_ in told)


async def test_an_id_does_not_outlast_its_request(stub: Stub) -> None:
    """Else what the connection itself has to tell later would be put down to it."""
    seen: list[str | None] = []
    async with serving(stub) as served:
        original = served.connection

        def connection() -> Any:
            found = original()
            receive = found.data_received

            def data_received(data: bytes) -> None:
                seen.append(correlation_id.get())
                receive(data)
                seen.append(correlation_id.get())

            found.data_received = data_received
            return found

        server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
        served._port = server.sockets[0].getsockname()[1]
        async with served.client() as client:
            for body in (b"x", b"turn"):
                assert id_of(await client.ask(post(body, b"X-Request-ID: mine"))) == "mine"
        server.close()
    assert seen == [None] * 4


async def test_each_response_has_an_id_of_its_own(client: Client) -> None:
    found = {id_of(await client.ask(post(body))) for body in [b"{}", b"turn"] * 10}
    assert len(found) == 20


async def test_a_context_variable_can_be_set_back_behind_an_await() -> None:
    """The first step of an answer and the others are in one context."""

    async def answer(_: GraphQLParams) -> GraphQLResponse:
        before = correlation_id.set("other")
        await asyncio.sleep(0)
        correlation_id.reset(before)
        return GraphQLResponse({"data": None})

    async with serving(endpoint(answer)) as served, served.client() as client:
        assert (await client.ask(asking("a"))).startswith(b"HTTP/1.1 200 ")
