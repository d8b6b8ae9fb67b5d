"""Records by id from the store's copy, for callers that accept its age: no source is asked."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from engine.lookup import ListedRecord, Lookup
from resolvers.errors import BadUserInput
from resolvers.fetching.record_store import LOOKUP_TIMEOUT_SECONDS
from resolvers.source import Source
from schema.context import Context
from schema.deals.freshness import FreshnessInput, OnStale, max_age
from schema.deals.service import StoreOutage, shown
from schema.deals.values import microseconds, moment_of
from schema.opportunity import Opportunity
from store.deals import deal_id, find
from store.sweeps import confirmed_at, state


@dataclass(frozen=True, slots=True)
class StoredFirst:
    """Stands for a context where a `Lookup` loads records."""

    context: Context
    copies: Mapping[tuple[str, str], ListedRecord]

    async def load(self, source: Source, source_id: str) -> Opportunity | None:
        """Return what clients see of a record; raises a `ResolverError`."""
        copy = self.copies.get((source.name, source_id))
        if copy is None:
            return await self.context.load(source, source_id)
        found = shown(copy)
        if isinstance(found, Exception):
            raise found
        return found


async def stored_first(
    context: Context, freshness: FreshnessInput | None, lookup: Lookup, values: Sequence[str]
) -> Any:
    """Return a context that loads records which the store has, whole and young enough, from there."""
    if freshness is None:
        return context
    return StoredFirst(context, await young_copies(context, freshness, lookup, values))


async def young_copies(
    context: Context, freshness: FreshnessInput, lookup: Lookup, values: Sequence[str]
) -> Mapping[tuple[str, str], ListedRecord]:
    """Return the records which the store has, whole and young enough, by the source's name and the id.

    A copy is as old as what is known of it: one that a sweep found unchanged is as young as the sweep. All others are
    asked of their sources, whatever `onStale` says: what comes from there is as fresh as can be. Where one fails, only
    who is content with a warning gets a copy that is older.
    """
    context.dependence.on_time = True
    if lookup.check is not None:
        lookup.check(values)
    age = max_age(freshness)
    ids = []
    for value in values:
        with suppress(BadUserInput):  # which the lookup raises again, at its place
            source, source_id = lookup.key(value)
            if freshness.on_stale is not OnStale.WARN:
                context.operation.insist(source.name, source_id, age.total_seconds())
            ids.append(deal_id(source.name, "", source_id))
    try:
        deals = context.lists()
        oldest = microseconds(deals.now() - age)
        async with asyncio.timeout(LOOKUP_TIMEOUT_SECONDS):  # or the source would have no time left
            found, states = await deals.read(
                lambda connection: (find(connection, ids), state(connection)), context.turns
            )
    except (StoreOutage, TimeoutError):
        return {}
    copies = {}
    for one in found.values():
        if one.is_whole and one.deleted_at is None and one.source not in deals.unconfigured:
            at = confirmed_at(one, states.get((one.source, one.account)), now=microseconds(deals.now()))
            if at >= oldest:
                copies[one.source, one.source_id] = deals.copied(one)._replace(read_at=moment_of(at))
    return copies
