"""What one process has of a source in the model: a cache and a queue, which are the server's own, and who waits."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final

import simpy

from benchmarks.capacity_time import Events
from resolvers.fetching.fair_queue import FairQueue
from resolvers.fetching.key_request import PENDING, KeyRequest, Waiter
from resolvers.fetching.record_cache import RecordCache
from resolvers.resilience.rate_limiter import RateLimiter
from resolvers.resilience.transport import TransportSettings

RECORD: Final = "record"
"""The outcome of one that came."""

RECORD_BYTES: Final = 5_000
"""In the cache. Its 50 MB then hold as many as its other bound, 10,000."""


TIMES: Final = TransportSettings()
SHORTEST_EXCHANGE_SECONDS: Final = TIMES.attempt_timeout_seconds / 10
"""As `resolvers/resilience/transport.py` has it."""


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
    """A process's way to one source. `wake` is called when something is queued; `batch_size` is of a request."""

    def __init__(
        self,
        environment: simpy.Environment,
        limiter: RateLimiter,
        cache: RecordCache,
        *,
        batch_size: int,
        wake: Callable[[], None],
    ) -> None:
        self._environment = environment
        self.limiter = limiter
        """What the process knows of the ration: all of it if it is alone, else its own requests."""
        self.cache = cache
        self.queue = FairQueue()
        self.wanted: dict[str, KeyRequest] = {}
        """What is queued or being fetched."""
        self._batch_size = batch_size
        self._wake = wake

    def fetch(self, ids: list[str]) -> Events:
        """Wait for records; gives how many came. What would wait in vain does not wait."""
        operation = Operation(self._environment)
        new = [one for one in ids if one not in self.wanted]
        end = self._environment.now + TIMES.operation_deadline_seconds
        fitting = self._fitting(operation, len(new))
        requests = [self.wanted[one] for one in ids if one in self.wanted]
        for request in requests:
            request.join(operation)
        for one in new[:fitting]:
            request = self.wanted[one] = KeyRequest(one, operation)
            requests.append(request)
            self.queue.add(request)
        if fitting:
            self._wake()
        if operation.pending:
            yield operation.done | self._environment.timeout(end - self._environment.now)
        for request in requests:
            request.remove(operation)
            if request.outcome is PENDING and request.is_queued and not request.waiters:
                self.queue.remove(request)
                del self.wanted[request.source_id]
        return sum(request.outcome is RECORD for request in requests)

    def _fitting(self, operation: Any, count: int) -> int:
        """Return how many new ones could be sent in time, as `Scheduler` reckons."""
        left = TIMES.operation_deadline_seconds - SHORTEST_EXCHANGE_SECONDS

        def delay(further: int) -> float:
            position = self.queue.position(operation, further) if self.queue else further
            return self.limiter.delay(-(-position // self._batch_size))

        if not count or delay(count) <= left:
            return count
        return bisect_right(range(1, count + 1), left, key=delay)
