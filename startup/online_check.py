"""`python server.py --check-config --online`: what each credential may do, tried once, and never shown.

No attempt is repeated: a password that is wrong, sent again and again, would lock its account.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import aiohttp

from configuration import AllSettings
from httpclient.client import open_session
from resolvers.errors import UpstreamError
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.finding import Finding
from resolvers.registry import SOURCES
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.rate_limiter import RateLimiter
from resolvers.resilience.retry import Retries
from resolvers.resilience.transport import Transport, TransportSettings
from resolvers.source import Check, Source
from resolvers.source_settings import SourceSettings
from security.checks import Security
from store.database import StoreUnavailable, check_database

PATIENCE_SECONDS: Final = 60.0
"""For all requests to a source together."""


async def check_online(settings: AllSettings) -> AsyncIterator[Finding]:
    """Yield what was found of each source, of the token issuer, and of the store; nothing is changed anywhere."""
    async with open_session() as session:
        for source in SOURCES:
            given = settings.sources[source.name]
            if given.is_configured:
                async for finding in _check_source(source, given, session, settings.transport):
                    yield Finding(f"{source.title}: {finding.text}", finding.is_usable)
    security = Security(settings.security)
    async with security.issuer.open():
        if (found := await security.issuer.check()) is not None:
            yield Finding(*found)
    if settings.store.store_url is not None:
        try:
            yield Finding(f"STORE_URL: {check_database(settings.store.address)}")
        except StoreUnavailable as error:
            yield Finding(f"STORE_URL: {error}", is_usable=False)


async def _check_source(
    source: Source, settings: SourceSettings, session: aiohttp.ClientSession, transport_settings: TransportSettings
) -> AsyncIterator[Finding]:
    transport = Transport(
        source.name,
        session,
        transport_settings,
        lambda _: None,
        concurrency_limiter=ConcurrencyLimiter(1),
        rate_limiter=RateLimiter(source.name, source.rates if settings.rationed else ()),
        retries=Retries(attempts=1),
    )
    waiting = {UpstreamContext(PATIENCE_SECONDS)}
    check: Check = source.check or partial(_check_list, source)
    async for finding in check(settings, transport, SharedFetch(lambda: waiting)):
        yield finding


async def _check_list(
    source: Source, settings: SourceSettings, transport: Transport, shared_fetch: SharedFetch
) -> AsyncIterator[Finding]:
    """Try the list of a source that says nothing else of its credentials."""
    client = source.open(settings, transport)
    try:
        await client.prepare(shared_fetch)
        if client.listing is not None:
            await client.listing.page(None, shared_fetch)
    except UpstreamError as failure:
        yield Finding.of_failure("records", failure)
        return
    yield Finding("records: allowed" if client.listing is not None else "not tried: it has no list")
