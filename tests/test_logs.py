"""`logs`: a line for programs is one JSON object, with the ids of its requests."""

import asyncio
import json
import logging
import re
import sys

import pytest
from asgi_correlation_id import correlation_id

from logs import MAX_IDS, JsonFormatter, RequestIds, open_handler
from resolvers.fetching.shared_fetch import SharedFetch, serve
from resolvers.fetching.upstream_context import UpstreamContext
from server_settings import kind_of
from simulator import FAULTS, NEXUDUS_EXAMPLE_ID
from tests import credentials, logged
from tests.harness import open_graph
from tests.two_sources import ALWAYS

ONE = f'nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ stageName }}'


def record(message: str, *arguments: object) -> logging.LogRecord:
    found = logging.LogRecord("a.b", logging.WARNING, __file__, 1, message, arguments, None)
    found.created = 1_772_442_847.5
    return found


def test_a_line_is_one_json_object_with_the_requests_id() -> None:
    handler = open_handler("json")
    line = record('two\nlines "%s"', "é")
    token = correlation_id.set("id-1")
    try:
        handler.filter(line)
    finally:
        correlation_id.reset(token)
    text = handler.format(line)

    assert "\n" not in text
    assert json.loads(text) == {
        "time": "2026-03-02T09:14:07.500+00:00",
        "level": "warning",
        "logger": "a.b",
        "request_id": "id-1",
        "message": 'two\nlines "é"',
    }


def test_where_several_processes_write_a_line_says_which() -> None:
    for shows_process in (False, True):
        line = record("It works")
        line.process = 14806
        shown = []
        for format_ in ("text", "json"):
            handler = open_handler(format_, shows_process=shows_process)
            handler.filter(line)
            shown.append(handler.format(line))
        assert shown[0].endswith(f" {'14806 ' * shows_process}WARNING a.b [-] It works")
        assert ("14806 14806" in shown[0], json.loads(shown[1]).get("process")) == (
            False,
            14806 if shows_process else None,
        )


def test_outside_of_requests_there_is_no_id_and_a_fault_has_its_traceback() -> None:
    line = record("It failed")
    try:
        raise ValueError
    except ValueError:
        line.exc_info = sys.exc_info()
    open_handler("json").filter(line)
    found = json.loads(JsonFormatter().format(line))

    assert found["request_id"] is None
    assert "ValueError" in found["traceback"]


def test_text_has_the_id_in_brackets() -> None:
    handler, line = open_handler("text"), record("Hello")
    handler.filter(line)

    assert handler.format(line).endswith("WARNING a.b [-] Hello")


def test_a_line_of_work_for_several_requests_has_all_their_ids_up_to_a_number() -> None:
    handler, line, many = open_handler("json"), record("Hello"), record("Hello")

    async def log() -> None:
        waiting = [UpstreamContext(1, request_id=f"id-{number:02}") for number in range(MAX_IDS + 5)]
        shared_fetch = SharedFetch(lambda: waiting[:2])
        serve(shared_fetch)
        handler.filter(line)
        shared_fetch.waiters = lambda: waiting
        handler.filter(many)

    asyncio.run(log())

    found = json.loads(handler.format(line))
    assert (found["request_id"], found["request_ids"]) == ("id-00", ["id-00", "id-01"])
    assert json.loads(handler.format(many))["request_ids"] == [*(f"id-{number:02}" for number in range(MAX_IDS)), "+5"]
    assert open_handler("text").format(line).endswith("[id-00 id-01] Hello")


async def test_the_line_of_a_failed_batch_names_every_request_that_it_served(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestIds())
    async with open_graph() as graph:
        await graph.ask(f"{{ {ONE} }}")  # signs in
        graph.simulator.nexudus.faults.add(FAULTS["500"], times=ALWAYS)
        await asyncio.gather(
            *[graph.post({"query": f"{{ {ONE} }}"}, x_request_id=f"asked-{number}") for number in range(2)]
        )

    failed = [one for one in logged.records(caplog) if "failed: UPSTREAM_UNAVAILABLE" in one.getMessage()]
    assert failed
    assert {tuple(one.request_ids) for one in failed} == {("asked-0", "asked-1")}  # type: ignore[attr-defined]


async def test_start_and_stop_say_what_runs_without_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "opportunity_graph.server")
    async with open_graph(API_KEYS=credentials.line("reports", "right"), SYNC_ENABLED="true"):
        pass

    lines = logged.lines(caplog, "opportunity_graph.server")
    assert [line.partition(":")[0] for line in lines] == ["started", "stopped"]
    assert re.search(r"version \S+, sources nexudus chartmogul\b.*, authentication API keys, store memory$", lines[0])
    assert kind_of("postgresql+psycopg://user:CANARY@host/deals") == "postgresql"
