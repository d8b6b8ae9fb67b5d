"""One source in the model: the queue of each process, the ration that all share, the connections, and the answers.

The queue's turns, the ration's windows and the cache are the server's own (`FairQueue`, `RateLimiter`, `RecordCache`);
only what waits, works or travels is simulated.
"""

import random
from collections import deque
from collections.abc import Callable

import simpy

from benchmarks.capacity_desk import RECORD, RECORD_BYTES, Desk
from benchmarks.capacity_figures import BATCH_SIZES
from benchmarks.capacity_outcome import Outcome
from benchmarks.capacity_time import Events, Sleep, Until
from resolvers.fetching.key_request import KeyRequest
from resolvers.fetching.record_cache import CacheSettings, RecordCache
from resolvers.resilience.lane import SHORTEST_WAIT_SECONDS
from resolvers.resilience.rate_limiter import RateLimiter
from resolvers.source import Source


class SourceModel:
    """One source, as the desks of all processes ask it. `work(desk, records)` is a process's time for an answer."""

    def __init__(
        self,
        environment: simpy.Environment,
        source: Source,
        *,
        outcome: Outcome,
        desks: int,
        seconds: tuple[float, float],
        records_seconds: float,
        work: Callable[[int, int], Events],
        on_fetched: Callable[[str], None],
    ) -> None:
        self._environment = environment
        self.source = source
        self._outcome = outcome
        self._seconds = seconds
        self._work = work
        self._on_fetched = on_fetched
        self._past: float | None = None
        self._chance = random.Random(source.name)  # noqa: S311 - a load, not a secret
        self.limiter = self._limiter()
        self.slots = simpy.Resource(environment, source.concurrency)
        self._batch_size = BATCH_SIZES.get(source.name, 1)
        settings = CacheSettings(cache_fresh_seconds=records_seconds)
        self.desks = [
            Desk(
                environment,
                self.limiter if desks == 1 else self._limiter(),
                RecordCache(settings, clock=self._clock, size_of=lambda _: RECORD_BYTES),
                batch_size=self._batch_size,
                wake=self._wake,
            )
            for _ in range(desks)
        ]
        self._turn = 0
        self._in_line: deque[simpy.Event] = deque()
        """Sync's requests that wait though people do."""
        self._news = environment.event()
        environment.process(self._dispatch())

    def _limiter(self) -> RateLimiter:
        return RateLimiter(
            self.source.name,
            self.source.rates,
            clock=self._clock,
            sleep=lambda seconds: Sleep(self._environment, seconds),
        )

    def _clock(self) -> float:
        return self._environment.now if self._past is None else self._past

    def remember(self, per_second: float) -> None:
        """Have the ration's longest window be as if so many requests a second had been sent so far."""
        longest = max(rate.seconds for rate in self.source.rates)
        for number in range(int(longest * per_second)):
            self._past = self._environment.now - longest + number / per_second
            self.send()
        self._past = None

    def send(self) -> None:
        """Count a request as sent now."""
        if self.limiter.try_acquire():
            self.limiter.on_sent()

    def try_background(self) -> bool:
        """Let one of sync's requests go, if nobody waits for the ration or a connection."""
        return self._has_slot and not self._is_asked and self.limiter.try_acquire()

    async def acquire_in_line(self) -> bool:
        """Let one of sync's requests go when its turn comes, whoever waits."""
        while not self.try_background():
            if self._is_asked:
                turn = self._environment.event()
                self._in_line.append(turn)
                await Until(turn)
                return True
            await Sleep(self._environment, max(self.limiter.delay(1), SHORTEST_WAIT_SECONDS))
        return True

    @property
    def _has_slot(self) -> bool:
        return bool(self.slots.count < self.slots.capacity)

    @property
    def _is_asked(self) -> bool:
        return any(desk.queue for desk in self.desks)

    def exchange(self) -> Events:
        """Take as long as the source takes."""
        yield self._environment.timeout(self._chance.uniform(*self._seconds))

    def _wake(self) -> None:
        if not self._news.triggered:
            self._news.succeed()

    def _dispatch(self) -> Events:
        """Send what is queued, a request of each process in turn, as the ration and the connections allow."""
        while True:
            if not self._is_asked:
                self._news = self._environment.event()
                yield self._news
            slot = self.slots.request()
            yield slot
            self.limiter.waiters = 1  # so that sync waits
            while (delay := self.limiter.delay(0)) > 0:
                yield self._environment.timeout(delay)
            self.limiter.waiters = 0
            if self._in_line and self.limiter.try_acquire():
                self._in_line.popleft().succeed()
                self.slots.release(slot)
                continue
            number = self._next_desk()
            if number is None:
                self.slots.release(slot)
                continue
            self.send()
            if (own := self.desks[number].limiter) is not self.limiter and own.try_acquire():
                own.on_sent()
            batch = self.desks[number].queue.pop(self._batch_size)
            self._outcome.upstream[self.source.name] += 1
            self._environment.process(self._fetch(number, batch, slot))

    def _next_desk(self) -> int | None:
        for step in range(len(self.desks)):
            number = (self._turn + step) % len(self.desks)
            if self.desks[number].queue:
                self._turn = number + 1
                return number
        return None

    def _fetch(self, number: int, batch: list[KeyRequest], slot: simpy.resources.resource.Request) -> Events:
        desk = self.desks[number]
        yield from self.exchange()
        self.slots.release(slot)
        yield from self._work(number, len(batch))
        for request in batch:
            if desk.wanted.get(request.source_id) is request:
                del desk.wanted[request.source_id]
            desk.cache.store(request.source_id, True)
            self._on_fetched(request.source_id)
            request.settle(RECORD)
