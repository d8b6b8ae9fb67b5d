"""What one GraphQL operation may spend upstream, and what it has spent: its deadline and its costs.

One is made for each operation and passed down with every fetch. Tokens are not counted: they belong to the process.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from resolvers.errors import UpstreamTimeout


@dataclass(slots=True)
class Cost:
    """One operation's use of one source: records asked for, HTTP requests, and the time at least one was under way."""

    keys: int = 0
    requests: int = 0
    milliseconds: float = 0.0
    under_way: int = field(default=0, repr=False)
    since: float = field(default=0.0, repr=False)


class Operation:
    """The deadline and the costs of one operation; made inside the running loop."""

    def __init__(self, deadline_seconds: float, *, clock: Callable[[], float] = perf_counter) -> None:
        self.deadline = asyncio.get_running_loop().time() + deadline_seconds
        self.costs: dict[str, Cost] = {}
        self._clock = clock

    def asked(self, source: str, keys: int) -> None:
        """Count records that were asked of a source."""
        self.costs.setdefault(source, Cost()).keys += keys

    @contextmanager
    def spending(self, source: str) -> Iterator[None]:
        """Count one request to a source, and the time it takes, once for requests that overlap."""
        cost = self.costs.setdefault(source, Cost())
        cost.requests += 1
        if not cost.under_way:
            cost.since = self._clock()
        cost.under_way += 1
        try:
            yield
        finally:
            cost.under_way -= 1
            if not cost.under_way:
                cost.milliseconds += (self._clock() - cost.since) * 1000

    @asynccontextmanager
    async def time_left(self, source: str) -> AsyncIterator[None]:
        """Bound what is awaited inside by the deadline; raises `UpstreamTimeout` when it passes."""
        try:
            async with asyncio.timeout_at(self.deadline):
                yield
        except TimeoutError:
            raise UpstreamTimeout(source, detail="the operation's deadline passed") from None

    def report(self) -> dict[str, dict[str, float]]:
        """Return the costs by source, as the response's `extensions.upstream` shows them."""
        return {
            source: {"keys": cost.keys, "requests": cost.requests, "milliseconds": round(cost.milliseconds, 1)}
            for source, cost in self.costs.items()
        }
