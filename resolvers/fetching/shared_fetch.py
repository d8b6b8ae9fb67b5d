"""Running fetches, each for as many records as one request can carry, and a task for each."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context

from resolvers.errors import UpstreamUnavailable
from resolvers.fetching.fair_queue import KeyRequest
from resolvers.fetching.upstream_context import Permit, SharedFetch
from resolvers.source import Client, Outcome

Batch = list[KeyRequest]


class SharedFetches:
    """The running fetches of one source.

    `on_done` is called with a batch and its outcomes, `on_error` with a batch that a fault of ours keeps from having
    any: its waiters would wait for ever otherwise.
    """

    def __init__(
        self,
        client: Client,
        *,
        on_done: Callable[[Batch, list[Outcome]], None],
        on_error: Callable[[Batch, Exception], None],
    ) -> None:
        self._client = client
        self._on_done = on_done
        self._on_error = on_error
        self._running: dict[SharedFetch, tuple[asyncio.Task[None], Batch]] = {}

    def start(self, batch: Batch, permit: Permit) -> None:
        """Fetch a batch; the permit is for its first request.

        In an empty context: the log would show the id of one request beside what is done for several.
        """
        shared_fetch = _shared_fetch(batch, permit, self._client.transport.source)
        for one in batch:
            one.shared_fetch = shared_fetch
        task = shared_fetch.loop.create_task(self._fetch(shared_fetch, batch), context=Context())
        self._running[shared_fetch] = task, batch

    def cancel(self, shared_fetch: SharedFetch) -> Batch:
        """Cancel a fetch that nobody waits for any more; return its batch, empty if it is done."""
        if shared_fetch not in self._running:
            return []
        task, batch = self._running.pop(shared_fetch)
        task.cancel()
        shared_fetch.release_permit()  # it may not even have begun
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
        self._running.pop(shared_fetch, None)
        if shared_fetch.permit is not None:
            shared_fetch.release_permit()
        if not isinstance(outcomes, Exception):
            try:
                self._on_done(batch, outcomes)
            except Exception as error:
                outcomes = error
        if isinstance(outcomes, StopIteration):
            outcomes = RuntimeError("StopIteration")  # as a coroutine makes of it, because no future takes one
        if isinstance(outcomes, Exception):
            self._on_error(batch, outcomes)


def _shared_fetch(batch: Sequence[KeyRequest], permit: Permit, source: str) -> SharedFetch:
    """Return the fetch of a batch. Its request counts for the owner of the first record; the others have joined it."""
    owner = batch[0].owner
    if len(batch) == 1:
        return SharedFetch(batch[0].contexts, owner=owner, permit=permit)
    for one in batch:
        if one.owner is not owner:
            one.owner.usage(source).joined += 1
    return SharedFetch(lambda: {w.operation for one in batch for w in one.waiters}, owner=owner, permit=permit)
