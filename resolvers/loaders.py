"""The DataLoaders of one request: every record that the request asks for, however often, is fetched once.

They remember only within one request. A loader kept longer would be a cache of personal data that nothing bounds.
"""

import asyncio
from collections.abc import Iterable, Mapping

import aiodataloader

from resolvers.errors import SourceNotConfigured, UpstreamUnavailable
from resolvers.fetching.record_cache import Entry, EntrySet, RecordCache
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.source import Outcome, Record, Source

Future = asyncio.Future[Outcome]


class _SourceLoader(aiodataloader.DataLoader[str, Outcome]):
    """What one request knows of a source's records: from the record cache, or the future of one that is fetched."""

    get_cache_key = staticmethod(str)
    """The key itself: where there is such an attribute, aiodataloader makes no function for each loader."""

    def __init__(self, scheduler: Scheduler, operation: UpstreamContext) -> None:
        # All that aiodataloader's own constructor would set. It asks, too, whether `batch_load_fn` is a coroutine
        # function, which takes as long as all else that is done here for an operation.
        self.loop = operation.loop
        self.cache = False
        self._cache = {}
        self._queue = []
        self.scheduler = scheduler
        self.known: dict[str, Entry | Future] = {}
        self._operation = operation
        self._batches: set[asyncio.Task[object]] = set()
        self._is_closed = False

    def request(self, source_id: str) -> Outcome | Future:
        """Return the record if it is cached, or the future that will have it; all who request the id share it."""
        found = self.known.get(source_id)
        operation = self._operation
        if (
            operation.longest_ages
            and isinstance(found, Entry)
            and not self.scheduler.accepts(found, source_id, operation)
        ):
            found = None  # another field was content with it
        if found is None:
            found = self.known[source_id] = self.scheduler.cached(source_id, self._operation) or self.load(source_id)
        return found.record if isinstance(found, Entry) else found

    def close(self) -> None:
        """Give up what is still being fetched, and forget where errors were raised.

        They know the frames through which they went, and those know this loader: cycles that only a collection frees,
        with everything that the operation had.
        """
        self._is_closed = True
        for batch in self._batches:
            batch.cancel()
        for found in self.known.values():
            if isinstance(found, asyncio.Future) and found.done() and not found.cancelled():
                error = found.exception()
                if error is not None:
                    error.__traceback__ = None

    def do_resolve_reject(self, key: str, future: Future) -> None:
        """Queue a key, and have the batch leave two turns of the loop after its first one: one for all who request, one
        for what they have started. aiodataloader's own way there takes another task and another turn.
        """
        self._queue.append(aiodataloader.Loader(key, future))
        if len(self._queue) == 1:
            self.loop.call_soon(self.loop.call_soon, self._dispatch)

    def _dispatch(self) -> None:
        queue, self._queue = self._queue, []
        self.loop.create_task(aiodataloader.dispatch_queue_batch(self, queue))

    async def batch_load_fn(self, ids: list[str]) -> list[Outcome]:
        """Return one outcome for each id."""
        batch = asyncio.current_task(self.loop)
        assert batch
        self._batches.add(batch)
        try:
            if self._is_closed:
                raise asyncio.CancelledError
            outcomes = await self.scheduler.fetch_many(ids, self._operation)
        except asyncio.CancelledError:
            # aiodataloader catches only Exception: uncaught here, every caller would wait for ever.
            outcomes = [UpstreamUnavailable(self.scheduler.source, detail="the fetch was cancelled")] * len(ids)
        finally:
            self._batches.discard(batch)
        for source_id, outcome in zip(ids, outcomes, strict=True):
            if isinstance(outcome, Exception):
                future = self.known[source_id]
                assert isinstance(future, asyncio.Future)
                future.add_done_callback(_mark_as_seen)
        return outcomes


class Loaders:
    """The records of one request, a DataLoader for each source; made inside the running loop."""

    def __init__(self, schedulers: Mapping[str, Scheduler], operation: UpstreamContext) -> None:
        self._schedulers = schedulers
        self._operation = operation
        self._sources: dict[str, _SourceLoader] = {}

    async def load(self, source: Source, source_id: str) -> Outcome:
        """Return the record with this canonical id, None where there is none; raises a `ResolverError`.

        Nothing is awaited before the key is queued, or records requested together would not share a batch.
        """
        found = self.request(source, source_id)
        if not isinstance(found, asyncio.Future):
            return found
        # All callers of a key share one future: graphql-core cancels siblings of a failed non-null field, and an
        # unshielded cancellation would reach the others.
        return await asyncio.shield(found)

    def request(self, source: Source, source_id: str) -> Outcome | Future:
        """Return the record if it is cached, or the future that will have it; all who request the key share it.

        Raises `SourceNotConfigured`.
        """
        return (self._sources.get(source.name) or self._open(source)).request(source_id)

    async def load_customer(self, source: Source, customer_id: str) -> Outcome:
        """Return a customer of a source's records, None where there is none; raises a `ResolverError`."""
        name = f"{source.name} customers"
        mine = self._sources.get(name)
        if mine is None:
            scheduler = self._schedulers[source.name].customers if source.name in self._schedulers else None
            if scheduler is None:
                raise SourceNotConfigured(source.name)
            mine = self._sources[name] = _SourceLoader(scheduler, self._operation)
        found = mine.request(customer_id)
        return await asyncio.shield(found) if isinstance(found, asyncio.Future) else found

    def join(self, source: Source, source_id: str, record: Record, joined: Record) -> None:
        """Have the record cache keep a record with its customer in place of the same one without."""
        if source.name in self._schedulers:
            self._schedulers[source.name].cache.replace(source_id, record, joined)

    def age_seconds(self, source: str, source_id: str) -> float:
        """Return how old a record is that was loaded: 0 if it was fetched for this request, and is not cached."""
        mine = self._sources.get(source)
        return 0.0 if mine is None else mine.scheduler.cache.age_seconds(source_id)

    def _open(self, source: Source) -> _SourceLoader:
        scheduler = self._schedulers.get(source.name)
        if scheduler is None:
            raise SourceNotConfigured(source.name)
        mine = self._sources[source.name] = _SourceLoader(scheduler, self._operation)
        return mine

    def validator(self) -> "CachedRecords | None":
        """Return a validator of all records that were requested; None if any of them had to be fetched."""
        cached = []
        for mine in self._sources.values():
            entries = [(source_id, one) for source_id, one in mine.known.items() if isinstance(one, Entry)]
            if len(entries) < len(mine.known):
                return None
            cached.append((mine.scheduler.cache, entries))
        return CachedRecords(cached)

    def close(self) -> None:
        """Give up what is still being fetched: the request is over, or its client has gone."""
        for mine in self._sources.values():
            mine.close()


class CachedRecords:
    """A response cache's validator: some entries of the record cache, which alone keeps them alive."""

    __slots__ = ("_records",)

    def __init__(self, records: Iterable[tuple[RecordCache, Iterable[tuple[str, Entry]]]]) -> None:
        self._records = [(cache, EntrySet(entries)) for cache, entries in records]

    def __len__(self) -> int:
        return sum(len(entries.references) for _, entries in self._records)

    def __call__(self) -> bool:
        """Return whether all of them are fresh entries of the cache now."""
        return all(cache.holds(entries) for cache, entries in self._records)


def _mark_as_seen(future: Future) -> None:
    """Those who would have raised an exception may have been cancelled; asyncio shall not log it."""
    if not future.cancelled():
        future.exception()
