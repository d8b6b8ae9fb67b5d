"""From ids to records across requests: the cache, the fetches under way, and the queue for the budget.

For each id, in this order: a fresh record in the cache is the answer; a fetch under way is joined; otherwise the id
queues. As soon as the source's budget lets a request go, as many ids leave with it as one request can carry, whoever
asked for them. So an id never waits for company while the budget is free, and never leaves alone while others wait.
One fetcher for each source, shared by all requests: what it does for several of them runs in an empty context, or the
log would show the id of one.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from time import monotonic

from aiohttp import ClientSession

from resolvers.breaker import Verdict
from resolvers.budget import Budget
from resolvers.cache import Cache, Entry
from resolvers.errors import (
    UpstreamError,
    UpstreamForbidden,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnauthorized,
)
from resolvers.flights import Flights
from resolvers.notices import Notices
from resolvers.operation import Flight, Operation, Permit, Stale
from resolvers.places import Places
from resolvers.queueing import PENDING, FairQueue, Visit, Wanted
from resolvers.source import Client, Outcome, Record, Source, SourceSettings
from resolvers.telemetry import Telemetry
from resolvers.transport import Transport, TransportSettings

NO_STALE_ANSWER = (UpstreamUnauthorized, UpstreamForbidden)
"""Where the source says that this server may not read, what it let us read before is no answer."""


class Fetcher:
    """Fetches the records of one source."""

    def __init__(self, client: Client, cache: Cache) -> None:
        self.source = client.transport.source
        self._client = client
        self._cache = cache
        self._wanted: dict[str, Wanted] = {}
        self._queue = FairQueue()
        self._flights = Flights(client, landed=self._landed, failed=self._settle)
        self._notices = Notices(self.source, client.transport.telemetry)
        self._dispatching: asyncio.Handle | asyncio.Task[None] | None = None
        self._permit_coming = False

    def at_hand(self, source_id: str, operation: Operation) -> Entry | None:
        """Return what the cache has to answer with; costs no turn of the loop."""
        entry = None if operation.wants_fresh else self._cache.fresh(source_id)
        if entry is not None:
            cost = operation.cost(self.source)
            cost.keys += 1
            cost.cached += 1
        return entry

    def has(self, source_id: str, record: Record | None) -> bool:
        """Whether the cache would answer with this very record now; with None: that there is none."""
        entry = self._cache.fresh(source_id)
        return entry is not None and entry.record is record

    async def fetch_many(self, ids: Sequence[str], operation: Operation) -> list[Outcome]:
        """Return one outcome for each of the distinct ids, in order; at the operation's deadline at the latest.

        Raises nothing of the source's. Whoever is cancelled waits no more, and what nobody waits for is not fetched.
        """
        operation.cost(self.source).keys += len(ids)
        operation.begin_waiting(self.source)
        visit = Visit(operation)
        wanted: list[Wanted] = []
        try:
            wanted = self._want(ids, visit)
            await visit.wait()
            return [self._outcome(one, operation) for one in wanted]
        except Exception as error:  # a fault of ours: those who wait have to know
            return [error] * len(ids)
        finally:
            operation.end_waiting(self.source)
            if not visit.is_complete:
                self._leave(wanted, visit)

    def _want(self, ids: Sequence[str], visit: Visit) -> list[Wanted]:
        """Join each id's fetch, or queue it; refuse at once what could not leave before the deadline."""
        operation = visit.operation
        found, new = [], []
        for source_id in ids:
            wanted = self._wanted.get(source_id)
            # Who wants it fresh may wait for what has not left yet, and not for what left before.
            if wanted is None or (operation.wants_fresh and not wanted.is_queued):
                wanted = Wanted(source_id, operation)
                new.append(wanted)
            else:
                operation.cost(self.source).joined += 1
            wanted.join(visit)
            found.append(wanted)
        fitting = self._fitting(len(new), operation)
        for wanted in new[:fitting]:
            self._wanted[wanted.source_id] = wanted
            self._queue.add(wanted)
        if late := new[fitting:]:
            refusal = self._over_budget(self._delay(operation, len(late)))
            for wanted in late:
                wanted.settle(refusal)
        if self._queue and self._dispatching is None:
            # In the next turn: others may ask in this one, and come along.
            self._dispatching = operation.loop.call_soon(self._dispatch, context=Context())
        return found

    def _fitting(self, count: int, operation: Operation) -> int:
        """Return how many of as many new ids could leave early enough to be answered."""
        transport = self._client.transport
        left = operation.deadline - operation.now() - transport.shortest_exchange_seconds
        if not count or self._delay(operation, count) <= left:
            return count
        return bisect_right(range(1, count + 1), left, key=lambda further: self._delay(operation, further))

    def _delay(self, operation: Operation, further: int) -> float:
        """Return in how many seconds the `further`-th id that the operation queues now would leave."""
        budget = self._client.transport.budget
        position = further
        if self._queue:
            position = self._queue.position(operation, self._queue.length(operation) + further)
        requests = -(-position // self._client.batch_size)
        return budget.delay(requests - (self._permit_coming and budget.waiting > 0))

    def _over_budget(self, delay: float) -> UpstreamRateLimited:
        return UpstreamRateLimited(self.source, detail="own budget", retry_after_seconds=round(delay, 1))

    def _outcome(self, wanted: Wanted, operation: Operation) -> Outcome:
        outcome: Outcome = wanted.outcome
        budget = self._client.transport.budget
        if outcome is not PENDING:
            pass
        elif wanted.is_queued and budget.is_tight:
            outcome = self._over_budget(max(budget.delay(1), 1.0))
        else:
            outcome = UpstreamTimeout(self.source, detail="the operation's deadline passed")
        if isinstance(outcome, UpstreamError) and not (operation.wants_fresh or isinstance(outcome, NO_STALE_ANSWER)):
            stale = self._cache.stale(wanted.source_id)
            if stale is not None:
                operation.stale.append(Stale(self.source, wanted.source_id, stale[1], outcome.code))
                return stale[0]
        return outcome

    def _leave(self, wanted: Iterable[Wanted], visit: Visit) -> None:
        """Wait no more. What nobody waits for any more is not fetched, or no longer."""
        has_hung_up = visit.operation.now() < visit.operation.deadline
        for one in wanted:
            one.leave(visit)
            if one.visits or one.outcome is not PENDING:
                continue
            if one.is_queued:
                self._queue.remove(one)
                self._forget(one)
            elif has_hung_up and one.flight is not None and not one.flight.weight:
                # At a deadline it ends by itself, and the breaker gets to know that the source took too long.
                # At once, or somebody might still join; and several may have waited for it.
                for other in self._flights.abandon(one.flight):
                    self._forget(other)

    def _dispatch(self) -> None:
        """Send what may leave at once; a task sends the rest, a permit at a time."""
        self._dispatching = None
        client = self._client
        try:
            while self._queue and client.is_ready and (permit := client.transport.permit_at_hand()):
                self._send(permit)
        except Exception as error:  # a fault of ours: those who wait have to know
            self._settle(self._queue.take(), error)
        if self._queue:
            self._dispatching = asyncio.create_task(self._dispatch_slowly())

    async def _dispatch_slowly(self) -> None:
        try:
            while self._queue:
                try:
                    await self._dispatch_one()
                except Exception as error:  # the source's, or a fault of ours
                    if isinstance(error, UpstreamError):
                        self._notices.tell(error)
                    self._settle(self._queue.take(), error)
        finally:
            self._dispatching = None

    async def _dispatch_one(self) -> None:
        getting_ready = Flight(self._queue.riders)
        self._permit_coming = True
        try:
            await self._client.prepare(getting_ready)
            permit = await self._client.transport.permit(getting_ready)
        finally:
            self._permit_coming = False
        self._send(permit)

    def _send(self, permit: Permit) -> None:
        """Send with the permit as much as one request can carry."""
        if batch := self._queue.take(self._client.batch_size):
            self._flights.begin(batch, permit)
        else:
            permit.end(Verdict.NONE)

    def _landed(self, batch: list[Wanted], outcomes: list[Outcome]) -> None:
        for one, outcome in zip(batch, outcomes, strict=True):
            self._notices.look_at(outcome)
            if isinstance(outcome, UpstreamError):
                # Their frames know this outcome, in a cycle, and whatever came.
                outcome.__traceback__ = outcome.__context__ = None
            elif self._wanted.get(one.source_id) is one:  # else it was asked for anew meanwhile, and this may be older
                self._cache.keep(one.source_id, outcome)
            self._forget(one)
            one.settle(outcome)

    def _settle(self, batch: Iterable[Wanted], outcome: Exception) -> None:
        for one in batch:
            self._forget(one)
            one.settle(outcome)

    def _forget(self, wanted: Wanted) -> None:
        if self._wanted.get(wanted.source_id) is wanted:
            del self._wanted[wanted.source_id]


def open_fetcher(
    source: Source,
    settings: SourceSettings,
    session: ClientSession,
    transport_settings: TransportSettings,
    telemetry: Telemetry,
    *,
    clock: Callable[[], float] = monotonic,
) -> Fetcher:
    """Return the fetcher of a source that has credentials. `clock`, in seconds, is that of all its parts."""
    budget = Budget(source.name, source.rates if settings.rationed else (), clock=clock)
    places = Places(settings.concurrency or source.concurrency)
    transport = Transport(
        source.name, session, transport_settings, telemetry, places=places, budget=budget, clock=clock
    )
    return Fetcher(source.open(settings, transport), Cache(settings, clock=clock))
