"""Fetches under way, each for as many records as one request can carry, and a task for each."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context

from resolvers.errors import UpstreamUnavailable
from resolvers.fetching.fair_queue import KeyRequest
from resolvers.fetching.upstream_context import Permit, SharedFetch
from resolvers.source import Client, Outcome

Batch = list[KeyRequest]


class SharedFetches:
    """The fetches under way from one source.

    `landed` is told of a batch and its outcomes, `failed` of one that a fault of ours keeps from having any: whoever
    waits has to know, or would wait for ever.
    """

    def __init__(
        self,
        client: Client,
        *,
        landed: Callable[[Batch, list[Outcome]], None],
        failed: Callable[[Batch, Exception], None],
    ) -> None:
        self._client = client
        self._landed = landed
        self._failed = failed
        self._under_way: dict[SharedFetch, tuple[asyncio.Task[None], Batch]] = {}

    def begin(self, batch: Batch, permit: Permit) -> None:
        """Fetch a batch; the permit is for its first request.

        In an empty context: the log would show the id of one request beside what is done for several.
        """
        shared_fetch = _shared_fetch(batch, self._client.transport.source)
        shared_fetch.give(permit)
        for one in batch:
            one.shared_fetch = shared_fetch
        task = asyncio.get_running_loop().create_task(self._fetch(shared_fetch, batch), context=Context())
        self._under_way[shared_fetch] = task, batch

    def abandon(self, shared_fetch: SharedFetch) -> Batch:
        """Break off a fetch that nobody waits for any more; return what it was for."""
        if shared_fetch not in self._under_way:
            return []
        task, batch = self._under_way.pop(shared_fetch)
        task.cancel()
        shared_fetch.end()  # it may not even have begun
        for one in batch:
            one.shared_fetch = None
        return batch

    async def _fetch(self, shared_fetch: SharedFetch, batch: Batch) -> None:
        outcomes: list[Outcome] | Exception
        try:
            outcomes = await self._client.fetch_many([one.source_id for one in batch], shared_fetch)
        except asyncio.CancelledError:
            outcomes = UpstreamUnavailable(self._client.transport.source, detail="the fetch was cancelled")
        except Exception as error:
            outcomes = error
        self._under_way.pop(shared_fetch, None)
        shared_fetch.end()
        if not isinstance(outcomes, Exception):
            try:
                self._landed(batch, outcomes)
            except Exception as error:
                outcomes = error
        if isinstance(outcomes, StopIteration):
            outcomes = RuntimeError("StopIteration")  # as a coroutine makes of it, because no future takes one
        if isinstance(outcomes, Exception):
            self._failed(batch, outcomes)


def _shared_fetch(batch: Sequence[KeyRequest], source: str) -> SharedFetch:
    """Return the flight of a batch; whoever asked for the first record pays for it, the others ride along."""
    owner = batch[0].first
    if len(batch) == 1:
        return SharedFetch(batch[0].waiters, owner=owner)
    for one in batch:
        if one.first is not owner:
            one.first.cost(source).joined += 1
    return SharedFetch(lambda: set().union(*[one.waiters() for one in batch]), owner=owner)
