"""What runs as long as the application does: the sources, the store, sync, and what they share with other processes."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from configuration import AllSettings, program_version
from httpclient.client import open_session
from operations import Operations
from resolvers import partial_record, stored_record
from resolvers.fetching.scheduler import Scheduler
from resolvers.opening import open_scheduler
from resolvers.registry import SOURCES
from resolvers.resilience.shared_limits import SharedLimits
from resolvers.source import Source
from resolvers.source_settings import SourceSettings
from resolvers.telemetry import Event, log_events, logs_all
from rotation import Reaction, Rotation, Tables, rotating
from schema.deals.columns import columns
from schema.deals.derivation import derivation
from schema.deals.listed_fields import closed_fields
from schema.deals.service import Deals
from schema.people import PEOPLE
from security.checks import Security
from store.change_log import MOST, MOST_IN_MEMORY
from store.database import Database, open_database
from store.errors import StoreUnavailable
from store.groups import sources as stored_sources
from sync.settings import DAY_SECONDS

if TYPE_CHECKING:
    from metrics.counts import Counts
    from metrics.service import Metrics
    from store.leases import Leases
    from store.session import Session
    from sync.service import Sync

Sources = Mapping[str, SourceSettings]
"""The settings of each source, by its name."""


class Services:
    """Opens, in this order: traces, keys of callers, the store, the sources, sync, metrics, the reading of new secrets.

    `schedulers` gets those of the sources that have credentials. `metrics` are there from when they were made.
    """

    def __init__(
        self,
        settings: AllSettings,
        operations: Operations,
        security: Security,
        schedulers: dict[str, Scheduler],
        counts: "Counts | None",
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self.metrics: Metrics | None = None
        self._settings = settings
        self._operations = operations
        self._security = security
        self._schedulers = schedulers
        self._counts = counts
        self._clock = clock
        self._wall_clock = wall_clock
        self._on_new_secret: list[Reaction] = []

    @asynccontextmanager
    async def open(
        self,
        simulated: AbstractAsyncContextManager[Sources] | None,
        read_variables: Callable[[], Mapping[str, str]] | None,
    ) -> AsyncIterator[None]:
        """Run all of it. `simulated` are sources in place of those of the settings, which are read anew where
        `read_variables` gives what from."""
        settings = self._settings
        self._on_new_secret = [(settings.security.general, self._security.begin_anew)]
        async with AsyncExitStack() as stack:
            if settings.are_operations_traced:
                from tracing.exporter import open_tracer  # what nobody has configured need not be installed

                self._operations.tracer = await stack.enter_async_context(
                    open_tracer(settings.otel_variables, program_version())
                )
            session = await stack.enter_async_context(open_session())
            await stack.enter_async_context(self._security.issuer.open())
            sources: Sources = settings.sources
            if simulated is not None:
                sources = await stack.enter_async_context(simulated)
            database = leases = store_session = None
            if settings.has_store:
                database = await stack.enter_async_context(
                    open_database(settings.store.address, current_url=settings.store.current_url)
                )
                database.on_work = self._counts.on_store_work if self._counts is not None else None
            if settings.shares_store and settings.store.address:
                leases, store_session = await stack.enter_async_context(_open_shared(settings, settings.store.address))
            for source in SOURCES:
                if (given := sources[source.name]).is_configured:
                    await self._open_source(stack, source, given, session, leases)
            sync = None
            if database is not None:
                sync = await self._open_sync(stack, sources, database, store_session)
            if self.metrics is not None:
                await stack.enter_async_context(self.metrics.written())
            if read_variables is not None:
                rotation = Rotation(settings.all, read_variables, self._on_new_secret, self._tables(sync))
                await stack.enter_async_context(rotating(rotation))
            yield

    def _tables(self, sync: "Sync | None") -> Tables:
        """Return what reads the operator's tables anew."""
        settings, tables = self._settings, dict[str, Callable[[], bool]]()
        if settings.exchange_rates is not None and settings.store.exchange_rates_file:
            path = Path(settings.store.exchange_rates_file)
            tables["EXCHANGE_RATES_FILE"] = partial(settings.exchange_rates.read_anew, path)
        if settings.store.owners_file:
            tables["OWNERS_FILE"] = partial(self._read_people, Path(settings.store.owners_file), sync)
        return tables

    def _read_people(self, path: Path, sync: "Sync | None") -> bool:
        if not PEOPLE.read_anew(path):
            return False
        self._operations.forget_records()
        if sync is not None:
            sync.read_all()
        return True

    async def _open_source(
        self,
        stack: AsyncExitStack,
        source: Source,
        given: SourceSettings,
        session: aiohttp.ClientSession,
        leases: "Leases | None",
    ) -> None:
        settings, shared = self._settings, None
        if leases is not None:
            shared = SharedLimits(source.name, leases.of(source.name), share=settings.server.share, clock=self._clock)
        scheduler = open_scheduler(
            source,
            given,
            session,
            settings.transport,
            log_events if self._counts is None else partial(_report, self._counts),
            clock=self._clock,
            tracer=self._operations.tracer,
            shared_limits=shared,
            reports_all=self._counts is not None or logs_all(),
        )
        self._schedulers[source.name] = scheduler
        self._on_new_secret.append((given, scheduler.begin_anew))
        if shared is not None:
            await stack.enter_async_context(shared.running())

    async def _open_sync(
        self, stack: AsyncExitStack, sources: Sources, database: Database, session: "Session | None"
    ) -> "Sync":
        """Keep the store current, and let operations list what it has; return what does."""
        from sync.service import open_sync  # who has no store never loads it

        settings, schedulers = self._settings, self._schedulers
        sync = await stack.enter_async_context(
            open_sync(
                database,
                schedulers,
                columns,
                settings.sync,
                derivation=lambda source: derivation(sources[source]),
                tombstone_seconds=settings.store.store_tombstone_days * DAY_SECONDS,
                changes_seconds=settings.store.store_changes_days * DAY_SECONDS,
                most_changes=MOST if settings.store.address else MOST_IN_MEMORY,
                clock=self._clock,
                wall_clock=self._wall_clock,
                session=session,
            )
        )
        self._on_new_secret += [(sources[name], partial(sync.begin_anew, name)) for name in schedulers]
        self._operations.deals = Deals(
            database=database,
            decode=stored_record.decode,
            decode_parts=partial_record.decode,
            sync=sync,
            closed_fields=closed_fields(custom_attributes_too=settings.security.general.custom_attributes_are_personal),
            exchange_rates=settings.exchange_rates,
            unconfigured=(await _known_sources(database)) - schedulers.keys(),
            heartbeat_seconds=settings.server.subscription_heartbeat_seconds,
            keeps_changes=settings.store.store_changes_days > 0,
            links=settings.store.links,
            clock=self._wall_clock,
        )
        return sync


def open_counts() -> "Counts":
    """Return what counts operations and requests to sources."""
    from metrics.counts import Counts  # a server that nobody measures does not load it
    from metrics.names import Names

    return Counts(Names())


def open_metrics(counts: "Counts", *, statuses: Callable[[], Any], **parts: Any) -> "Metrics":
    """Return the numbers of a server; `parts` are those that have them, by their names in `Readings`."""
    from metrics.exposition import open_exposition
    from metrics.readings import Readings
    from metrics.service import Metrics

    readings = Readings(version=program_version(), names=counts.names, **parts)
    return Metrics(counts, readings, open_exposition(os.environ), statuses=statuses)


async def _known_sources(database: Database) -> frozenset[str]:
    """Return the names of all sources, also of one that only another version has, whose deals are in the store."""
    names = frozenset(source.name for source in SOURCES)
    with suppress(StoreUnavailable):  # and lists with it, which say so themselves
        names |= await database.read(stored_sources)
    return names


def _report(counts: "Counts", event: Event) -> None:
    log_events(event)
    counts.on_event(event)


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
