"""`metrics.counts`, `metrics.names`, `metrics.families`: what events and operations add to the numbers."""

from typing import Any

import pytest

from metrics.counts import Counts
from metrics.families import Histogram
from metrics.names import MAX_LENGTH, MAX_NAMES, OTHER, UNNAMED, Names
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.telemetry import BatchSent, FetchFailed, NotSent, UpstreamCall


def counted(counts: Counts, name: str) -> dict[Any, Any]:
    """Return the values of a family."""
    return dict(next(family.values for family in counts.families() if family.name == name))


def buckets(histogram: Histogram) -> dict[str, int]:
    return {bound: count for bound, count in histogram.buckets() if count}


def test_names_of_operations_are_bounded_in_number_and_length() -> None:
    names = Names()
    shown = {names.bounded(f"Name{number}") for number in range(MAX_NAMES + 50)}

    assert len(shown) == MAX_NAMES + 1
    assert OTHER in shown
    assert names.bounded("Name1") == "Name1"
    assert Names().bounded("x" * (MAX_LENGTH + 1)) == OTHER
    assert {Names().bounded(None), Names().bounded("")} == {UNNAMED}


async def test_an_operation_is_counted_with_the_code_of_its_first_error() -> None:
    counts = Counts(Names())
    used = UpstreamContext(1)
    used.usage("nexudus").keys = 3
    counts.on_operation("Deal", None, 0.003, used)
    counts.on_operation("Deal", "UPSTREAM_TIMEOUT", 4.0, used)

    assert counted(counts, "operations") == {("Deal", "OK"): 1, ("Deal", "UPSTREAM_TIMEOUT"): 1}
    assert counted(counts, "records") == {("nexudus", "asked"): 6}
    assert buckets(counted(counts, "operation_seconds")["Deal",]) == {"0.005": 1, "5.0": 1}


def test_attempts_are_counted_up_to_a_number_and_failures_have_a_time() -> None:
    counts = Counts(Names(), wall_clock=lambda: 1_000.0)
    for attempt in (1, 2, 9):
        counts.on_event(UpstreamCall("nexudus", "get", 1, 500, 12.0, "UPSTREAM_UNAVAILABLE", "", attempt))
    counts.on_event(FetchFailed("chartmogul", "UPSTREAM_FORBIDDEN", ""))

    calls = counted(counts, "upstream_requests")
    assert [labels[-1] for labels in calls] == ["1", "2", "4"]
    assert counted(counts, "last_failure_timestamp_seconds") == {
        ("nexudus", "UPSTREAM_UNAVAILABLE"): 1_000.0,
        ("chartmogul", "UPSTREAM_FORBIDDEN"): 1_000.0,
    }


def test_batches_are_counted_by_their_records_their_operations_and_their_wait() -> None:
    counts = Counts(Names())
    for keys in (1, 3, 100):
        counts.on_event(BatchSent("nexudus", keys, 2, 0.2))

    assert buckets(counted(counts, "batch_keys")["nexudus",]) == {"1.0": 1, "5.0": 1, "100.0": 1}
    assert counted(counts, "batch_keys")["nexudus",].sum == 104
    assert buckets(counted(counts, "batch_operations")["nexudus",]) == {"2.0": 3}
    assert counted(counts, "queue_seconds")["nexudus",].sum == pytest.approx(0.6)


def test_records_that_are_not_asked_for_and_the_stores_failures_are_counted() -> None:
    counts = Counts(Names())
    counts.on_event(NotSent("nexudus", 7, "UPSTREAM_RATE_LIMITED"))
    counts.on_store_work("read", 0.02, True)

    assert counted(counts, "not_sent") == {("nexudus", "UPSTREAM_RATE_LIMITED"): 7}
    assert counted(counts, "store_failures") == {("read",): 1}
