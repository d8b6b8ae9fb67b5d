"""Every response tells its request's id, whichever way the request took through the application."""

import re

import pytest

from tests.harness import Graph


@pytest.mark.parametrize("path", ["/graphql", "/health/live", "/nothing"])
async def test_a_request_without_an_id_gets_one(graph: Graph, path: str) -> None:
    first, second = [(await graph.request("GET", path)).headers["x-request-id"] for _ in range(2)]
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != second


@pytest.mark.parametrize("path", ["/graphql", "/health/live"])
@pytest.mark.parametrize("given", ["a", "Trace-1.2_3", "x" * 64])
async def test_a_callers_own_id_is_kept(graph: Graph, path: str, given: str) -> None:
    assert (await graph.request("GET", path, x_request_id=given)).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "two words", "line\nforged", "\u00e9"])
async def test_an_id_that_could_forge_a_line_of_the_log_is_replaced(graph: Graph, given: str) -> None:
    answer = await graph.request("GET", "/graphql", x_request_id=given)
    if graph.port and "\n" in given:
        assert answer.status == 400  # on a connection such a head is none
    else:
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
