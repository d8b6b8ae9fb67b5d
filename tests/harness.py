"""The simulator on a free port, and the application over it in this process.

`open_graph` runs the whole path but for the client's socket: a real ASGI app, real sockets to the simulator.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import server
from server import AllSettings, create_app
from simulator import Simulator


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
        """Send one HTTP request straight to the ASGI app. A header's name is spelt with underscores."""
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
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
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

        await self.app(scope, receive, send)
        start = sent[0]
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Response(start["status"], found, b"".join(m.get("body", b"") for m in sent[1:]))


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
}


# These never change, and take longer to make than most tests to run.
_MADE_ONCE: dict[str, Any] = {
    "build_schema": cache(server.build_schema),
    "build_restricted_schema": cache(server.build_restricted_schema),
    "GraphiQL": cache(server.GraphiQL),
    "samples": partial(tuple, server.samples()),
}


@asynccontextmanager
async def open_graph(simulator: Simulator | None = None, **variables: str) -> AsyncIterator[Graph]:
    """Run a simulator and the application over it, with settings in place of the usual ones ("" unsets one)."""
    simulator = simulator or Simulator()
    async with simulator.serve() as urls:
        with patch.multiple(server, **_MADE_ONCE):
            app = create_app(AllSettings({**DEFAULTS, **simulator.environment(urls), **variables}))
        async with app.router.lifespan_context(app):
            yield Graph(app, simulator)
