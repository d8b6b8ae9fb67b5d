"""From ids to records across requests: the cache, the running fetches, and the queue for the source's ration.

For each id, in this order: a fresh record in the cache is returned; a running fetch of the id is joined; otherwise the
id is queued. When the source's limiters allow a request, it carries as many queued ids as one request can, whichever
operations they belong to. So no id waits for a batch to fill while a request may be sent, and none is sent alone while
others are queued. There is one scheduler for each source, shared by all requests: what it does for several of them
runs in an empty context, or the log would show the request id of one.
"""

from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from resolvers.errors import (
    UpstreamError,
    UpstreamForbidden,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnauthorized,
)
from resolvers.fetching.diagnostics import Diagnostics
from resolvers.fetching.dispatcher import Dispatcher
from resolvers.fetching.key_request import PENDING, KeyRequest, Waiter
from resolvers.fetching.record_cache import Entry, RecordCache
from resolvers.fetching.record_store import RecordStore, fresh, instead_of_failures
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import Stale, UpstreamContext, Usage
from resolvers.listing import Listing, ListStages
from resolvers.resilience.time_limit import TimeLimit
from resolvers.resilience.transport import Transport
from resolvers.source import Client, FetchCustomer, Outcome, Record
from resolvers.telemetry import NotSent

NO_STALE_ANSWER = (UpstreamUnauthorized, UpstreamForbidden)
"""A source that refuses this server access must not be served from what it allowed before."""


class Scheduler:
    """Fetches the records of one source.

    `customers` fetches their customers in the same way, where records do not have their names.
    """

    def __init__(self, client: Client, cache: RecordCache, *, customers: "Scheduler | None" = None) -> None:
        self.customers = customers
        self.source = client.transport.source
        self._client = client
        self.cache = cache
        self._key_requests: dict[str, KeyRequest] = {}
        self._dispatcher = Dispatcher(client, on_done=self._on_done, on_error=self._on_error)
        self._diagnostics = Diagnostics(self.source, client.transport.telemetry)
        self.record_store: RecordStore | None = None
        """Where records are kept for longer, if anywhere."""

    @property
    def transport(self) -> Transport:
        """What sends its requests."""
        return self._client.transport

    @property
    def listing(self) -> Listing | None:
        """The list of the source's records, if its vendor has one."""
        return self._client.listing

    @property
    def fetch_customer(self) -> FetchCustomer | None:
        """What fetches a customer of the source's records, if these do not have its names."""
        return self._client.fetch_customer

    @property
    def list_stages(self) -> ListStages | None:
        """What lists the stages of the source's pipelines, if its vendor does."""
        return self._client.list_stages

    async def fetch_alone(self, source_id: str, shared_fetch: SharedFetch) -> Outcome:
        """Return the outcome of one canonical id by a request of its own: no cache, no queue, no record store."""
        (outcome,) = await self._client.fetch_many([source_id], shared_fetch)
        return outcome

    def take_listed(self, source_id: str, record: Record, *, age_seconds: float, adds: bool) -> None:
        """Take a record that was listed, as of so many seconds ago, into the cache; with `adds` also a new one."""
        self._overtake(source_id, age_seconds)
        self.cache.refresh(source_id, record, age_seconds=age_seconds, adds=adds)

    def forget(self, source_id: str, *, age_seconds: float) -> None:
        """Forget what the cache has of longer ago than that: somebody else knows what is newer."""
        self._overtake(source_id, age_seconds)
        self.cache.forget(source_id, age_seconds=age_seconds)

    def _overtake(self, source_id: str, age_seconds: float) -> None:
        """Let the fetch of an id, if it was sent longer ago, end for those who wait for it, and for nobody else."""
        running = self._key_requests.get(source_id)
        fetch = running.shared_fetch if running is not None else None
        if running is not None and fetch is not None and fetch.now() - fetch.started_at > age_seconds:
            self._forget(running)

    def begin_anew(self) -> None:
        """Ask the source as if it had never refused anything: a credential of it was replaced."""
        self._client.begin_anew()

    def cached(self, source_id: str, operation: UpstreamContext) -> Entry | None:
        """Return the fresh entry of the cache, if there is one and the operation may use it; awaits nothing."""
        entry = None if operation.wants_fresh else self.cache.fresh(source_id)
        if entry is not None and self.accepts(entry, source_id, operation):
            usage = operation.usage(self.source)
            usage.keys += 1
            usage.cached += 1
            return entry
        return None

    def accepts(self, entry: Entry, source_id: str, operation: UpstreamContext) -> bool:
        """Return whether an entry of the cache is young enough for an operation."""
        return not operation.longest_ages or operation.accepts(self.source, source_id, self.cache.age_of(entry))

    def fetch_many(self, ids: Sequence[str], operation: UpstreamContext) -> Coroutine[Any, Any, list[Outcome]]:
        """Return one outcome for each of the distinct ids, in order, by the operation's deadline.

        Errors are outcomes, not raised. When the caller is cancelled, ids that nobody else waits for are not fetched.
        """
        store = self.record_store
        if store is None or not store.has_fresh or operation.wants_fresh:
            return self._fetch_many(ids, operation)
        return self._fetch_what_is_not_stored(store, ids, operation)

    async def _fetch_what_is_not_stored(
        self, store: RecordStore, ids: Sequence[str], operation: UpstreamContext
    ) -> list[Outcome]:
        unasked = [one for one in ids if one not in self._key_requests]
        stored = await fresh(store, unasked, self.cache.fresh_seconds) if unasked else {}
        found: dict[str, Outcome] = {}
        for source_id, (record, age_seconds) in stored.items():
            self.cache.refresh(source_id, record, age_seconds=age_seconds, adds=True)
            if operation.accepts(self.source, source_id, age_seconds):
                found[source_id] = record
        for source_id in ids:
            entry = None if source_id in found else self.cache.fresh(source_id)
            if entry is not None and self.accepts(entry, source_id, operation):
                found[source_id] = entry.record  # which came meanwhile
        usage = operation.usage(self.source)
        usage.keys += len(found)
        usage.cached += len(found)
        missing = [one for one in ids if one not in found]
        if missing:
            found |= zip(missing, await self._fetch_many(missing, operation), strict=True)
        return [found[one] for one in ids]

    async def _fetch_many(self, ids: Sequence[str], operation: UpstreamContext) -> list[Outcome]:
        usage = operation.usage(self.source)
        usage.keys += len(ids)
        now = operation.now()
        usage.begin_waiting(now)
        waiter = Waiter(operation, now)
        key_requests: list[KeyRequest] = []
        try:
            key_requests = self._request(ids, waiter, usage)
            if waiter.pending:
                waiter.future = operation.loop.create_future()
                try:
                    with TimeLimit(operation.deadline, operation.loop):
                        await waiter.future
                except TimeoutError:
                    pass  # what is pending stays so
            outcomes: list[Outcome] = []
            for one in key_requests:
                has_failed = one.outcome is PENDING or isinstance(one.outcome, UpstreamError)
                outcomes.append(self._stale_or_failure(one, operation) if has_failed else one.outcome)
            if self.record_store is None or operation.wants_fresh:
                return outcomes
            return await instead_of_failures(
                self.record_store, self.source, ids, outcomes, operation, final=NO_STALE_ANSWER
            )
        except Exception as error:  # a fault of ours: those who wait have to know
            return [error] * len(ids)
        finally:
            usage.end_waiting(operation.now())
            if waiter.pending:
                self._stop_waiting(key_requests, waiter)

    def _request(self, ids: Sequence[str], waiter: Waiter, usage: Usage) -> list[KeyRequest]:
        """Join each id's fetch, or queue it; refuse at once what could not be sent before the deadline."""
        operation = waiter.operation
        found, new = [], []
        for source_id in ids:
            key_request = self._key_requests.get(source_id)
            # An operation that wants fresh records may join a request that is not sent yet, and no other.
            if key_request is None or (operation.wants_fresh and not key_request.is_queued):
                key_request = KeyRequest(source_id, waiter)
                new.append(key_request)
            else:
                usage.joined += 1
                key_request.join(waiter)
            found.append(key_request)
        if not new:
            return found
        if late := self._dispatcher.add(new, operation):
            refusal = self._over_budget(self._dispatcher.delay(operation, len(late)))
            self._client.transport.telemetry(NotSent(self.source, len(late), refusal.code))
            for key_request in late:
                key_request.settle(refusal)
        for key_request in new:
            if key_request.outcome is PENDING:
                self._key_requests[key_request.source_id] = key_request
        return found

    def _over_budget(self, delay: float) -> UpstreamRateLimited:
        return UpstreamRateLimited(self.source, detail="own budget", retry_after_seconds=round(delay, 1))

    def _stale_or_failure(self, key_request: KeyRequest, operation: UpstreamContext) -> Outcome:
        """Return what an operation gets where there is no outcome by its deadline, or a failure."""
        failure: UpstreamError = key_request.outcome
        rate_limiter = self._client.transport.rate_limiter
        if key_request.outcome is PENDING:
            if key_request.is_queued and rate_limiter.is_saturated:
                failure = self._over_budget(max(rate_limiter.delay(1), 1.0))
            else:
                failure = UpstreamTimeout(self.source, detail="the operation's deadline passed")
        if not (operation.wants_fresh or isinstance(failure, NO_STALE_ANSWER)):
            stale = self.cache.stale(key_request.source_id)
            if stale is not None and operation.accepts(self.source, key_request.source_id, stale[1]):
                operation.stale.append(Stale(self.source, key_request.source_id, stale[1], failure.code))
                return stale[0]
        return failure

    def _stop_waiting(self, key_requests: Iterable[KeyRequest], waiter: Waiter) -> None:
        """Remove a waiter; remove from the queue, or cancel, what has no waiter left."""
        has_hung_up = waiter.operation.now() < waiter.operation.deadline
        for one in key_requests:
            one.remove(waiter)
            if one.waiters or one.outcome is not PENDING:
                continue
            if one.is_queued:
                self._dispatcher.remove(one)
                self._forget(one)
            elif has_hung_up and one.shared_fetch is not None and not one.shared_fetch.weight:
                # At a deadline it ends by itself, and the breaker gets to know that the source took too long.
                # At once, or somebody might still join; and several may have waited for it.
                for other in self._dispatcher.cancel(one.shared_fetch):
                    self._forget(other)

    def _on_done(self, batch: list[KeyRequest], outcomes: list[Outcome]) -> None:
        for one, outcome in zip(batch, outcomes, strict=True):
            is_latest = self._key_requests.get(one.source_id) is one  # else it was asked for anew meanwhile
            if is_latest:
                del self._key_requests[one.source_id]
            if isinstance(outcome, UpstreamError):
                self._note(outcome)
            else:
                self._diagnostics.on_record(outcome)
                if is_latest:
                    self.cache.store(one.source_id, outcome)
                    if self.record_store is not None and (fetch := one.shared_fetch) is not None:
                        age_seconds, is_alone = fetch.now() - fetch.started_at, len(batch) == 1
                        self.record_store.on_fetched(one.source_id, outcome, age_seconds=age_seconds, is_alone=is_alone)
            one.settle(outcome)

    def _on_error(self, batch: Iterable[KeyRequest], error: Exception) -> None:
        if isinstance(error, UpstreamError):
            self._note(error)
        for one in batch:
            self._forget(one)
            one.settle(error)

    def _note(self, error: UpstreamError) -> None:
        self._diagnostics.on_error(error)
        # Frames know those who wait for this error, in a cycle, and whatever came.
        error.__traceback__ = error.__context__ = None

    def _forget(self, key_request: KeyRequest) -> None:
        if self._key_requests.get(key_request.source_id) is key_request:
            del self._key_requests[key_request.source_id]
