"""ChartMogul CRM: Opportunity, the deals of a subscription business.

`record.py` is the record, `client.py` the fetching, `listing.py` the list of all, `customer.py` whom a deal is with.
"""

from collections.abc import Iterable
from typing import ClassVar, Final

from resolvers.chartmogul.access_check import check_access
from resolvers.chartmogul.client import ChartMogulClient
from resolvers.chartmogul.customer import CUSTOMER_JOIN
from resolvers.chartmogul.record import RECORDS, SOURCE, STORED, MinorUnits, canonical_id
from resolvers.resilience.rate_limiter import Rate
from resolvers.resilience.transport import Transport
from resolvers.settings import Secret, check_secret, check_url
from resolvers.source import Source
from resolvers.source_settings import SourceSettings

MOST_CONNECTIONS: Final = 20
"""ChartMogul's page on rate limits: beyond, it answers 503."""

CONCURRENCY: Final = 10
"""Requests at once: half of what ChartMogul allows, for there may be replicas and other tools."""

RATES: Final = (Rate(40, 1.25),)
"""ChartMogul's page on rate limits: 40 requests a second, with a quarter of a second added, for requests may travel at
unequal speed. Its second limit, of computing time, is known only by its refusals."""


class ChartMogulSettings(SourceSettings, frozen=True, kw_only=True):
    """The API key of a user with a CRM seat; a read-only one is enough."""

    prefix: ClassVar[str] = f"{SOURCE}_"

    url: str = "https://api.chartmogul.com"
    api_key: Secret | None = None
    minor_units: MinorUnits = "hundred"

    @property
    def interpretation(self) -> str:
        """How amounts count."""
        return self.minor_units

    @property
    def is_configured(self) -> bool:
        """Whether there is a key."""
        return self.api_key is not None

    def problems(self) -> Iterable[str]:
        """Yield a malformed URL or key, and more requests at once than the vendor allows."""
        yield from super().problems()
        if fault := check_url(self.url):
            yield f"CHARTMOGUL_URL: {fault}"
        if fault := check_secret(self.api_key):
            yield f"CHARTMOGUL_API_KEY: {fault}"
        if self.rationed and (self.concurrency or 0) > MOST_CONNECTIONS:
            yield f"CHARTMOGUL_CONCURRENCY: must be at most {MOST_CONNECTIONS}, which is what ChartMogul allows"


def open_client(settings: ChartMogulSettings, transport: Transport) -> ChartMogulClient:
    """Return the client."""
    assert settings.api_key
    base_url = settings.url.rstrip("/")
    return ChartMogulClient(base_url, settings.api_key, transport, minor_units=settings.minor_units)


CHARTMOGUL: Final = Source(
    name=SOURCE,
    title="ChartMogul",
    id_shape="it is a UUID like 4ee13ca4-e7fe-11ee-fa7f-f303abf41acc",
    canonical_id=canonical_id,
    settings=ChartMogulSettings,
    rates=RATES,
    concurrency=CONCURRENCY,
    open=open_client,
    records=RECORDS,
    stored=STORED,
    customer_join=CUSTOMER_JOIN,
    check=check_access,
)
