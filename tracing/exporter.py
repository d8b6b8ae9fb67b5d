"""What sends spans away: OpenTelemetry's SDK and its exporter over HTTP (OTLP), as the standard variables say."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tracing.spans import OpenTelemetryTracer

NAME: Final = "opportunity-graph"

FLUSH_SECONDS: Final = 3.0
"""For the last spans, when the server stops."""

POLL_SECONDS: Final = 0.02
"""Between two looks at whether they are sent."""


@asynccontextmanager
async def open_tracer(variables: Mapping[str, str], version: str) -> AsyncIterator[OpenTelemetryTracer]:
    """Export spans until the block ends, from a thread of the SDK's own.

    The SDK reads its variables from the environment alone: those of a file are put there. Empty ones, which count as
    not set, are taken away: the SDK stumbles over some of them.
    """
    for name, text in variables.items():
        if name.startswith("OTEL_") and text.strip():
            os.environ.setdefault(name, text)
        elif name.startswith("OTEL_"):
            os.environ.pop(name, None)
    own = {SERVICE_VERSION: version}
    if "OTEL_SERVICE_NAME" not in os.environ and "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        own[SERVICE_NAME] = NAME
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield OpenTelemetryTracer(provider, version)
    finally:
        # In a thread that nobody waits for any longer: a collector that hangs must not hold up the end.
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        patience = FLUSH_SECONDS
        while ending.is_alive() and patience > 0:
            await asyncio.sleep(POLL_SECONDS)
            patience -= POLL_SECONDS
