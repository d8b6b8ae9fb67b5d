"""What is counted, or simply known, elsewhere, and read when somebody asks."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.engine import Engine
from metrics.families import Family, counter, gauge
from metrics.names import Names
from resolvers.fetching.scheduler import Scheduler
from resolvers.resilience.circuit_breaker import State
from web.refusals import Refusals
from web.response_cache import ResponseCache
from web.streams import Streams


class Connections(Protocol):
    """What uvicorn knows of its connections (its `ServerState`)."""

    @property
    def connections(self) -> set[object]:
        """Those that are open."""

    total_requests: int


@dataclass(frozen=True, slots=True)
class Readings:
    """The parts of the server whose numbers are read. `server` gives None where another program carries it."""

    version: str
    names: Names
    engine: Engine
    responses: ResponseCache
    refusals: Refusals
    streams: Streams
    schedulers: Mapping[str, Scheduler]
    server: Callable[[], Connections | None]

    def families(self) -> Iterator[Family]:
        """Yield all of it."""
        yield gauge("build_info", "1 for each process, by version", ("version",), {(self.version,): 1})
        if (server := self.server()) is not None:
            yield gauge("connections", "Open connections", (), {(): len(server.connections)})
            yield counter("http_requests", "Answered requests, whatever they were for", (), {(): server.total_requests})
        yield from self._answers()
        yield from self._sources()

    def _answers(self) -> Iterator[Family]:
        fallbacks = {(reason.value,): count for reason, count in self.engine.fallbacks.items()}
        yield counter("not_compiled", "Operations executed by graphql-core, by reason", ("reason",), fallbacks)
        yield counter("compiled", "Operations executed as compiled", (), {(): self.engine.compiled})
        results = {("hit",): self.responses.hits, ("miss",): self.responses.misses}
        yield counter("response_cache", "Requests looked up in the response cache", ("result",), results)
        stored: Counter[tuple[str]] = Counter()
        for name, count in self.responses.hits_by_operation.items():
            stored[self.names.bounded(name),] += count
        yield counter("stored_responses", "Responses from the response cache", ("name",), stored)
        yield gauge("subscriptions", "Open streams of events", (), {(): self.streams.count})
        yield counter("subscription_events", "Events sent in streams", (), {(): self.streams.events})
        refusals = {(str(status), *rest): count for (status, *rest), count in self.refusals.counts.items()}
        yield counter("refusals", "Refused requests", ("status", "code", "reason", "credential"), refusals)

    def _sources(self) -> Iterator[Family]:
        left, limits, waiters, states, limit, cached, shared = ({} for _ in range(7))  # type: ignore[var-annotated] # all alike
        for source, scheduler in self.schedulers.items():
            transport = scheduler.transport
            for rate, count in transport.rate_limiter.left():
                left[source, f"{rate.seconds:g}"] = count
                limits[source, f"{rate.seconds:g}"] = rate.limit
            waiters[source,] = transport.rate_limiter.waiters
            states |= {(source, state.name.lower()): int(transport.breaker_state is state) for state in State}
            if transport.shared_limits is not None:
                shared[source,] = int(not transport.shared_limits.is_alone)
            limit[source,] = transport.concurrency_limit
            cached[source,] = len(scheduler.cache)
        of_rate, of_source = ("source", "window_seconds"), ("source",)
        # Workers share an account's ration: it is what the one has left that has the least.
        yield gauge("ration_left", "Requests that may be sent now", of_rate, left, mode="livemin")
        yield gauge("ration_limit", "Requests that the vendor allows in a window", of_rate, limits, mode="livemax")
        yield gauge("ration_waiters", "Requests that wait for the ration", of_source, waiters)
        yield gauge("ration_shared", "Whether processes share it just now", of_source, shared, mode="livemin")
        yield gauge("breaker_state", "1 for the breaker's state", ("source", "state"), states, mode="livemax")
        yield gauge("concurrency_limit", "Requests that may run at once", of_source, limit)
        yield gauge("cached_records", "Records in the record cache", of_source, cached)
