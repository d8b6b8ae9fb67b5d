"""The DataLoaders of one request: every record that the request asks for, however often, is fetched once.

They remember only within one request. A loader kept longer would be a cache of personal data that nothing bounds.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context
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


class _FromSource:
    """What one request knows of a source's records, and what it has asked for that has not left yet."""

    __slots__ = ("asked", "fetcher", "known", "leaves_at", "loader")

    def __init__(self, fetcher: Fetcher) -> None:
        self.fetcher = fetcher
        self.leaves_at = 2 if fetcher.sends_at_once else 0
        """With how many what was asked for leaves before the rest is asked for; 0 for never."""
        self.known: dict[str, Outcome | asyncio.Future[Outcome]] = {}
        self.asked: Asked = []
        self.loader: aiodataloader.DataLoader[str, Outcome] | None = None


class Loaders:
    """The records of one request; made inside the running loop.

    Resolvers that each ask for one record share a batch (`load`): that is aiodataloader's doing, a DataLoader for each
    source. Whoever knows all that it wants asks for it (`ask`), and lets it leave (`send`).
    """

    def __init__(self, fetchers: Mapping[str, Fetcher], operation: Operation) -> None:
        self._fetchers = fetchers
        self._operation = operation
        self._sources: dict[str, _FromSource] = {}
        self._batches: set[asyncio.Task[object]] = set()
        self._visits: list[tuple[Fetcher, Visit, Asked]] = []
        self._is_closed = False

    async def load(self, source: Source, source_id: str) -> Outcome:
        """Return the record with this canonical id, None where there is none; raises a `ResolverError`.

        Nothing is awaited before the key is queued, or records asked for together would not share a batch.
        """
        mine = self._sources.get(source.name) or self._open(source)
        found = self._find(mine, source_id)
        if found is _UNKNOWN:
            if mine.loader is None:
                mine.loader = aiodataloader.DataLoader(partial(self._fetch, mine), cache=False)
            found = mine.known[source_id] = mine.loader.load(source_id)
        if not isinstance(found, asyncio.Future):
            return found
        if mine.asked:  # by somebody who gave up before it had left
            self.send()
        # All callers of a key share one future: graphql-core cancels siblings of a failed non-null field, and an
        # unshielded cancellation would reach the others.
        return await asyncio.shield(found)

    def ask(self, source: Source, source_id: str) -> "Outcome | asyncio.Future[Outcome]":
        """Return the record if it is at hand, or the future that will have it; all who ask for the key share it.

        What was asked for leaves with `send`, or before that if company would be of no use to it. Raises
        `SourceNotConfigured`.
        """
        mine = self._sources.get(source.name) or self._open(source)
        found = self._find(mine, source_id)
        if found is _UNKNOWN:
            found = mine.known[source_id] = self._operation.loop.create_future()
            mine.asked.append((source_id, found))
            if len(mine.asked) == mine.leaves_at:
                mine.leaves_at *= 2  # the source works already, and each departure has its price
                self._leave(mine)
        return found

    def _open(self, source: Source) -> _FromSource:
        fetcher = self._fetchers.get(source.name)
        if fetcher is None:
            raise SourceNotConfigured(source.name)
        mine = self._sources[source.name] = _FromSource(fetcher)
        return mine

    def _find(self, mine: _FromSource, source_id: str) -> "Outcome | asyncio.Future[Outcome]":
        """Return what this request knows of the record, or the cache; else `_UNKNOWN`."""
        found = mine.known.get(source_id, _UNKNOWN)
        if found is _UNKNOWN and (entry := mine.fetcher.at_hand(source_id, self._operation)) is not None:
            found = mine.known[source_id] = entry.record
        return found

    def send(self) -> None:
        """Let all that was asked for leave now: nobody else will ask before it is answered."""
        asking = [mine for mine in self._sources.values() if mine.asked]
        if len(asking) > 1:
            asking.sort(key=_later)
        for mine in asking:
            self._leave(mine)

    def _leave(self, mine: _FromSource) -> None:
        fetcher, asked, mine.asked = mine.fetcher, mine.asked, []
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
        for mine in self._sources.values():
            for source_id, known in mine.known.items():
                if isinstance(known, asyncio.Future):
                    return None
                held.append((mine.fetcher, source_id, known))
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
        for name, mine in self._sources.items():
            if self._operation.cost(name).requests:
                # When the answer has been sent. It may be for several requests: the log would show this one's id.
                self._operation.loop.call_soon(mine.fetcher.clear_up, context=Context())
            mine.loader = None  # which knows this, in a cycle that would keep the records until somebody looks for such

    async def _fetch(self, mine: _FromSource, ids: list[str]) -> list[Outcome]:
        fetcher = mine.fetcher
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
                future = mine.known[source_id]
                assert isinstance(future, asyncio.Future)
                future.add_done_callback(_seen)
        return outcomes


def _later(mine: _FromSource) -> bool:
    """Put those last whose requests leave in the next turn anyway, and not at once."""
    return not mine.fetcher.sends_at_once


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
