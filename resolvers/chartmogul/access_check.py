"""What the API key may do at ChartMogul: be accepted, read opportunities (a CRM seat), and read customers."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from httpclient.client import Request
from resolvers.chartmogul.client import ChartMogulClient, authorization
from resolvers.errors import UpstreamError
from resolvers.fetching.upstream_context import SharedFetch
from resolvers.resilience.transport import Transport
from resolvers.source import Finding

if TYPE_CHECKING:
    from resolvers.chartmogul import ChartMogulSettings


async def check_access(
    settings: "ChartMogulSettings", transport: Transport, shared_fetch: SharedFetch
) -> AsyncIterator[Finding]:
    """Try the key, and each right, once."""
    assert settings.api_key
    base_url = settings.url.rstrip("/")
    try:
        ping = Request(f"{base_url}/v1/ping", "ping", headers=authorization(settings.api_key))
        await transport.fetch(ping, shared_fetch)
    except UpstreamError as failure:
        yield Finding.of_failure("API key", failure)
        return
    yield Finding("API key: accepted")
    client = ChartMogulClient(base_url, settings.api_key, transport, minor_units=settings.minor_units)
    assert client.listing
    assert client.fetch_customer
    try:
        page = await client.listing.page(None, shared_fetch)
    except UpstreamError as failure:
        yield Finding.of_failure("opportunities (CRM seat)", failure)
        return
    yield Finding("opportunities (CRM seat): allowed")
    record = next((row.record for row in page.rows if row.record is not None), None)
    if record is None:
        yield Finding("customers: not tried, for there is no opportunity that names one")
        return
    outcome = await client.fetch_customer(record.customer_uuid, shared_fetch)
    if isinstance(outcome, UpstreamError):
        yield Finding.of_failure("customers (without them opportunities have no names)", outcome)
    else:
        yield Finding("customers: allowed")
