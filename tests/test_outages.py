"""Sources that fail for a while: both at once, a sign-in, the breaker, and a storm of requests."""

import asyncio
import json

import pytest

import resolvers.resilience.circuit_breaker
import resolvers.resilience.retry
from simulator import FAULTS, faults
from tests import logged, loops
from tests.harness import open_graph
from tests.two_sources import ALWAYS, DATA, FIELD, HASTY, SOURCES, ask, check, reads, signed_in

LOOPS = loops.WITH_ITS_OWN_TIME


@pytest.fixture(autouse=True)
def _short_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.resilience.retry, "FIRST_WAIT_SECONDS", 0.01)


@pytest.mark.parametrize("fault", ["503", "reset", "hang", "html", "409-retry-after-60"])
async def test_with_both_sources_down_the_answer_is_null_and_two_errors_with_status_200(fault: str) -> None:
    async with open_graph(**HASTY) as graph:
        for upstream in graph.simulator.upstreams:
            upstream.faults.add(FAULTS[fault], times=ALWAYS)
        answer = await ask(graph)
    assert answer["data"] == dict.fromkeys(FIELD.values())
    assert sorted(error["extensions"]["source"] for error in answer["errors"]) == sorted(SOURCES)


async def test_an_error_of_a_source_has_the_line_and_column_of_its_field() -> None:
    async with open_graph(**HASTY) as graph:
        graph.simulator.chartmogul.faults.add(FAULTS["503"], times=ALWAYS)
        id_ = next(iter(graph.simulator.chartmogul.records))
        for one in (f'"{id_}"', "$id", "$id", "$id"):  # executed, and compiled when it is asked for again
            head = "query($id: ID!)" if one == "$id" else "query"
            query = f"{head} {{\n  __typename\n  one: chartMogulOpportunity(sourceId: {one}) {{\n    id\n  }}\n}}"
            answer = await graph.ask(query, {"id": id_} if one == "$id" else None)
            (error,) = answer["errors"]
            assert (error["path"], error["locations"]) == (["one"], [{"line": 3, "column": 3}])


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("500", "UPSTREAM_UNAVAILABLE"),
        ("503", "UPSTREAM_UNAVAILABLE"),
        ("reset", "UPSTREAM_UNAVAILABLE"),
        ("hang", "UPSTREAM_TIMEOUT"),
        ("trickle", "UPSTREAM_TIMEOUT"),
        ("409-retry-after-60", "UPSTREAM_RATE_LIMITED"),
        ("html", "UPSTREAM_BAD_RESPONSE"),
        ("huge", "UPSTREAM_BAD_RESPONSE"),
    ],
)
async def test_a_sign_in_that_fails_costs_nexudus_alone(fault: str, code: str) -> None:
    async with open_graph(**HASTY) as graph:
        graph.simulator.nexudus.faults.add(FAULTS[fault], times=ALWAYS, kinds={"token-password"})
        check(await ask(graph), "nexudus", code)
        assert reads(graph, "nexudus") == []


async def test_a_sign_in_that_recovers_is_tried_again() -> None:
    async with open_graph() as graph:
        graph.simulator.nexudus.faults.add(FAULTS["500"], times=3, kinds={"token-password"})
        check(await ask(graph), "nexudus", "UPSTREAM_UNAVAILABLE")
        check(await ask(graph), "nexudus", DATA)


async def test_a_slow_sign_in_is_waited_for() -> None:
    async with open_graph() as graph:
        graph.simulator.nexudus.faults.add(faults.delay(0.2), times=ALWAYS, kinds={"token-password"})
        check(await ask(graph), "nexudus", DATA)


@pytest.mark.parametrize(
    "token", ["", "two\r\nX-Lines: 1", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "with space"], ids=ascii
)
async def test_a_token_that_cannot_be_one_is_a_bad_response(token: str) -> None:
    async with open_graph() as graph:
        body = json.dumps({"access_token": token, "expires_in": 1200}).encode()
        graph.simulator.nexudus.faults.add(faults.body(body), times=ALWAYS, kinds={"token-password"})
        check(await ask(graph), "nexudus", "UPSTREAM_BAD_RESPONSE")
        assert reads(graph, "nexudus") == []


@pytest.mark.looks_at_costs
@pytest.mark.parametrize("seconds", [0, -1, 0.001])
async def test_a_token_that_is_said_to_end_at_once_is_used_until_it_is_refused(seconds: float) -> None:
    async with open_graph() as graph:
        graph.simulator.nexudus.faults.add(faults.mutate(lambda token: {**token, "expires_in": seconds}))
        for _ in range(3):
            check(await ask(graph), "nexudus", DATA)
        assert [call.kind for call in graph.simulator.nexudus.calls] == ["token-password", "get", "get", "get"]


async def test_50_operations_at_the_expiry_of_a_token_cost_one_renewal() -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        graph.simulator.nexudus.expire_tokens()
        for answer in await asyncio.gather(*(ask(graph) for _ in range(50))):
            check(answer, "nexudus", DATA)
        assert [call.kind for call in graph.simulator.nexudus.calls].count("token-refresh") == 1


@pytest.mark.parametrize("sick", SOURCES)
async def test_the_breaker_opens_asks_nobody_and_closes_after_a_good_probe(
    sick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolvers.resilience.circuit_breaker, "OPEN_SECONDS", 0.2)
    async with open_graph() as graph:
        await signed_in(graph)
        upstream = getattr(graph.simulator, sick)
        upstream.faults.add(FAULTS["503"], times=ALWAYS)
        for _ in range(10):
            check(await ask(graph), sick, "UPSTREAM_UNAVAILABLE")
        assert 10 < len(reads(graph, sick)) <= 20  # of 30 that they might have taken
        upstream.calls.clear()
        for _ in range(5):
            answer = await ask(graph)
            check(answer, sick, "UPSTREAM_UNAVAILABLE")
            assert answer["errors"][0]["extensions"]["retryAfterSeconds"] >= 0.1
        assert reads(graph, sick) == []

        await asyncio.sleep(0.21)
        check(await ask(graph), sick, "UPSTREAM_UNAVAILABLE")  # the probe, which fails
        check(await ask(graph), sick, "UPSTREAM_UNAVAILABLE")
        assert len(reads(graph, sick)) == 1

        upstream.faults.clear()
        await asyncio.sleep(0.21)
        for _ in range(3):
            check(await ask(graph), sick, DATA)


async def test_503_of_chartmogul_lowers_how_many_requests_run_at_once() -> None:
    """Above 20 connections ChartMogul answers 503: a storm of them must not go on as it began."""
    async with open_graph() as graph:
        chartmogul = graph.simulator.chartmogul
        chartmogul.max_parallel = 4
        chartmogul.latency_seconds = (0.01, 0.01)
        ids = list(chartmogul.records)
        for start in range(0, 120, 40):
            aliases = " ".join(
                f'a{n}: chartMogulOpportunity(sourceId: "{id_}") {{ id }}'
                for n, id_ in enumerate(ids[start : start + 40])
            )
            answer = await graph.ask(f"{{ {aliases} }}")
        refused = sum(call.status == 503 for call in chartmogul.calls)
        assert sum(value is not None for value in answer["data"].values()) >= 36
        assert refused < 40
        assert chartmogul.max_in_flight <= 10


async def test_an_outage_is_not_multiplied_by_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten retries are saved up; beyond them there is one for ten requests. Without the breaker, which would end it."""
    monkeypatch.setattr(resolvers.resilience.circuit_breaker, "FEWEST_VERDICTS", 10**9)
    async with open_graph() as graph:
        graph.simulator.chartmogul.faults.add(FAULTS["500"], times=ALWAYS)
        ids = list(graph.simulator.chartmogul.records)[:100]
        for source_id in ids:
            await graph.ask(f'{{ chartMogulOpportunity(sourceId: "{source_id}") {{ id }} }}')
        assert 100 + 15 <= len(reads(graph, "chartmogul")) <= 100 + 10 + 10


@pytest.mark.parametrize(
    ("sick", "fault", "code"),
    [
        ("nexudus", "401", "UPSTREAM_UNAUTHORIZED"),
        ("chartmogul", "401", "UPSTREAM_UNAUTHORIZED"),
        ("nexudus", "403", "UPSTREAM_FORBIDDEN"),
        ("chartmogul", "403", "UPSTREAM_FORBIDDEN"),
    ],
)
async def test_a_refusal_that_an_operator_has_to_mend_is_warned_of(
    sick: str, fault: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        getattr(graph.simulator, sick).faults.add(FAULTS[fault], times=ALWAYS, kinds={"get"})
        caplog.clear()
        check(await ask(graph), sick, code)
    warned = [record.getMessage() for record in logged.records(caplog) if record.levelname == "WARNING"]
    assert warned[0].startswith(f"{sick} get failed: {code} (status {fault}, ")
