"""A very short run of `make soak`: real processes, one source that hangs, clients that hang up."""

from benchmarks.soak import TINY, soak


async def test_a_source_that_hangs_costs_the_other_nothing_and_leaves_no_trace() -> None:
    report = await soak(TINY)
    assert report.broken == [], str(report)
    assert all(tally.hang_ups for tally in report.tallies if tally.seconds > 2)
