"""The project's types and records, served the way that Strawberry's own pages show.

Strawberry's ASGI view and executor and one DataLoader for each source (a list call for Nexudus). Records are kept for
KEPT_SECONDS, if that is not 0. With TUNED=1 also what Strawberry has for speed, its caches of parsed and validated
documents, and orjson.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from aiodataloader import DataLoader
from cachetools import TTLCache
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from resolvers.chartmogul.record import parse as parse_chartmogul
from resolvers.nexudus.page import read_page
from resolvers.nexudus.record import parse as parse_nexudus
from schema.federation import VERSION, FederatedSchema
from schema.query import Query
from schema.scalars import SCALARS
from schema.sources import MAPPINGS, SOURCE_TYPES

UPSTREAM = os.environ["UPSTREAM"]
NEXUDUS = f"{UPSTREAM}/api/crm/crmopportunities"
KEPT_SECONDS = int(os.environ["KEPT_SECONDS"])
TUNED = os.environ.get("TUNED") == "1"
CACHE: TTLCache[tuple[str, str], Any] | None = TTLCache(10_000, KEPT_SECONDS) if KEPT_SECONDS else None


class Upstream:
    """One aiohttp session."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, authorization: str) -> bytes | None:
        """Return the body, None where there is none."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))
        async with self._session.get(url, headers={"Authorization": authorization}) as response:
            if response.status == 404:
                return None
            response.raise_for_status()
            return await response.read()

    async def nexudus(self, ids: Sequence[str]) -> list[Any]:
        """Return the records."""
        if len(ids) == 1:
            body = await self.get(f"{NEXUDUS}/{ids[0]}", "Bearer token")
            return [None if body is None else parse_nexudus(body)[0]]
        query = f"CrmOpportunity_Id=%5B{','.join(map(quote, ids))}%5D&page=1&size={len(ids)}"
        body = await self.get(f"{NEXUDUS}?{query}", "Bearer token")
        records = read_page(body, ids).records if body else {}
        return [records.get(id_) for id_ in ids]

    async def chartmogul(self, ids: Sequence[str]) -> list[Any]:
        """Return the records."""
        urls = (f"{UPSTREAM}/v1/opportunities/{id_}" for id_ in ids)
        bodies = await asyncio.gather(*(self.get(url, "Basic a2V5Og==") for url in urls))
        return [None if body is None else parse_chartmogul(body) for body in bodies]


class Context(dict[str, Any]):
    """The loaders of one request, with the method that the project's root fields call."""

    def __init__(self, upstream: Upstream) -> None:
        super().__init__()
        self._loaders = {
            "nexudus": DataLoader(upstream.nexudus, max_batch_size=50),
            "chartmogul": DataLoader(upstream.chartmogul),
        }

    async def load(self, source: Any, source_id: str) -> Any:
        """Return what clients see of a record, from the cache or the loader."""
        key = (source.name, source_id)
        record = CACHE.get(key) if CACHE is not None else None
        if record is None:
            record = await self._loaders[source.name].load(source_id)
            if CACHE is not None and record is not None:
                CACHE[key] = record
        return None if record is None else MAPPINGS[source.name].of(record)


class View(GraphQL[Context, None]):
    """Strawberry's view."""

    upstream = Upstream()

    async def get_context(self, request: Any, response: Any = None) -> Context:
        """Return the loaders of a request."""
        return Context(self.upstream)


class TunedView(View):
    """The same with orjson."""

    def encode_json(self, data: object) -> bytes:
        """Write an answer."""
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        """Read a request."""
        return orjson.loads(data)


SCHEMA = FederatedSchema(
    description="The same graph.",
    query=Query,
    types=[one.made.type_ for one in SOURCE_TYPES],
    config=StrawberryConfig(scalar_map=SCALARS),
    federation_version=VERSION,
    extensions=[ParserCache(maxsize=256), ValidationCache(maxsize=256)] if TUNED else [],
)
view = (TunedView if TUNED else View)(SCHEMA, graphql_ide=None)
app = Starlette(routes=[Route("/graphql", view, methods=["POST"])])
