"""`web.access_log`: one line a request, which repeats neither the query string nor what would forge another line."""

import logging

import pytest
from starlette.types import Receive, Scope, Send

from simulator import NEXUDUS_EXAMPLE_ID
from tests.harness import open_graph
from web.access_log import AccessLog

LOGGER = "opportunity_graph.access"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


async def test_each_request_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    query = f'{{ nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ name }} }}'
    async with open_graph(ACCESS_LOG="true", NEXUDUS_CACHE_FRESH_SECONDS="600") as graph:
        for _ in range(4):
            await graph.ask(query)
        await graph.request("GET", "/nowhere?variables=CANARY")

    found = lines(caplog)
    assert [line.rsplit(" ", 2)[0] for line in found] == ["POST /graphql 200"] * 4 + ["GET /nowhere 404"]
    assert "CANARY" not in caplog.text


async def test_there_are_none_unless_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph() as graph:
        await graph.request("GET", "/nowhere")

    assert lines(caplog) == []


async def test_a_path_forges_no_line_and_a_fault_has_one_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    clock = iter((1.0, 1.5))
    access_log = AccessLog(app, clock=lambda: next(clock))
    with pytest.raises(RuntimeError):
        await access_log({"type": "http", "method": "GET", "path": "/a\nINFO b"}, None, None)  # type: ignore[arg-type]

    assert lines(caplog) == [r"GET /a\nINFO%20b - 500.0 ms"]
