"""What one process has of a source in the model: a cache and a queue, which are the server's own, and who waits."""

from collections.abc import Callable
from typing import Final

import simpy

from resolvers.fetching.fair_queue import FairQueue, KeyRequest, Waiter
from resolvers.fetching.record_cache import CacheSettings, RecordCache
from resolvers.resilience.rate_limiter import RateLimiter

RECORD: Final = "record"
"""The outcome of one that came."""

RECORD_BYTES: Final = 5_000
"""In the cache. Its 50 MB then hold as many as its other bound, 10,000."""


class Operation(Waiter):
    """Somebody who waits for records; `done` happens when each has an outcome."""

    def __init__(self, environment: simpy.Environment) -> None:
        super().__init__(self)  # type: ignore[arg-type] # it is its own context: the queue wants no more of one
        self.done = environment.event()

    def on_outcome(self) -> None:
        """Wait for one record less."""
        self.pending -= 1
        if self.pending == 0 and not self.done.triggered:
            self.done.succeed()


class Desk:
    """What one process has of a source: its cache, its queue, and what it is fetching."""

    def __init__(self, limiter: RateLimiter, settings: CacheSettings, clock: Callable[[], float]) -> None:
        self.limiter = limiter
        """What the process knows of the ration: all of it if it is alone, else its own requests."""
        self.cache = RecordCache(settings, clock=clock, size_of=lambda _: RECORD_BYTES)
        self.queue = FairQueue()
        self.wanted: dict[str, KeyRequest] = {}
