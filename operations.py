"""Executes the operations that requests ask for, and gives lists as tables; counts and traces them, if wanted."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from functools import lru_cache
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING, Any

from asgi_correlation_id import correlation_id

from configuration import AllSettings
from engine.answer import Answer
from engine.documents import Document
from engine.engine import Engine
from httpserver.http_errors import HTTPError
from httpserver.request import Headers, HttpRequest
from resolvers.errors import BadUserInput, ResolverError
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from schema.context import Context
from schema.deals.export_request import Encode, ExportArguments, open_export
from schema.deals.service import Deals
from schema.errors import add_docs
from schema.execution import extensions
from web.auth.callers import Caller
from web.download import Table
from web.graphql_response import GraphQLResponse
from web.media_types import EVENT_STREAM
from web.parameters import GraphQLParams

if TYPE_CHECKING:
    from metrics.counts import Counts
    from tracing.spans import OpenTelemetryTracer, TracedSpan


MAX_CALLERS = 64
"""Whose access is remembered."""


class Operations:
    """Executes operations over the sources and the store.

    `deals` and `tracer` are there from when they were opened: they live as long as the application does.
    """

    def __init__(
        self,
        settings: AllSettings,
        engine: Engine,
        export_arguments: ExportArguments,
        schedulers: Mapping[str, Scheduler],
        counts: "Counts | None",
    ) -> None:
        self.deals: Deals | None = None
        self.tracer: OpenTelemetryTracer | None = None
        self._engine = engine
        self.forget_records = engine.forget_records
        self._export_arguments = export_arguments
        self._schedulers = schedulers
        self._counts = counts
        self._access = lru_cache(MAX_CALLERS)(settings.security.access)
        self._deadline_seconds = settings.transport.operation_deadline_seconds
        self._error_docs_url = settings.server.error_docs_url
        self._show_costs = settings.server.upstream_cost or settings.demo
        self._record_urls = settings.record_urls

    def _add_docs(self, found: Answer) -> None:
        if found.errors and self._error_docs_url:
            add_docs(found.errors, self._error_docs_url)

    def _refused(self, answer: Answer, status: int | None = None) -> GraphQLResponse:
        code = answer.code
        self._add_docs(answer)
        if self._counts is not None:
            self._counts.on_refused_document(code)
        return GraphQLResponse(answer.body(), is_request_error=status is None, status=status, code=code)

    async def answer(self, params: GraphQLParams) -> GraphQLResponse:
        """Execute the operation that a request asks for."""
        document = self._engine.read(params.query or "")
        if isinstance(document, Answer):
            return self._refused(document)
        kind = document.kind_of(params.operation_name)
        if params.is_get and kind == "mutation":
            return self._refused(self._engine.refusal("Over GET nothing is changed.", BadUserInput.code), status=405)
        if kind == "subscription":
            return await self._subscribe(document, params)
        return await self._execute(document, params)

    async def _subscribe(self, document: Document, params: GraphQLParams) -> GraphQLResponse:
        """Open the stream of a subscription's responses."""
        if not params.takes_events:
            said = f"A subscription is answered as a stream of events: send the header Accept: {EVENT_STREAM}."
            return self._refused(self._engine.refusal(said, BadUserInput.code), status=406)
        context = self._context(params, UpstreamContext(self._deadline_seconds))
        found = await self._engine.subscribe(document, params.variables, params.operation_name, context)
        name = document.operation_name(params.operation_name)
        if isinstance(found, Answer):
            self._add_docs(found)
            return GraphQLResponse(found.body(), found.is_request_error, operation_name=name, code=found.code)

        async def responses() -> AsyncGenerator[dict[str, Any], None]:
            async with aclosing(found) as events:
                async for event in events:
                    response = await self._execute(document, params, event)
                    yield response.body
                    if not isinstance(event, Exception) and _has_nothing(response):
                        return  # what is not shown is not passed over: who goes on gets it again

        return GraphQLResponse(operation_name=name, responses=responses())

    def _context(self, params: GraphQLParams, operation: UpstreamContext, event: Any = None) -> Context:
        return Context(
            Loaders(self._schedulers, operation),
            operation,
            self._access(params.caller),
            deals=self.deals,
            record_urls=self._record_urls,
            event=event,
        )

    async def _execute(self, document: Document, params: GraphQLParams, event: Any = None) -> GraphQLResponse:
        """Execute an operation, a subscription's for one event."""
        span = None
        if self.tracer is not None:
            kind = document.kind_of(params.operation_name) or "operation"
            span = _begin_span(self.tracer, params.headers, kind, document.operation_name(params.operation_name))
        operation = UpstreamContext(
            self._deadline_seconds,
            wants_fresh=params.wants_fresh,
            request_id=correlation_id.get(),
            span=span,
        )
        context = self._context(params, operation, event)
        started, name = perf_counter(), document.operation_name(params.operation_name)
        code: str | None = "INTERNAL_SERVER_ERROR"  # where it raises
        try:
            found = await self._engine.answer(document, params.variables, params.operation_name, context)
            code = found.code if found.errors else None
        except asyncio.CancelledError:
            code = "cancelled"  # its client has gone
            raise
        finally:
            context.loaders.close()
            if span is not None:
                span.end(code=code)
            if self._counts is not None:
                self._counts.on_operation(name, code, perf_counter() - started, operation)
        if (self._show_costs or operation.stale) and not found.is_request_error:
            found.extensions = extensions(operation, show_costs=self._show_costs)
        # What failed, or tells of the way it came, is another answer the next time.
        validator = None if found.errors or found.extensions else context.validator
        if found.errors:
            self._add_docs(found)
        return GraphQLResponse(
            found.body(), found.is_request_error, validator=validator, operation_name=name, code=code
        )

    def trace_stored(self, request: HttpRequest, name: str | None) -> None:
        """Leave a span of a stored response: the operation of this name was a query that needed nothing."""
        if self.tracer is not None:
            _begin_span(self.tracer, request.headers, "query", name, is_stored=True).end()

    async def table(self, given: Mapping[str, Any], caller: Caller) -> Table:
        """Return a list as a table; raises `HTTPError` where it may not be had so."""
        operation = UpstreamContext(self._deadline_seconds, request_id=correlation_id.get())
        context = Context(Loaders({}, operation), operation, self._access(caller), deals=self.deals)
        with _refusals():
            export = await open_export(self._export_arguments, given, context)

        async def chunks(encode: Encode) -> AsyncGenerator[bytes, None]:
            with _refusals():
                async with aclosing(export.chunks(encode)) as found:
                    async for chunk in found:
                        yield chunk

        return Table(export.name, [column.name for column in export.columns], chunks, export.headers)


def _has_nothing(response: GraphQLResponse) -> bool:
    return not any(value is not None for value in (response.body.get("data") or {}).values())


def _begin_span(
    tracer: "OpenTelemetryTracer", headers: Headers | None, kind: str, name: str | None, *, is_stored: bool = False
) -> "TracedSpan":
    """Begin the span of an operation, below the one that its request names."""
    given = {} if headers is None else {one.decode(): headers.combined(one) for one in (b"traceparent", b"tracestate")}
    return tracer.operation(
        {header: value.decode("latin-1") for header, value in given.items() if value},
        kind=kind,
        name=name,
        request_id=correlation_id.get(),
        is_stored=is_stored,
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """Make errors of the graph refusals of a request."""
    try:
        yield
    except ResolverError as error:
        known = {"BAD_USER_INPUT": 400, "FORBIDDEN": 403, "STORE_UNAVAILABLE": 503}
        status = known.get(error.code, 503 if error.retryable else 500)
        seconds = error.retry_after_seconds
        raise HTTPError(
            status,
            error.message,
            code=error.code,
            retryable=error.retryable,
            retry_after_seconds=None if seconds is None else ceil(seconds),
        ) from None
