"""The only file that knows all parts: settings to app, lifespan, routes, command line.

Run `python server.py`, or under uvicorn's own command as `docs/operating.md` has it.
"""

import gc

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
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from math import ceil
from os import environ
from pathlib import Path
from time import monotonic, perf_counter, time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import uvicorn
from dotenv import dotenv_values
from dotenv.parser import parse_stream
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.routing import Route

from engine.answer import Answer
from httpclient.client import open_session
from httpserver.connection import ConnectionLimits
from httpserver.envelope import Envelope
from httpserver.http_errors import HTTPError
from httpserver.protocol import protocol
from httpserver.shutdown import DrainingServer, several_at_once
from logs import Format, open_handler
from resolvers import stored_record
from resolvers.chartmogul import CHARTMOGUL
from resolvers.errors import BadUserInput, ResolverError
from resolvers.fetching.scheduler import Scheduler, open_scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from resolvers.nexudus import NEXUDUS
from resolvers.registry import SOURCES
from resolvers.resilience.transport import TransportSettings
from resolvers.setting_names import misspelt
from resolvers.settings import BadSettings, Secret, Settings, read, read_text
from resolvers.source import SourceSettings
from resolvers.telemetry import Event, log_events
from schema import build_restricted_schema, build_schema
from schema.context import Context
from schema.deals.columns import columns
from schema.deals.exchange_rates import BadRates, ExchangeRates, read_rates
from schema.deals.export_request import PARAMETERS as EXPORT_PARAMETERS
from schema.deals.export_request import Encode, ExportArguments, open_export
from schema.deals.listed_fields import closed_fields
from schema.deals.service import Deals
from schema.execution import build_engine
from schema.people import PEOPLE, BadPeople, Person, read_people
from security import SECURITY, Security, SecurityParts
from store.customer_deals import Link
from store.database import StoreUnavailable, open_database, problem_with
from sync.service import open_sync
from sync.settings import DAY_SECONDS, SyncSettings
from web.access_log import AccessLog
from web.application import Application
from web.auth.callers import Caller
from web.download import Download, Table
from web.endpoint import AtPath, GraphQLEndpoint, GraphQLResponse
from web.file_formats import CSV, NDJSON
from web.graphiql.page import GraphiQL, Sample
from web.health import Health
from web.not_found import not_found
from web.parameters import GraphQLParams

if TYPE_CHECKING:
    from metrics import Metrics

gc.freeze()  # else the first collection would make up for it
gc.enable()

PATH = "/graphql"
"""Where the graph is."""

EXPORT = "/export/opportunities"
"""Where lists are as files; their formats are its endings."""

METRICS = "/metrics"
"""Where Prometheus reads, if it may."""

SAMPLES = Path(__file__).parent / "examples" / "queries"

DEMO_PACE = {
    "SYNC_INCREMENT_SECONDS": "5",
    "SYNC_INCREMENT_LONGEST_SECONDS": "5",
    "SYNC_FULL_SWEEP_SECONDS": "60",
    "SYNC_CUSTOMERS_PER_MINUTE": "1000",
}
"""The demo's sources have no rations, and whoever tries it out does not want to wait."""

NOTHING_CONFIGURED = (
    "No source is configured. Set NEXUDUS_USERNAME and NEXUDUS_PASSWORD (or NEXUDUS_ACCESS_TOKEN), or "
    "CHARTMOGUL_API_KEY, or both. To look around without credentials: python server.py --demo"
)


logger = logging.getLogger("opportunity_graph.server")


class ServerSettings(Settings, frozen=True, kw_only=True):
    """Where and how this server listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    graphiql: bool | None = None
    upstream_cost: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Format = "text"
    access_log: bool = False
    metrics: bool = False
    shutdown_delay_seconds: Annotated[float, Meta(ge=0, le=600)] = 3.0


class StoreSettings(Settings, frozen=True, kw_only=True):
    """Where the copy of all deals is, for how long it remembers deleted ones, and what amounts are converted with.

    `owners_file` says who is who among owners (`schema/people.py`).
    `customer_link_…`: whether Nexudus' deals have the ChartMogul customer's id as `SystemId`, and which custom
    attribute of ChartMogul's deals has the Nexudus customer's.
    """

    store_url: Secret | None = None
    store_tombstone_days: Annotated[float, Meta(ge=0, le=3650)] = 30.0
    exchange_rates_file: str | None = None
    owners_file: str | None = None
    customer_link_system_id: bool = False
    customer_link_attribute: str | None = None

    @property
    def links(self) -> list[Link]:
        """How deals of one source name customers of the other."""
        found = [Link(bearer=NEXUDUS.name, of=CHARTMOGUL.name)] if self.customer_link_system_id else []
        if self.customer_link_attribute is not None:
            found.append(Link(bearer=CHARTMOGUL.name, of=NEXUDUS.name, attribute=self.customer_link_attribute))
        return found

    @property
    def address(self) -> str | None:
        """A path, a database's URL, or None for a store in memory."""
        return self.store_url.reveal() if self.store_url else None

    def problems(self) -> Iterable[str]:
        """Yield what cannot be the address of a store."""
        if fault := problem_with(self.address):
            yield f"STORE_URL: {fault}"


class AllSettings:
    """Every setting, read and checked. Raises `BadSettings` with one line for each problem."""

    def __init__(self, variables: Mapping[str, str], *, demo: bool = False) -> None:
        problems: list[str] = []
        self.demo = demo
        self.server = _read(ServerSettings, variables, problems)
        self.transport = _read(TransportSettings, variables, problems)
        self.store = _read(StoreSettings, variables, problems)
        self.sync = _read(SyncSettings, {**DEMO_PACE, **variables} if demo else variables, problems)
        self.exchange_rates = self._exchange_rates(problems)
        self.people = self._people(problems)
        self.sources: dict[str, SourceSettings] = {}
        self.security = SecurityParts(*(_read(struct, variables, problems) for struct in SECURITY))
        if not problems:
            problems += self.security.validation_errors(self.server.host, demo=demo)
        if not demo:
            for source in SOURCES:
                self.sources[source.name] = _read(source.settings, variables, problems)
            if not problems and not any(settings.is_configured for settings in self.sources.values()):
                problems.append(NOTHING_CONFIGURED)
        if self.security.general:  # or else nobody knows what it allows
            problems += self.security.insecure_urls(filter(None, (self.security.jwt, *self.sources.values())))
        structs: list[type[Settings]] = [
            ServerSettings,
            TransportSettings,
            StoreSettings,
            SyncSettings,
            *SECURITY,
            *(source.settings for source in SOURCES),
        ]
        problems += misspelt(structs, variables)
        if problems:
            raise BadSettings(problems)

    @property
    def record_urls(self) -> dict[str, str]:
        """Patterns of the addresses at which people see records, by source."""
        return {name: one.record_url for name, one in self.sources.items() if one.record_url is not None}

    @property
    def in_short(self) -> str:
        """What an operator wants to know of a process, without a secret: version, sources, authentication, store."""
        sources = ["simulated"] if self.demo else [name for name, given in self.sources.items() if given.is_configured]
        return (
            f"version {_version()}, sources {' '.join(sources)}, "
            f"authentication {self.security.kind}, store {kind_of(self.store.address) if self.has_store else 'none'}"
        )

    @property
    def has_store(self) -> bool:
        """Whether deals can be listed: a store in memory that nothing fills would be empty for ever."""
        return self.sync.enabled or self.store.store_url is not None

    def _exchange_rates(self, problems: list[str]) -> ExchangeRates | None:
        path = self.store.exchange_rates_file if self.store else None
        try:
            return read_rates(Path(path)) if path else None
        except BadRates as error:
            problems.append(f"EXCHANGE_RATES_FILE: {error}")
            return None

    def _people(self, problems: list[str]) -> Sequence[Person]:
        path = self.store.owners_file if self.store else None
        try:
            return read_people(Path(path)) if path else ()
        except BadPeople as error:
            problems.append(f"OWNERS_FILE: {error}")
            return ()

    @property
    def shows_graphiql(self) -> bool:
        """Whether a browser gets GraphiQL: as GRAPHIQL says, else everywhere but in production."""
        asked = self.server.graphiql
        return not self.security.general.production if asked is None else asked


def kind_of(address: str | None) -> str:
    """Return what kind of store is at an address, which may hold a password."""
    if address is None:
        return "memory"
    return "postgresql" if address.startswith("postgresql") else "sqlite"


def _version() -> str:
    try:
        return version("opportunity-graph")
    except PackageNotFoundError:  # a checkout whose packages were installed by hand
        return "unknown"


def variables() -> dict[str, str]:
    """Return the environment, on top of what `.env` in the working directory says; raises `BadSettings`."""
    try:
        text = read_text(".env") if Path(".env").exists() else ""
    except ValueError as error:
        raise BadSettings([f".env: the file {error}"]) from None
    if faults := [f".env: line {b.original.line} is not NAME=value" for b in parse_stream(StringIO(text)) if b.error]:
        raise BadSettings(faults)
    file = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: text for name, text in {**file, **environ}.items() if text is not None}


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
    closed = closed_fields(custom_attributes_too=settings.security.general.custom_attributes_are_personal)
    health = Health()
    metrics = _open_metrics() if settings.server.metrics else None
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

    async def answer(params: GraphQLParams) -> GraphQLResponse:
        document = engine.read(params.query or "")
        if isinstance(document, Answer):
            return GraphQLResponse(document.body(), is_request_error=True)
        if params.is_get and document.kind_of(params.operation_name) not in ("query", None):
            return GraphQLResponse(
                engine.refusal("Over GET only queries are executed.", BadUserInput.code).body(), status=405
            )
        operation = UpstreamContext(settings.transport.operation_deadline_seconds, wants_fresh=params.wants_fresh)
        loaders = Loaders(schedulers, operation)
        access = settings.security.access(params.caller)
        context = Context(loaders, operation, access, deals=deals, record_urls=settings.record_urls)
        started = perf_counter()
        try:
            found = await engine.answer(document, params.variables, params.operation_name, context)
        finally:
            loaders.close()
        if metrics is not None:
            code = found.errors[0]["extensions"]["code"] if found.errors else None
            metrics.on_operation(
                document.operation_name(params.operation_name), code, perf_counter() - started, operation
            )
        # What failed, or tells of the way it came, is another answer the next time.
        validator = None if found.errors or found.extensions else context.validator
        return GraphQLResponse(found.body(), is_request_error=found.is_request_error, validator=validator)

    async def open_table(given: Mapping[str, Any], caller: Caller) -> Table:
        operation = UpstreamContext(settings.transport.operation_deadline_seconds)
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
        if metrics is not None:
            metrics.on_event(event)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        nonlocal deals
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(open_session())
            await stack.enter_async_context(security.open())
            sources = await stack.enter_async_context(_simulated_sources()) if settings.demo else settings.sources
            for source in SOURCES:
                if (given := sources[source.name]).is_configured:
                    schedulers[source.name] = open_scheduler(
                        source, given, session, settings.transport, report, clock=clock
                    )
            if settings.has_store:
                database = await stack.enter_async_context(open_database(settings.store.address))
                sync = await stack.enter_async_context(
                    open_sync(
                        database,
                        schedulers,
                        columns,
                        settings.sync,
                        tombstone_seconds=settings.store.store_tombstone_days * DAY_SECONDS,
                        clock=clock,
                        wall_clock=wall_clock,
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
            health.is_ready = True
            logger.info("started: %s", settings.in_short)
            yield
            health.is_ready = False
        logger.info("stopped: %s", settings.in_short)

    graphiql = GraphiQL(samples=samples()) if settings.shows_graphiql else None
    page = graphiql.page if graphiql else None
    endpoint = GraphQLEndpoint(answer, page=page, security=security.security, clock=clock)
    home = Route("/", lambda _: RedirectResponse(PATH))
    routes = [home, *health.routes(), *(graphiql.routes() if graphiql else ())]
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
    if metrics is not None:
        from metrics import MetricsPage

        shown = MetricsPage(
            metrics,
            policy=security.security,
            engine=engine,
            responses=endpoint.response_cache,
            schedulers=schedulers,
            statuses=lambda: deals.sync.statuses if deals else None,
        )
        routes.append(Route(METRICS, shown))
    layers = [
        Middleware(Envelope),
        *([Middleware(AccessLog)] if settings.server.access_log else ()),
        *settings.security.middleware(demo=settings.demo),
        Middleware(AtPath, PATH, endpoint),
    ]
    pages = {HTTPException: not_found}
    app = Application(routes=routes, middleware=layers, lifespan=lifespan, exception_handlers=pages)
    app.router.redirect_slashes = False  # its redirects go wherever `Host` says, and a POST is not repeated by all
    app.state.endpoint, app.state.health = endpoint, health
    return app


def _open_metrics() -> "Metrics":
    from metrics import Metrics  # a server that nobody measures does not load it

    return Metrics()


@contextmanager
def _refusals() -> Iterator[None]:
    """Make errors of the graph refusals of a request."""
    try:
        yield
    except ResolverError as error:
        status = {"BAD_USER_INPUT": 400, "FORBIDDEN": 403}.get(error.code, 503 if error.retryable else 500)
        raise HTTPError(status, error.message, code=error.code, retryable=error.retryable) from None


def check_store(settings: AllSettings) -> None:
    """Open the store once before the server starts; raises `BadSettings`. Later outages only stop lists."""

    async def open_once() -> None:
        async with open_database(settings.store.address, threads=0):
            pass

    if settings.store.store_url is None:
        return
    try:
        with ThreadPoolExecutor(1) as pool:  # uvicorn's own command makes the application in a running loop
            pool.submit(asyncio.run, open_once()).result()
    except StoreUnavailable as error:
        raise BadSettings([f"STORE_URL: {error}"]) from None


def _settings_or_exit() -> AllSettings:
    """Return the environment's settings. For uvicorn's own command, which would show a traceback."""
    try:
        settings = AllSettings(variables())
        check_store(settings)
        return settings
    except BadSettings as error:
        _print_problems(error)
        sys.exit(2)


def _print_problems(error: BadSettings) -> None:
    print(*error.problems, sep="\n", file=sys.stderr)


def _read(struct: type[Settings], variables: Mapping[str, str], problems: list[str]) -> Any:
    try:
        return read(struct, variables)
    except BadSettings as error:
        problems.extend(error.problems)


@asynccontextmanager
async def _simulated_sources() -> AsyncIterator[dict[str, SourceSettings]]:
    from simulator import Simulator  # a server of real sources never loads it

    simulator = Simulator(is_demo=True)
    async with simulator.serve() as urls:
        logging.getLogger("opportunity_graph.demo").info(
            "the simulated sources fail on demand: %s/faults", urls.control
        )
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
    parser.add_argument("--demo", action="store_true", help="serve simulated sources; no credentials needed")
    parser.add_argument("--check-config", action="store_true", help="check the settings and exit")
    flags = parser.parse_args(arguments)
    given = {"HOST": flags.host, "PORT": flags.port}
    try:
        settings = AllSettings(variables() | {k: v for k, v in given.items() if v is not None}, demo=flags.demo)
        if flags.check_config:
            print(_summary(settings))
            return 0
        check_store(settings)
        listener = _listen(settings.server)
    except BadSettings as error:
        _print_problems(error)
        return 2
    _set_up_logging(settings.server)
    print(_greeting(settings, listener), flush=True)
    app = create_app(settings)
    _spare_the_garbage_collector()
    config = uvicorn.Config(
        app,
        http=protocol(
            ConnectionLimits(
                head_timeout_seconds=settings.security.general.request_body_timeout_seconds,
                max_body_bytes=settings.security.general.max_request_bytes,
                half_close_seconds=settings.transport.operation_deadline_seconds + 1,
            )
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
    try:
        server.run(sockets=several_at_once(listener))
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


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
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/graphql"
    if not settings.demo:
        return f"{_summary(settings)}\nServing {url}"
    tabs = samples()
    names = textwrap.fill(", ".join(sample.name for sample in tabs), 100, initial_indent="  ", subsequent_indent="  ")
    return (
        f"The opportunity graph, over simulated sources with invented people: {url}\n\n"
        f"{len(tabs)} queries are open in GraphiQL's tabs, the ten questions of docs/questions.md first:\n\n{names}\n\n"
        f"The first one:\n\n{tabs[0].query}\n"
        "From a shell:\n\n"
        f"  curl {url} -H 'Content-Type: application/json' \\\n"
        '    -d \'{"query": "{ nexudusOpportunity(sourceId: \\"1427000501\\") { status stageName } }"}\'\n\n'
        "Next: ask for an id that does not exist, or for one that cannot be one. Ctrl-C ends it.\n\n"
        f"Open this in a browser:\n{url}"
    )


if __name__ == "__main__":
    sys.exit(main())
