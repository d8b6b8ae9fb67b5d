"""`services`: what is there while the application runs, and who is told of what happens upstream."""

import asyncio
import logging
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import services
from resolvers.registry import SOURCES
from resolvers.telemetry import Event, UpstreamCall
from schema.people import PEOPLE
from services import _report, open_counts
from simulator import Simulator
from store.database import open_database
from store.deals import upsert
from tests.deal_lists import deal, simulated
from tests.harness import open_graph


async def test_without_a_credential_a_source_is_not_there() -> None:
    async with open_graph(CHARTMOGUL_API_KEY="") as graph:
        answer = await graph.ask('{ chartMogulOpportunity(sourceId: "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc") { id } }')
    assert answer["errors"][0]["extensions"]["code"] == "SOURCE_NOT_CONFIGURED"


async def test_without_a_store_there_are_no_lists_and_records_all_the_same() -> None:
    async with open_graph(SYNC_ENABLED="false") as graph:
        answer = await graph.ask(
            """{ nexudusOpportunity(sourceId: "1427000501") { sourceId } opportunities { totalCount }
              sources { status { rows } } }"""
        )
    nothing = [{"status": None}] * len(answer["data"]["sources"])
    expected = {"nexudusOpportunity": {"sourceId": "1427000501"}, "opportunities": None, "sources": nothing}
    assert answer["data"] == expected
    told = {(error["extensions"]["code"], error["extensions"]["retryable"]) for error in answer["errors"]}
    assert told == {("STORE_UNAVAILABLE", False)}, "nothing will change by trying again"


async def test_deals_of_a_source_that_this_version_lacks_are_not_shown(tmp_path: Path) -> None:
    """Another version may have had it, and be run again: they stay in the store."""
    url = str(tmp_path / "deals.db")
    known, other = [deal("nexudus", record) for record in simulated()["nexudus"][:2]]
    async with open_database(url, threads=0) as database:
        await database.write(lambda connection: upsert(connection, [known, replace(other, source="elsewhere")]))
    async with open_graph(STORE_URL=url) as graph:
        query = """{ opportunities { totalCount nodes { sourceId } } pipelines { stages { count } }
          opportunitySummary(groupBy: [SOURCE]) { rows { count keys { value } } } }"""
        answer = await graph.ask(query)
    assert "errors" not in answer
    assert answer["data"] == {
        "opportunities": {"totalCount": 1, "nodes": [{"sourceId": known.source_id}]},
        "pipelines": [{"stages": [{"count": 1}]}],
        "opportunitySummary": {"rows": [{"count": 1, "keys": [{"value": "NEXUDUS"}]}]},
    }


async def test_a_start_with_other_settings_is_soon_followed_by_lists_that_go_by_them(tmp_path: Path) -> None:
    owners = tmp_path / "owners.json"
    owners.write_text('[{"name": "Testy McAdminface", "email": "testy@example.com"}]')
    store, simulator = str(tmp_path / "deals.db"), Simulator()
    query = """{ sources { status { isComplete lastError } }
      owned: opportunities(filter: {owner: {eq: "testy@example.com"}}) { totalCount }
      yen: opportunitySummary(filter: {currencyCode: {eq: "JPY"}, source: {eq: CHARTMOGUL}}, groupBy: [SOURCE]) {
        rows { kind amount } } }"""

    async def current(**settings: str) -> tuple[Any, Any]:
        """Return what is known just after the start, and once both sources are complete."""
        async with (
            open_graph(simulator, STORE_URL=store, SYNC_ENABLED="true", **settings) as graph,
            asyncio.timeout(60),
        ):
            first = last = (await graph.ask(query))["data"]
            while not all(one["status"]["isComplete"] for one in last["sources"]):
                await asyncio.sleep(0.02)
                last = (await graph.ask(query))["data"]
            return first, last

    try:
        _, before = await current()
        first, after = await current(OWNERS_FILE=str(owners), CHARTMOGUL_MINOR_UNITS="iso4217")
    finally:
        PEOPLE.know([])
    differs = {"isComplete": False, "lastError": "DERIVATION_DIFFERS"}
    assert [one["status"] for one in first["sources"]] == [differs] * len(SOURCES)
    assert before["owned"]["totalCount"] == 0 < after["owned"]["totalCount"]
    amounts = [[Decimal(row["amount"]) for row in data["yen"]["rows"] if row["amount"]] for data in (before, after)]
    assert amounts[0]
    assert amounts[1] == [amount * 100 for amount in amounts[0]]


@pytest.mark.parametrize(
    ("level", "metrics", "expected"),
    [
        (logging.INFO, "false", ["UNAUTHORIZED"]),
        (logging.DEBUG, "false", ["sent", "well", "sent", "UNAUTHORIZED"]),
        (logging.INFO, "true", ["sent", "well", "sent", "UNAUTHORIZED"]),
    ],
)
async def test_of_what_goes_well_only_those_are_told_who_listen_to_it(
    level: int, metrics: str, expected: list[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(level, "opportunity_graph.upstream")
    found: list[str] = []

    def listen(event: Event) -> None:
        code = event.code or "well" if isinstance(event, UpstreamCall) else "sent"
        found.append(code.removeprefix("UPSTREAM_"))

    monkeypatch.setattr(services, "log_events", listen)
    async with open_graph(METRICS=metrics) as graph:
        query = '{ chartMogulOpportunity(sourceId: "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc") { sourceId } }'
        await graph.ask(query)
        graph.simulator.chartmogul.api_key = "another"
        await graph.ask(query)
    assert found == expected


def test_what_is_counted_is_logged_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    counts = open_counts()
    with caplog.at_level(logging.WARNING):
        _report(counts, UpstreamCall("nexudus", "get", 1, 500, 1.0, "UPSTREAM_UNAVAILABLE", ""))
    assert "nexudus get failed" in caplog.text
