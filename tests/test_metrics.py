"""`metrics.service`, `metrics.page`, `metrics.readings`, `metrics.copies`, `metrics.exposition`: a scrape says what was
done.
"""

import asyncio
import traceback
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from httpserver.http_errors import HTTPError
from httpserver.request import Headers, HttpRequest
from metrics.page import MetricsPage
from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID
from tests import credentials
from tests.harness import Graph, open_graph
from tests.two_sources import ALWAYS
from tests.waiting import until
from web.auth.callers import Caller
from web.policy import RequestPolicy

ONE = f'query Deal {{ nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ stageName }} }}'
BOTH = f"""query Both {{
  nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ stageName }}
  chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{ amountInCents }}
}}"""


def of(*labels: str) -> frozenset[str]:
    """Return the key of a sample: the text has its labels in an order of its own."""
    return frozenset(labels)


def parsed(text: str) -> dict[str, dict[frozenset[str], float]]:
    """Return the samples by name, without the common prefix, and by the values of their labels."""
    found: dict[str, dict[frozenset[str], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix("opportunity_graph_")
            found.setdefault(name, {})[of(*sample.labels.values())] = sample.value
    return found


async def scrape(graph: Graph, **headers: str) -> dict[str, dict[frozenset[str], float]]:
    response = await graph.request("GET", "/metrics", **headers)
    assert response.status == 200, response
    assert response.headers["content-type"].startswith("text/plain")
    return parsed(response.body.decode())


async def test_operations_records_and_requests_are_counted() -> None:
    async with open_graph(METRICS="true") as graph:
        for _ in range(3):
            await graph.ask(BOTH)
        graph.simulator.nexudus.faults.add(FAULTS["500"], times=ALWAYS, kinds={"get"})
        failed = await graph.post({"query": ONE})
        found = await scrape(graph)
        calls = len(graph.simulator.nexudus.calls)

    assert "errors" in failed.json
    assert found["operations_total"] == {of("Both", "OK"): 3, of("Deal", "UPSTREAM_UNAVAILABLE"): 1}
    assert found["operation_seconds_count"] == {of("Both"): 3, of("Deal"): 1}
    assert found["records_total"][of("nexudus", "asked")] == 4
    assert found["records_total"][of("chartmogul", "asked")] == 3
    upstream = found["upstream_requests_total"]
    assert upstream[of("nexudus", "get", "OK", "1")] == 3
    assert sum(count for labels, count in upstream.items() if "nexudus" in labels) == calls
    assert found["breaker_state"][of("nexudus", "closed")] == 1
    assert upstream[of("nexudus", "get", "UPSTREAM_UNAVAILABLE", "2")] == 1
    assert found["last_failure_timestamp_seconds"][of("nexudus", "UPSTREAM_UNAVAILABLE")] > 1_700_000_000
    assert found["batch_keys_count"] == {of("nexudus"): 4, of("chartmogul"): 3}
    assert found["batch_operations_sum"][of("nexudus")] == 4
    assert found["queue_seconds_count"][of("chartmogul")] == 3
    assert found["compiled_total"][of()] + sum(found["not_compiled_total"].values()) == 4
    assert found["not_compiled_total"][of("first_request")] >= 1


async def test_the_response_cache_counts_its_hits() -> None:
    async with open_graph(METRICS="true", NEXUDUS_CACHE_FRESH_SECONDS="600", UPSTREAM_COST="false") as graph:
        for _ in range(5):
            await graph.ask(ONE)
        found = await scrape(graph)

    cache = found["response_cache_total"]
    assert cache[of("hit")] + cache[of("miss")] == 5
    assert cache[of("hit")] >= 2
    assert found["stored_responses_total"] == {of("Deal"): cache[of("hit")]}
    assert found["records_total"][of("nexudus", "cached")] == 4 - cache[of("hit")]


async def test_what_is_left_of_a_ration_is_shown() -> None:
    async with open_graph(METRICS="true", CHARTMOGUL_RATIONED="true") as graph:
        before = await scrape(graph)
        await graph.ask(BOTH)
        after = await scrape(graph)

    spent = {
        key: before["ration_left"][key] - left for key, left in after["ration_left"].items() if "chartmogul" in key
    }
    assert spent
    assert set(spent.values()) == {1}


async def test_the_copy_of_all_deals_is_shown() -> None:
    async with open_graph(METRICS="true", SYNC_ENABLED="true") as graph:
        found = await scrape(graph)

    assert found["store_up"] == {of(): 1}
    assert found["store_seconds_count"][of("read")] >= 1
    assert sum(value for labels, value in found["sync_state"].items() if "nexudus" in labels) == 1
    assert {"nexudus", "chartmogul"} <= frozenset().union(*found["sync_state"])


async def test_preflights_of_other_sites_are_counted() -> None:
    async with open_graph(METRICS="true", CORS_ORIGINS="https://app.example.com") as graph:
        foreign = {"origin": "https://evil.example", "access_control_request_method": "POST"}
        assert (await graph.request("OPTIONS", "/graphql", **foreign)).status == 403
        found = await scrape(graph)

    assert found["refusals_total"] == {of("403", "FORBIDDEN", "cors", "none"): 1}


async def test_documents_that_cannot_be_executed_are_counted_by_their_code() -> None:
    async with open_graph(METRICS="true") as graph:
        await graph.post({"query": "{ nothing }"})
        found = await scrape(graph)

    assert found["operations_total"] == {of("(unnamed)", "GRAPHQL_VALIDATION_FAILED"): 1}


async def test_it_is_not_there_unless_it_is_asked_for() -> None:
    async with open_graph() as graph:
        assert (await graph.request("GET", "/metrics")).status == 404


async def test_where_callers_need_credentials_it_needs_one_and_counts_refusals() -> None:
    key = "key-of-prometheus"
    async with open_graph(METRICS="true", API_KEYS=credentials.line("prometheus", key)) as graph:
        assert (await graph.request("GET", "/metrics")).status == 401
        assert (await graph.post({"query": ONE}, x_api_key="CANARY-wrong")).status == 401
        response = await graph.request("GET", "/metrics", x_api_key=key)

    found = parsed(response.body.decode())
    assert found["refusals_total"] == {
        of("401", "UNAUTHENTICATED", "credential", "none"): 1,
        of("401", "UNAUTHENTICATED", "credential", "API key"): 1,
    }
    assert b"CANARY" not in response.body
    assert key.encode() not in response.body


async def test_users_of_frontends_may_not_see_it() -> None:
    async def identify(_: HttpRequest) -> Caller:
        return Caller("frontend", frozenset({"opportunities:read"}))

    anything: Any = None
    page = MetricsPage(anything, RequestPolicy(identify=identify))
    response = await Graph(page, anything).request("GET", "/metrics")

    assert (response.status, response.json["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")


async def test_a_refusal_is_not_kept_with_the_request_that_it_was_for() -> None:
    """One error for all requests would have the frames of each in its traceback, with the credentials in them."""

    async def identify(_: HttpRequest) -> Caller:
        return Caller("frontend", frozenset())

    anything: Any = None
    page = MetricsPage(anything, RequestPolicy(identify=identify))
    depths = []
    for _ in range(3):
        with pytest.raises(HTTPError) as refusal:
            await page.respond(HttpRequest("GET", Headers([])))
        depths.append(len(list(traceback.walk_tb(refusal.value.__traceback__))))
    assert len(set(depths)) == 1


async def test_an_operation_whose_client_goes_is_counted_as_cancelled_and_one_that_raises_as_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_graph(METRICS="true") as graph:
        graph.simulator.nexudus.faults.add(FAULTS["hang"], times=ALWAYS)
        waiting = asyncio.create_task(graph.post({"query": ONE}))
        await until(lambda: graph.simulator.nexudus.calls)
        waiting.cancel()
        await asyncio.wait([waiting])
        monkeypatch.setattr("engine.engine.Engine.answer", raising)
        assert (await graph.post({"query": ONE})).status == 500
        found = await scrape(graph)

    assert found["operations_total"] == {of("Deal", "cancelled"): 1, of("Deal", "INTERNAL_SERVER_ERROR"): 1}


async def raising(*_: Any) -> None:
    raise RuntimeError
