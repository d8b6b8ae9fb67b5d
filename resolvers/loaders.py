"""The DataLoaders of one request: every record that the request asks for, however often, is fetched once.

They remember only within one request. A loader kept longer would be a cache of personal data that nothing bounds.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

from aiodataloader import DataLoader

from resolvers.errors import SourceNotConfigured, UpstreamUnavailable
from resolvers.operation import Operation
from resolvers.source import Client, Outcome, Source


class Loaders:
    """One DataLoader for each configured source; made inside the running loop, for one request."""

    def __init__(self, clients: Mapping[str, Client], operation: Operation) -> None:
        self._loaders: dict[str, DataLoader[str, Outcome]] = {
            name: DataLoader(partial(self._fetch, name, client, operation)) for name, client in clients.items()
        }

    async def load(self, source: Source, source_id: str) -> Outcome:
        """Return the record with this canonical id, None where there is none; raises a `ResolverError`.

        Nothing is awaited before the key is queued, or records asked for together would not share a batch.
        """
        loader = self._loaders.get(source.name)
        if loader is None:
            raise SourceNotConfigured(source.name)
        # All callers of a key share one future: graphql-core cancels siblings of a failed non-null field, and an
        # unshielded cancellation would reach the others.
        return await asyncio.shield(loader.load(source_id))

    @staticmethod
    async def _fetch(name: str, client: Client, operation: Operation, ids: list[str]) -> list[Outcome]:
        operation.asked(name, len(ids))
        try:
            return await client.fetch_many(ids, operation)
        except asyncio.CancelledError:
            # aiodataloader catches only Exception: uncaught here, every caller would wait for ever.
            return [UpstreamUnavailable(name, detail="the fetch was cancelled")] * len(ids)
