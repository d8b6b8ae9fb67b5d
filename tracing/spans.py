"""Spans of OpenTelemetry: an operation's, a batch's, a request's to a source.

    query Deal              SERVER    continues the caller's trace (W3C Trace Context), or begins one
      nexudus batch         INTERNAL  below the operation whose record comes first; linked to all that it serves
        GET list-by-ids     CLIENT    each attempt; the source gets its context

No span has a document, an argument, a record's id, an address or anybody's data: names of operations, which callers
choose, are bounded.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, TracerProvider, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from metrics.names import Names
from resolvers.tracing import Span

PROPAGATOR: Final = TraceContextTextMapPropagator()

MOST_LINKS: Final = 128
"""Of a batch. OpenTelemetry's own limit, above which the first ones would go."""


class TracedSpan:
    """A span under way: a `resolvers.tracing.Span`."""

    __slots__ = ("_links", "otel")

    def __init__(self, otel: OtelSpan) -> None:
        self.otel = otel
        self._links = 0

    @property
    def headers(self) -> Mapping[str, str]:
        """The header `traceparent`. What others have put into `tracestate` is no business of a source's."""
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier, set_span_in_context(self.otel, Context()))
        carrier.pop("tracestate", None)
        return carrier

    def link(self, other: Span) -> None:
        """Say that it is done for another one, too."""
        if isinstance(other, TracedSpan) and self._links < MOST_LINKS:
            self._links += 1
            self.otel.add_link(other.otel.get_span_context())

    def end(self, *, code: str | None = None, status: int | None = None) -> None:
        """End it, with the code of what went wrong, if anything did."""
        if status is not None:
            self.otel.set_attribute("http.response.status_code", status)
        if code is not None:
            self.otel.set_attribute("error.type", code)
            self.otel.set_status(Status(StatusCode.ERROR))
        self.otel.end()


class OpenTelemetryTracer:
    """Begins spans: a `resolvers.tracing.Tracer`, and the span of an operation."""

    def __init__(self, provider: TracerProvider, version: str) -> None:
        self._names = Names()
        self._tracer = provider.get_tracer("opportunity-graph", version)

    def operation(
        self,
        headers: Mapping[str, str],
        *,
        kind: str,
        name: str | None,
        request_id: str | None,
        is_stored: bool = False,
    ) -> TracedSpan:
        """Return the span of an operation; `headers` are those of its request that carry a context, if any."""
        name = self._names.bounded(name)
        attributes: dict[str, str | bool] = {"graphql.operation.type": kind, "graphql.operation.name": name}
        if request_id is not None:
            attributes["opportunity_graph.request_id"] = request_id
        if is_stored:
            attributes["opportunity_graph.stored"] = True
        context = PROPAGATOR.extract(headers, Context()) if headers else Context()
        return TracedSpan(
            self._tracer.start_span(f"{kind} {name}", context, kind=SpanKind.SERVER, attributes=attributes)
        )

    def batch(self, source: str, keys: int, parent: Span | None) -> TracedSpan:
        """Return the span of a batch of so many records."""
        attributes: dict[str, str | int] = {"opportunity_graph.source": source, "opportunity_graph.records": keys}
        return TracedSpan(self._tracer.start_span(f"{source} batch", _below(parent), attributes=attributes))

    def request(
        self, source: str, kind: str, method: str, *, keys: int, attempt: int, parent: Span | None
    ) -> TracedSpan:
        """Return the span of one attempt at a request."""
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "opportunity_graph.source": source,
            "opportunity_graph.records": keys,
        }
        if attempt > 1:
            attributes["http.request.resend_count"] = attempt - 1
        return TracedSpan(
            self._tracer.start_span(f"{method} {kind}", _below(parent), kind=SpanKind.CLIENT, attributes=attributes)
        )


def _below(parent: Span | None) -> Context:
    """Return the context of a parent; an empty one for a trace of its own, whatever is current."""
    return set_span_in_context(parent.otel, Context()) if isinstance(parent, TracedSpan) else Context()
