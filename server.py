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
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from math import ceil
from time import monotonic, time
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.routing import Route
from uvicorn.config import STARTUP_FAILURE

from configuration import AllSettings, program_version, variables
from httpclient.client import open_session
from httpserver.connection import ConnectionLimits
from httpserver.envelope import Envelope
from httpserver.protocol import protocol
from httpserver.shutdown import DrainingServer, several_at_once
from httpserver.workers import Workers
from operations import Operations
from resolvers import partial_record, stored_record
from resolvers.fetching.scheduler import Scheduler, open_scheduler
from resolvers.registry import SOURCES
from resolvers.resilience.shared_limits import SharedLimits
from resolvers.settings import BadSettings
from resolvers.telemetry import Event, log_events
from rotation import Reaction, Rotation, rotating
from schema import build_restricted_schema, build_schema
from schema.access import READ_OPPORTUNITIES
from schema.deals.columns import columns
from schema.deals.export_request import PARAMETERS as EXPORT_PARAMETERS
from schema.deals.export_request import ExportArguments
from schema.deals.listed_fields import closed_fields
from schema.deals.service import Deals
from schema.execution import build_engine
from schema.people import PEOPLE
from security import Security
from startup.checks import check_store, print_problems, try_credentials
from startup.demo import check_faults, samples, simulated_sources
from startup.greeting import greeting, summary
from startup.process import (
    listen,
    metrics_of_several,
    set_up_logging,
    spare_the_garbage_collector,
    workers_of_uvicorn,
)
from store.database import open_database
from sync.service import open_sync
from sync.settings import DAY_SECONDS
from web.access_log import AccessLog
from web.application import Application
from web.board.page import Board
from web.download import Download
from web.endpoint import AtPath, GraphQLEndpoint
from web.file_formats import CSV, NDJSON
from web.graphiql.page import GraphiQL
from web.health import Health
from web.not_found import not_found
from web.schema_text import SchemaText

if TYPE_CHECKING:
    from metrics.counts import Counts
    from metrics.service import Metrics
    from store.leases import Leases
    from store.session import Session

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

logger = logging.getLogger("opportunity_graph.server")


def create_app(
    settings: AllSettings | None = None,
    *,
    clock: Callable[[], float] = monotonic,
    wall_clock: Callable[[], float] = time,
    faults: Sequence[str] = (),
    read_variables: Callable[[], Mapping[str, str]] | None = None,
) -> Application:
    """Return the ASGI application; without settings those of the environment, which end the process if malformed.

    Its state has the `endpoint` at `PATH`, and the `health`. `read_variables` gives what the settings were read from,
    as it is by then, where secrets are to be read anew while the server runs.

    In the demo the sources are the simulator's, which starts and stops with the application. `clock` is
    that of rations, caches and pauses, `wall_clock` that of tokens, both in seconds; a test may have its own.
    """
    if settings is None:
        settings, read_variables = _settings_or_exit(), variables
    PEOPLE.know(settings.people)
    schedulers: dict[str, Scheduler] = {}
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

    operations = Operations(settings, engine, ExportArguments(schema), schedulers, counts)

    def report(event: Event) -> None:
        log_events(event)
        if counts is not None:
            counts.on_event(event)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        on_new_secret: list[Reaction] = [(settings.security.general, security.begin_anew)]
        async with AsyncExitStack() as stack:
            if settings.are_operations_traced:
                from tracing.exporter import open_tracer  # what nobody has configured need not be installed

                operations.tracer = await stack.enter_async_context(
                    open_tracer(settings.otel_variables, program_version())
                )
            session = await stack.enter_async_context(open_session())
            await stack.enter_async_context(security.open())
            sources = await stack.enter_async_context(simulated_sources(faults)) if settings.demo else settings.sources
            database = leases = store_session = None
            if settings.has_store:
                database = await stack.enter_async_context(
                    open_database(settings.store.address, current_url=settings.store.current_url)
                )
                database.on_work = counts.on_store_work if counts is not None else None
            if settings.shares_store and settings.store.address:
                leases, store_session = await stack.enter_async_context(_open_shared(settings, settings.store.address))
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
                        tracer=operations.tracer,
                        shared_limits=shared,
                    )
                    schedulers[source.name] = scheduler
                    on_new_secret.append((given, scheduler.begin_anew))
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
                on_new_secret += [(sources[name], partial(sync.begin_anew, name)) for name in schedulers]
                operations.deals = Deals(
                    database=database,
                    decode=stored_record.decode,
                    decode_part=partial_record.decode,
                    sync=sync,
                    closed_fields=closed,
                    exchange_rates=settings.exchange_rates,
                    unconfigured=frozenset(source.name for source in SOURCES) - schedulers.keys(),
                    links=settings.store.links,
                    clock=wall_clock,
                )
            if metrics is not None:
                await stack.enter_async_context(metrics.written())
            if read_variables is not None:
                await stack.enter_async_context(rotating(Rotation(settings.all, read_variables, on_new_secret)))
            health.has_started = health.is_ready = True
            logger.info("started: %s", settings.in_short)
            yield
            health.is_ready = False
        logger.info("stopped: %s", settings.in_short)

    graphiql = (
        GraphiQL(samples=samples(), credentials=settings.security.page_credentials) if settings.shows_graphiql else None
    )
    page = graphiql.page if graphiql else None
    endpoint = GraphQLEndpoint(
        operations.answer,
        page=page,
        security=security.security,
        on_stored=operations.trace_stored if settings.are_operations_traced else None,
        clock=clock,
    )
    home = Route("/", lambda _: RedirectResponse(PATH))
    schema_text = Route(SCHEMA, SchemaText(operations.answer, security.security))
    routes = [home, schema_text, *health.routes(), *(graphiql.routes() if graphiql else ())]
    if settings.shows_board:
        routes += Board().routes()
    if settings.security.general.allows_exports:
        routes += [
            Route(
                f"{EXPORT}.{format_.ending}",
                Download(
                    operations.table,
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
            statuses=lambda: operations.deals.sync.statuses if operations.deals else None,
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


@asynccontextmanager
async def _open_shared(settings: AllSettings, url: str) -> "AsyncIterator[tuple[Leases, Session]]":
    """Open what the processes of a store agree through, beside the store itself."""
    from store.leases import open_leases  # which load what only PostgreSQL needs
    from store.session import open_session as open_store_session

    async with (
        open_leases(url, current_url=settings.store.current_url) as leases,
        open_store_session(url, may_lead=settings.sync.enabled, current_url=settings.store.current_url) as session,
    ):
        yield leases, session


def _settings_or_exit() -> AllSettings:
    """Return the environment's settings. For uvicorn's own command, which would show a traceback."""
    try:
        settings = AllSettings(variables())
        if problems := [*settings.several_processes(workers_of_uvicorn(), 1, "uvicorn --workers")]:
            raise BadSettings(problems)
        check_store(settings)
        return settings
    except BadSettings as error:
        print_problems(error)
        # Its supervisor would start a worker again that ends in any other way than by the first of these.
        sys.exit(STARTUP_FAILURE if workers_of_uvicorn() > 1 else 2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; return the exit status: 0, or 2 where the settings do not allow it.

    With `--online` it is 1 where a credential was refused or something could not be reached.
    """
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
    parser.add_argument(
        "--online",
        action="store_true",
        help="with --check-config: try every credential once, and say what it may do; status 1 where any is refused",
    )
    flags = parser.parse_args(arguments)
    given = {"HOST": flags.host, "PORT": flags.port, "WORKERS": flags.workers}

    def read_variables() -> dict[str, str]:
        return variables() | {name: text for name, text in given.items() if text is not None}

    try:
        check_faults(flags.fault, demo=flags.demo)
        settings = AllSettings(read_variables(), demo=flags.demo)
        if flags.online and (flags.demo or not flags.check_config):
            raise BadSettings(["--online: goes with --check-config, and not with --demo"])
        if flags.online:
            print(summary(settings))
            return asyncio.run(try_credentials(settings))
        if flags.check_config:
            check_store(settings, opens=False)
            print(summary(settings))
            return 0
        check_store(settings)
        listener = listen(settings.server)
    except BadSettings as error:
        print_problems(error)
        return 2
    set_up_logging(settings.server)
    print(greeting(settings, listener, PATH), flush=True)
    reader = None if flags.demo else read_variables
    if settings.server.workers == 1:
        return _serve(settings, listener, flags.fault, reader)
    with metrics_of_several(settings):
        gc.freeze()  # so that the workers go on sharing it
        return Workers(
            settings.server.workers,
            listener,
            partial(_serve, settings, read_variables=reader),
            end_seconds=settings.server.shutdown_delay_seconds + settings.transport.operation_deadline_seconds + 5,
        ).run()


def _serve(
    settings: AllSettings,
    listener: socket.socket,
    faults: Sequence[str] = (),
    read_variables: Callable[[], Mapping[str, str]] | None = None,
) -> int:
    """Serve on a listener until told to stop; return the exit status."""
    app = create_app(settings, faults=faults, read_variables=read_variables)
    spare_the_garbage_collector()
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
        if read_variables is not None:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the application takes it, and has read all anew
        server.run(sockets=several_at_once(listener))
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0 if server.started else STARTUP_FAILURE


if __name__ == "__main__":
    sys.exit(main())
