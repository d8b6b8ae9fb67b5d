"""`services`: what is there while the application runs, and who is told of what happens upstream."""

import logging

import pytest

from resolvers.telemetry import UpstreamCall
from services import _report, open_counts
from tests.harness import open_graph


async def test_without_a_credential_a_source_is_not_there() -> None:
    async with open_graph(CHARTMOGUL_API_KEY="") as graph:
        answer = await graph.ask('{ chartMogulOpportunity(sourceId: "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc") { id } }')
    assert answer["errors"][0]["extensions"]["code"] == "SOURCE_NOT_CONFIGURED"


async def test_without_a_store_there_are_no_lists_and_records_all_the_same() -> None:
    async with open_graph(SYNC_ENABLED="false") as graph:
        answer = await graph.ask(
            '{ nexudusOpportunity(sourceId: "1427000501") { sourceId } opportunities { totalCount } }'
        )
    assert answer["data"] == {"nexudusOpportunity": {"sourceId": "1427000501"}, "opportunities": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["STORE_UNAVAILABLE"]


def test_what_is_counted_is_logged_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    counts = open_counts()
    with caplog.at_level(logging.WARNING):
        _report(counts, UpstreamCall("nexudus", "get", 1, 500, 1.0, "UPSTREAM_UNAVAILABLE", ""))
    assert "nexudus get failed" in caplog.text
