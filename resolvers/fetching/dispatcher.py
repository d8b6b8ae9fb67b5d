"""Sends the ids of one source that operations wait for: as many with each permit as a request can carry, each request
in a task of its own. An id goes at once if it may, and queues otherwise.

This is done for several operations, so in a context of its own: the log would show the request id of one.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Final

from resolvers.errors import UpstreamError, UpstreamUnavailable
from resolvers.fetching.fair_queue import FairQueue
from resolvers.fetching.key_request import KeyRequest
from resolvers.fetching.shared_fetch import Permit, SharedFetch, serve
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.circuit_breaker import Verdict
from resolvers.source import Client, Outcome
from resolvers.telemetry import BatchSent, NotSent
from resolvers.tracing import Span

CANCELLED: Final = "the fetch was cancelled"

Batch = list[KeyRequest]
"""Ids that one request is sent for."""


class Dispatcher:
    """The queue of one source, and its running fetches.

    `on_done` is called with a batch and its outcomes, `on_error` with one that cannot be fetched and why.
    """

    def __init__(
        self,
        client: Client,
        *,
        on_done: Callable[[Batch, list[Outcome]], None],
        on_error: Callable[[Batch, Exception], None],
    ) -> None:
        self._client = client
        self._transport = client.transport
        self._on_done = on_done
        self._on_error = on_error
        self._queue = FairQueue()
        self._running: dict[SharedFetch, tuple[asyncio.Task[None], Batch]] = {}
        self._dispatching: asyncio.Handle | asyncio.Task[None] | None = None
        self._is_acquiring = False

    def add(self, key_requests: Batch, operation: UpstreamContext) -> Batch:
        """Send ids of an operation if they may go now, else queue them; return those that could not be sent in time.

        In time is what leaves a response some of the time until the operation's deadline.
        """
        seconds_left = operation.deadline - operation.now() - self._transport.shortest_exchange_seconds
        goes_at_once = self._dispatching is None and self._client.batch_size == 1 and seconds_left >= 0
        if goes_at_once:
            key_requests = self._start_at_once(key_requests)
            if not key_requests:
                return key_requests
        fitting = self._fitting(operation, len(key_requests), seconds_left)
        for key_request in key_requests[:fitting]:
            self._queue.add(key_request)
        if fitting and self._dispatching is None:
            if goes_at_once:
                self._dispatching = operation.loop.create_task(self._dispatch_slowly(), context=Context())
            else:  # in the next turn: ids that others request in this one can share the batch
                self._dispatching = operation.loop.call_soon(self._dispatch, context=Context())
        return key_requests[fitting:]

    def remove(self, key_request: KeyRequest) -> None:
        """Take an id out of the queue that nobody waits for any more."""
        self._queue.remove(key_request)

    def cancel(self, shared_fetch: SharedFetch) -> Batch:
        """Cancel a fetch that nobody waits for any more; return its batch, empty if it is done."""
        if shared_fetch not in self._running:
            return []
        task, batch = self._running.pop(shared_fetch)
        task.cancel()
        # It may not even have begun.
        shared_fetch.release_permit()
        if shared_fetch.span is not None:
            span, shared_fetch.span = shared_fetch.span, None
            with suppress(Exception):  # a fault of ours, which nobody waits to know
                _end_span(span, batch, shared_fetch, UpstreamUnavailable(self._transport.source, detail=CANCELLED))
        for one in batch:
            one.shared_fetch = None
        return batch

    def delay(self, operation: UpstreamContext, further: int) -> float:
        """Return in how many seconds the `further`-th id that the operation queues now would be sent."""
        rate_limiter = self._transport.rate_limiter
        position = further
        if self._queue:
            position = self._queue.position(operation, self._queue.length(operation) + further)
        requests = -(-position // self._client.batch_size)
        return rate_limiter.delay(requests - (self._is_acquiring and rate_limiter.waiters > 0))

    def _fitting(self, operation: UpstreamContext, count: int, seconds_left: float) -> int:
        """Return how many of `count` new ids could be sent within the time."""
        if self.delay(operation, count) <= seconds_left:
            return count
        return bisect_right(range(1, count + 1), seconds_left, key=lambda further: self.delay(operation, further))

    def _start_at_once(self, key_requests: Batch) -> Batch:
        """Send each id in a request of its own, as long as there are permits; return the others."""
        for position, one in enumerate(key_requests):
            try:
                permit = self._transport.try_acquire() if self._client.is_ready else None
            except Exception as error:  # a fault of ours: those who wait have to know
                self._on_error(key_requests[position:], error)
                return []
            if permit is None:
                return key_requests[position:]
            self.start([one], permit)
        return []

    def _dispatch(self) -> None:
        """Send what may be sent at once; a task sends the rest, a permit at a time."""
        self._dispatching = None
        client = self._client
        try:
            while self._queue:
                permit = self._transport.try_acquire() if client.is_ready else None
                if permit is None:
                    self._dispatching = asyncio.create_task(self._dispatch_slowly())
                    return
                self.start(self._queue.pop(client.batch_size), permit)
        except Exception as error:  # a fault of ours: those who wait have to know
            self._on_error(self._queue.pop(), error)

    async def _dispatch_slowly(self) -> None:
        try:
            while self._queue:
                try:
                    permit = await self._permit()
                    self.start(self._queue.pop(self._client.batch_size), permit)
                except Exception as error:  # the source's, or a fault of ours
                    refused = self._queue.pop()
                    if isinstance(error, UpstreamError):
                        self._transport.telemetry(NotSent(self._transport.source, len(refused), error.code))
                    self._on_error(refused, error)
        finally:
            self._dispatching = None

    async def _permit(self) -> Permit:
        preparation = SharedFetch(self._queue.contexts)
        serve(preparation)
        self._is_acquiring = True
        try:
            await self._client.prepare(preparation)
            return await self._transport.acquire(preparation)
        finally:
            self._is_acquiring = False

    def start(self, batch: Batch, permit: Permit) -> None:
        """Fetch a batch in a task of its own; the permit is for its first request."""
        if not batch:
            permit.release(Verdict.NONE)
            return
        context = Context()
        try:
            context.run(self._start, batch, permit, context)
        except Exception as error:  # a fault of ours: those who wait have to know
            permit.release(Verdict.NONE)
            self._on_error(batch, error)

    def _start(self, batch: Batch, permit: Permit, context: Context) -> None:
        """Begin the fetch of a batch. Its request counts for the owner of the first id; the others have joined it."""
        first, source = batch[0], self._transport.source
        owner, requested_at = first.owner, first.requested_at
        is_alone = len(batch) == 1
        waiters = first.waiters.values if is_alone else lambda: {w.operation for one in batch for w in one.waiters}
        shared_fetch = first.shared_fetch = SharedFetch(waiters, owner=owner, permit=permit)
        for one in batch[1:]:
            one.shared_fetch = shared_fetch
            requested_at = min(requested_at, one.requested_at)
            if one.owner is not owner:
                one.owner.usage(source).joined += 1
        if self._transport.reports_all:
            waited_seconds = max(0.0, shared_fetch.started_at - requested_at)
            self._transport.telemetry(BatchSent(source, len(batch), shared_fetch.weight, waited_seconds))
        if self._transport.tracer is not None:  # last: nothing fails between the span and what ends it
            shared_fetch.span = self._transport.tracer.batch(source, len(batch), owner.span)
        serve(shared_fetch)
        task = shared_fetch.loop.create_task(self._fetch(shared_fetch, batch), context=context)
        self._running[shared_fetch] = task, batch

    async def _fetch(self, shared_fetch: SharedFetch, batch: Batch) -> None:
        outcomes: list[Outcome] | Exception
        try:
            outcomes = await self._client.fetch_many([one.source_id for one in batch], shared_fetch)
        except asyncio.CancelledError:
            outcomes = UpstreamUnavailable(self._transport.source, detail=CANCELLED)
        except Exception as error:
            outcomes = error
        self._running.pop(shared_fetch, None)
        if shared_fetch.permit is not None:
            shared_fetch.release_permit()
        try:
            if shared_fetch.span is not None:
                _end_span(shared_fetch.span, batch, shared_fetch, outcomes)
            if not isinstance(outcomes, Exception):
                self._on_done(batch, outcomes)
        except Exception as error:
            outcomes = error
        if isinstance(outcomes, StopIteration):
            outcomes = RuntimeError("StopIteration")  # as a coroutine makes of it, because no future takes one
        if isinstance(outcomes, Exception):
            self._on_error(batch, outcomes)


def _end_span(span: Span, batch: Batch, shared_fetch: SharedFetch, outcomes: list[Outcome] | Exception) -> None:
    """End the span of a fetch, linked to all operations that waited or own a part of it."""
    for operation in {one.owner for one in batch}.union(shared_fetch.waiters()):
        if operation.span is not None:
            span.link(operation.span)
    failures = [outcomes] if isinstance(outcomes, Exception) else [o for o in outcomes if isinstance(o, Exception)]
    code = next((one.code for one in failures if isinstance(one, UpstreamError)), None)
    span.end(code=code or (type(failures[0]).__name__ if failures else None))
