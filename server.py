"""The only file that knows all parts: settings to app, lifespan, routes, command line.

Run `python server.py`, or under uvicorn's own command as `docs/operating.md` has it.
"""

import gc
import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the server runs, Ctrl-C ends the process without a traceback

    from startup.libraries import load_lean

    load_lean()

# What modules make while they are loaded is there to stay. To look through all of it for garbage time and again, while
# it grows, was a seventh of the start.
gc.disable()

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from time import monotonic, time

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from uvicorn.config import STARTUP_FAILURE

from configuration import AllSettings, variables
from httpserver.envelope import Envelope
from httpserver.workers import Workers
from operations import Operations
from pages import PATH, hints, pages, pages_of_metrics
from resolvers.fetching.scheduler import Scheduler
from resolvers.settings import BadSettings
from schema import build_restricted_schema, build_schema
from schema.deals.export_request import ExportArguments
from schema.execution import build_engine
from schema.people import PEOPLE
from security.checks import Security
from services import Services, open_counts, open_metrics
from startup.checks import check_store, keep_store, print_problems, try_credentials
from startup.command_line import parse
from startup.demo import check_faults, samples, simulated_sources
from startup.greeting import greeting, summary
from startup.process import (
    listen,
    metrics_of_several,
    set_up_logging,
    spare_the_garbage_collector,
    workers_of_uvicorn,
)
from startup.serving import serve
from sync.heap import give_back
from web.access_log import AccessLog
from web.application import Application, AtPath, NotFound
from web.endpoint import GraphQLEndpoint
from web.graphiql.page import GraphiQL
from web.health import Health

gc.collect()  # what is not there to stay: half a megabyte, which would be in nobody's sight any more
gc.freeze()  # else the first collection would make up for it
gc.enable()

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
    kept = ExitStack()
    if settings is None:
        settings, read_variables = _settings_or_exit(kept), variables
    PEOPLE.know(settings.people)
    schedulers: dict[str, Scheduler] = {}
    counts = open_counts() if settings.is_measured else None
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
        suggests_names=not settings.security.general.production,
    )

    arguments = ExportArguments(schema, settings.security.query_limits().max_input_objects)
    operations = Operations(settings, engine, arguments, schedulers, counts)
    services = Services(settings, operations, security, schedulers, counts, clock=clock, wall_clock=wall_clock)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        with kept:
            async with services.open(simulated_sources(faults) if settings.demo else None, read_variables):
                give_back()  # what it took to load and open all this
                health.has_started = health.is_ready = True
                logger.info("started: %s", settings.in_short)
                yield
                health.is_ready = False
        logger.info("stopped: %s", settings.in_short)

    graphiql = None
    if settings.shows_graphiql:
        graphiql = GraphiQL(samples=samples(), credentials=settings.security.page_credentials)
    endpoint = GraphQLEndpoint(
        operations.answer,
        page=graphiql.page if graphiql else None,
        security=security.policy,
        on_stored=operations.trace_stored if settings.are_operations_traced else None,
        clock=clock,
    )
    routes = [*health.routes(), *(graphiql.routes() if graphiql else ()), *pages(settings, operations, security)]
    app: Application
    if counts is not None:
        services.metrics = open_metrics(
            counts,
            engine=engine,
            responses=endpoint.response_cache,
            refusals=security.policy.refusals,
            streams=security.policy.streams,
            schedulers=schedulers,
            server=lambda: app.state.server_state,
            statuses=lambda: operations.deals.sync.statuses if operations.deals else None,
        )
        routes += pages_of_metrics(services.metrics, settings, security)
    layers = [
        Middleware(Envelope),
        *([Middleware(AccessLog)] if settings.server.access_log else ()),
        *settings.security.middleware(security.policy.refusals, demo=settings.demo),
        Middleware(AtPath, PATH, endpoint),
    ]
    handlers = {HTTPException: NotFound(hints(settings))}
    app = Application(routes=routes, middleware=layers, lifespan=lifespan, exception_handlers=handlers)
    app.router.redirect_slashes = False  # its redirects go wherever `Host` says, and a POST is not repeated by all
    app.state.endpoint, app.state.health = endpoint, health
    app.state.end_streams = security.policy.streams.end
    app.state.on_refusal = security.policy.refusals.add_unseen
    app.state.server_state = None
    return app


def _settings_or_exit(kept: ExitStack) -> AllSettings:
    """Return the environment's settings, whose store is `kept`. Under uvicorn's own command an error is a traceback."""
    try:
        settings = AllSettings(variables())
        if problems := [*settings.several_processes(workers_of_uvicorn(), 1, "uvicorn --workers")]:
            raise BadSettings(problems)
        keep_store(settings, kept)
        check_store(settings)
        return settings
    except BadSettings as error:
        print_problems(error)
        # Its supervisor would start a worker again that ends in any other way than by the first of these.
        sys.exit(STARTUP_FAILURE if workers_of_uvicorn() > 1 else error.exit_status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; return the exit status: 0, 2 where settings do not allow it, 3 where it cannot start.

    With `--online` it is 1 where a credential was refused or something could not be reached.
    """
    with ExitStack() as kept:
        return _run(arguments, kept)


def _run(arguments: Sequence[str] | None, kept: ExitStack) -> int:
    """Do what `main` does; `kept` is closed after it."""
    flags = parse(arguments)
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
        set_up_logging(settings.server)  # from here on there may be something to tell
        keep_store(settings, kept)
        check_store(settings)
        listener = listen(settings.server)
    except BadSettings as error:
        print_problems(error)
        return error.exit_status
    print(greeting(settings, listener, PATH), flush=True)
    if settings.server.workers == 1:
        return _serve(settings, listener, flags.fault, read_variables=read_variables)
    with metrics_of_several(settings):
        gc.freeze()  # so that the workers go on sharing it
        return Workers(
            settings.server.workers,
            listener,
            partial(_serve, settings, read_variables=read_variables),
            end_seconds=settings.server.shutdown_delay_seconds + settings.transport.operation_deadline_seconds + 5,
        ).run()


def _serve(
    settings: AllSettings,
    listener: socket.socket,
    faults: Sequence[str] = (),
    *,
    read_variables: Callable[[], Mapping[str, str]],
) -> int:
    """Serve on a listener until told to stop; return the exit status."""
    app = create_app(settings, faults=faults, read_variables=read_variables)
    spare_the_garbage_collector()
    return serve(app, settings, listener)


if __name__ == "__main__":
    sys.exit(main())
