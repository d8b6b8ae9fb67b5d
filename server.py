"""The only file that knows all parts: settings to app, lifespan, routes, command line.

Run `python server.py`, or under uvicorn's own command as `docs/operating.md` has it.
"""

import gc
import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the server runs, Ctrl-C ends the process without a traceback

# What modules make while they are loaded is there to stay. To look through all of it for garbage time and again, while
# it grows, was a seventh of the start.
gc.disable()

import argparse
import asyncio
import logging
import os
import re
import socket
import sys
import textwrap
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from functools import partial
from math import ceil
from multiprocessing import parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter, time
from typing import TYPE_CHECKING, Any

import uvicorn
from asgi_correlation_id import correlation_id
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.routing import Route
from uvicorn.config import STARTUP_FAILURE

from configuration import AllSettings, ServerSettings, program_version, variables
from engine.answer import Answer
from engine.documents import Document
from httpclient.client import open_session
from httpserver.connection import ConnectionLimits
from httpserver.envelope import Envelope
from httpserver.http_errors import HTTPError
from httpserver.protocol import protocol
from httpserver.shutdown import DrainingServer, several_at_once
from httpserver.workers import Workers
from logs import open_handler
from resolvers import stored_record
from resolvers.errors import BadUserInput, ResolverError
from resolvers.fetching.scheduler import Scheduler, open_scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from resolvers.registry import SOURCES
from resolvers.resilience.shared_limits import SharedLimits
from resolvers.settings import BadSettings, read
from resolvers.source import SourceSettings
from resolvers.telemetry import Event, log_events
from schema import build_restricted_schema, build_schema
from schema.access import READ_OPPORTUNITIES
from schema.context import Context
from schema.deals.columns import columns
from schema.deals.export_request import PARAMETERS as EXPORT_PARAMETERS
from schema.deals.export_request import Encode, ExportArguments, open_export
from schema.deals.listed_fields import closed_fields
from schema.deals.service import Deals
from schema.errors import add_docs
from schema.execution import build_engine
from schema.people import PEOPLE
from security import Security
from store.database import StoreUnavailable, check_database, open_database
from sync.service import open_sync
from sync.settings import DAY_SECONDS
from web.access_log import AccessLog
from web.application import Application
from web.auth.callers import Caller
from web.board.page import PATH as BOARD
from web.board.page import Board
from web.download import Download, Table
from web.endpoint import AtPath, GraphQLEndpoint, GraphQLResponse
from web.file_formats import CSV, NDJSON
from web.graphiql.page import GraphiQL, Sample
from web.health import Health
from web.not_found import not_found
from web.parameters import GraphQLParams
from web.schema_text import SchemaText

if TYPE_CHECKING:
    from metrics.counts import Counts
    from metrics.service import Metrics
    from store.leases import Leases
    from store.session import Session
    from tracing.spans import OpenTelemetryTracer, TracedSpan

gc.freeze()  # else the first collection would make up for it
gc.enable()

PATH = "/graphql"
"""Where the graph is."""

EXPORT = "/export/opportunities"
"""Where lists are as files; their formats are its endings."""

SCHEMA = "/schema.graphql"
"""Where the schema is as a file, for whoever may introspect it."""

METRICS = "/metrics"
"""Where Prometheus reads, if it may."""

SAMPLES = Path(__file__).parent / "examples" / "queries"

logger = logging.getLogger("opportunity_graph.server")


def samples() -> list[Sample]:
    """Return the sample queries: the tabs of GraphiQL, and what the demo prints."""
    found = []
    for file in sorted(SAMPLES.glob("*.graphql")):
        beside = file.with_suffix(".json")
        query = file.read_text("utf-8")
        name = re.search(r"^query (\w+)", query, re.MULTILINE)
        found.append(
            Sample(name[1] if name else file.stem, query, beside.read_text("utf-8") if beside.exists() else "")
        )
    return found


def create_app(
    settings: AllSettings | None = None,
    *,
    clock: Callable[[], float] = monotonic,
    wall_clock: Callable[[], float] = time,
    faults: Sequence[str] = (),
) -> Application:
    """Return the ASGI application; without settings those of the environment, which end the process if malformed.

    Its state has the `endpoint` at `PATH`, and the `health`.

    In the demo the sources are the simulator's, which starts and stops with the application. `clock` is
    that of rations, caches and pauses, `wall_clock` that of tokens, both in seconds; a test may have its own.
    """
    settings = settings or _settings_or_exit()
    PEOPLE.know(settings.people)
    schedulers: dict[str, Scheduler] = {}
    deals: Deals | None = None
    record_urls = settings.record_urls
    tracer: OpenTelemetryTracer | None = None
    counts = _open_counts() if settings.server.metrics or settings.shows_status else None
    closed = closed_fields(custom_attributes_too=settings.security.general.custom_attributes_are_personal)
    health = Health()
    security = Security(settings.security, demo=settings.demo, clock=clock, wall_clock=wall_clock)
    schema = build_schema()
    engine = build_engine(
        schema,
        # Where callers have no credentials, all of them may see everything: nobody would be answered with it.
        restricted=build_restricted_schema(
            custom_attributes_too=settings.security.general.custom_attributes_are_personal
        )
        if settings.security.knows_callers
        else None,
        limits=settings.security.query_limits(),
        show_costs=settings.server.upstream_cost or settings.demo,
        suggests_names=not settings.security.general.production,
    )

    def documented(found: Answer) -> Answer:
        if found.errors and settings.server.error_docs_url:
            add_docs(found.errors, settings.server.error_docs_url)
        return found

    def refused(answer: Answer, status: int | None = None) -> GraphQLResponse:
        code = answer.code
        if counts is not None:
            counts.on_refused_document(code)
        return GraphQLResponse(documented(answer).body(), is_request_error=status is None, status=status, code=code)

    async def answer(params: GraphQLParams) -> GraphQLResponse:
        document = engine.read(params.query or "")
        if isinstance(document, Answer):
            return refused(document)
        if params.is_get and document.kind_of(params.operation_name) not in ("query", None):
            return refused(engine.refusal("Over GET only queries are executed.", BadUserInput.code), status=405)
        span = None if tracer is None else _begin_span(tracer, params, document)
        operation = UpstreamContext(
            settings.transport.operation_deadline_seconds,
            wants_fresh=params.wants_fresh,
            request_id=correlation_id.get(),
            span=span,
        )
        loaders = Loaders(schedulers, operation)
        access = settings.security.access(params.caller)
        context = Context(loaders, operation, access, deals=deals, record_urls=record_urls)
        started, name = perf_counter(), document.operation_name(params.operation_name)
        code: str | None = "INTERNAL_SERVER_ERROR"  # where it raises
        try:
            found = await engine.answer(document, params.variables, params.operation_name, context)
            code = found.code
        except asyncio.CancelledError:
            code = "cancelled"  # its client has gone
            raise
        finally:
            loaders.close()
            if span is not None:
                span.end(code=code)
            if counts is not None:
                counts.on_operation(name, code, perf_counter() - started, operation)
        # What failed, or tells of the way it came, is another answer the next time.
        validator = None if found.errors or found.extensions else context.validator
        return GraphQLResponse(
            documented(found).body(), found.is_request_error, validator=validator, operation_name=name, code=code
        )

    async def open_table(given: Mapping[str, Any], caller: Caller) -> Table:
        operation = UpstreamContext(settings.transport.operation_deadline_seconds, request_id=correlation_id.get())
        context = Context(Loaders({}, operation), operation, settings.security.access(caller), deals=deals)
        with _refusals():
            export = await open_export(export_arguments, given, context)

        async def pieces(encode: Encode) -> AsyncGenerator[bytes, None]:
            with _refusals():
                async with aclosing(export.pieces(encode)) as found:
                    async for piece in found:
                        yield piece

        return Table(export.name, [column.name for column in export.columns], pieces, export.headers)

    def report(event: Event) -> None:
        log_events(event)
        if counts is not None:
            counts.on_event(event)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        nonlocal deals, tracer
        async with AsyncExitStack() as stack:
            if settings.are_operations_traced:
                from tracing.exporter import open_tracer  # what nobody has configured need not be installed

                tracer = await stack.enter_async_context(open_tracer(settings.otel_variables, program_version()))
            session = await stack.enter_async_context(open_session())
            await stack.enter_async_context(security.open())
            sources = await stack.enter_async_context(_simulated_sources(faults)) if settings.demo else settings.sources
            database = leases = store_session = None
            if settings.has_store:
                database = await stack.enter_async_context(open_database(settings.store.address))
                database.on_work = counts.on_store_work if counts is not None else None
            if settings.shares_store and settings.store.address:
                leases, store_session = await stack.enter_async_context(
                    _open_shared(settings.store.address, may_sync=settings.sync.enabled)
                )
            for source in SOURCES:
                if (given := sources[source.name]).is_configured:
                    shared = None
                    if leases is not None:
                        shared = SharedLimits(
                            source.name, leases.of(source.name), share=settings.server.share, clock=clock
                        )
                    scheduler = open_scheduler(
                        source,
                        given,
                        session,
                        settings.transport,
                        report,
                        clock=clock,
                        tracer=tracer,
                        shared_limits=shared,
                    )
                    schedulers[source.name] = scheduler
                    if shared is not None:
                        await stack.enter_async_context(shared.running())
            if database is not None:
                sync = await stack.enter_async_context(
                    open_sync(
                        database,
                        schedulers,
                        columns,
                        settings.sync,
                        tombstone_seconds=settings.store.store_tombstone_days * DAY_SECONDS,
                        clock=clock,
                        wall_clock=wall_clock,
                        session=store_session,
                    )
                )
                deals = Deals(
                    database=database,
                    decode=stored_record.decode,
                    sync=sync,
                    closed_fields=closed,
                    exchange_rates=settings.exchange_rates,
                    unconfigured=frozenset(source.name for source in SOURCES) - schedulers.keys(),
                    links=settings.store.links,
                    clock=wall_clock,
                )
            if metrics is not None:
                await stack.enter_async_context(metrics.written())
            health.is_ready = True
            logger.info("started: %s", settings.in_short)
            yield
            health.is_ready = False
        logger.info("stopped: %s", settings.in_short)

    graphiql = (
        GraphiQL(samples=samples(), credentials=settings.security.page_credentials) if settings.shows_graphiql else None
    )
    page = graphiql.page if graphiql else None
    endpoint = GraphQLEndpoint(answer, page=page, security=security.security, clock=clock)
    home = Route("/", lambda _: RedirectResponse(PATH))
    schema_text = Route(SCHEMA, SchemaText(answer, security.security))
    routes = [home, schema_text, *health.routes(), *(graphiql.routes() if graphiql else ())]
    if settings.shows_board:
        routes += Board().routes()
    if settings.security.general.allows_exports:
        export_arguments = ExportArguments(schema)
        routes += [
            Route(
                f"{EXPORT}.{format_.ending}",
                Download(
                    open_table,
                    format_,
                    parameters=EXPORT_PARAMETERS,
                    security=security.security,
                    limits=security.download_limits,
                ),
            )
            for format_ in (CSV, NDJSON)
        ]
    app: Application
    metrics = None
    if counts is not None:
        metrics = _open_metrics(
            counts,
            engine=engine,
            responses=endpoint.response_cache,
            refusals=security.security.refusals,
            schedulers=schedulers,
            server=lambda: app.state.server_state,
            statuses=lambda: deals.sync.statuses if deals else None,
        )
        routes += _pages_of(metrics, settings, security)
    layers = [
        Middleware(Envelope),
        *([Middleware(AccessLog)] if settings.server.access_log else ()),
        *settings.security.middleware(security.security.refusals, demo=settings.demo),
        Middleware(AtPath, PATH, endpoint),
    ]
    pages = {HTTPException: not_found}
    app = Application(routes=routes, middleware=layers, lifespan=lifespan, exception_handlers=pages)
    app.router.redirect_slashes = False  # its redirects go wherever `Host` says, and a POST is not repeated by all
    app.state.endpoint, app.state.health = endpoint, health
    app.state.on_refusal = security.security.refusals.add_unseen
    app.state.server_state = None
    return app


def _open_counts() -> "Counts":
    from metrics.counts import Counts  # a server that nobody measures does not load it
    from metrics.names import Names

    return Counts(Names())


def _open_metrics(counts: "Counts", *, statuses: Callable[[], Any], **parts: Any) -> "Metrics":
    from metrics.exposition import open_exposition
    from metrics.readings import Readings
    from metrics.service import Metrics

    readings = Readings(version=program_version(), names=counts.names, **parts)
    return Metrics(counts, readings, open_exposition(os.environ), statuses=statuses)


def _pages_of(metrics: "Metrics", settings: AllSettings, security: Security) -> list[Route]:
    """Return the pages that show the numbers: for Prometheus, and for people."""
    from metrics.overview import overview
    from metrics.page import MetricsPage
    from web.status.page import StatusPage

    async def data() -> dict[str, Any]:
        return overview(await metrics.collect(), {source.name: source.title for source in SOURCES}, now=time())

    found = [Route(METRICS, MetricsPage(metrics, security.security))] if settings.server.metrics else []
    if settings.shows_status:
        found += StatusPage(data, security.security, scope=READ_OPPORTUNITIES).routes()
    return found


def _begin_span(tracer: "OpenTelemetryTracer", params: GraphQLParams, document: Document) -> "TracedSpan":
    """Begin the span of an operation, below the one that its request names."""
    names = (b"traceparent", b"tracestate")
    given = {} if params.headers is None else {one.decode(): params.headers.combined(one) for one in names}
    return tracer.operation(
        {name: value.decode("latin-1") for name, value in given.items() if value},
        kind=document.kind_of(params.operation_name) or "operation",
        name=document.operation_name(params.operation_name),
        request_id=correlation_id.get(),
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """Make errors of the graph refusals of a request."""
    try:
        yield
    except ResolverError as error:
        status = {"BAD_USER_INPUT": 400, "FORBIDDEN": 403}.get(error.code, 503 if error.retryable else 500)
        raise HTTPError(status, error.message, code=error.code, retryable=error.retryable) from None


@asynccontextmanager
async def _open_shared(address: str, *, may_sync: bool) -> "AsyncIterator[tuple[Leases, Session]]":
    """Open what the processes of a store agree through, beside the store itself."""
    from store.leases import open_leases  # which load what only PostgreSQL needs
    from store.session import open_session as open_store_session

    async with (
        open_leases(address) as leases,
        open_store_session(address, may_lead=may_sync) as session,
    ):
        yield leases, session


def check_store(settings: AllSettings, *, opens: bool = True) -> None:
    """Open the store once before the server starts; raises `BadSettings`. Later outages only stop lists.

    Without `opens` it is seen whether it could be opened, and nothing is changed.
    """

    async def open_once() -> None:
        async with open_database(settings.store.address, threads=0):
            pass

    if settings.store.store_url is None:
        return
    try:
        if not opens:
            check_database(settings.store.address)
            return
        with ThreadPoolExecutor(1) as pool:  # uvicorn's own command makes the application in a running loop
            pool.submit(asyncio.run, open_once()).result()
    except StoreUnavailable as error:
        raise BadSettings([f"STORE_URL: {error}"]) from None


def _settings_or_exit() -> AllSettings:
    """Return the environment's settings. For uvicorn's own command, which would show a traceback."""
    try:
        settings = AllSettings(variables())
        if problems := [*settings.several_processes(_workers_of_uvicorn(), 1, "uvicorn --workers")]:
            raise BadSettings(problems)
        check_store(settings)
        return settings
    except BadSettings as error:
        _print_problems(error)
        # Its supervisor would start a worker again that ends in any other way than by the first of these.
        sys.exit(STARTUP_FAILURE if _workers_of_uvicorn() > 1 else 2)


def _workers_of_uvicorn() -> int:
    """Return how many processes uvicorn's own command was told to start, if this is one of them."""
    if parent_process() is None:
        return 1
    told = re.search(r"\0--workers[=\0](\d+)", "\0".join(["", *sys.argv]))
    number = told[1] if told else os.environ.get("WEB_CONCURRENCY", "1")
    return int(number) if number.isdecimal() else 1


def _print_problems(error: BadSettings) -> None:
    print(*error.problems, sep="\n", file=sys.stderr)


@asynccontextmanager
async def _simulated_sources(faults: Sequence[str]) -> AsyncIterator[dict[str, SourceSettings]]:
    from simulator import Simulator, parse_faults  # a server of real sources never loads it

    simulator = Simulator(is_demo=True)
    simulator.fail(parse_faults(faults))
    async with simulator.serve() as urls:
        log = logging.getLogger("opportunity_graph.demo").info
        log("the simulated sources fail on demand: %s/faults", urls.control)
        log("the records of the simulated sources: %s/deals", urls.control)
        # Unrationed like the simulator: nobody's account suffers from a demo.
        given = simulator.environment(urls) | {f"{source.name}_RATIONED".upper(): "false" for source in SOURCES}
        yield {source.name: read(source.settings, given) for source in SOURCES}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; return the exit status: 0, or 2 where the settings do not allow it."""
    parser = argparse.ArgumentParser(
        prog="server.py",
        description="Serve the opportunity graph. Settings come from the environment and .env: docs/operating.md.",
    )
    parser.add_argument("--host", help="address to listen on (HOST, else 127.0.0.1)")
    parser.add_argument("--port", help="port to listen on, 0 for any free one (PORT, else 8000)")
    parser.add_argument("--workers", help="processes to serve with, on one machine (WORKERS, else 1)")
    parser.add_argument("--demo", action="store_true", help="serve simulated sources; no credentials needed")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="SOURCE=FAULT",
        help="let a simulated source fail, such as nexudus=500; may be given several times",
    )
    parser.add_argument(
        "--check-config",
        action="store_true",
        help="check the settings and the store, and exit",
    )
    flags = parser.parse_args(arguments)
    given = {"HOST": flags.host, "PORT": flags.port, "WORKERS": flags.workers}
    try:
        _check_faults(flags.fault, demo=flags.demo)
        settings = AllSettings(variables() | {k: v for k, v in given.items() if v is not None}, demo=flags.demo)
        if flags.check_config:
            check_store(settings, opens=False)
            print(_summary(settings))
            return 0
        check_store(settings)
        listener = _listen(settings.server)
    except BadSettings as error:
        _print_problems(error)
        return 2
    _set_up_logging(settings.server)
    print(_greeting(settings, listener), flush=True)
    if settings.server.workers == 1:
        return _serve(settings, listener, flags.fault)
    with _metrics_of_several(settings):
        gc.freeze()  # so that the workers go on sharing it
        return Workers(settings.server.workers, partial(_serve, settings, listener)).run()


@contextmanager
def _metrics_of_several(settings: AllSettings) -> Iterator[None]:
    """Give the workers a folder in which their metrics are added up."""
    if not (settings.server.metrics or settings.server.status_page):
        yield
        return
    with TemporaryDirectory(prefix="opportunity-graph-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def _serve(settings: AllSettings, listener: socket.socket, faults: Sequence[str] = ()) -> int:
    """Serve on a listener until told to stop; return the exit status."""
    app = create_app(settings, faults=faults)
    _spare_the_garbage_collector()
    config = uvicorn.Config(
        app,
        http=protocol(
            ConnectionLimits(
                head_timeout_seconds=settings.security.general.request_body_timeout_seconds,
                max_body_bytes=settings.security.general.max_request_bytes,
                half_close_seconds=settings.transport.operation_deadline_seconds + 1,
            ),
            app.state.on_refusal,
        ),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here asks for the client's address
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=ceil(settings.transport.operation_deadline_seconds) + 1,
    )
    server = DrainingServer(config, app.state.health, drain_seconds=settings.server.shutdown_delay_seconds)
    app.state.server_state = server.server_state
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        server.run(sockets=several_at_once(listener))
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0 if server.started else STARTUP_FAILURE


def _check_faults(faults: Sequence[str], *, demo: bool) -> None:
    if not faults:
        return
    if not demo:
        raise BadSettings(["--fault: only simulated sources fail on demand; add --demo"])
    from simulator import parse_faults

    try:
        parse_faults(faults)
    except ValueError as error:
        raise BadSettings([f"--fault: {error}"]) from None


def _spare_the_garbage_collector() -> None:
    """Take what was made at the start out of its sight, and let it look less often.

    Else every full collection looks through the schema, and everybody waits. It is needed: syntax trees are cycles, and
    so are the types of completed records, which only a full collection finds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        # Python's own words for some errors repeat the address; name look-ups have no number that means anything here.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise BadSettings([f"HOST, PORT: {settings.host}:{settings.port} cannot be used: {reason}"]) from None


def _set_up_logging(settings: ServerSettings) -> None:
    logging.basicConfig(level=settings.log_level.upper(), handlers=[open_handler(settings.log_format)])
    for library in ("uvicorn.error", "asyncio"):
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.root.level))


def _summary(settings: AllSettings) -> str:
    if settings.demo:
        return "Settings are valid. Sources: simulated."
    states = (f"{s.title} {'yes' if settings.sources[s.name].is_configured else 'not configured'}" for s in SOURCES)
    return f"Settings are valid. Sources: {', '.join(states)}."


def _greeting(settings: AllSettings, listener: socket.socket) -> str:
    """Return what is printed at the start. Its last line is the address, which is what people look for."""
    host, port = listener.getsockname()[:2]
    if settings.demo:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 # every address: no browser opens that
    origin = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    url = f"{origin}{PATH}"
    if not settings.demo:
        return f"{_summary(settings)}\nServing {url}"
    board = f"{origin}{BOARD}" if settings.shows_board else ""
    what = f"The pipeline: {board} and the graph behind it," if board else "The opportunity graph,"
    tabs = samples()
    names = textwrap.fill(", ".join(sample.name for sample in tabs), 100, initial_indent="  ", subsequent_indent="  ")
    return (
        f"{what} over simulated sources with invented people: {url}\n\n"
        f"{len(tabs)} queries are open in GraphiQL's tabs, the ten questions of docs/questions.md first:\n\n{names}\n\n"
        f"The first one:\n\n{tabs[0].query}\n"
        "From a shell:\n\n"
        f"  curl {url} -H 'Content-Type: application/json' \\\n"
        '    -d \'{"query": "{ nexudusOpportunity(sourceId: \\"1427000501\\") { status stageName } }"}\'\n\n'
        "Next: ask for an id that does not exist, or for one that cannot be one. Let a source fail:\n\n"
        "  .venv/bin/python server.py --demo --fault nexudus=500\n\n"
        "or while it runs, at the addresses in the log below, which also has that of the sources' records. Ctrl-C ends "
        "it.\n\n" + "\n".join([f"Open {'these' if board else 'this'} in a browser:", *filter(None, [board, url])])
    )


if __name__ == "__main__":
    sys.exit(main())
