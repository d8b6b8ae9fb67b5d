"""Fetches opportunities: ChartMogul has no way to ask for several by uuid, so each costs one request."""

import base64
from collections.abc import Sequence
from urllib.parse import quote

from resolvers.chartmogul.record import SOURCE, MinorUnits, parse
from resolvers.errors import UpstreamBadResponse, UpstreamError
from resolvers.exchange import Request
from resolvers.operation import Flight
from resolvers.settings import Secret
from resolvers.source import Outcome
from resolvers.transport import Transport


class ChartMogulClient:
    """A `resolvers.source.Client` for ChartMogul."""

    batch_size = 1
    is_ready = True

    def __init__(
        self,
        base_url: str,
        api_key: Secret,
        transport: Transport,
        *,
        minor_units: MinorUnits = "hundred",
    ) -> None:
        self._url = f"{base_url}/v1/opportunities"
        # The key is the user name, the password is empty (ChartMogul's page on authentication).
        self._authorization = "Basic " + base64.b64encode(f"{api_key.reveal()}:".encode()).decode()
        self.transport = transport
        self._minor_units = minor_units

    async def prepare(self, flight: Flight) -> None:
        """Nothing to do: the key goes with each request."""

    async def fetch_many(self, ids: Sequence[str], flight: Flight) -> list[Outcome]:
        """Return the outcome of the uuid, in a list."""
        (source_id,) = ids
        return [await self._fetch_one(source_id, flight)]

    async def _fetch_one(self, source_id: str, flight: Flight) -> Outcome:
        url = f"{self._url}/{quote(source_id, safe='')}"
        try:
            body = await self.transport.fetch(
                Request(url, "get", headers={"Authorization": self._authorization}), flight
            )
            if body is None:
                return None
            record = parse(body, self._minor_units)
            if record.uuid.lower() != source_id:
                raise UpstreamBadResponse(SOURCE, detail="another record than the one asked for")
            return record
        except UpstreamError as error:
            return error
