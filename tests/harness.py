"""The simulator on a free port, and the application over it in this process.

The tests of behaviour (`tests/conftest.py` lists them) run once for each of `WAYS`, and find the same each time.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from time import time
from typing import Any
from unittest.mock import patch

import h11

import pages
import server
from configuration import AllSettings
from engine.answer import Answer
from engine.documents import Document
from engine.engine import Engine
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from schema.context import Context
from server import create_app
from simulator import Simulator
from tests import loops, schemas

ASGI, CONNECTION, UNCACHED = "asgi", "connection", "connection without caches"
"""The ways in.

`ASGI`: the application is called, and each document is new to it. `CONNECTION`: as in production, requests are bytes
on a connection of the server's protocol, documents have been asked for before, caches are on; and what is answered
without an error is asked for twice more, and must be answered with the same bytes, now from the response cache.
`UNCACHED`: as `CONNECTION`, without caches, for tests of what a request costs.
"""

way_in = ASGI
"""The way of the graphs that are opened now; the fixture of that name sets it."""


@dataclass
class Response:
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Graph:
    """A running graph: ask it, and look at what it asked of its sources."""

    app: Any
    simulator: Simulator
    port: int | None = None
    """Where it listens; None where the application is called directly."""
    asks_again: bool = False

    def forget(self) -> None:
        """Make the sources well again, and forget what was asked of them."""
        for upstream in self.simulator.upstreams:
            upstream.calls.clear()
            upstream.faults.clear()
        self.simulator.calls.clear()

    async def ask(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """Send a query as a client would; return the response's JSON."""
        answer = await self.post({"query": query, "variables": variables})
        assert answer.status == 200, answer
        return answer.json

    async def post(self, body: Any, **headers: str) -> Response:
        """POST a JSON body."""
        return await self.request(
            "POST", "/graphql", json.dumps(body).encode(), **{"content_type": "application/json"} | headers
        )

    async def request(self, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
        """Send one HTTP request. A header's name is spelt with underscores."""
        lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        if self.port is None:
            return await _call(self.app, method, target, body, lines)
        answer = await _send(self.port, method, target, body, lines)
        if self.asks_again and method == "POST" and answer.status == 200 and "errors" not in answer.json:
            for _ in range(2):  # the first comes from the cache of records, and its response is stored
                again = await _send(self.port, method, target, body, lines)
                assert (again.status, again.body) == (answer.status, answer.body)
        return answer


async def _call(app: Any, method: str, target: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> Response:
    """Send one request straight to the ASGI app."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Any] = []
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if not parts:
            await asyncio.Event().wait()  # the client stays until it has its answer
        return parts.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return Response(start["status"], found, b"".join(m.get("body", b"") for m in sent[1:]))


async def _send(port: int, method: str, target: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> Response:
    """Send one request in one piece on a connection of its own."""
    names = {name for name, _ in headers}
    needed = [(b"host", b"localhost")] if b"host" not in names else []
    if b"content-length" not in names and (body or method == "POST"):
        needed.append((b"content-length", b"%d" % len(body)))
    head = [f"{method} {target} HTTP/1.1".encode(), *(name + b": " + value for name, value in needed + headers)]
    client = h11.Connection(h11.CLIENT)  # reads the response; it would not send all that tests do
    client.send(h11.Request(method=method, target="/", headers=[("Host", "localhost")]))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"\r\n".join([*head, b"", body]))
        status, found, text = 0, {}, b""
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                client.receive_data(await reader.read(65_536))
            elif isinstance(event, h11.Response):
                status = event.status_code
                found = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                text += event.data
        return Response(status, found, text)
    finally:
        writer.close()


class AskedBefore(Engine):
    """An engine that has executed each document twice before, for sources that are not there."""

    async def answer(
        self, document: Document, variables: dict[str, Any] | None, operation_name: str | None, context: Context
    ) -> Answer:
        """Return the answer."""
        for _ in range(2):
            operation = UpstreamContext(1)
            loaders = Loaders({}, operation)
            await super().answer(document, variables, operation_name, Context(loaders, operation, context.access))
            loaders.close()
        return await super().answer(document, variables, operation_name, context)


DEFAULTS = {
    "UPSTREAM_COST": "true",
    # Each test states by itself what it wants of these: a cache or a ration would blur what the others count.
    **{
        f"{source}_{name}": "0"
        for source in ("NEXUDUS", "CHARTMOGUL")
        for name in ("CACHE_FRESH_SECONDS", "CACHE_MISSING_SECONDS", "CACHE_STALE_SECONDS")
    },
    "NEXUDUS_RATIONED": "false",
    "CHARTMOGUL_RATIONED": "false",
    "SYNC_ENABLED": "false",
}


CACHES = {name: "600" for name in DEFAULTS if "_CACHE_" in name} | {"UPSTREAM_COST": "false"}


# These never change, and take longer to make than most tests to run.
_MADE_ONCE: dict[str, Any] = {
    "build_schema": schemas.build_schema,
    "build_restricted_schema": schemas.build_restricted_schema,
    "GraphiQL": cache(server.GraphiQL),
    "samples": partial(tuple, server.samples()),
}
_ONE_BOARD = patch("pages.Board", cache(pages.Board))


@asynccontextmanager
async def open_graph(
    simulator: Simulator | None = None,
    *,
    wall_clock: Callable[[], float] = time,
    changes: Mapping[str, str] | None = None,
    **variables: str,
) -> AsyncIterator[Graph]:
    """Run a simulator and the application over it, with settings in place of the usual ones ("" unsets one).

    `changes` are what is set otherwise when settings are read anew.
    """
    from tests import sockets  # which is made of graphs

    simulator = simulator or Simulator()
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(simulator.serve())
        engine = Engine if way_in == ASGI else AskedBefore
        caches = CACHES if way_in == CONNECTION else {}
        with patch.multiple(server, **_MADE_ONCE), _ONE_BOARD, patch("schema.execution.Engine", engine):
            given = {**DEFAULTS, **caches, **simulator.environment(urls), **variables}
            app = create_app(
                AllSettings(given),
                clock=loops.now,
                wall_clock=wall_clock,
                read_variables=None if changes is None else lambda: {**given, **changes},
            )
        await stack.enter_async_context(app.router.lifespan_context(app))
        graph = Graph(app, simulator)
        if way_in == ASGI:
            yield graph
            return
        served = await stack.enter_async_context(sockets.real(graph))
        yield replace(graph, port=served.port, asks_again=way_in == CONNECTION)
        assert not served.faults
