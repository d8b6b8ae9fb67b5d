"""`logs`: a line for programs is one JSON object, whatever is in it."""

import json
import logging
import re
import sys

import pytest
from asgi_correlation_id import correlation_id

from configuration import kind_of
from logs import JsonFormatter, open_handler
from tests import credentials
from tests.harness import open_graph


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


async def test_start_and_stop_say_what_runs_without_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "opportunity_graph.server")
    async with open_graph(API_KEYS=credentials.line("reports", "right"), SYNC_ENABLED="true"):
        pass

    lines = [record.getMessage() for record in caplog.records if record.name == "opportunity_graph.server"]
    assert [line.partition(":")[0] for line in lines] == ["started", "stopped"]
    assert re.search(r"version \S+, sources nexudus chartmogul\b.*, authentication API keys, store memory$", lines[0])
    assert kind_of("postgresql+psycopg://user:CANARY@host/deals") == "postgresql"
