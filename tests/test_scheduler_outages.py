"""`resolvers.fetching.scheduler` over a source that fails: the answers from memory, and the breaker."""

import asyncio
import gc
from typing import Any

import pytest

import resolvers.resilience.circuit_breaker
import resolvers.resilience.retry
from resolvers.errors import UpstreamError, UpstreamUnavailable
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.circuit_breaker import CircuitBreaker
from resolvers.resilience.rate_limiter import Rate
from simulator import FAULTS
from tests import loops
from tests.harness import Graph, open_graph
from tests.schedulers import IDS, a_world

LOOPS = loops.WITH_ITS_OWN_TIME

# Better old than nothing


async def ask(graph: Graph, **headers: str) -> Any:
    body = {"query": f'{{ nexudusOpportunity(sourceId: "{IDS[0]}") {{ sourceId }} }}'}
    return (await graph.post(body, **headers)).json


ONLY_STALE = {"NEXUDUS_CACHE_FRESH_SECONDS": "0", "NEXUDUS_CACHE_STALE_SECONDS": "60"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("503", "UPSTREAM_UNAVAILABLE"),
        ("reset", "UPSTREAM_UNAVAILABLE"),
        ("hang", "UPSTREAM_TIMEOUT"),
        ("409-retry-after-60", "UPSTREAM_RATE_LIMITED"),
        ("html", "UPSTREAM_BAD_RESPONSE"),
    ],
)
async def test_a_source_that_fails_is_answered_for_from_memory_and_the_answer_says_so(fault: str, code: str) -> None:
    async with open_graph(ATTEMPT_TIMEOUT_SECONDS="0.3", OPERATION_DEADLINE_SECONDS="0.6", **ONLY_STALE) as graph:
        before = await ask(graph)
        assert "stale" not in before["extensions"]
        await asyncio.sleep(0.06)
        graph.simulator.nexudus.faults.add(FAULTS[fault], times=None)
        answer = await ask(graph)

        assert answer["data"] == before["data"]
        assert "errors" not in answer
        (stale,) = answer["extensions"]["stale"]
        assert stale == {"id": "bmV4dWR1czoxNDI3MDAwNTAx", "ageSeconds": stale["ageSeconds"], "code": code}
        assert 0.05 < stale["ageSeconds"] < 2


async def test_an_answer_tells_of_stale_records_though_it_tells_no_costs() -> None:
    async with open_graph(UPSTREAM_COST="", **ONLY_STALE) as graph:
        assert "extensions" not in await ask(graph)
        graph.simulator.nexudus.faults.add(FAULTS["503"], times=None)
        assert list((await ask(graph))["extensions"]) == ["stale"]


@pytest.mark.parametrize(("on_stale", "is_answered"), [("WARN", True), ("WAIT", False), ("ERROR", False)])
async def test_who_insists_on_an_age_is_not_answered_from_memory_with_what_is_older(
    on_stale: str, is_answered: bool
) -> None:
    query = "query($f: FreshnessInput) { nexudusOpportunity(sourceId: 1427000501, freshness: $f) { status } }"
    async with open_graph(**ONLY_STALE) as graph:
        await ask(graph)
        await asyncio.sleep(0.06)
        graph.simulator.nexudus.faults.add(FAULTS["500"], times=None)
        answer = await graph.ask(query, {"f": {"maxAgeSeconds": 0, "onStale": on_stale}})
        assert (answer["data"]["nexudusOpportunity"] is not None) is is_answered
        assert ("errors" not in answer) is is_answered
        answer = await graph.ask(query, {"f": {"maxAgeSeconds": 60, "onStale": on_stale}})
        assert answer["data"]["nexudusOpportunity"] is not None, "it is no older than that"


@pytest.mark.parametrize(("fault", "code"), [("401", "UPSTREAM_UNAUTHORIZED"), ("403", "UPSTREAM_FORBIDDEN")])
async def test_a_source_that_does_not_let_us_read_is_not_answered_for_from_memory(fault: str, code: str) -> None:
    async with open_graph(**ONLY_STALE) as graph:
        await ask(graph)
        graph.simulator.nexudus.faults.add(FAULTS[fault], times=None, kinds={"get"})
        answer = await ask(graph)
        assert answer["data"] == {"nexudusOpportunity": None}
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
        assert "stale" not in answer["extensions"]


async def test_who_asks_for_fresh_data_gets_no_old_answer() -> None:
    async with open_graph(**ONLY_STALE) as graph:
        await ask(graph)
        graph.simulator.nexudus.faults.add(FAULTS["html"], times=None)
        answer = await ask(graph, cache_control="no-cache")
        assert answer["data"] == {"nexudusOpportunity": None}


async def test_an_answer_from_memory_has_an_end() -> None:
    async with open_graph(NEXUDUS_CACHE_FRESH_SECONDS="0", NEXUDUS_CACHE_STALE_SECONDS="0.05") as graph:
        await ask(graph)
        await asyncio.sleep(0.06)
        graph.simulator.nexudus.faults.add(FAULTS["html"], times=None)
        assert (await ask(graph))["data"] == {"nexudusOpportunity": None}


async def test_a_refusal_of_our_own_ration_is_answered_for_from_memory_too() -> None:
    async with a_world(rates=[Rate(3, 60)], NEXUDUS_CACHE_FRESH_SECONDS="0") as world:
        before = await world.one(IDS[0])
        operation = UpstreamContext(2)
        assert await world.one(IDS[0], operation) is before
        assert [stale.code for stale in operation.stale] == ["UPSTREAM_RATE_LIMITED"]


# The breaker


async def test_a_source_that_hangs_opens_the_breaker_though_few_requests_carry_many_operations() -> None:
    async with a_world(attempts=1, attempt_timeout_seconds=0.2) as world:
        world.simulator.nexudus.faults.add(FAULTS["hang"], times=None)
        for _ in range(3):
            await asyncio.gather(*(world.one(source_id, UpstreamContext(0.4)) for source_id in IDS[:8]))
        assert len(world.reads) == 3
        outcome = await world.one(IDS[0])
        assert isinstance(outcome, UpstreamUnavailable)
        assert outcome.detail == "the circuit breaker is open"
        assert outcome.retry_after_seconds == pytest.approx(5, abs=1)
        assert len(world.reads) == 3


@pytest.mark.parametrize("most", [2, 5])
async def test_a_source_that_hangs_while_few_are_asking_is_left_alone_after_some_timeouts_in_a_row(most: int) -> None:
    settings = {"ATTEMPT_TIMEOUT_SECONDS": "0.3", "OPERATION_DEADLINE_SECONDS": "0.6"}
    async with open_graph(**settings, BREAKER_TIMEOUTS=str(most)) as graph:
        await ask(graph)
        graph.simulator.nexudus.faults.add(FAULTS["hang"], times=None)
        for _ in range(most):
            await asyncio.sleep(20)
            assert (await ask(graph))["errors"][0]["extensions"]["code"] == "UPSTREAM_TIMEOUT"
        graph.simulator.nexudus.calls.clear()
        answer = await ask(graph)
        assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        assert answer["errors"][0]["extensions"]["retryAfterSeconds"] == pytest.approx(5, abs=0.5)
        assert graph.simulator.nexudus.calls == []


async def test_an_attempt_that_was_given_hardly_any_time_is_no_sign_of_ill_health() -> None:
    async with a_world(attempts=1, attempt_timeout_seconds=0.5) as world:
        world.simulator.nexudus.faults.add(FAULTS["delay"], times=None)
        await asyncio.gather(*(world.one(source_id, UpstreamContext(0.1)) for source_id in IDS[:30]))
        for _ in range(3):
            await asyncio.gather(*(world.one(source_id, UpstreamContext(0.1)) for source_id in IDS[:30]))
        assert str((await world.one(IDS[0])).id) == IDS[0]


async def test_missing_records_and_hang_ups_open_no_breaker() -> None:
    async with a_world(NEXUDUS_CACHE_MISSING_SECONDS="0") as world:
        for _ in range(25):
            assert await world.one("999") is None
        world.simulator.nexudus.faults.add(FAULTS["delay"], times=None, ids=IDS[:25])
        for source_id in IDS[:25]:
            leaving = asyncio.create_task(world.one(source_id))
            await asyncio.sleep(0.004)
            leaving.cancel()
            await asyncio.wait([leaving])
        world.simulator.nexudus.faults.clear()
        assert str((await world.one(IDS[0])).id) == IDS[0]


@pytest.mark.parametrize("fault", ["400", "403", "404", "418", "html", "429-garbage-retry-after"])
async def test_a_source_that_answers_is_not_ill_whatever_it_answers(fault: str) -> None:
    async with a_world(attempts=1, NEXUDUS_CACHE_MISSING_SECONDS="0") as world:
        world.simulator.nexudus.faults.add(FAULTS[fault], times=25)
        for _ in range(25):
            await world.one(IDS[0])
        assert len(world.reads) == 25
        assert str((await world.one(IDS[0])).id) == IDS[0]


async def test_an_open_breaker_refuses_before_anything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.resilience.circuit_breaker, "FEWEST_VERDICTS", 1)
    monkeypatch.setattr(resolvers.resilience.circuit_breaker, "FEWEST_EXCHANGES", 1)
    async with a_world(rates=[Rate(1, 0.1)]) as world:
        world.scheduler._client.transport._circuit_breaker = CircuitBreaker(
            "nexudus"
        )  # which has seen nothing good yet
        world.simulator.nexudus.faults.add(FAULTS["504"], times=None)
        first = await world.one(IDS[0], UpstreamContext(3))
        # The retry was refused; that the source answered 504 says more.
        assert (first.status, len(world.reads)) == (504, 1)

        operation = UpstreamContext(100)  # time enough for the hold
        world.scheduler._client.transport.rate_limiter.pause(60)
        refused = await asyncio.wait_for(world.one(IDS[1], operation), 1)
        assert refused.detail == "the circuit breaker is open"  # and not the ration


async def test_a_sign_in_that_hangs_opens_the_breaker_for_all_who_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.resilience.retry, "FIRST_WAIT_SECONDS", 0.01)
    async with a_world(attempt_timeout_seconds=0.1) as world:
        world.simulator.nexudus.faults.add(FAULTS["hang"], times=3, kinds={"token-password", "token-refresh"})
        world.simulator.nexudus.expire_tokens()
        await asyncio.gather(*(world.one(source_id, UpstreamContext(0.5)) for source_id in IDS[:8]))
        outcome = await world.one(IDS[0])
        assert isinstance(outcome, UpstreamUnavailable)
        assert outcome.detail == "the circuit breaker is open"


@pytest.mark.programs
@pytest.mark.parametrize(
    "fault", ["403", "500", "close", "hang", "not-http", "bad-gzip", "invalid-json", "another-record", "open breaker"]
)
async def test_a_failure_leaves_nothing_behind_that_only_the_garbage_collector_finds(fault: str) -> None:
    """Some know a record, another one than was asked for."""
    async with a_world(attempt_timeout_seconds=0.05) as world:
        transport: Any = world.scheduler._client.transport
        if fault in FAULTS:
            world.simulator.nexudus.faults.add(FAULTS[fault], times=None)

        async def fail() -> None:
            transport._retries._saved = 0
            if fault not in FAULTS:
                transport._circuit_breaker._open()
            for ids in (IDS[:1], IDS[:2]):
                assert isinstance((await world.fetch(*ids))[0], UpstreamError)
            await asyncio.sleep(0.01)

        await fail()
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await fail()
            gc.collect()
            left = [one for one in gc.garbage if type(one).__module__.startswith("resolvers")]
            assert left == []
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
