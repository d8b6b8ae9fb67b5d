"""Every fault of the simulator, in each source, while the same operation asks the other source for a healthy record.

Always: HTTP 200 and JSON, the healthy source whole, within the deadline, at most three attempts, nothing leaked.
"""

import ast
import asyncio
import gc
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import pytest

import resolvers.resilience.circuit_breaker
import resolvers.resilience.retry
from simulator import FAULTS
from tests import logged, loops
from tests.harness import Graph, open_graph
from tests.two_sources import ALWAYS, DATA, HASTY, MISSING, OTHER, SOURCES, ask, check, reads, signed_in

LOOPS = loops.WITH_ITS_OWN_TIME


@pytest.fixture(autouse=True)
def _short_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.resilience.retry, "FIRST_WAIT_SECONDS", 0.01)


@dataclass(frozen=True)
class Row:
    """What a fault does to the answer. `attempts`: how many reads the source gets for the record."""

    fault: str
    times: int | None
    outcome: str
    attempts: int
    settings: dict[str, str]

    def __str__(self) -> str:
        return f"{self.fault}-{'always' if self.times is None else 'once'}"


def rows(names: str, times: int | None, outcome: str, attempts: int, **settings: str) -> list[Row]:
    return [Row(name, times, outcome, attempts, settings) for name in names.split()]


UNUSABLE = """204 400 418 html invalid-json null list empty latin-1 deep-json huge-integer nan truncated not-http
many-headers bad-gzip gzip-bomb huge redirect another-record not-successful"""

TABLE = [
    *rows("500 502 503 504 520 524 reset close ooops ooops-400", 1, DATA, 2),
    *rows("409-garbage-retry-after 429-garbage-retry-after", 1, DATA, 2),
    *rows("500 502 503 504 520 524 reset close ooops ooops-400", ALWAYS, "UPSTREAM_UNAVAILABLE", 3),
    *rows("409-garbage-retry-after 429-garbage-retry-after", ALWAYS, "UPSTREAM_RATE_LIMITED", 3),
    *rows("409-retry-after-60 409-retry-after-2099", ALWAYS, "UPSTREAM_RATE_LIMITED", 1),
    *rows("429-retry-after-60 429-retry-after-2099", ALWAYS, "UPSTREAM_RATE_LIMITED", 1),
    *rows("409-retry-after-1 429-retry-after-1 429-wait-text", ALWAYS, "UPSTREAM_RATE_LIMITED", 1, **HASTY),
    *rows("hang late-head trickle", ALWAYS, "UPSTREAM_TIMEOUT", 2, **HASTY),
    *rows("hang late-head trickle", 1, DATA, 2, ATTEMPT_TIMEOUT_SECONDS="0.3"),
    *rows("delay", ALWAYS, DATA, 1),
    *rows("403", ALWAYS, "UPSTREAM_FORBIDDEN", 1),
    *rows("404", ALWAYS, MISSING, 1),
    *rows(UNUSABLE, ALWAYS, "UPSTREAM_BAD_RESPONSE", 1),
    *rows("null-fields absent-fields unknown-enums new-fields half-surrogate", ALWAYS, DATA, 1),
    *rows("folded-headers bare-line-feeds padded-chunks padded-gzip", ALWAYS, DATA, 1),
    *rows("charset-as-encoding byte-order-mark", ALWAYS, DATA, 1),
]
DIES = {"reset", "close"}
OF_ITS_OWN = {"401", "409-retry-after-1", "429-retry-after-1", "429-wait-text"}
"""Faults with a test of their own, beside or instead of a row."""


def test_every_fault_of_the_simulator_has_an_expected_outcome() -> None:
    assert {row.fault for row in TABLE} | OF_ITS_OWN == set(FAULTS)


@pytest.mark.parametrize("sick", SOURCES)
@pytest.mark.parametrize("row", TABLE, ids=str)
async def test_a_fault_has_its_outcome_and_the_other_source_is_whole(row: Row, sick: str) -> None:
    async with open_graph(**row.settings) as graph:
        await signed_in(graph)
        getattr(graph.simulator, sick).faults.add(FAULTS[row.fault], times=row.times)
        check(await ask(graph), sick, row.outcome)

        # A kept connection that dies costs one request more; there is one to Nexudus, from the sign-in.
        again = row.fault in DIES and row.times is ALWAYS and sick == "nexudus"
        assert len(reads(graph, sick)) == row.attempts + again
        assert len(reads(graph, OTHER[sick])) == 1
        await nothing_in_flight(graph)


async def nothing_in_flight(graph: Graph) -> None:
    """Assert that what was given up was ended upstream too."""
    async with asyncio.timeout(1):
        while any(upstream.in_flight for upstream in graph.simulator.upstreams):  # noqa: ASYNC110 - it is looked at
            await asyncio.sleep(0.01)


async def test_a_throttle_that_passes_in_time_is_waited_for() -> None:
    """Side by side, for each takes a second."""

    async def one(fault: str, sick: str) -> float:
        async with open_graph() as graph:
            await signed_in(graph)
            getattr(graph.simulator, sick).faults.add(FAULTS[fault], times=1)
            check(await ask(graph), sick, DATA)
            first, second = [call.at for call in getattr(graph.simulator, sick).calls if call.kind == "get"]
            return second - first

    names = ("409-retry-after-1", "429-retry-after-1", "429-wait-text")
    waits = await asyncio.gather(*(one(fault, sick) for fault in names for sick in SOURCES))
    # Not twice, and else as late as a busy machine may be.
    assert all(1.0 <= wait < 2.0 for wait in waits), waits


async def test_a_401_of_nexudus_costs_one_renewal_and_one_more_read() -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        graph.simulator.nexudus.faults.add(FAULTS["401"], times=1)
        check(await ask(graph), "nexudus", DATA)
        assert [call.kind for call in graph.simulator.nexudus.calls] == ["get", "token-refresh", "get"]


@pytest.mark.parametrize(("sick", "attempts"), [("nexudus", 2), ("chartmogul", 1)])
async def test_a_401_for_ever_is_reported_and_not_stormed_against(sick: str, attempts: int) -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        getattr(graph.simulator, sick).faults.add(FAULTS["401"], times=ALWAYS, kinds={"get"})
        check(await ask(graph), sick, "UPSTREAM_UNAUTHORIZED")
        assert len(reads(graph, sick)) == attempts


@pytest.mark.parametrize("fault", ["404"])
async def test_a_record_that_is_missing_is_not_asked_for_again_for_a_while(fault: str) -> None:
    async with open_graph(NEXUDUS_CACHE_MISSING_SECONDS="5") as graph:
        graph.simulator.nexudus.faults.add(FAULTS[fault], times=ALWAYS, kinds={"get"})
        for _ in range(3):
            check(await ask(graph), "nexudus", MISSING)
        assert len(reads(graph, "nexudus")) == 1


@pytest.mark.programs
@pytest.mark.parametrize("sick", SOURCES)
@pytest.mark.parametrize("fault", ["huge", "gzip-bomb"])
async def test_memory_stays_flat_under_bodies_without_end(fault: str, sick: str) -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        getattr(graph.simulator, sick).faults.add(FAULTS[fault], times=ALWAYS)
        check(await ask(graph), sick, "UPSTREAM_BAD_RESPONSE")
        gc.collect()
        tracemalloc.start()
        try:
            for _ in range(3):
                check(await ask(graph), sick, "UPSTREAM_BAD_RESPONSE")
            gc.collect()
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # At most MAX_REPLY_BYTES is ever held, in a buffer that grows by copying; the simulator's side is included.
    assert peak < 20_000_000
    assert left < 1_000_000


def test_no_deadline_hangs_on_a_clock_that_can_be_set() -> None:
    """A clock that jumps must not end or prolong any wait. Only a `Retry-After` date is read off the calendar."""
    users = []
    for file in sorted(Path(resolvers.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                users += [f"{file.name} {alias.name}" for alias in node.names if alias.name == "time"]
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "datetime.now", "datetime.today"):
                users.append(f"{file.name} {ast.unparse(node)}")
    assert users == ["reply.py datetime.now"]


@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
@pytest.mark.parametrize(
    "fault", ["invalid-json", "html", "another-record", "null", "list", "empty", "latin-1", "nan", "418", "truncated"]
)
async def test_the_log_has_one_line_for_an_answer_that_cannot_be_used(
    source: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    query = {
        "nexudus": '{ nexudusOpportunity(sourceId: "1427000501") { id } }',
        "chartmogul": '{ chartMogulOpportunity(sourceId: "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc") { id } }',
    }[source]
    async with open_graph() as graph:
        getattr(graph.simulator, source).faults.add(FAULTS[fault], times=None, kinds={"get"})
        answer = await graph.ask(query)
    assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_BAD_RESPONSE"
    (line,) = [record.getMessage() for record in logged.records(caplog) if record.levelname == "WARNING"]
    assert line.startswith(source)
    assert "UPSTREAM_BAD_RESPONSE (" in line
