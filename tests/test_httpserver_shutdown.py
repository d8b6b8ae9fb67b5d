"""`httpserver.shutdown`: no client waits for a connection while others are served; and SIGTERM loses no request.

First readiness drops, then the listener closes, then the process ends.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import uvicorn

from benchmarks.running import running_server
from configuration import AllSettings
from httpserver.connection import DEFAULT_LIMITS
from httpserver.protocol import protocol
from httpserver.shutdown import ACCEPTED_AT_ONCE, CLOSE, DrainingServer, several_at_once
from simulator import FAULTS, Simulator
from tests.event_streams import listening, subscribing
from web.health import Health

ID = 1427000501
SLOW = "0.3"
KEYS = {"CHARTMOGUL_API_KEY": "key"}


async def silent(scope: Any, receive: Any, send: Any) -> None: ...


def a_server(
    drain_seconds: float = 100, app: Any = silent, end_streams: Callable[[], None] = lambda: None
) -> tuple[DrainingServer, Health]:
    config = uvicorn.Config(app, http=protocol(DEFAULT_LIMITS), log_config=None, lifespan="off")
    config.load()
    health = Health()
    health.is_ready = True
    server = DrainingServer(config, health, drain_seconds=drain_seconds, end_streams=end_streams)
    server.lifespan = config.lifespan_class(config)
    return server, health


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_clients_that_come_together_are_taken_together(loop: str) -> None:
    """However long a turn of the loop is, nobody waits for more than a few."""

    async def turns() -> int:
        taken: list[asyncio.Protocol] = []

        class Taken(asyncio.Protocol):
            def connection_made(self, _transport: object) -> None:
                taken.append(self)

        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listeners = [stack.enter_context(one) for one in several_at_once(listener)]
            running = asyncio.get_running_loop()
            servers = [await running.create_server(Taken, sock=one) for one in listeners]
            for _ in range(ACCEPTED_AT_ONCE):
                stack.enter_context(socket.create_connection(listener.getsockname()))
            turns = 0
            while len(taken) < ACCEPTED_AT_ONCE and turns < 100:
                await asyncio.sleep(0)
                turns += 1
            for server in servers:
                server.close()
        return turns

    make_loop = pytest.importorskip("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert runner.run(turns()) < 10


def test_a_process_that_starts_lets_nobody_wait_for_clients_who_serves_the_listener_already() -> None:
    """What is set for a listener is set for all processes that have it, and a wait in `accept` would stop a loop."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        in_another = stack.enter_context(socket.socket(fileno=os.dup(listener.fileno())))  # as after a fork
        serving = [stack.enter_context(one) for one in several_at_once(listener)]
        starting = [stack.enter_context(one) for one in several_at_once(in_another)]
        assert not any(os.get_blocking(one.fileno()) for one in serving + starting)


async def test_a_client_that_was_taken_last_is_answered() -> None:
    """Who has a connection sends a request on it: not to have it read would be to lose it."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer"})

    server, _ = a_server(app=app)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        await server.startup([listener])
        reader, writer = await asyncio.open_connection(*address)
        while not server.server_state.connections:  # noqa: ASYNC110 - until it is taken
            await asyncio.sleep(0)
        stopping = asyncio.create_task(server.shutdown([listener]))
        while listener.fileno() != -1:  # noqa: ASYNC110 - until nobody else is
            await asyncio.sleep(0)
        writer.write(b"GET / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"answer")
        writer.close()
        await stopping


async def test_after_sigterm_it_is_unready_at_once_and_goes_on_serving() -> None:
    server, health = a_server()
    server.handle_exit(signal.SIGTERM, None)
    assert not health.is_ready
    assert not await server.on_tick(1)
    assert not server.should_exit


async def test_meanwhile_every_answer_closes_its_connection() -> None:
    server, _ = a_server()
    for counter in (0, 1):
        await server.on_tick(counter)
    assert CLOSE not in server.server_state.default_headers
    server.handle_exit(signal.SIGTERM, None)
    for counter in (2, 10, 20):
        await server.on_tick(counter)
        assert server.server_state.default_headers.count(CLOSE) == 1


async def test_when_the_wait_is_over_it_stops() -> None:
    server, _ = a_server(drain_seconds=0)
    server.handle_exit(signal.SIGTERM, None)
    assert await server.on_tick(1)


@pytest.mark.parametrize("signals", [["SIGINT"], ["SIGTERM", "SIGTERM"], ["SIGTERM", "SIGINT"]])
async def test_ctrl_c_or_a_second_signal_skips_the_wait(signals: list[str]) -> None:
    server, health = a_server()
    for name in signals:
        server.handle_exit(signal.Signals[name], None)
    assert not health.is_ready
    assert await server.on_tick(1)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_what_would_go_on_for_ever_is_ended_at_once_in_the_loop(name: str) -> None:
    """A signal comes in the middle of whatever the loop does, and must change nothing there."""
    ended: list[int] = []
    server, _ = a_server(end_streams=lambda: ended.append(1))
    await server.on_tick(1)
    server.handle_exit(signal.Signals[name], None)
    assert ended == []
    await server.on_tick(2)
    assert ended


@pytest.mark.parametrize("seconds", ["-1", "soon", "nan", "601"])
def test_a_wait_that_is_none_is_refused_at_start(seconds: str) -> None:
    with pytest.raises(ValueError, match=r"^SHUTDOWN_DELAY_SECONDS: must be a number[^\n]*$"):
        AllSettings(KEYS | {"SHUTDOWN_DELAY_SECONDS": seconds})


def test_no_wait_and_the_usual_one_are_settings() -> None:
    assert AllSettings(KEYS | {"SHUTDOWN_DELAY_SECONDS": "0"}).server.shutdown_delay_seconds == 0
    assert AllSettings(KEYS).server.shutdown_delay_seconds == 3


async def test_sigterm_under_load_loses_no_request() -> None:
    """Clients in a closed loop, with connections of their own, until the server is unready; all are answered."""
    simulator = Simulator()
    simulator.nexudus.latency_seconds = (0.1, 0.4)
    async with (
        simulator.serve() as urls,
        running_server(**simulator.environment(urls), SHUTDOWN_DELAY_SECONDS="1") as (server, url),
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
    ):
        answered, is_ready = [0, 0], True

        async def ask(source_id: int) -> None:
            query = f'{{ nexudusOpportunity(sourceId: "{source_id}") {{ sourceId }} }}'
            async with session.post(f"{url}/graphql", json={"query": query}) as response:
                assert response.status == 200
                answer = await response.json()
            assert "errors" not in answer
            answered[not is_ready] += 1

        async def client(number: int) -> None:
            source_id = ID + number
            while is_ready:
                await ask(source_id)
                source_id += 16

        clients = [asyncio.create_task(client(number)) for number in range(16)]
        while answered[0] < 16:  # noqa: ASYNC110 - until all are in their loops
            await asyncio.sleep(0.02)
        server.terminate()
        while is_ready:
            async with session.get(f"{url}/health/ready") as response:
                is_ready = response.status == 200
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.15)  # the server looks ten times a second whether it is to stop
        async with session.get(f"{url}/health/live") as response:
            assert (response.status, response.headers["Connection"]) == (200, "close")
        await asyncio.gather(*clients)

        assert answered[1] >= 8  # which were under way
        assert await server.end() == 0


async def test_a_request_that_outlasts_the_wait_is_finished_too() -> None:
    simulator = Simulator()
    simulator.nexudus.faults.add(FAULTS["delay"], kinds={"get"})
    async with (
        simulator.serve() as urls,
        running_server(**simulator.environment(urls), SHUTDOWN_DELAY_SECONDS="0") as (server, url),
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
    ):
        body = {"query": f'{{ nexudusOpportunity(sourceId: "{ID}") {{ sourceId }} }}'}

        async def ask() -> Any:
            async with session.post(f"{url}/graphql", json=body) as response:
                return await response.json()

        asking = asyncio.create_task(ask())
        while not any(call.kind == "get" for call in simulator.nexudus.calls):  # noqa: ASYNC110 - it is looked at
            await asyncio.sleep(0.01)
        server.terminate()
        assert (await asking)["data"] == {"nexudusOpportunity": {"sourceId": str(ID)}}
        assert await server.end() == 0


async def test_streams_end_with_complete_long_before_the_wait_is_over() -> None:
    simulator = Simulator()
    async with (
        simulator.serve() as urls,
        running_server(**simulator.environment(urls), SHUTDOWN_DELAY_SECONDS="60") as (server, url),
    ):
        port = urlsplit(url).port
        assert port is not None
        async with listening(port, subscribing("subscription { opportunityChanges { cursor } }")) as client:
            assert (await client.event())["data"]["opportunityChanges"]["cursor"]
            server.terminate()
            assert await client.rest() == [None]
        server.terminate()
        await server.end()
