"""Customers of records that people asked for by id: the store's copy is served, and what was fetched is stored."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from resolvers.fetching.record_store import LOOKUP_TIMEOUT_SECONDS
from resolvers.source import Record
from store.customers import find_customers
from store.errors import StoreUnavailable
from sync.customers import Customers, record_of
from sync.fetched import GATHERING_SECONDS, MOST_WAITING
from sync.job import SECOND, Parts

logger: Final = logging.getLogger("opportunity_graph.sync")


class FetchedCustomers:
    """A `resolvers.fetching.record_store.RecordStore` of one account's customers. `run` writes, until cancelled."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._customers = Customers(parts)
        self._waiting: dict[str, tuple[Record | None, int]] = {}
        self._has_come = asyncio.Event()

    def on_fetched(self, source_id: str, record: Record | None, *, age_seconds: float, is_alone: bool) -> None:
        """Take a customer to be written, or that there is none."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting[source_id] = record, self._parts.now() - int(age_seconds * SECOND)
            self._has_come.set()

    has_fresh = True

    async def fresh(self, ids: Sequence[str], seconds: float) -> Mapping[str, tuple[Record, float]]:
        """Return the stored copies, however old: sync renews them."""
        async with asyncio.timeout(LOOKUP_TIMEOUT_SECONDS):
            return await self.find(ids)

    async def find(self, ids: Sequence[str]) -> Mapping[str, tuple[Record, float]]:
        """Return the stored copies, each with its age: however old, it is what lists show."""
        parts, (source, account) = self._parts, self._parts.account.key
        found = await parts.database.read(lambda connection: find_customers(connection, source, account, ids))
        now = parts.now()
        return {id_: (record_of(one), max(0.0, (now - one.read_at) / SECOND)) for id_, one in found.items()}

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._has_come.wait()
            await asyncio.sleep(GATHERING_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what has come; what cannot be written is let go, for sync will ask for it."""
        self._has_come.clear()
        waiting, self._waiting = self._waiting, {}
        try:
            if waiting and await self._derives_alike():
                await self._customers.write(
                    [self._customers.customer(id_, record, read_at) for id_, (record, read_at) in waiting.items()]
                )
        except StoreUnavailable:  # which has told the log itself
            pass
        except Exception as error:
            logger.warning(
                "%s: %d customers could not be stored: %s",
                self._parts.account.label,
                len(waiting),
                type(error).__name__,
            )

    async def _derives_alike(self) -> bool:
        return await self._parts.database.read(self._parts.derives_alike)
