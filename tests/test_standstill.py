"""Replies that come while the whole process stands still are no timeouts, whichever request they are for.

The source is a thread: it goes on while the loop is blocked, as a source does while a machine is suspended.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

import resolvers.resilience.retry
from httpclient.client import open_session
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.nexudus import NEXUDUS, NexudusSettings
from resolvers.opening import open_scheduler
from resolvers.resilience.transport import TransportSettings
from resolvers.settings import read
from resolvers.telemetry import Event, UpstreamCall
from simulator.nexudus_records import EXAMPLE
from tests import loops
from tests.waiting import PATIENCE_SECONDS, until

LOOPS = loops.BOTH

LIMIT_SECONDS = 0.3
IDS = ["1427000501", "1427000502"]


@dataclass
class Source:
    """Nexudus as far as these tests need it, in threads. `held` says which requests are answered in the standstill."""

    held: Callable[[str, int], bool] = lambda kind, number: False
    status: Callable[[str, int], int] = lambda kind, number: 200
    kinds: list[str] = field(default_factory=list)
    wait_all: threading.Event = field(default_factory=threading.Event)
    stands_still: threading.Event = field(default_factory=threading.Event)
    replied: threading.Event = field(default_factory=threading.Event)

    def answer(self, method: str, target: str) -> tuple[int, bytes]:
        url = urlsplit(target)
        kind = "token" if method == "POST" else "list" if url.query else "get"
        self.kinds.append(kind)
        number = self.kinds.count(kind)
        if self.held(kind, number):
            self.wait_all.set()
            self.stands_still.wait(PATIENCE_SECONDS)
        body: Any = {"access_token": "token", "expires_in": 1200, "refresh_token": "next"}
        if kind == "list":
            body = {"Records": [{"Id": int(one)} for one in IDS], "TotalItems": 2, "HasNextPage": False}
        elif kind == "get":
            body = EXAMPLE | {"Id": int(url.path.rpartition("/")[2])}
        return self.status(kind, number), json.dumps(body, default=str).encode()


@asynccontextmanager
async def a_source() -> AsyncIterator[tuple[Source, Scheduler, list[Event]]]:
    source, events = Source(), list[Event]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = source.answer(self.command, self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if source.stands_still.is_set():
                source.replied.set()

        do_POST = do_GET  # noqa: N815 - as the library names it

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        async with open_session() as session:
            variables = {
                "NEXUDUS_URL": f"http://127.0.0.1:{server.server_port}",
                "NEXUDUS_USERNAME": "a",
                "NEXUDUS_PASSWORD": "b",
                "NEXUDUS_RATIONED": "false",
                "NEXUDUS_CACHE_FRESH_SECONDS": "0",
            }
            settings = read(NexudusSettings, variables)
            limits = TransportSettings(attempt_timeout_seconds=LIMIT_SECONDS)
            yield source, open_scheduler(NEXUDUS, settings, session, limits, events.append, clock=loops.now), events
    finally:
        source.stands_still.set()
        await asyncio.to_thread(server.shutdown)
        server.server_close()


async def stand_still(source: Source, deadline: float) -> None:
    """Block the loop when the held request has arrived, until it is answered and every time limit has passed."""
    await until(source.wait_all.is_set)
    source.stands_still.set()
    assert source.replied.wait(PATIENCE_SECONDS)
    while asyncio.get_running_loop().time() < deadline:
        time.sleep(0.002)  # noqa: ASYNC251 - which is what is tested


async def fetched(source: Source, scheduler: Scheduler, ids: list[str], operation_seconds: float) -> list[Any]:
    operation = UpstreamContext(operation_seconds)
    fetching = asyncio.create_task(scheduler.fetch_many(ids, operation))
    await stand_still(source, asyncio.get_running_loop().time() + max(operation_seconds, LIMIT_SECONDS) + 0.01)
    return await fetching


def failures(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, UpstreamCall) and event.code is not None]


async def close_kept(scheduler: Scheduler) -> None:
    transport: Any = scheduler._client.transport
    for origin in transport._attempts.http_client._pools.values():
        for connection in list(origin._idle):
            connection.close()
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("connection", ["new", "kept"])
async def test_a_reply_that_came_in_a_standstill_is_in_time_even_for_the_operations_deadline(connection: str) -> None:
    async with a_source() as (source, scheduler, events):
        await scheduler.fetch_many(IDS[:1], UpstreamContext(5))
        if connection == "new":
            await close_kept(scheduler)
        source.held = lambda kind, number: number == 2
        (record,) = await fetched(source, scheduler, IDS[:1], LIMIT_SECONDS)
        assert getattr(record, "id", record) == int(IDS[0])
        assert source.kinds == ["token", "get", "get"]
        assert failures(events) == []


async def test_a_reply_to_a_second_attempt_is_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.resilience.retry, "FIRST_WAIT_SECONDS", 0.001)
    async with a_source() as (source, scheduler, events):
        source.status = lambda kind, number: 503 if (kind, number) == ("get", 1) else 200
        source.held = lambda kind, number: (kind, number) == ("get", 2)
        (record,) = await fetched(source, scheduler, IDS[:1], 2 * LIMIT_SECONDS)
        assert getattr(record, "id", record) == int(IDS[0])
        assert source.kinds == ["token", "get", "get"]
        assert len(failures(events)) == 1, "the 503"


async def test_a_token_that_came_in_a_standstill_is_in_time() -> None:
    async with a_source() as (source, scheduler, events):
        source.held = lambda kind, number: kind == "token"
        operation = UpstreamContext(5)
        fetching = asyncio.create_task(scheduler.fetch_many(IDS[:1], operation))
        await stand_still(source, asyncio.get_running_loop().time() + LIMIT_SECONDS + 0.01)
        (record,) = await fetching
        assert getattr(record, "id", record) == int(IDS[0])
        assert source.kinds == ["token", "get"]
        assert failures(events) == []


async def test_single_records_that_a_list_left_in_doubt_are_in_time() -> None:
    async with a_source() as (source, scheduler, events):
        await scheduler.fetch_many(IDS[:1], UpstreamContext(5))
        source.held = lambda kind, number: (kind, number) == ("get", 2)
        found = await fetched(source, scheduler, IDS, LIMIT_SECONDS)
        # The second of them was not yet asked for when the time was over.
        assert getattr(found[0], "id", found[0]) == int(IDS[0])
        assert source.kinds[:4] == ["token", "get", "list", "get"]
        assert failures(events[:4]) == []
