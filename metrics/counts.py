"""What nothing else counts: operations, records, requests to sources, and work of the store.

Whole numbers in dictionaries. No label has an id, an address or a record's value; names of operations, which callers
choose, are bounded.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from time import time
from typing import Final

from metrics.families import COUNTS, SECONDS, Family, Histograms, counter, gauge, histogram
from metrics.names import UNNAMED, Names
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.telemetry import BatchSent, Event, FetchFailed, NotSent, UpstreamCall

OK: Final = "OK"

MOST_ATTEMPTS: Final = 4
"""Further attempts at one request are counted with this one."""


class Counts:
    """The numbers since the start of this process. `names` bounds those of operations; `wall_clock` is in seconds."""

    def __init__(self, names: Names, *, wall_clock: Callable[[], float] = time) -> None:
        self.names = names
        self._wall_clock = wall_clock
        self._operations: Counter[tuple[str, str]] = Counter()
        self._operation_seconds = Histograms(SECONDS)
        self._usage: Counter[tuple[str, str]] = Counter()
        self._stale: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[tuple[str, str, str, str]] = Counter()
        self._call_seconds = Histograms(SECONDS)
        self._batch_keys = Histograms(COUNTS)
        self._batch_operations = Histograms(COUNTS)
        self._queue_seconds = Histograms(SECONDS)
        self._failed_fetches: Counter[tuple[str, str]] = Counter()
        self._not_sent: Counter[tuple[str, str]] = Counter()
        self._failed_at: dict[tuple[str, str], float] = {}
        self._store_seconds = Histograms(SECONDS)
        self._store_failures: Counter[tuple[str]] = Counter()

    def on_event(self, event: Event) -> None:
        """Count what happened upstream: a `Telemetry`."""
        if isinstance(event, UpstreamCall):
            source, code = event.source, event.code
            self._calls[source, event.kind, code or OK, str(min(event.attempt, MOST_ATTEMPTS))] += 1
            self._call_seconds.add((source,), event.milliseconds / 1000)
            if code:
                self._failed_at[source, code] = self._wall_clock()
        elif isinstance(event, BatchSent):
            labels = (event.source,)
            self._batch_keys.add(labels, event.keys)
            self._batch_operations.add(labels, event.operations)
            self._queue_seconds.add(labels, event.waited_seconds)
        elif isinstance(event, FetchFailed):
            self._failed_fetches[event.source, event.code] += 1
            self._failed_at[event.source, event.code] = self._wall_clock()
        elif isinstance(event, NotSent):
            self._not_sent[event.source, event.code] += event.keys

    def on_operation(self, name: str | None, code: str | None, seconds: float, used: UpstreamContext) -> None:
        """Count an executed operation; `code` is that of its first error."""
        shown = self.names.bounded(name)
        self._operations[shown, code or OK] += 1
        self._operation_seconds.add((shown,), seconds)
        for source, usage in used.usages.items():
            for how, count in (("asked", usage.keys), ("cached", usage.cached), ("joined", usage.joined)):
                if count:
                    self._usage[source, how] += count
        for one in used.stale:
            self._stale[one.source, one.code] += 1

    def on_refused_document(self, code: str | None) -> None:
        """Count a document that could not be executed."""
        self._operations[UNNAMED, code or OK] += 1

    def on_store_work(self, work: str, seconds: float, has_failed: bool) -> None:
        """Count a call of the store, from its queue to its end."""
        self._store_seconds.add((work,), seconds)
        if has_failed:
            self._store_failures[work,] += 1

    def families(self) -> Iterator[Family]:
        """Yield all of it."""
        by_code = ("source", "code")
        yield counter("operations", "Executed operations", ("name", "code"), self._operations)
        yield histogram("operation_seconds", "Time of an operation", ("name",), self._operation_seconds)
        yield counter("records", "Records that operations needed, and how they came", ("source", "how"), self._usage)
        yield counter("stale_records", "Stale records served, by failure", by_code, self._stale)
        calls = ("source", "kind", "outcome", "attempt")
        yield counter("upstream_requests", "Requests to sources, each attempt", calls, self._calls)
        yield histogram("upstream_seconds", "Time of an attempt", ("source",), self._call_seconds)
        yield histogram("batch_keys", "Records asked for in one batch", ("source",), self._batch_keys)
        yield histogram(
            "batch_operations",
            "Operations that one batch was for when it was sent",
            ("source",),
            self._batch_operations,
        )
        yield histogram(
            "queue_seconds", "Time from a batch's first record to its request", ("source",), self._queue_seconds
        )
        yield counter("failed_fetches", "Fetches that failed without an exchange", by_code, self._failed_fetches)
        yield counter(
            "not_sent", "Records that the ration or the breaker kept from being asked", by_code, self._not_sent
        )
        yield gauge(
            "last_failure_timestamp_seconds", "When a source failed last", by_code, self._failed_at, mode="livemax"
        )
        yield histogram("store_seconds", "Time of the store's work", ("work",), self._store_seconds)
        yield counter("store_failures", "Work that the store did not do", ("work",), self._store_failures)
