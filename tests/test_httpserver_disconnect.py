"""`httpserver.disconnect`: a client that goes away ends its work, also the request upstream; and no work that others share."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

import httpserver.disconnect
from httpserver.disconnect import ClientDisconnected, cancel_on_disconnect
from simulator import FAULTS, Simulator
from tests import loops
from tests.harness import Graph, open_graph

LOOPS = loops.WITH_ITS_OWN_TIME


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpserver.disconnect, "PATIENCE_SECONDS", 0.01)


class Client:
    """An ASGI `receive` that tells of a disconnect when it is said to."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.asked = 0

    async def receive(self) -> Any:
        self.asked += 1
        if self.asked == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def test_work_that_ends_gives_its_result() -> None:
    async def work() -> int:
        return 7

    client = Client()
    assert await cancel_on_disconnect(client.receive, work()) == 7
    await asyncio.sleep(0.02)
    assert client.asked == 0  # short work is not even watched


async def test_work_that_fails_fails() -> None:
    async def work() -> None:
        await asyncio.sleep(0.02)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await cancel_on_disconnect(Client().receive, work())


async def test_a_client_that_goes_away_ends_the_work() -> None:
    ended = False

    async def work() -> None:
        nonlocal ended
        try:
            await asyncio.sleep(10)
        finally:
            ended = True

    client = Client()
    asyncio.get_running_loop().call_later(0.02, client.gone.set)
    with pytest.raises(ClientDisconnected):
        await cancel_on_disconnect(client.receive, work())
    assert ended


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    task = asyncio.create_task(cancel_on_disconnect(Client().receive, asyncio.sleep(10)))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_after_a_hang_up_the_task_can_go_on() -> None:
    client = Client()
    client.gone.set()
    with pytest.raises(ClientDisconnected):
        await cancel_on_disconnect(client.receive, asyncio.sleep(10))
    await asyncio.sleep(0.001)  # would raise, were the cancellation still pending
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0


# Over real sockets


@asynccontextmanager
async def listening(graph: Graph) -> AsyncIterator[int]:
    """Serve a graph with uvicorn in this process; yield the port."""
    config = uvicorn.Config(graph.app, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await server.shutdown()


async def send(port: int, source_id: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a query; return the connection."""
    body = json.dumps({"query": f'{{ nexudusOpportunity(sourceId: "{source_id}") {{ sourceId }} }}'}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return reader, writer


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - the simulator tells by being looked at
            await asyncio.sleep(0.005)


async def test_a_client_that_goes_away_frees_the_request_upstream() -> None:
    simulator = Simulator()
    async with open_graph(simulator) as graph, listening(graph) as port:
        simulator.nexudus.faults.add(FAULTS["hang"], times=None, kinds={"get"})
        _, writer = await send(port, 1427000501)
        await until(lambda: simulator.nexudus.in_flight)
        writer.close()
        await until(lambda: not simulator.nexudus.in_flight)
        # Long before an attempt's three seconds; and nobody tries again for a client that is gone.
        assert [call.kind for call in simulator.nexudus.calls] == ["token-password", "get"]


async def test_a_client_that_goes_away_takes_nothing_from_one_that_asked_for_the_same() -> None:
    simulator = Simulator()
    async with open_graph(simulator) as graph, listening(graph) as port:
        simulator.nexudus.faults.add(FAULTS["delay"], times=None, kinds={"get"})
        _, leaving = await send(port, 1427000501)
        await until(lambda: simulator.nexudus.in_flight)
        reader, staying = await send(port, 1427000501)
        await asyncio.sleep(0.05)
        leaving.close()
        body = (await reader.read()).partition(b"\r\n\r\n")[2]
        staying.close()
        assert json.loads(body)["data"] == {"nexudusOpportunity": {"sourceId": "1427000501"}}
        assert [call.kind for call in simulator.nexudus.calls] == ["token-password", "get"]


async def test_a_sign_in_goes_on_though_its_first_client_has_gone() -> None:
    simulator = Simulator()
    async with open_graph(simulator) as graph, listening(graph) as port:
        simulator.nexudus.faults.add(FAULTS["delay"], times=1, kinds={"token-password"})
        _, writer = await send(port, 1427000501)
        await until(lambda: simulator.nexudus.in_flight)
        writer.close()
        await until(lambda: not simulator.nexudus.in_flight)
        assert (await graph.ask('{ nexudusOpportunity(sourceId: "1427000502") { sourceId } }'))["data"]
        assert [call.kind for call in simulator.nexudus.calls] == ["token-password", "get"]


async def test_many_that_go_away_leave_the_server_whole() -> None:
    simulator = Simulator()
    async with open_graph(simulator) as graph, listening(graph) as port:
        simulator.nexudus.faults.add(FAULTS["hang"], times=None, kinds={"get", "list-by-ids"})
        for round_ in range(5):
            writers = [(await send(port, 1427000501 + 10 * round_ + number))[1] for number in range(10)]
            await asyncio.sleep(0.02)
            for writer in writers:
                writer.close()
        await until(lambda: not simulator.nexudus.in_flight)
        simulator.nexudus.faults.clear()
        answer = await graph.ask('{ nexudusOpportunity(sourceId: "1427000599") { sourceId } }')
        assert answer["data"] == {"nexudusOpportunity": {"sourceId": "1427000599"}}
