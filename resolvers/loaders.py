"""The DataLoaders of one request: every record that the request asks for, however often, is fetched once.

They remember only within one request. A loader kept longer would be a cache of personal data that nothing bounds.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from weakref import ref

import aiodataloader

from resolvers.errors import SourceNotConfigured, UpstreamUnavailable
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.source import Outcome, Source

_UNKNOWN: Any = object()

Found = Outcome | asyncio.Future[Outcome]


class _FromSource:
    """What one request knows of a source's records."""

    __slots__ = ("known", "loader", "scheduler")

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.known: dict[str, Found] = {}
        self.loader: aiodataloader.DataLoader[str, Outcome] | None = None


class Loaders:
    """The records of one request, a DataLoader for each source; made inside the running loop.

    When a batch leaves is aiodataloader's doing alone: when all that can run has asked for what it wants.
    """

    def __init__(self, schedulers: Mapping[str, Scheduler], operation: UpstreamContext) -> None:
        self._schedulers = schedulers
        self._operation = operation
        self._sources: dict[str, _FromSource] = {}
        self._batches: set[asyncio.Task[object]] = set()
        self._is_closed = False

    async def load(self, source: Source, source_id: str) -> Outcome:
        """Return the record with this canonical id, None where there is none; raises a `ResolverError`.

        Nothing is awaited before the key is queued, or records asked for together would not share a batch.
        """
        found = self.ask(source, source_id)
        if not isinstance(found, asyncio.Future):
            return found
        # All callers of a key share one future: graphql-core cancels siblings of a failed non-null field, and an
        # unshielded cancellation would reach the others.
        return await asyncio.shield(found)

    def ask(self, source: Source, source_id: str) -> Found:
        """Return the record if it is known, or the future that will have it; all who ask for the key share it.

        Raises `SourceNotConfigured`.
        """
        mine = self._sources.get(source.name) or self._open(source)
        found = mine.known.get(source_id, _UNKNOWN)
        if found is not _UNKNOWN:
            return found
        if (entry := mine.scheduler.cached(source_id, self._operation)) is not None:
            found = entry.record
        else:
            if mine.loader is None:
                mine.loader = aiodataloader.DataLoader(partial(self._fetch, mine), cache=False)
            found = mine.loader.load(source_id)
        mine.known[source_id] = found
        return found

    def age_seconds(self, source: str, source_id: str) -> float:
        """Return how old a record is that was loaded: 0 if it was fetched for this request, and is not cached."""
        mine = self._sources.get(source)
        return 0.0 if mine is None else mine.scheduler.age_seconds(source_id)

    def _open(self, source: Source) -> _FromSource:
        scheduler = self._schedulers.get(source.name)
        if scheduler is None:
            raise SourceNotConfigured(source.name)
        mine = self._sources[source.name] = _FromSource(scheduler)
        return mine

    def validator(self) -> "CachedRecords | None":
        """Return a validator of all records that were requested; None if any of them had to be fetched."""
        cached = []
        for mine in self._sources.values():
            for source_id, known in mine.known.items():
                if isinstance(known, asyncio.Future):
                    return None
                cached.append((mine.scheduler, source_id, known))
        try:
            return CachedRecords(cached)
        except TypeError:  # a source's records that nobody can hold without keeping them alive
            return None

    def close(self) -> None:
        """Give up what is still being fetched: the request is over, or its client has gone."""
        self._is_closed = True
        for batch in self._batches:
            batch.cancel()
        for mine in self._sources.values():
            mine.loader = None  # which knows this, in a cycle that would keep the records until somebody looks for such

    async def _fetch(self, mine: _FromSource, ids: list[str]) -> list[Outcome]:
        scheduler = mine.scheduler
        batch = asyncio.current_task()
        assert batch
        self._batches.add(batch)
        try:
            if self._is_closed:
                raise asyncio.CancelledError
            outcomes = await scheduler.fetch_many(ids, self._operation)
        except asyncio.CancelledError:
            # aiodataloader catches only Exception: uncaught here, every caller would wait for ever.
            outcomes = [_cancelled(scheduler)] * len(ids)
        finally:
            self._batches.discard(batch)
        for source_id, outcome in zip(ids, outcomes, strict=True):
            if isinstance(outcome, Exception):
                future = mine.known[source_id]
                assert isinstance(future, asyncio.Future)
                future.add_done_callback(_seen)
        return outcomes


class CachedRecords:
    """A response cache's validator: some records as they came from the record cache, which alone keeps them alive."""

    __slots__ = ("_records",)

    def __init__(self, records: Sequence[tuple[Scheduler, str, Any]]) -> None:
        self._records = [(scheduler, id_, None if one is None else ref(one)) for scheduler, id_, one in records]

    def __len__(self) -> int:
        return len(self._records)

    def __call__(self) -> bool:
        """Return whether these are the fresh entries of the cache now."""
        try:
            for scheduler, source_id, known in self._records:
                record = None if known is None else known()
                if (record is None) is not (known is None) or not scheduler.has(source_id, record):
                    return False
        except Exception:  # a store's; who asks it for the record will meet it again
            return False
        return True


def _cancelled(scheduler: Scheduler) -> UpstreamUnavailable:
    return UpstreamUnavailable(scheduler.source, detail="the fetch was cancelled")


def _seen(future: "asyncio.Future[Outcome]") -> None:
    """Mark an exception as seen: those who would have raised it may have been cancelled."""
    if not future.cancelled():
        future.exception()
