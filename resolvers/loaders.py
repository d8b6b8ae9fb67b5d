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

_UNKNOWN: Any = object()

Asked = list[tuple[str, "asyncio.Future[Outcome]"]]
"""Ids, and who waits for each."""


class Loaders:
    """The records of one request; made inside the running loop.

    Resolvers that each ask for one record share a batch (`load`): that is aiodataloader's doing, a DataLoader for each
    source. Whoever knows all that it wants asks for it (`ask`), and lets it leave (`send`).
    """

    def __init__(self, fetchers: Mapping[str, Fetcher], operation: Operation) -> None:
        self._fetchers = fetchers
        self._operation = operation
        self._loaders: dict[str, aiodataloader.DataLoader[str, Outcome]] = {}
        self._known: dict[tuple[str, str], Outcome | asyncio.Future[Outcome]] = {}
        self._asked: dict[str, Asked] = {}
        self._batches: set[asyncio.Task[object]] = set()
        self._visits: list[tuple[Fetcher, Visit, Asked]] = []
        self._is_closed = False

    async def load(self, source: Source, source_id: str) -> Outcome:
        """Return the record with this canonical id, None where there is none; raises a `ResolverError`.

        Nothing is awaited before the key is queued, or records asked for together would not share a batch.
        """
        found = self._find(source, source_id)
        if found is _UNKNOWN:
            loader = self._loaders.get(source.name)
            if loader is None:
                fetch = partial(self._fetch, self._fetchers[source.name])
                loader = self._loaders[source.name] = aiodataloader.DataLoader(fetch, cache=False)
            found = self._known[source.name, source_id] = loader.load(source_id)
        if not isinstance(found, asyncio.Future):
            return found
        if self._asked:  # by somebody who gave up before it had left
            self.send()
        # All callers of a key share one future: graphql-core cancels siblings of a failed non-null field, and an
        # unshielded cancellation would reach the others.
        return await asyncio.shield(found)

    def ask(self, source: Source, source_id: str) -> "Outcome | asyncio.Future[Outcome]":
        """Return the record if it is at hand, or the future that will have it; all who ask for the key share it.

        What was asked for leaves with `send`. Raises `SourceNotConfigured`.
        """
        found = self._find(source, source_id)
        if found is _UNKNOWN:
            found = self._known[source.name, source_id] = asyncio.get_running_loop().create_future()
            asked = self._asked.get(source.name)
            if asked is None:
                asked = self._asked[source.name] = []
            asked.append((source_id, found))
        return found

    def _find(self, source: Source, source_id: str) -> "Outcome | asyncio.Future[Outcome]":
        """Return what this request knows of the record, or the cache; else `_UNKNOWN`."""
        key = (source.name, source_id)
        known = self._known.get(key, _UNKNOWN)
        if known is _UNKNOWN:
            fetcher = self._fetchers.get(source.name)
            if fetcher is None:
                raise SourceNotConfigured(source.name)
            entry = fetcher.at_hand(source_id, self._operation)
            if entry is not None:
                known = self._known[key] = entry.record
        return known

    def send(self) -> None:
        """Let all that was asked for leave now: nobody else will ask before it is answered."""
        asked = [(self._fetchers[name], of_source) for name, of_source in self._asked.items()]
        if len(asked) > 1:
            asked.sort(key=_later)
        self._asked = {}
        for fetcher, of_source in asked:
            self._visit(fetcher, of_source)

    def _visit(self, fetcher: Fetcher, asked: Asked) -> None:
        told = partial(_resolve, asked)
        if self._is_closed:
            told([_cancelled(fetcher)] * len(asked))
            return
        try:
            visit = fetcher.visit([source_id for source_id, _ in asked], self._operation, told)
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


def _later(asked: tuple[Fetcher, object]) -> bool:
    """Put those last whose requests leave in the next turn anyway, and not at once."""
    return not asked[0].sends_at_once


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
                record = None if known is None else known()
                if (record is None) is not (known is None) or not fetcher.has(source_id, record):
                    return False
        except Exception:  # a store's; who asks it for the record will meet it again
            return False
        return True


def _resolve(asked: Asked, outcomes: Sequence[Outcome]) -> None:
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
