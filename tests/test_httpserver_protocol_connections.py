"""`httpserver.protocol`: the life of a connection. What waits its turn, who goes, what stops, and how long that may
take. `httpserver.exchange`: one request and its response."""

import asyncio
import contextlib
import json
import logging
from typing import Any

import pytest

from httpserver.response import HttpResponse
from httpserver.shutdown import CLOSE
from simulator import FAULTS, Simulator, faults
from tests import logged, loops, sockets
from tests.harness import open_graph
from tests.sockets import (
    CHUNKED,
    DATE,
    ID,
    Client,
    Served,
    Stub,
    asking,
    body_of,
    both_ways,
    echoed,
    endpoint,
    opportunity,
    post,
    real,
    same,
    serving,
)
from tests.waiting import until
from web.endpoint import GraphQLEndpoint
from web.graphql_response import GraphQLResponse
from web.parameters import GraphQLParams
from web.policy import ConcurrencyLimit

stub, served, client = sockets.stub, sockets.served, sockets.client
LOOPS = loops.BOTH
test_they_run_on_both_loops = sockets.they_run_on_both_loops

# One behind the other


SECOND, THIRD = post(b"second"), post(b"third")
TEN = [b"turn%d" % number for number in range(10)]


@pytest.mark.parametrize(
    ("behind", "bodies"),
    [
        ([SECOND], [b"second"]),
        ([SECOND, THIRD], [b"second", b"third"]),
        ([SECOND + THIRD], [b"second", b"third"]),
        ([post(body) for body in TEN], TEN),
        ([SECOND.replace(b"POST", b"GET"), THIRD], [b"second", b"third"]),
        ([CHUNKED, THIRD], [b"{}", b"third"]),
        ([b"\r\n", THIRD], [b"third"]),
        ([SECOND[:30], SECOND[30:]], [b"second"]),
        ([SECOND[:-2], SECOND[-2:] + THIRD], [b"second", b"third"]),
    ],
    ids=["one", "two", "two at once", "ten", "an unusual one", "chunks", "a blank line", "half a head", "half a body"],
)
@pytest.mark.parametrize("in_time", [True, False], ids=["before the answer", "around it"])
async def test_requests_sent_while_one_is_answered_wait_their_turn(
    stub: Stub, client: Client, behind: list[bytes], bodies: list[bytes], in_time: bool
) -> None:
    await client.send(post(b"wait"), *(behind if in_time else behind[:1]))
    assert stub.bodies == [b"wait"]
    stub.gate.set()
    found = [echoed(await client.answer())]
    if not in_time:
        await client.send(*behind[1:])
    found += [echoed(await client.answer()) for _ in bodies]
    assert found == [b"wait", *bodies]
    assert echoed(await client.ask(post(b"last"))) == b"last"
    assert stub.bodies[-1] == b"last"  # the connection is idle again


async def test_a_request_behind_one_that_expects_an_interim_response_waits_too(stub: Stub, client: Client) -> None:
    await client.send(post(b"wait", b"Expect: 100-continue").replace(b"POST", b"PUT"), SECOND)
    assert stub.bodies == [b"wait"]
    stub.gate.set()
    assert [echoed(await client.answer()) for _ in range(2)] == [b"wait", b"second"]
    assert echoed(await client.ask(post(b"last"))) == b"last"
    assert stub.bodies == [b"wait", b"second", b"last"]


async def test_what_waits_behind_an_answer_is_bounded(stub: Stub, served: Served, client: Client) -> None:
    await client.send(post(b"wait"))
    (connection,) = served.state.connections
    client.writer.write(b"POST / HTTP/1.1\r\n" + b"x: y\r\n" * 1_000_000)
    await until(lambda: connection._is_reading_paused)
    await asyncio.sleep(0.02)
    assert len(connection._buffer.data) < 600_000
    stub.gate.set()
    assert echoed(await client.answer()) == b"wait"
    assert (await client.rest()).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("length", [65_500, 200_000])
async def test_a_connection_whose_reading_was_paused_reads_on_after_its_answer(
    stub: Stub, served: Served, client: Client, length: int
) -> None:
    large = b"x" * length
    await client.send(post(b"wait"))
    (connection,) = served.state.connections
    client.writer.write(post(large))
    await until(lambda: connection._is_reading_paused)
    stub.gate.set()
    assert echoed(await client.answer()) == b"wait"
    assert echoed(await client.answer()) == large
    assert echoed(await client.ask(post(b"last"))) == b"last"


async def test_a_blank_line_behind_each_body_does_not_add_up(stub: Stub, client: Client) -> None:
    """Some old clients send one; all together they are not a head that is too large."""
    blank = b"\r\n" * 20_000
    for _ in range(3):
        await client.send(blank)
        assert echoed(await client.ask(post(b"x"))) == b"x"
    assert stub.bodies == [b"x"] * 3


# Clients that go


class Work:
    """What answers behind the door."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended: list[str] = []
        self.gate = asyncio.Event()
        self.concurrency_limit = ConcurrencyLimit(3)

    async def answer(self, _: GraphQLParams) -> GraphQLResponse:
        self.begun += 1
        try:
            await self.gate.wait()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        return GraphQLResponse({"data": None})

    def endpoint(self) -> GraphQLEndpoint:
        return endpoint(self.answer, concurrency_limit=self.concurrency_limit)


@pytest.mark.parametrize("behind", [b"", post(), post()[:20]], ids=["nothing", "a request", "half a request"])
@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_client_that_goes_away_ends_its_work(caplog: pytest.LogCaptureFixture, how: str, behind: bytes) -> None:
    work = Work()
    async with serving(work.endpoint()) as served:
        for _ in range(4):
            async with served.client() as client:
                await client.send(asking("{ a }"))
                if behind:
                    await client.send(behind)
                assert work.concurrency_limit._free == 2
                getattr(client.writer if how == "close" else client.writer.transport, how)()
                await until(lambda: not served.state.tasks)
        assert work.begun == 4
        assert work.ended == ["CancelledError"] * 4
        assert work.concurrency_limit._free == 3
        assert not served.state.connections
        assert not served.faults
    assert not [record for record in logged.records(caplog) if record.levelno >= logging.WARNING]


async def test_work_for_a_client_that_goes_before_it_has_begun_ends_where_it_would_wait() -> None:
    work = Work()
    async with serving(work.endpoint()) as served:
        connection = served.connection()
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", served._port)
        connection.data_received(asking("{ a }"))
        connection.connection_lost(None)
        await until(lambda: not served.state.tasks)
        assert work.ended == ["CancelledError"]
        assert work.concurrency_limit._free == 3
        assert not served.written
        transport.abort()
        await asyncio.sleep(0)
        assert not served.faults


async def test_an_answer_that_is_there_in_the_very_moment_its_client_goes_is_sent_to_nobody(
    stub: Stub, served: Served, client: Client
) -> None:
    await client.send(post(b"wait"))
    (connection,) = served.state.connections
    connection.transport.abort()
    stub.gate.set()
    await until(lambda: not served.state.tasks)
    assert not stub.cancelled
    assert served.state.total_requests == 0
    assert not served.faults


async def test_a_client_that_goes_away_frees_the_request_upstream() -> None:
    simulator = Simulator()
    async with open_graph(simulator) as graph, real(graph) as served, served.client() as client:
        simulator.nexudus.faults.add(FAULTS["hang"], times=None, kinds={"get"})
        await client.send(opportunity())
        await until(lambda: simulator.nexudus.in_flight)
        client.writer.close()
        await until(lambda: not simulator.nexudus.in_flight)
        assert [call.kind for call in simulator.nexudus.calls] == ["token-password", "get"]


async def test_a_client_that_goes_away_takes_nothing_from_one_that_asked_for_the_same() -> None:
    simulator = Simulator()
    async with open_graph(simulator) as graph, real(graph) as served:
        simulator.nexudus.faults.add(faults.delay(0.3), times=None, kinds={"get"})
        async with served.client() as leaving, served.client() as staying:
            await leaving.send(opportunity())
            await until(lambda: simulator.nexudus.in_flight)
            await staying.send(opportunity())
            leaving.writer.close()
            answer = json.loads(body_of(await staying.answer()))
        assert answer["data"] == {"nexudusOpportunity": {"sourceId": str(ID)}}
        assert [call.kind for call in simulator.nexudus.calls] == ["token-password", "get"]


async def test_many_that_go_away_leave_the_server_whole() -> None:
    simulator = Simulator()
    async with open_graph(simulator, MAX_CONCURRENT_REQUESTS="10") as graph, real(graph) as served:
        simulator.nexudus.faults.add(FAULTS["hang"], times=None, kinds={"get", "list-by-ids"})
        for round_ in range(3):
            async with contextlib.AsyncExitStack() as stack:
                for number in range(10):
                    client = await stack.enter_async_context(served.client())
                    await client.send(opportunity(10 * round_ + number))
            await until(lambda: not served.state.tasks)
        await until(lambda: not simulator.nexudus.in_flight)
        simulator.nexudus.faults.clear()
        async with served.client() as client:
            assert b'"data":{"nexudusOpportunity":{' in await client.ask(opportunity(90))


# Shutdown


async def test_an_answer_under_way_is_still_sent_when_the_server_stops_and_then_the_connection_ends(
    stub: Stub, served: Served, client: Client
) -> None:
    await client.send(post(b"wait"))
    async with served.client() as idle, served.client() as used:
        await used.ask(post())
        served.shut_down()
        assert await idle.is_closed()
        assert await used.is_closed()
    assert len(served.state.connections) == 1
    stub.gate.set()
    answer = await client.answer()
    assert answer.count(b"\r\nconnection: close\r\n") == 1
    assert echoed(answer) == b"wait"
    assert await client.is_closed()
    client.writer.close()
    await until(lambda: not served.state.connections and not served.state.tasks)


@pytest.mark.parametrize("waits", [b"", b"wait"])
async def test_an_answer_that_ends_its_connection_says_so_once(waits: bytes) -> None:
    gate = asyncio.Event()

    class Ends(Stub):
        async def _work(self, *_: Any) -> HttpResponse:
            if waits:
                await gate.wait()
            return HttpResponse(b"{}", 413, headers={"Connection": "close"})

    async with serving(Ends()) as served, served.client() as client:
        await client.send(post())
        served.shut_down()
        gate.set()
        assert (await client.rest()).lower().count(b"\r\nconnection: close\r\n") == 1


@pytest.mark.parametrize("body", [b"x", b"wait"])
async def test_while_the_server_drains_every_answer_closes_its_connection(
    stub: Stub, served: Served, client: Client, body: bytes
) -> None:
    assert b"close" not in await client.ask(post(b"x"))
    served.state.default_headers = [DATE, CLOSE]
    stub.gate.set()
    answer = await client.ask(post(body))
    assert answer.count(b"\r\nconnection: close\r\n") == 1
    assert await client.is_closed()


async def test_what_waits_behind_such_an_answer_is_not_worked_on(stub: Stub, served: Served, client: Client) -> None:
    served.state.default_headers = [DATE, CLOSE]
    await client.send(post(b"wait"), post(b"behind"))
    stub.gate.set()
    assert (await client.rest()).count(b"HTTP/1.1 ") == 1
    assert stub.bodies == [b"wait"]


async def test_work_that_outlasts_all_patience_is_cancelled_and_its_connection_closed(
    stub: Stub, served: Served, client: Client
) -> None:
    await client.send(post(b"wait"))
    served.shut_down()
    for task in served.state.tasks:
        task.cancel()
    assert await client.is_closed()
    assert stub.cancelled == [b"wait"]


async def test_answers_are_counted_and_dated(served: Served, client: Client) -> None:
    assert b"\r\ndate: Sun, 22 Nov 2026 04:00:00 GMT\r\n" in await client.ask(post())
    served.state.default_headers = [(b"date", b"later"), (b"x-own", b"1")]
    assert b"HTTP/1.1 200 OK\r\ndate: later\r\nx-own: 1\r\n" in await client.ask(post())
    assert served.state.total_requests == 2


# Time


async def test_an_idle_connection_is_closed(stub: Stub) -> None:
    """In how much time: `tests/test_httpserver_protocol_time.py`."""
    async with serving(stub, keep_alive_seconds=0.02) as served, served.client() as client:
        await client.ask(post())
        assert await client.is_closed()


async def test_half_a_head_after_an_answer_is_given_up(stub: Stub) -> None:
    async with serving(stub, head_seconds=0.03) as served, served.client() as client:
        await client.ask(post())
        await asyncio.sleep(0.04)  # an idle connection owes no head
        await client.ask(post(b"turn"))
        await client.send(post()[:20])
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


# A client that does not read


async def test_answers_that_nobody_reads_do_not_pile_up(stub: Stub, served: Served) -> None:
    async with served.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it can also read
        (connection,) = served.state.connections
        count = 100
        for number in range(count):
            before = served.pieces
            client.writer.write(post(b"big%03d" % number))
            await until(lambda before=before: served.pieces > before or connection._is_reading_paused)
        assert connection._is_reading_paused
        await asyncio.sleep(0.02)
        assert connection.transport.get_write_buffer_size() < 65_536 + 2 * 240_000
        assert len(stub.bodies) < count
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for number in range(count):
            assert body_of(await client.answer())[:6] == b"big%03d" % number


# Faults of our own


@pytest.mark.parametrize("waits", [False, True])
async def test_a_fault_of_our_own_is_masked(waits: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def answer(_: GraphQLParams) -> GraphQLResponse:
        if waits:
            await asyncio.sleep(0)
        raise ZeroDivisionError("".join(["s3", "cret"]))

    async with serving(endpoint(answer)) as served, served.client() as client:
        found = await client.ask(asking("a"))
        assert found.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert json.loads(body_of(found))["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert same(await client.ask(*both_ways(asking("a"))[1])) == same(found)
        assert not served.faults
    assert logged.lines(caplog) == ["A request failed"] * 2
    assert "s3cret" not in caplog.text + found.decode()


@pytest.mark.parametrize("pieces", [[b"fatal"], [b"turn", b"fatal"], [b"wait", b"fatal"]], ids=["", "later", "behind"])
async def test_what_is_not_even_an_exception_ends_the_connection(
    stub: Stub, served: Served, client: Client, pieces: list[bytes]
) -> None:
    await client.send(*map(post, pieces))
    stub.gate.set()
    await client.rest()
    assert stub.bodies[-1] == b"fatal"
    await until(lambda: not served.state.connections and not served.state.tasks)
    async with served.client() as another:
        assert echoed(await another.ask(post(b"x"))) == b"x"


@pytest.mark.parametrize(
    "sent", [post(b"one", b"X-Pad: " + b"p" * 100) * 500, post(b"x" * 100_000)], ids=["many small ones", "a large one"]
)
async def test_what_comes_in_one_go_with_half_of_the_next_head_is_answered(client: Client, sent: bytes) -> None:
    client.writer.write(sent + SECOND[:40])
    for _ in range(sent.count(b"POST ")):
        assert (await client.answer()).startswith(b"HTTP/1.1 200")
    client.writer.write(SECOND[40:])
    assert b"second" in body_of(await client.answer())
