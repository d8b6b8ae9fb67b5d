"""`httpserver.protocol`: requests behind each other, clients that do not read, half-closed ones, and the end in
stages."""

import asyncio
import gc
import logging
import re
import subprocess
import weakref
from shutil import which
from types import SimpleNamespace

import pytest

from httpserver.protocol import HTTPConnection
from tests import logged, loops, sockets
from tests.credentials import line
from tests.harness import open_graph
from tests.sockets import CHUNKED, Client, Served, Stub, body_of, connections, echoed, post, real, serving
from tests.waiting import PATIENCE_SECONDS, until

stub, served, client = sockets.stub, sockets.served, sockets.client
LOOPS = loops.BOTH
test_they_run_on_both_loops = sockets.they_run_on_both_loops

INVALID = b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"


@pytest.mark.parametrize(
    "sent", [post(b"wait"), CHUNKED.replace(b"/graphql", b"/other").replace(b"POST", b"PUT")], ids=["whole", "chunks"]
)
async def test_work_in_the_background_hears_of_each_request_when_it_comes_and_when_it_is_answered(
    stub: Stub, client: Client, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    monkeypatch.setattr("httpserver.protocol.BACKGROUND", SimpleNamespace(on_request=lambda: heard.append(1)))
    stub.gate.set()
    for count in (1, 2):
        await client.send(sent)
        assert await client.answer()
        assert len(heard) == 2 * count


@pytest.mark.parametrize("first", [post(b"wait"), CHUNKED.replace(b"/graphql", b"/other")], ids=["whole", "chunks"])
async def test_a_valid_request_before_an_invalid_one_is_answered_first(
    stub: Stub, client: Client, first: bytes
) -> None:
    await client.send(first + INVALID)
    stub.gate.set()
    assert re.findall(rb"HTTP/1.1 (\d+)", await client.rest()) == [b"200", b"400"]


@pytest.mark.parametrize("first", [post(b"wait"), post(b"wait").replace(b"POST", b"PUT")], ids=["POST", "PUT"])
async def test_requests_behind_one_that_takes_its_time_stay_unread(stub: Stub, served: Served, first: bytes) -> None:
    async with served.client() as client:
        await client.send(first)
        (connection,) = served.state.connections
        assert isinstance(connection, HTTPConnection)
        client.writer.write(post(b"x") * 50_000)
        await until(lambda: connection._is_reading_paused)
        await served.settle()
        assert len(connection._buffer.data) < 600_000
        assert stub.bodies == [b"wait"]
        assert len(served.state.tasks) == 1
        stub.gate.set()
        for _ in range(100):
            assert await client.answer()


@pytest.mark.parametrize("first", [post(b"wait"), post(b"wait").replace(b"POST", b"PUT")], ids=["POST", "PUT"])
async def test_work_for_a_client_that_closes_its_connection_ends_long_before_a_half_closed_one_would_be_given_up(
    stub: Stub, first: bytes
) -> None:
    async with Served(sockets.connections(half_close_seconds=3_600), stub.app, PATIENCE_SECONDS).listen() as served:
        async with served.client() as client:
            await client.send(first)
        await until(lambda: not served.state.tasks and not served.state.connections)
    assert stub.cancelled == [b"wait"]


@pytest.mark.parametrize("first", [post(b"wait"), post(b"wait").replace(b"POST", b"PUT")], ids=["POST", "PUT"])
async def test_a_hang_up_with_requests_behind_ends_all_work(
    stub: Stub, served: Served, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with served.client() as client:
        await client.send(first, post(b"wait2") * 3)
        client.writer.transport.abort()
        await until(lambda: not served.state.tasks and not served.state.connections)
    assert stub.cancelled == [b"wait"]
    assert stub.bodies == [b"wait"]
    assert not served.faults
    assert not [record for record in logged.records(caplog) if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("first", [post(b"turn"), post(b"turn").replace(b"POST", b"PUT")], ids=["POST", "PUT"])
async def test_a_client_that_ends_its_own_side_gets_its_answers(stub: Stub, first: bytes) -> None:
    async with serving(stub, half_close_seconds=PATIENCE_SECONDS) as served, served.client() as client:
        client.writer.write(first + post(b"second"))
        client.writer.write_eof()
        assert [echoed(await client.answer()) for _ in range(2)] == [b"turn", b"second"]
        assert await client.is_closed()


async def test_a_client_that_ends_its_own_side_before_it_has_read_anything_gets_all_of_its_answers(stub: Stub) -> None:
    bodies = [b"wait", *(b"big%03d" % number for number in range(20))]
    async with serving(stub, half_close_seconds=PATIENCE_SECONDS) as served, served.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it can also read
        await client.send(b"".join(map(post, bodies)))
        client.writer.write_eof()
        (connection,) = served.state.connections
        await until(lambda: connection._has_eof)
        stub.gate.set()
        await until(connection.is_full)
        await served.settle()
        assert len(stub.bodies) < len(bodies)  # the others wait until it reads
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        answers = [await client.answer() for _ in bodies]
        assert [body_of(answer)[:6] for answer in answers[1:]] == bodies[1:]
        assert await client.is_closed()
    assert not served.faults


async def test_half_a_request_before_the_end_is_refused(client: Client) -> None:
    client.writer.write(post(b"x" * 10)[:-3])
    client.writer.write_eof()
    assert (await client.rest()).startswith(b"HTTP/1.1 400 ")


LARGE = 5_000_000
KEY = b"secret"


REFUSED = {
    "401": post(b"x" * LARGE),
    "405": post(b"x" * LARGE, b"X-API-Key: " + KEY).replace(b"POST", b"PUT", 1),
    "406": post(b"x" * LARGE, b"X-API-Key: " + KEY, b"Accept: text/csv"),
    "413": post(b"x" * LARGE, b"X-API-Key: " + KEY),
    "415": post(b"x" * LARGE, b"X-API-Key: " + KEY, b"Content-Encoding: gzip"),
}


@pytest.mark.parametrize("status", REFUSED)
async def test_an_early_refusal_of_a_large_upload_reaches_its_client(status: str) -> None:
    async with (
        open_graph(API_KEYS=line("uploads", KEY.decode())) as graph,
        real(graph) as served,
        served.client() as client,
    ):
        client.writer.write(REFUSED[status])
        answer = await client.answer()
        assert client.writer.transport.get_write_buffer_size()  # it came while the body was being sent
        assert answer.startswith(b"HTTP/1.1 %s " % status.encode())
        assert b"\r\nconnection: close\r\n" in answer
        await client.writer.drain()
        client.writer.close()
        await until(lambda: not served.state.connections)


@pytest.mark.programs
async def test_node_s_fetch_sees_the_refusal_of_a_large_upload() -> None:
    node = which("node")
    if node is None:
        pytest.skip("node is not installed")
    async with open_graph() as graph, real(graph) as served:
        script = (
            f"fetch('http://127.0.0.1:{served._port}/graphql', {{method: 'POST', headers: {{'content-type': "
            f"'application/json'}}, body: 'x'.repeat({LARGE})}}).then(r => console.log(r.status), e => console.log(e))"
        )
        process = await asyncio.create_subprocess_exec(node, "-e", script, stdout=subprocess.PIPE)
        assert (await process.communicate())[0].strip() == b"413"


async def test_an_expectation_is_met_when_the_body_is_asked_for(stub: Stub, client: Client) -> None:
    head, _, body = post(b"abc", b"Expect: 100-continue").partition(b"\r\n\r\n")
    await client.send(head + b"\r\n\r\n")
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await client._reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert echoed(await client.ask(body)) == b"abc"


async def test_a_refusal_comes_in_place_of_100_continue(stub: Stub, client: Client) -> None:
    head = post(b"abc", b"Expect: 100-continue").replace(b"/graphql", b"/early").partition(b"abc")[0]
    await client.send(head)
    assert (await client.answer()).startswith(b"HTTP/1.1 200 ")
    assert await client.is_closed()


@pytest.mark.parametrize("request_", [post(), post(b"turn"), CHUNKED, post()[:-1]], ids=["", "later", "chunks", "half"])
async def test_nothing_of_a_connection_that_has_ended_waits_for_the_garbage_collector(
    stub: Stub, served: Served, request_: bytes
) -> None:
    made: list[weakref.ref[object]] = []

    def connection() -> asyncio.Protocol:
        one: asyncio.Protocol = connections()(config=served.config, server_state=served.state, app_state={})
        made.append(weakref.ref(one))
        return one

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    gc.disable()
    try:
        for _ in range(3):
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(request_)
            before = served.state.total_requests
            await until(lambda before=before: served.state.total_requests > before or request_ == post()[:-1])
            writer.close()
            await writer.wait_closed()
        await until(lambda: len(made) == 3 and not served.state.connections and not served.state.tasks)
        await until(lambda: not any(one() for one in made))
    finally:
        gc.enable()
        server.close()


async def test_trailers_reach_nothing(client: Client) -> None:
    answer = await client.ask(CHUNKED[:-2] + b"X-API-Key: stolen\r\n\r\n")
    assert b"stolen" not in body_of(answer)
