"""`tracing.exporter`, `tracing.settings`: spans reach a collector over HTTP, and a bad setting is one line."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import server
from simulator import NEXUDUS_EXAMPLE_ID
from tests.harness import open_graph
from tests.waiting import PATIENCE_SECONDS
from tracing.settings import NOT_INSTALLED, are_traced, problems

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@asynccontextmanager
async def collector() -> AsyncIterator[tuple[str, list[Any]]]:
    """A receiver of OTLP over HTTP: its address, and what it has received."""
    received: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        assert request.content_type == "application/x-protobuf"
        export = ExportTraceServiceRequest.FromString(await request.read())
        received.append((request.headers.get("x-tenant"), export))
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", received
    finally:
        await runner.cleanup()


async def test_the_spans_of_an_operation_reach_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    async with collector() as (url, received):
        given = {ENDPOINT: url, "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=sales"}
        for name in given:  # the SDK's variables are put into the environment: they shall not stay there
            monkeypatch.setenv(name, given[name])
        async with open_graph(**given) as graph:
            await graph.ask(f'query Deal {{ nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ status }} }}')

    assert {tenant for tenant, _ in received} == {"sales"}
    resources = [one for _, export in received for one in export.resource_spans]
    attributes = {pair.key: pair.value.string_value for one in resources for pair in one.resource.attributes}
    assert attributes["service.name"] == "opportunity-graph"
    names = {span.name for one in resources for scope in one.scope_spans for span in scope.spans}
    assert {"query Deal", "nexudus batch", "GET get"} <= names


async def test_a_collector_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracing.exporter.FLUSH_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # connections are made, and nobody accepts them
        given = {ENDPOINT: f"http://127.0.0.1:{hanging.getsockname()[1]}", "OTEL_EXPORTER_OTLP_TIMEOUT": "60"}
        for name in given:
            monkeypatch.setenv(name, given[name])
        async with asyncio.timeout(PATIENCE_SECONDS), open_graph(**given) as graph:
            await graph.ask("{ __typename }")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "http://collector:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({ENDPOINT: "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_SERVICE_NAME": "deals"}, False),
    ],
)
def test_the_standard_variables_say_whether_there_are_traces(given: dict[str, str], expected: bool) -> None:
    assert are_traced(given) is expected


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        (ENDPOINT, "collector:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "CANARY"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "CANARY"),
        ("OTEL_TRACES_EXPORTER", "CANARY"),
        ("OTEL_TRACES_SAMPLER", "CANARY"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "CANARY"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "1.5"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "CANARY"),
    ],
)
def test_what_the_sdk_would_stumble_over_is_one_line_without_the_value(name: str, bad: str) -> None:
    (line,) = problems({ENDPOINT: "http://collector:4318", name: bad})
    assert line.startswith(f"{name}: must be ")
    assert "CANARY" not in line


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100"}, True),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "101"}, True),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100"}, False),
        ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2048", "OTEL_SPAN_LINK_COUNT_LIMIT": "unset"}, False),
    ],
)
def test_no_more_spans_are_sent_at_once_than_are_kept(given: dict[str, str], is_refused: bool) -> None:
    found = [*problems({ENDPOINT: "http://collector:4318", **given})]
    assert [line.split(":")[0] for line in found] == ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] * is_refused


def test_without_its_packages_the_server_says_so_in_one_line_and_ends_with_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tracing.settings.PACKAGES", ("opentelemetry_that_is_not_there",))
    monkeypatch.setattr("server.variables", lambda: {ENDPOINT: "http://collector:4318"})

    assert server.main(["--demo", "--check-config"]) == 2
    assert capsys.readouterr().err == f"{ENDPOINT}: {NOT_INSTALLED}\n"
    monkeypatch.setattr("server.variables", dict)
    assert server.main(["--demo", "--check-config"]) == 0
