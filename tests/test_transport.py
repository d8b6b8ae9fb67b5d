"""`resolvers.resilience.transport` over real sockets: every bound of an exchange holds, and no failure leaves raw."""

import asyncio
import logging
from typing import Any

import pytest

from httpclient.client import HttpClient, Request, open_session
from httpclient.response import Response
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.rate_limiter import RateLimiter
from resolvers.resilience.transport import Transport, TransportSettings
from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, faults
from simulator.chartmogul_records import EXAMPLE
from simulator.replies import encode_json
from tests import logged, loops
from tests.harness import Graph, open_graph

LOOPS = loops.WITH_ITS_OWN_TIME

HASTY = {"ATTEMPT_TIMEOUT_SECONDS": "0.1", "OPERATION_DEADLINE_SECONDS": "0.15"}
CHARTMOGUL = f'{{ chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{ sourceId }} }}'


async def failure(graph: Graph, query: str = CHARTMOGUL) -> dict[str, Any]:
    answer = await graph.ask(query)
    assert list(answer["data"].values()) == [None]
    (error,) = answer["errors"]
    return error["extensions"]


@pytest.mark.parametrize("fault", ["hang", "late-head", "trickle"])
async def test_a_source_that_does_not_answer_in_time_is_given_up(fault: str) -> None:
    async with open_graph(**HASTY) as graph:
        graph.simulator.chartmogul.faults.add(FAULTS[fault], times=None)
        started = loops.now()

        assert await failure(graph) == {"code": "UPSTREAM_TIMEOUT", "retryable": True, "source": "chartmogul"}
        assert loops.now() - started < 1


async def test_the_deadline_bounds_the_whole_operation_however_many_records_wait() -> None:
    # Each attempt has time enough; that for all of them runs out in the third round of ten.
    async with open_graph(ATTEMPT_TIMEOUT_SECONDS="0.35", OPERATION_DEADLINE_SECONDS="0.4") as graph:
        chartmogul = graph.simulator.chartmogul
        chartmogul.faults.add(faults.delay(0.15), times=None)
        aliases = " ".join(
            f'a{number}: chartMogulOpportunity(sourceId: "{source_id}") {{ sourceId }}'
            for number, source_id in enumerate(list(chartmogul.records)[:60])
        )
        started = loops.now()
        answer = await graph.ask(f"{{ {aliases} }}")

        assert loops.now() - started < 1
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"UPSTREAM_TIMEOUT"}
        assert None in answer["data"].values()


async def test_a_sign_in_that_hangs_is_bounded_too() -> None:
    async with open_graph(**HASTY) as graph:
        graph.simulator.nexudus.faults.add(FAULTS["hang"], times=None)
        started = loops.now()

        found = await failure(graph, '{ nexudusOpportunity(sourceId: "1427000501") { sourceId } }')
        assert (found["code"], found["source"]) == ("UPSTREAM_TIMEOUT", "nexudus")
        assert loops.now() - started < 1


async def test_a_redirect_is_never_followed(graph: Graph) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS["redirect"], times=None)

    assert await failure(graph) == {"code": "UPSTREAM_BAD_RESPONSE", "retryable": False, "source": "chartmogul"}
    assert len(graph.simulator.calls) == 1


async def test_no_more_of_a_body_is_read_than_the_settings_allow() -> None:
    record = encode_json(EXAMPLE)
    async with open_graph(MAX_REPLY_BYTES="2000") as graph:
        graph.simulator.chartmogul.faults.add(faults.body(record.ljust(2_000)))
        assert "errors" not in await graph.ask(CHARTMOGUL)
        graph.simulator.chartmogul.faults.add(faults.body(record.ljust(2_001)))
        assert (await failure(graph))["code"] == "UPSTREAM_BAD_RESPONSE"


@pytest.mark.parametrize("fault", ["huge", "gzip-bomb"])
async def test_a_body_without_end_costs_neither_memory_nor_time(
    graph: Graph, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS[fault], times=None)
    started = loops.now()

    assert (await failure(graph))["code"] == "UPSTREAM_BAD_RESPONSE"
    assert "the body is too large" in caplog.text
    assert loops.now() - started < 2


@pytest.mark.parametrize("fault", ["reset", "close"])
async def test_a_hang_up_is_unavailability(graph: Graph, fault: str) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS[fault], times=None)
    assert await failure(graph) == {"code": "UPSTREAM_UNAVAILABLE", "retryable": True, "source": "chartmogul"}


@pytest.mark.parametrize("fault", ["truncated", "not-http", "many-headers", "bad-gzip"])
async def test_bytes_that_are_no_whole_answer_are_a_bad_response(graph: Graph, fault: str) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS[fault], times=None)
    assert await failure(graph) == {"code": "UPSTREAM_BAD_RESPONSE", "retryable": False, "source": "chartmogul"}


async def test_a_source_that_cannot_be_reached_is_unavailable() -> None:
    async with open_graph(CHARTMOGUL_URL="http://127.0.0.1:1") as graph:
        assert await failure(graph) == {"code": "UPSTREAM_UNAVAILABLE", "retryable": True, "source": "chartmogul"}


async def test_a_failure_is_one_line_in_the_log_without_ids_or_addresses(
    graph: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    """Trap 17."""
    graph.simulator.chartmogul.faults.add(faults.status(418, b"ada@example.com"), times=None)
    with caplog.at_level(logging.INFO):
        await failure(graph)

    (record,) = logged.records(caplog)
    assert record.levelname == "WARNING"
    assert record.exc_info is None
    assert "chartmogul" in record.message
    assert "418" in record.message
    for secret in (CHARTMOGUL_EXAMPLE_ID, "127.0.0.1", "/v1/", "ada@", graph.simulator.chartmogul.api_key, "Basic"):
        assert secret not in record.message


async def test_no_cookie_is_kept_and_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with open_graph() as graph:
        biscuit = faults.status(404, b"{}", headers={"Set-Cookie": "who=ada; Path=/"})
        graph.simulator.chartmogul.faults.add(biscuit)
        await graph.ask(CHARTMOGUL)
        await graph.ask(CHARTMOGUL.replace("acc", "acd"))
        assert [("cookie" in call.headers) for call in graph.simulator.calls] == [False, False]


async def test_a_place_is_given_on_when_the_connection_of_what_was_broken_off_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A transport of asyncio that is told to close does so in the next turn: until then the source has the request."""
    seen, most = 0, 0

    def closed() -> None:
        nonlocal seen
        seen -= 1

    async def make(*_: object, **__: object) -> Response:
        nonlocal seen, most
        seen += 1
        most = max(most, seen)
        try:
            await asyncio.Event().wait()
            raise AssertionError
        finally:
            asyncio.get_running_loop().call_soon(closed)

    monkeypatch.setattr(HttpClient, "send", make)
    async with open_session() as session:
        concurrency_limiter, rate_limiter = ConcurrencyLimiter(1), RateLimiter("chartmogul", ())
        transport = Transport(
            "chartmogul",
            session,
            TransportSettings(),
            lambda _: None,
            concurrency_limiter=concurrency_limiter,
            rate_limiter=rate_limiter,
        )
        operations = [UpstreamContext(5)]
        shared_fetch = SharedFetch(lambda: operations)

        def begin() -> "asyncio.Task[bytes | None]":
            return asyncio.create_task(transport.fetch(Request("http://source/", "get"), shared_fetch))

        under_way = begin()
        for _ in range(20):
            await asyncio.sleep(0)
            under_way.cancel()
            under_way = begin()  # in the turn in which the other one ends
        await asyncio.sleep(0.01)
        assert (seen, most) == (1, 1)
        under_way.cancel()
        await asyncio.wait([under_way])


async def test_an_exchange_is_told_of_in_the_turn_after_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "opportunity_graph.upstream")
    async with open_graph() as graph:
        await graph.ask(CHARTMOGUL)
        await asyncio.sleep(0)
        assert "UpstreamCall" in caplog.text
