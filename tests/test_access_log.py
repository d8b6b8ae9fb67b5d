"""`web.access_log`: one line a request, which repeats neither the query string nor what would forge another line."""

import json
import logging
import re
from unittest.mock import patch

import pytest
from starlette.types import Receive, Scope, Send

from httpserver.envelope import Envelope
from logs import JsonFormatter, RequestIds
from simulator import NEXUDUS_EXAMPLE_ID
from tests import credentials, logged
from tests.harness import CACHES, open_graph
from tests.sockets import ID, asking, id_of, opportunity, real
from tests.transports import Recorded
from tests.waiting import until
from web.access_log import MAX_NAME_CHARACTERS, AccessLog

LOGGER = "opportunity_graph.access"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return logged.lines(caplog, LOGGER)


async def test_each_request_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    query = f'query Deal {{ nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ name }} }}'
    async with open_graph(ACCESS_LOG="true", NEXUDUS_CACHE_FRESH_SECONDS="600", UPSTREAM_COST="false") as graph:
        for _ in range(4):
            await graph.ask(query)
        await graph.ask("{ __schema { nothing } }")
        await graph.post({"query": 1})
        await graph.request("GET", "/nowhere?variables=CANARY")

    found = [re.sub(r"[0-9.]+ ms ", "", line) for line in lines(caplog)]
    assert found[:2] == ["POST /graphql 200 caller=nobody operation=Deal code=- stored=False"] * 2
    assert found[3:] == [
        "POST /graphql 200 caller=nobody operation=Deal code=- stored=True",
        "POST /graphql 200 caller=nobody operation=- code=GRAPHQL_VALIDATION_FAILED stored=False",
        "POST /graphql 400 caller=nobody operation=- code=BAD_USER_INPUT stored=False",
        "GET /nowhere 404 caller=- operation=- code=- stored=False",
    ]
    assert "CANARY" not in caplog.text


async def test_a_stranger_is_no_caller_and_a_key_is_a_machine(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph(ACCESS_LOG="true", API_KEYS=credentials.line("reports", "right")) as graph:
        await graph.post({"query": "{ __typename }"}, x_api_key="wrong")
        await graph.post({"query": "{ __typename }"}, x_api_key="right")

    refused, answered = lines(caplog)
    assert " 401 " in refused
    assert "caller=- operation=- code=UNAUTHENTICATED" in refused
    assert "caller=machine operation=- code=-" in answered


async def test_programs_get_the_parts_of_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph(ACCESS_LOG="true") as graph:
        await graph.ask("query Kind { __typename }")

    record = logged.records(caplog, LOGGER)[0]
    line = json.loads(JsonFormatter().format(record))
    assert (line["status"], line["operation"], line["caller"], line["stored"]) == (200, "Kind", "nobody", False)


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

    assert lines(caplog) == [r"GET /a\nINFO%20b - 500.0 ms caller=- operation=- code=- stored=False"]


async def test_a_method_that_somebody_makes_up_fills_no_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph(ACCESS_LOG="true") as graph, real(graph) as served, served.client() as client:
        answer = await client.ask(opportunity().replace(b"POST", b"X" * 50_000))
    assert answer.startswith(b"HTTP/1.1 405 ")
    (line,) = lines(caplog)
    assert line.startswith(f"{'X' * MAX_NAME_CHARACTERS} /graphql 405 ")


@pytest.mark.parametrize("lines_of_head", [(), (b"X-Request-ID: asked",)], ids=["an id of ours", "its caller's id"])
async def test_a_stored_response_has_its_line_on_the_fast_path_too(
    caplog: pytest.LogCaptureFixture, lines_of_head: tuple[bytes, ...]
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    caplog.handler.addFilter(RequestIds())
    request = asking(f'query Deal {{ nexudusOpportunity(sourceId: "{ID}") {{ name }} }}', *lines_of_head)
    async with open_graph(ACCESS_LOG="true", **CACHES) as graph, real(graph) as served, served.client() as client:
        answers = [await client.ask(request) for _ in range(2)]
        with patch.object(Envelope, "__call__", None):  # there is no usual way
            answers += [await client.ask(request) for _ in range(2)]

    found = logged.records(caplog, LOGGER)
    assert [record.__dict__["fields"]["stored"] for record in found] == [False, False, True, True]
    assert [record.__dict__["request_ids"] for record in found] == [[id_of(answer)] for answer in answers]
    assert re.sub(r"[0-9.]+ ms ", "", found[3].getMessage()) == (
        "POST /graphql 200 caller=nobody operation=Deal code=- stored=True"
    )


async def test_what_leaves_the_fast_path_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph(ACCESS_LOG="true", **CACHES) as graph, real(graph) as served, served.client() as client:
        for number in range(3):
            await client.ask(opportunity(number))
        await client.ask(asking("{ nothing }"))

    assert [record.__dict__["fields"]["stored"] for record in logged.records(caplog, LOGGER)] == [False] * 4


async def test_a_client_that_goes_before_the_work_for_it_has_begun_leaves_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph(ACCESS_LOG="true") as graph, real(graph) as served:
        connection = served.connection()
        transport = Recorded(connection)
        connection.connection_made(transport)
        connection.data_received(opportunity())
        connection.connection_lost(ConnectionResetError())
        await until(lambda: not served.state.tasks)
        await served.settle()
        assert not graph.simulator.calls
    assert [re.sub(r"[0-9.]+ ms ", "", line) for line in lines(caplog)] == [
        "POST /graphql - caller=nobody operation=- code=- stored=False"
    ]
