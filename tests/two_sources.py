"""A query that asks each source for a record, and what becomes of it while one of them is sick."""

import asyncio
import json
from typing import Any

from simulator import CHARTMOGUL_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID
from tests.harness import Graph

ID = {"nexudus": str(NEXUDUS_EXAMPLE_ID), "chartmogul": CHARTMOGUL_EXAMPLE_ID}
FIELD = {"nexudus": "nexudusOpportunity", "chartmogul": "chartMogulOpportunity"}
OTHER = {"nexudus": "chartmogul", "chartmogul": "nexudus"}
QUERY = (
    f'{{ nexudusOpportunity(sourceId: "{ID["nexudus"]}") {{ sourceId stageName statusCode }} '
    f'chartMogulOpportunity(sourceId: "{ID["chartmogul"]}") {{ sourceId stageName forecastCategory }} }}'
)
SOURCES = tuple(ID)
DATA = "data"
MISSING = "missing"
ALWAYS = None
IN_TIME = 2.0
"""Seconds that no answer here may take, though most faults would last longer."""

HASTY = {"ATTEMPT_TIMEOUT_SECONDS": "0.3", "OPERATION_DEADLINE_SECONDS": "0.6"}
"""Long enough for a healthy source on a busy machine."""

SECRETS = (
    "127.0.0.1", "localhost", "/api/", "/v1/", "Bearer", "Basic", "simulated-", "gateway@example.com", "Ooops", "html",
    "Gateway", "Service Unavailable", "teapot", "Retry-After", "soon, I promise", "Error(", "Traceback", "aiohttp",
    "wishful", "Bad request", "Forbidden", "SSH",
)  # fmt: skip
"""Of an address, a credential, a body, a header or an exception's text nothing may show in an error."""


def reads(graph: Graph, source: str) -> list[str]:
    calls = getattr(graph.simulator, source).calls
    return [call.kind for call in calls if call.kind in ("get", "list-by-ids")]


def check(answer: Any, sick: str, outcome: str) -> None:
    """Assert the outcome in the sick source, and that the healthy one is whole."""
    healthy = answer["data"][FIELD[OTHER[sick]]]
    assert healthy["sourceId"] == ID[OTHER[sick]]
    assert healthy["stageName"]
    record = answer["data"][FIELD[sick]]
    if outcome == DATA:
        assert record["sourceId"] == ID[sick]
        assert "errors" not in answer
    elif outcome == MISSING:
        assert record is None
        assert "errors" not in answer
    else:
        assert record is None
        (error,) = answer["errors"]
        assert error["path"] == [FIELD[sick]]
        assert error["extensions"]["code"] == outcome
        assert error["extensions"]["source"] == sick
        told = json.dumps(answer["errors"])
        assert [secret for secret in SECRETS if secret in told] == []


async def ask(graph: Graph) -> Any:
    """Ask for a record of each source; the answer is JSON with status 200, and in time."""
    async with asyncio.timeout(IN_TIME):
        return await graph.ask(QUERY)


async def signed_in(graph: Graph) -> None:
    """Have a token, so that the sick reply is that to a read."""
    await graph.ask('{ nexudusOpportunity(sourceId: "1427000599") { id } }')
    graph.simulator.nexudus.calls.clear()
