"""The middleware of the application: there is one stack, and it runs for every request that comes over ASGI."""

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.harness import open_graph
from tests.sockets import post, real


class Counting:
    """Lists the paths of the requests that pass it, and counts how often it was made."""

    made = 0

    def __init__(self, app: ASGIApp, paths: list[str]) -> None:
        Counting.made += 1
        self.app = app
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        await self.app(scope, receive, send)


@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS", "DELETE"])
async def test_a_middleware_runs_once_for_every_request(method: str) -> None:
    paths: list[str] = []
    Counting.made = 0
    async with open_graph() as graph:
        graph.app.add_middleware(Counting, paths)
        targets = ["/graphql", "/", "/health/live", "/nothing"]
        for target in targets:
            answer = await graph.request(
                method, target, b'{"query": "{ __typename }"}', content_type="application/json"
            )
            assert "x-request-id" in answer.headers
    assert paths == targets
    assert Counting.made == 1


class Setting:
    """Sets a header of each request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "headers": [*scope["headers"], (b"accept", b"text/csv")]}, receive, send)


async def test_what_a_middleware_changes_in_one_request_counts_for_that_request_on_every_way_in() -> None:
    request = post(b'{"query": "{ __typename }"}')
    async with open_graph() as graph:
        graph.app.add_middleware(Setting)
        assert (await graph.post({"query": "{ __typename }"})).status == 406
        async with real(graph) as served, served.client() as client:
            for _ in range(2):
                assert (await client.ask(request)).startswith(b"HTTP/1.1 406 ")
