"""`tracing.spans`, `resolvers.tracing`: from an operation over its batch to the requests, and nobody's data in it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from httpserver.envelope import Envelope
from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID
from tests.harness import CACHES, open_graph
from tests.sockets import asking, real
from tests.two_sources import ALWAYS
from tracing.spans import OpenTelemetryTracer

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ONE = f'query Deal {{ nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ name stageName }} }}'
OTHER = f'query Other {{ nexudusOpportunity(sourceId: "{int(NEXUDUS_EXAMPLE_ID) + 1}") {{ stageName }} }}'


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What is exported by the graphs that are opened with `OTEL_TRACES_EXPORTER`."""
    exporter = InMemorySpanExporter()

    @asynccontextmanager
    async def open_tracer(_: Any, version: str) -> AsyncIterator[OpenTelemetryTracer]:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        yield OpenTelemetryTracer(provider, version)

    monkeypatch.setattr("tracing.exporter.open_tracer", open_tracer)
    return exporter


def named(found: Sequence[ReadableSpan], name: str) -> list[ReadableSpan]:
    return [span for span in found if span.name == name]


def id_of(span: ReadableSpan) -> str:
    return f"{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str | None:
    return f"{span.parent.span_id:016x}" if span.parent else None


async def test_an_operation_continues_its_callers_trace_down_to_the_source(spans: InMemorySpanExporter) -> None:
    async with open_graph(OTEL_TRACES_EXPORTER="otlp") as graph:
        await graph.ask(ONE)  # signs in
        spans.clear()
        await graph.post(
            {"query": ONE}, traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="other=CANARY", x_request_id="asked"
        )
        call = graph.simulator.nexudus.calls[-1]

    request, batch, operation = spans.get_finished_spans()
    assert [operation.name, batch.name, request.name] == ["query Deal", "nexudus batch", "GET get"]
    assert {f"{span.context.trace_id:032x}" for span in (operation, batch, request)} == {TRACE}
    assert [parent_of(one) for one in (operation, batch, request)] == [PARENT, id_of(operation), id_of(batch)]
    assert [one.kind for one in (operation, batch, request)] == [SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CLIENT]
    assert call.headers["traceparent"] == f"00-{TRACE}-{id_of(request)}-01"
    assert "tracestate" not in call.headers
    assert operation.attributes == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Deal",
        "opportunity_graph.request_id": "asked",
    }
    assert request.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "opportunity_graph.source": "nexudus",
        "opportunity_graph.records": 1,
    }


async def test_a_stored_response_has_a_span_in_its_callers_trace_on_every_way(spans: InMemorySpanExporter) -> None:
    request = asking(ONE, f"traceparent: 00-{TRACE}-{PARENT}-01".encode(), b"X-Request-ID: asked")
    async with open_graph(OTEL_TRACES_EXPORTER="otlp", **CACHES) as graph, real(graph) as served:
        async with served.client() as client:
            for _ in range(2):
                await client.ask(request)
            spans.clear()
            with patch.object(Envelope, "__call__", None):  # there is no usual way
                await client.ask(request)
        with patch("httpserver.protocol.prepare", lambda *_: None):
            async with served.client() as client:
                await client.ask(request)

    at_once, usual = spans.get_finished_spans()
    for span in (at_once, usual):
        assert (span.name, span.kind, parent_of(span)) == ("query Deal", SpanKind.SERVER, PARENT)
        assert f"{span.context.trace_id:032x}" == TRACE
        assert span.attributes == {
            "graphql.operation.type": "query",
            "graphql.operation.name": "Deal",
            "opportunity_graph.request_id": "asked",
            "opportunity_graph.stored": True,
        }


async def test_a_batch_is_linked_to_every_operation_that_it_serves(spans: InMemorySpanExporter) -> None:
    async with open_graph(OTEL_TRACES_EXPORTER="otlp") as graph:
        await graph.ask(ONE)
        spans.clear()
        await asyncio.gather(*[graph.post({"query": query}) for query in (ONE, OTHER, ONE)])

    found = spans.get_finished_spans()
    operations = [*named(found, "query Deal"), *named(found, "query Other")]
    (batch,) = named(found, "nexudus batch")
    assert {f"{link.context.span_id:016x}" for link in batch.links} == set(map(id_of, operations))
    assert len(operations) == 3
    assert parent_of(batch) in map(id_of, operations)
    assert batch.attributes == {"opportunity_graph.source": "nexudus", "opportunity_graph.records": 2}


async def test_each_attempt_has_a_span_and_failures_have_their_codes(spans: InMemorySpanExporter) -> None:
    async with open_graph(OTEL_TRACES_EXPORTER="otlp") as graph:
        graph.simulator.chartmogul.faults.add(FAULTS["503"], times=ALWAYS)
        await graph.post({"query": f'{{ chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{ sourceId }} }}'})

    found = spans.get_finished_spans()
    attempts = named(found, "GET get")
    assert [span.attributes.get("http.request.resend_count") for span in attempts if span.attributes] == [None, 1, 2]
    for span in (*attempts, *named(found, "chartmogul batch"), *named(found, "query (unnamed)")):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes is not None
        assert span.attributes["error.type"] == "UPSTREAM_UNAVAILABLE"
    assert len(found) == 5


async def test_no_span_has_a_document_an_argument_or_a_value(spans: InMemorySpanExporter) -> None:
    async with open_graph(OTEL_TRACES_EXPORTER="otlp") as graph:
        answer = await graph.ask(ONE)

    text = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "query Deal" in text
    for canary in (NEXUDUS_EXAMPLE_ID, "stageName", "http://", *answer["data"]["nexudusOpportunity"].values()):
        assert str(canary) not in text


async def test_without_settings_there_are_no_spans_and_no_headers(spans: InMemorySpanExporter) -> None:
    async with open_graph(OTEL_TRACES_EXPORTER="none", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1") as graph:
        await graph.post({"query": ONE}, traceparent=f"00-{TRACE}-{PARENT}-01")
        assert "traceparent" not in graph.simulator.nexudus.calls[-1].headers

    assert spans.get_finished_spans() == ()
