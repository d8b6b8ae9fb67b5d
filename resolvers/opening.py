"""Opens a source: its limiters, transport, client, cache and scheduler, joined."""

import asyncio
from collections.abc import Callable
from time import monotonic

from aiohttp import ClientSession

from resolvers.fetching.customer_client import CustomerClient, cache_settings
from resolvers.fetching.record_cache import RecordCache
from resolvers.fetching.scheduler import Scheduler
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.rate_limiter import RateLimiter
from resolvers.resilience.shared_limits import SharedLimits
from resolvers.resilience.transport import Transport, TransportSettings
from resolvers.source import Source
from resolvers.source_settings import SourceSettings
from resolvers.telemetry import Telemetry
from resolvers.tracing import Tracer


def open_scheduler(
    source: Source,
    settings: SourceSettings,
    session: ClientSession,
    transport_settings: TransportSettings,
    telemetry: Telemetry,
    *,
    clock: Callable[[], float] = monotonic,
    shared_limits: SharedLimits | None = None,
    tracer: Tracer | None = None,
    reports_all: bool = True,
) -> Scheduler:
    """Return the scheduler of a source that has credentials. `clock`, in seconds, is that of all its parts.

    `shared_limits`, where other processes share the source's limits, has to run as long as the scheduler is used.
    `reports_all`: `telemetry` gets requests that go well, too.
    """
    rate_limiter = RateLimiter(
        source.name,
        source.rates if settings.rationed else (),
        clock=clock,
        sleep=shared_limits.sleep if shared_limits else asyncio.sleep,
        shared=shared_limits,
    )
    concurrency_limiter = ConcurrencyLimiter(settings.concurrency or source.concurrency)
    transport = Transport(
        source.name,
        session,
        transport_settings,
        telemetry,
        concurrency_limiter=concurrency_limiter,
        rate_limiter=rate_limiter,
        shared_limits=shared_limits,
        clock=clock,
        tracer=tracer,
        reports_all=reports_all,
    )
    client, customers = source.open(settings, transport), None
    if client.fetch_customer is not None:
        cache = RecordCache(cache_settings(settings), clock=clock)
        customers = Scheduler(CustomerClient(client, client.fetch_customer), cache)
    return Scheduler(client, RecordCache(settings, clock=clock), customers=customers)
