"""`metrics.overview`: what the status page shows is what was counted."""

from typing import Any

import pytest

from metrics.copies import copies
from metrics.exposition import open_exposition
from metrics.families import gauge
from metrics.overview import overview
from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID
from sync.status import State, Status
from tests import credentials
from tests.harness import Graph, open_graph
from tests.two_sources import ALWAYS

ONE = f'query Deal {{ nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ stageName }} }}'
FAILING = f'query Other {{ chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{ sourceId }} }}'


async def status(graph: Graph, **headers: str) -> Any:
    response = await graph.request("GET", "/status.json", **headers)
    assert response.status == 200, response
    return response.json


def source(data: Any, name: str) -> Any:
    return next(one for one in data["sources"] if one["name"] == name)


async def test_requests_records_and_failures_are_those_of_the_source() -> None:
    async with open_graph(STATUS_PAGE="true", NEXUDUS_CACHE_FRESH_SECONDS="60") as graph:
        for _ in range(4):
            await graph.ask(ONE)
        graph.simulator.chartmogul.faults.add(FAULTS["503"], times=ALWAYS)
        await graph.post({"query": FAILING})
        data = await status(graph)
        calls = [len(one.calls) for one in (graph.simulator.nexudus, graph.simulator.chartmogul)]

    nexudus, chartmogul = source(data, "nexudus"), source(data, "chartmogul")
    assert [nexudus["requests"], chartmogul["requests"]] == calls
    assert (nexudus["records"]["asked"], nexudus["records"]["cached"]) == (4, 3)
    assert (nexudus["breaker"], nexudus["failures"], nexudus["failedRequests"]) == ("closed", [], 0)
    (failure,) = chartmogul["failures"]
    assert (failure["code"], failure["count"]) == ("UPSTREAM_UNAVAILABLE", chartmogul["failedRequests"])
    assert data["now"] - failure["at"] < 60
    assert (data["operations"], data["failedOperations"], data["processes"]) == (5, 1, 1)
    assert nexudus["copy"] is None


async def test_rations_and_what_they_have_refused_are_shown() -> None:
    async with open_graph(STATUS_PAGE="true", CHARTMOGUL_RATIONED="true") as graph:
        await graph.post({"query": FAILING})
        data = await status(graph)

    (ration,) = source(data, "chartmogul")["rations"]
    assert (ration["limit"], ration["limit"] - ration["left"]) == (40, 1)
    assert source(data, "nexudus")["rations"] == []
    assert source(data, "nexudus")["notAsked"] == {"ration": 0, "breaker": 0}


async def test_the_copy_and_the_refusals_are_shown() -> None:
    keys = credentials.line("people", "right")
    async with open_graph(STATUS_PAGE="true", SYNC_ENABLED="true", API_KEYS=keys) as graph:
        await graph.post({"query": ONE}, x_api_key="wrong")
        data = await status(graph, x_api_key="right")

    assert source(data, "nexudus")["copy"]["stateText"]
    assert data["store"] == {"isUp": True, "failures": 0}
    assert data["refusals"] == {"credential": 1}


def test_a_source_without_credentials_is_not_configured() -> None:
    data = overview([], {"nexudus": "Nexudus"}, now=0)
    assert data["sources"] == [{"name": "nexudus", "title": "Nexudus", "isConfigured": False}]


async def test_nobodys_data_are_in_it() -> None:
    async with open_graph(STATUS_PAGE="true") as graph:
        answer = await graph.ask(ONE)
        response = await graph.request("GET", "/status.json")

    for value in (NEXUDUS_EXAMPLE_ID, answer["data"]["nexudusOpportunity"]["stageName"]):
        assert str(value) not in response.body.decode()


@pytest.mark.parametrize(("count", "shown"), [(7, 7), (0, 0), (None, 0)])
async def test_customers_whose_names_are_lacking_are_shown(count: int | None, shown: int) -> None:
    state, source_ = State.CURRENT, "chartmogul"

    async def statuses() -> list[Status]:
        none: frozenset[Any] = frozenset()
        return [Status(source=source_, account="", state=state, capabilities=none, rows=3, unread_customers=count)]

    breaker = gauge("breaker_state", "", ("source", "state"), {(source_, "closed"): 1})
    families = [breaker, *await copies(statuses)]
    data = overview(open_exposition({}).metrics(families), {source_: "ChartMogul"}, now=0)
    assert source(data, source_)["copy"]["unreadCustomers"] == shown
