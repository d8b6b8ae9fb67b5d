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
from resolvers.fetcher import Fetcher
from resolvers.operation import Operation
from resolvers.queueing import Visit
from resolvers.source import Outcome, Source

_UNKNOWN = object()


class Loader(aiodataloader.DataLoader[str, Outcome]):
    """A DataLoader whose batch leaves when it is told to."""

    cache = False  # `Loaders` remembers the keys of all sources
    _will_leave = False

    def do_resolve_reject(self, key: str, future: "asyncio.Future[Outcome]") -> None:
        """Take a key; aiodataloader would also make the batch leave soon."""
        self._queue.append(aiodataloader.Loader(key=key, future=future))

    def take(self) -> list[aiodataloader.Loader]:
        """Return the keys of the batch and their futures, for whoever needs no task to have them resolved."""
        taken, self._queue = self._queue, []
        return taken

    def send_soon(self) -> None:
        """Let it leave after some turns of the loop, as aiodataloader does: resolvers ask in different ones."""
        if self._queue and not self._will_leave:
            self._will_leave = True
            self.loop.call_soon(asyncio.ensure_future, self._leave())

    async def _leave(self) -> None:
        self._will_leave = False
        if self._queue:
            aiodataloader.dispatch_queue(self)


class Loaders:
    """One DataLoader for each configured source; made inside the running loop, for one request."""

    def __init__(self, fetchers: Mapping[str, Fetcher], operation: Operation) -> None:
        self._fetchers = fetchers
        self._operation = operation
        self._loaders: dict[str, Loader] = {}
        self._known: dict[tuple[str, str], Outcome | asyncio.Future[Outcome]] = {}
        self._batches: set[asyncio.Task[object]] = set()
        self._visits: list[tuple[Fetcher, Visit, list[aiodataloader.Loader]]] = []
        self._is_closed = False

    async def load(self, source: Source, source_id: str) -> Outcome:
        """Return the record with this canonical id, None where there is none; raises a `ResolverError`.

        Nothing is awaited before the key is queued, or records asked for together would not share a batch.
        """
        found = self.ask(source, source_id)
        if not isinstance(found, asyncio.Future):
            return found
        if (loader := self._loaders.get(source.name)) is not None:  # none is left when the request is over
            loader.send_soon()
        # All callers of a key share one future: graphql-core cancels siblings of a failed non-null field, and an
        # unshielded cancellation would reach the others.
        return await asyncio.shield(found)

    def ask(self, source: Source, source_id: str) -> "Outcome | asyncio.Future[Outcome]":
        """Return the record if it is at hand, or the future that will have it; all who ask for the key share it.

        What was asked for leaves with `send`. Raises `SourceNotConfigured`.
        """
        key = (source.name, source_id)
        known = self._known.get(key, _UNKNOWN)
        if known is not _UNKNOWN:
            return known
        fetcher = self._fetchers.get(source.name)
        if fetcher is None:
            raise SourceNotConfigured(source.name)
        entry = fetcher.at_hand(source_id, self._operation)
        if entry is not None:
            self._known[key] = entry.record
            return entry.record
        loader = self._loaders.get(source.name)
        if loader is None:
            loader = self._loaders[source.name] = Loader(partial(self._fetch, fetcher))
        self._known[key] = future = loader.load(source_id)
        return future

    def send(self) -> None:
        """Let all that was asked for leave now: nobody else will ask before it is answered."""
        for name, loader in self._loaders.items():
            if asked := loader.take():
                self._visit(self._fetchers[name], asked)

    def _visit(self, fetcher: Fetcher, asked: list[aiodataloader.Loader]) -> None:
        told = partial(_resolve, asked)
        if self._is_closed:
            told([_cancelled(fetcher)] * len(asked))
            return
        try:
            visit = fetcher.visit([one.key for one in asked], self._operation, told)
        except Exception as error:  # a fault of ours: those who wait have to know
            told([error] * len(asked))
        else:
            self._visits.append((fetcher, visit, asked))

    def at_hand(self) -> "AtHand | None":
        """Return what tells whether all that was asked for is still at hand; None if any of it had to be fetched."""
        held = []
        for (name, source_id), known in self._known.items():
            if isinstance(known, asyncio.Future):
                return None
            held.append((self._fetchers[name], source_id, known))
        try:
            return AtHand(held)
        except TypeError:  # a source's records that nobody can hold without keeping them alive
            return None

    def close(self) -> None:
        """Give up what is still being fetched: the request is over, or its client has gone."""
        self._is_closed = True
        for batch in self._batches:
            batch.cancel()
        for fetcher, visit, asked in self._visits:
            if not visit.is_over:
                fetcher.leave(visit)
                _resolve(asked, [_cancelled(fetcher)] * len(asked))
        self.send()  # to be refused: whoever waits for what had not left yet would wait for ever
        self._visits.clear()
        self._loaders.clear()  # which know this, in a cycle that would keep the records until somebody looks for such

    async def _fetch(self, fetcher: Fetcher, ids: list[str]) -> list[Outcome]:
        batch = asyncio.current_task()
        assert batch
        self._batches.add(batch)
        try:
            if self._is_closed:
                raise asyncio.CancelledError
            outcomes = await fetcher.fetch_many(ids, self._operation)
        except asyncio.CancelledError:
            # aiodataloader catches only Exception: uncaught here, every caller would wait for ever.
            outcomes = [_cancelled(fetcher)] * len(ids)
        finally:
            self._batches.discard(batch)
        for source_id, outcome in zip(ids, outcomes, strict=True):
            if isinstance(outcome, Exception):
                future = self._known[fetcher.source, source_id]
                assert isinstance(future, asyncio.Future)
                future.add_done_callback(_seen)
        return outcomes


class AtHand:
    """Some records as they came from the cache. The cache decides how long they live, not this."""

    __slots__ = ("_held",)

    def __init__(self, records: Sequence[tuple[Fetcher, str, Any]]) -> None:
        self._held = [(fetcher, id_, None if one is None else ref(one)) for fetcher, id_, one in records]

    def __len__(self) -> int:
        return len(self._held)

    def __call__(self) -> bool:
        """Return whether the cache would answer with just these now."""
        try:
            for fetcher, source_id, known in self._held:
                if not fetcher.has(source_id, None if known is None else known()):
                    return False
        except Exception:  # a store's; who asks it for the record will meet it again
            return False
        return True


def _resolve(asked: list[aiodataloader.Loader], outcomes: Sequence[Outcome]) -> None:
    """Resolve or reject each future that is not done."""
    for (_, future), outcome in zip(asked, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
            _seen(future)
        else:
            future.set_result(outcome)


def _cancelled(fetcher: Fetcher) -> UpstreamUnavailable:
    return UpstreamUnavailable(fetcher.source, detail="the fetch was cancelled")


def _seen(future: "asyncio.Future[Outcome]") -> None:
    """Mark an exception as seen: those who would have raised it may have been cancelled."""
    if not future.cancelled():
        future.exception()
