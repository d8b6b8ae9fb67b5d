"""`resolvers.fetching.upstream_context`: what one operation has waited for, and how old its records may be."""

import pytest

from resolvers.fetching.upstream_context import UpstreamContext, Usage


def test_waits_that_overlap_are_counted_once() -> None:
    usage = Usage()
    usage.begin_waiting(10.0)
    usage.begin_waiting(11.0)
    usage.end_waiting(12.0)
    usage.end_waiting(13.0)
    usage.begin_waiting(20.0)
    usage.end_waiting(21.0)
    assert usage.milliseconds == pytest.approx(4_000)


async def test_of_several_ages_that_are_insisted_on_the_strictest_decides_for_that_record() -> None:
    operation = UpstreamContext(5)
    operation.insist("nexudus", "1", 60)
    operation.insist("nexudus", "1", 600)
    assert operation.accepts("nexudus", "1", 60)
    assert not operation.accepts("nexudus", "1", 61)
    assert operation.accepts("nexudus", "2", 1_000_000)
    assert operation.accepts("chartmogul", "1", 1_000_000)
