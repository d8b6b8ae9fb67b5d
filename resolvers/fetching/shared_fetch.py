"""Running fetches, each for as many records as one request can carry, and a task for each."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context

from resolvers.errors import UpstreamError, UpstreamUnavailable
from resolvers.fetching.fair_queue import KeyRequest
from resolvers.fetching.served import serve
from resolvers.fetching.upstream_context import Permit, SharedFetch
from resolvers.source import Client, Outcome
from resolvers.tracing import Span

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

    def start(self, batch: Batch, permit: Permit) -> SharedFetch:
        """Fetch a batch; the permit is for its first request.

        In a context that is empty but for whom it is for: the log would show the id of one request beside what is done
        for several.
        """
        shared_fetch = _shared_fetch(batch, permit, self._client.transport.source)
        for one in batch:
            one.shared_fetch = shared_fetch
        tracer = self._client.transport.tracer
        if tracer is not None:
            shared_fetch.span = tracer.batch(self._client.transport.source, len(batch), batch[0].owner.span)
        context = Context()
        context.run(serve, shared_fetch)
        task = shared_fetch.loop.create_task(self._fetch(shared_fetch, batch), context=context)
        self._running[shared_fetch] = task, batch
        return shared_fetch

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
        if shared_fetch.span is not None:
            _end_span(shared_fetch.span, shared_fetch, batch, outcomes)
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


def _end_span(span: Span, shared_fetch: SharedFetch, batch: Batch, outcomes: list[Outcome] | Exception) -> None:
    """End the span of a batch, linked to every operation that waited for it or owns a part of it."""
    for operation in {one.owner for one in batch}.union(shared_fetch.waiters()):
        if operation.span is not None:
            span.link(operation.span)
    failures = [outcomes] if isinstance(outcomes, Exception) else [o for o in outcomes if isinstance(o, Exception)]
    code = next((one.code for one in failures if isinstance(one, UpstreamError)), None)
    span.end(code=code or (type(failures[0]).__name__ if failures else None))
