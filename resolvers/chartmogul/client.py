"""Fetches opportunities: ChartMogul has no way to ask for several by uuid, so each costs one request."""

import asyncio
import base64
from collections.abc import Sequence
from urllib.parse import quote

from resolvers.chartmogul.record import SOURCE, MinorUnits, parse
from resolvers.errors import UpstreamBadResponse, UpstreamError
from resolvers.operation import Operation
from resolvers.settings import Secret
from resolvers.source import Outcome
from resolvers.telemetry import Telemetry, UnknownCode
from resolvers.transport import Request, Transport


class ChartMogulClient:
    """A `resolvers.source.Client` for ChartMogul."""

    def __init__(
        self,
        base_url: str,
        api_key: Secret,
        transport: Transport,
        telemetry: Telemetry,
        *,
        minor_units: MinorUnits = "hundred",
    ) -> None:
        self._url = f"{base_url}/v1/opportunities"
        # The key is the user name, the password is empty (ChartMogul's page on authentication).
        self._authorization = "Basic " + base64.b64encode(f"{api_key.reveal()}:".encode()).decode()
        self._transport = transport
        self._telemetry = telemetry
        self._minor_units = minor_units
        self._reported: set[tuple[str, str]] = set()

    async def fetch_many(self, ids: Sequence[str], operation: Operation) -> list[Outcome]:
        """Return one outcome for each uuid; the transport bounds how many are asked for at once."""
        return await asyncio.gather(*(self._fetch_one(source_id, operation) for source_id in ids))

    async def _fetch_one(self, source_id: str, operation: Operation) -> Outcome:
        url = f"{self._url}/{quote(source_id, safe='')}"
        try:
            body = await self._transport.fetch(
                Request(url, "get", headers={"Authorization": self._authorization}), operation
            )
            if body is None:
                return None
            record = parse(body, self._minor_units)
            if record.uuid.lower() != source_id:
                raise UpstreamBadResponse(SOURCE, detail="another record than the one asked for")
        except UpstreamError as error:
            return error
        for unknown in record.unknown_codes():
            if unknown not in self._reported and len(self._reported) < 100:
                self._reported.add(unknown)
                self._telemetry(UnknownCode(SOURCE, *unknown))
        return record
