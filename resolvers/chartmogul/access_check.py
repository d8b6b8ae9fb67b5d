"""What the API key may do at ChartMogul: be accepted, read opportunities (a CRM seat), and read customers."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from httpclient.client import Request
from resolvers.chartmogul.client import ChartMogulClient, authorization
from resolvers.chartmogul.record import SOURCE, parse
from resolvers.errors import UpstreamBadResponse, UpstreamError
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.finding import Finding
from resolvers.resilience.transport import Transport
from resolvers.rows import split

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
        if await transport.fetch(ping, shared_fetch) is None:  # status 404: whoever answers is not ChartMogul
            raise UpstreamBadResponse(SOURCE, status=404)
    except UpstreamError as failure:
        yield Finding.of_failure("API key", failure)
        return
    yield Finding("API key: accepted")
    try:
        first = Request(f"{base_url}/v1/opportunities?per_page=1", "list", headers=authorization(settings.api_key))
        body = await transport.fetch(first, shared_fetch)
        _, texts = split(SOURCE, body or b"", "entries", ("has_more", "cursor"))
        customers = [parse(text, settings.minor_units).customer_uuid for text in texts[:1]]
    except UpstreamError as failure:
        yield Finding.of_failure("opportunities (CRM seat)", failure)
        return
    yield Finding("opportunities (CRM seat): allowed")
    if not customers:
        yield Finding("customers: not tried, for there is no opportunity that names one")
        return
    client = ChartMogulClient(base_url, settings.api_key, transport)
    assert client.fetch_customer
    outcome = await client.fetch_customer(customers[0], shared_fetch)
    if isinstance(outcome, UpstreamError):
        yield Finding.of_failure("customers (without them opportunities have no names)", outcome)
    else:
        yield Finding("customers: allowed")
