"""A graph with its caches on, and how often something was executed in it."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import time
from typing import Any
from unittest.mock import patch

from engine.engine import Engine
from httpserver.request import Headers, HttpRequest
from httpserver.response import HttpResponse
from simulator import Simulator
from tests.harness import Graph, open_graph

ID = "1427000501"
UUID = "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc"
NAMES = f"""{{ nexudusOpportunity(sourceId: "{ID}") {{ name coworker {{ email }} }}
              chartMogulOpportunity(sourceId: "{UUID}") {{ sourceId owner {{ email }} }} }}"""
KEEPS = {
    "UPSTREAM_COST": "false",
    **{f"{s}_CACHE_{k}_SECONDS": "600" for s in ("NEXUDUS", "CHARTMOGUL") for k in ("FRESH", "MISSING", "STALE")},
}


class Asked:
    """A graph that is asked below its connection, and how often something was executed."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.executed = 0

    async def __call__(self, query: str, *, others: Any = None, **headers: str) -> HttpResponse:
        fields = {"content_type": "application/json"} | headers
        head = Headers([(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()])
        body = json.dumps({"query": query} | (others or {})).encode()
        request = HttpRequest("POST", head, body=body)
        return await self.graph.app.state.endpoint.respond(request)  # type: ignore[no-any-return] # the app is not typed


@asynccontextmanager
async def asked(
    simulator: Simulator | None = None,
    *,
    wall_clock: Callable[[], float] = time,
    changes: Mapping[str, str] | None = None,
    **settings: str,
) -> AsyncIterator[Asked]:
    async with open_graph(simulator, wall_clock=wall_clock, changes=changes, **KEEPS | settings) as graph:
        found = Asked(graph)
        usual = Engine.answer

        async def counted(*given: Any) -> Any:
            found.executed += 1
            return await usual(*given)

        with patch.object(Engine, "answer", counted):
            yield found
