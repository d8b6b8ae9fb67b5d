"""What the server counts, as Prometheus reads it.

What happens often is counted in plain whole numbers, and becomes samples only when somebody asks for them. Most of it
is counted where it happens anyway (the engine's fallbacks, the response cache, refusals) and read from there. No label
has an id, an address or a record's value; names of operations, which callers choose, are bounded.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send

from engine.engine import Engine
from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.circuit_breaker import State
from resolvers.telemetry import Event, FetchFailed, UpstreamCall
from store.errors import StoreUnavailable
from sync.status import Status
from web.endpoint import RequestPolicy
from web.response_cache import ResponseCache

PREFIX = "opportunity_graph_"

MAX_OPERATION_NAMES = 100
"""How many names of operations have samples of their own; the others share `OTHER`."""

MAX_NAME_LENGTH = 64
OTHER = "(other)"
UNNAMED = "(unnamed)"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
KEYS = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)

FORBIDDEN = HTTPError(403, "A frontend's user may not see metrics.", code="FORBIDDEN")

Key = TypeVar("Key", bound=tuple[str, ...])

Statuses = Callable[[], Awaitable[Sequence[Status]]]


class Histogram:
    """How many values were up to each bound, and their sum."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Add the samples to a family."""
        total, buckets = 0, []
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        family.add_metric(labels, buckets, self._sum)


class Metrics:
    """The numbers since the start of this process that nothing else keeps."""

    def __init__(self) -> None:
        self._operations: Counter[tuple[str, str]] = Counter()
        self._names: set[str] = set()
        self._operation_seconds: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(SECONDS))
        self._usage: Counter[tuple[str, str]] = Counter()
        self._stale: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._call_seconds: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(SECONDS))
        self._batches: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(KEYS))
        self._failed_fetches: Counter[tuple[str, str]] = Counter()

    def on_event(self, event: Event) -> None:
        """Count what happened upstream: a `Telemetry`."""
        if isinstance(event, UpstreamCall):
            self._calls[event.source, event.kind, event.code or "OK"] += 1
            self._call_seconds[event.source].add(event.milliseconds / 1000)
            if event.keys:
                self._batches[event.source].add(event.keys)
        elif isinstance(event, FetchFailed):
            self._failed_fetches[event.source, event.code] += 1

    def on_operation(self, name: str | None, code: str | None, seconds: float, used: UpstreamContext) -> None:
        """Count an executed operation; `code` is that of its first error."""
        shown = self._bounded(name or UNNAMED)
        self._operations[shown, code or "OK"] += 1
        self._operation_seconds[shown].add(seconds)
        for source, usage in used.usages.items():
            for how, count in (("asked", usage.keys), ("cached", usage.cached), ("joined", usage.joined)):
                if count:
                    self._usage[source, how] += count
        for one in used.stale:
            self._stale[one.source, one.code] += 1

    def _bounded(self, name: str) -> str:
        if name not in self._names:
            if len(self._names) >= MAX_OPERATION_NAMES or len(name) > MAX_NAME_LENGTH:
                return OTHER
            self._names.add(name)
        return name

    def families(self) -> Iterator[Metric]:
        """Yield all of it."""
        yield _counter("operations", "Executed operations", ("name", "code"), self._operations)
        yield _histogram("operation_seconds", "Time of an operation", "name", self._operation_seconds)
        yield _counter("records", "Records that operations needed, and how they came", ("source", "how"), self._usage)
        yield _counter("stale_records", "Stale records served, by failure", ("source", "code"), self._stale)
        yield _counter(
            "upstream_requests", "Requests to sources, each attempt", ("source", "kind", "outcome"), self._calls
        )
        yield _histogram("upstream_seconds", "Time of an attempt", "source", self._call_seconds)
        yield _histogram("upstream_keys", "Records asked for in one request", "source", self._batches)
        yield _counter(
            "failed_fetches", "Fetches that failed without an exchange", ("source", "code"), self._failed_fetches
        )


class MetricsPage:
    """The view of `/metrics` (ASGI). Whoever may query the graph may read it, but for users of frontends."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        policy: RequestPolicy,
        engine: Engine,
        responses: ResponseCache,
        schedulers: Mapping[str, Scheduler],
        statuses: Callable[[], Statuses | None],
    ) -> None:
        """`statuses` gives what reads how each account's copy stands, or None where deals are not listed."""
        self._metrics = metrics
        self._policy = policy
        self._engine = engine
        self._responses = responses
        self._schedulers = schedulers
        self._statuses = statuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = HttpRequest.from_scope(scope, receive)
        try:
            caller = await self._policy.admit(request, "GET")
            if caller.kind == "frontend":
                raise FORBIDDEN
            response = HttpResponse(await self._text(), 200, CONTENT_TYPE_LATEST)
        except HTTPError as error:
            self._policy.refusals.add(request, error)
            response = error.response()
        await response(scope, receive, send)

    async def _text(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(_Families([*self._metrics.families(), *self._read(), *await self._store()]))
        return generate_latest(registry)

    def _read(self) -> Iterator[Metric]:
        fallbacks = {(reason.value,): count for reason, count in self._engine.fallbacks.items()}
        yield _counter("not_compiled", "Operations executed by graphql-core, by reason", ("reason",), fallbacks)
        yield _counter(
            "response_cache",
            "Requests looked up in the response cache",
            ("result",),
            {("hit",): self._responses.hits, ("miss",): self._responses.misses},
        )
        refusals = {(str(status), *rest): count for (status, *rest), count in self._policy.refusals.counts.items()}
        yield _counter("refusals", "Refused requests", ("status", "code", "credential"), refusals)
        left, breakers, waiting, shared = {}, {}, {}, {}
        for source, scheduler in self._schedulers.items():
            transport = scheduler.transport
            waiting[source,] = transport.rate_limiter.waiters
            for rate, count in transport.rate_limiter.left():
                left[source, f"{rate.seconds:g}"] = count
            if transport.shared_limits is not None:
                shared[source,] = int(not transport.shared_limits.is_alone)
            for state in State:
                breakers[source, state.name.lower()] = int(transport.breaker_state is state)
        yield _gauge("ration_left", "Requests that may be sent now", ("source", "window_seconds"), left)
        yield _gauge("ration_waiters", "Requests that wait for the ration", ("source",), waiting)
        yield _gauge("ration_shared", "Whether processes share it now", ("source",), shared)
        yield _gauge("breaker_state", "1 for the breaker's state", ("source", "state"), breakers)

    async def _store(self) -> list[Metric]:
        read = self._statuses()
        if read is None:
            return []
        try:
            found = await read()
        except StoreUnavailable:
            return [_gauge("store_up", "Whether the store can be read", (), {(): 0})]
        return [
            _gauge("store_up", "Whether the store can be read", (), {(): 1}),
            _gauge("store_deals", "Deals in the store", ("source",), {(one.source,): one.rows for one in found}),
            _gauge(
                "sync_age_seconds",
                "Age of what lists are answered from",
                ("source",),
                {(one.source,): one.age_seconds for one in found if one.age_seconds is not None},
            ),
            _gauge(
                "sync_drift",
                "Deals in the store less the vendor's total",
                ("source",),
                {(one.source,): one.drift for one in found if one.drift is not None},
            ),
            _gauge(
                "sync_state",
                "1 for the state of an account's copy",
                ("source", "state"),
                {(one.source, one.state.name.lower()): 1 for one in found},
            ),
        ]


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def _counter(name: str, text: str, labels: Sequence[str], counts: Mapping[Key, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for key, count in counts.items():
        family.add_metric(key, count)
    return family


def _gauge(name: str, text: str, labels: Sequence[str], values: Mapping[Key, float]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _histogram(name: str, text: str, label: str, histograms: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, text, labels=[label])
    for key, histogram in histograms.items():
        histogram.add_to(family, [key])
    return family
