"""What a process must bear: a very short run of `make soak`, and bodies without end: `make test-soak`."""

import aiohttp
import pytest

from benchmarks.running import running_server
from benchmarks.soak import TINY, UNRATIONED, soak
from simulator import FAULTS, Simulator
from tests.two_sources import QUERY

pytestmark = pytest.mark.soak


async def test_a_source_that_hangs_costs_the_other_nothing_and_leaves_no_trace() -> None:
    report = await soak(TINY)
    assert report.broken == [], str(report)
    assert all(tally.hang_ups for tally in report.tallies if tally.seconds > 2)


async def test_the_process_stays_small_under_bodies_without_end() -> None:
    """As `tests/test_faults.py` says, from outside: what zlib and the parser take is not Python's."""
    simulator = Simulator()
    async with (
        simulator.serve() as urls,
        running_server(**simulator.environment(urls), **UNRATIONED, LOG_LEVEL="error") as (server, url),
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
    ):
        async with session.post(f"{url}/graphql", json={"query": QUERY}) as response:
            assert "errors" not in await response.json()
        megabytes = server.resident_megabytes()
        for fault in ("huge", "gzip-bomb"):
            for upstream in simulator.upstreams:
                upstream.faults.clear()
                upstream.faults.add(FAULTS[fault], times=None, kinds={"get"})
            fresh = {"Cache-Control": "no-cache"}
            for _ in range(4):
                async with session.post(f"{url}/graphql", json={"query": QUERY}, headers=fresh) as response:
                    errors = (await response.json())["errors"]
                assert [error["extensions"]["code"] for error in errors] == ["UPSTREAM_BAD_RESPONSE"] * 2
        # Two bodies of MAX_REPLY_BYTES at once, each in a buffer that grows by copying, and what the allocator keeps.
        assert server.peak_megabytes() < megabytes + 40
