"""Fetches opportunities: ChartMogul has no way to ask for several by uuid, so each costs one request."""

import base64
from functools import partial

from resolvers.chartmogul.customer import ChartMogulCustomerClient
from resolvers.chartmogul.listing import ChartMogulListing
from resolvers.chartmogul.record import MinorUnits, canonical_uuid, parser
from resolvers.resilience.transport import Transport
from resolvers.settings import Secret
from resolvers.single_record_client import SingleRecordClient


def authorization(api_key: Secret) -> dict[str, str]:
    """Return the header that an API key is sent in: it is the user name, and the password is empty.

    ChartMogul's page on authentication.
    """
    credentials = base64.b64encode(f"{api_key.reveal()}:".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


class ChartMogulClient(SingleRecordClient):
    """Asks ChartMogul for one uuid at a time."""

    def __init__(
        self,
        base_url: str,
        api_key: Secret,
        transport: Transport,
        *,
        minor_units: MinorUnits = "hundred",
    ) -> None:
        headers = partial(authorization, api_key)
        super().__init__(
            f"{base_url}/v1/opportunities",
            headers,
            transport,
            parse=parser(minor_units),
            id_of=canonical_uuid,
        )
        self.listing = ChartMogulListing(base_url, headers, transport, minor_units=minor_units)
        self._customers = ChartMogulCustomerClient(base_url, headers, transport)
        self.fetch_customer = self._customers.fetch

    def begin_anew(self) -> None:
        """Ask with the key of now, for customers too."""
        super().begin_anew()
        self._customers.begin_anew()
