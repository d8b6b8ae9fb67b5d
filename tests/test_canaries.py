"""Secrets and people's data are planted, every fault is tried, and then they are looked for where they must not be."""

import asyncio
import json
import logging
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import services
from resolvers.telemetry import Event
from simulator import FAULTS
from tests.canaries import API_KEY, CALLER_KEY, EMAIL, NOTES, PASSWORD, UPSTREAM, URL_PART, VARIABLE, planted
from tests.credentials import SCOPES, line
from tests.harness import open_graph

QUERY = """query($n: ID!, $c: ID!, $bad: ID!) {
  n: nexudusOpportunity(sourceId: $n) { status stageName }
  c: chartMogulOpportunity(sourceId: $c) { status stageName }
  bad: nexudusOpportunity(sourceId: $bad) { status }
}"""
VARIABLES = {"n": "1427000501", "c": "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc", "bad": VARIABLE}

KINDS: dict[str, tuple[str, ...]] = {"get": ("get", "list-by-ids"), "token": ("token-password", "token-refresh")}


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every telemetry event of the run, as text."""
    found: list[str] = []
    log: Callable[[Event], None] = services.log_events

    def listen(event: Event) -> None:
        found.append(repr(event))
        log(event)

    monkeypatch.setattr(services, "log_events", listen)
    return found


def _spoken(fault: Any) -> Any:
    """Return the fault with a canary in the body or header that it answers with, where it makes a plain reply."""

    async def answer(exchange: Any) -> Any:
        found = await fault.answer(exchange)
        body = getattr(found, "body", None)
        if isinstance(body, bytes) and len(body) < 1_000:
            headers = {**(getattr(found, "headers", None) or {}), "X-Canary": UPSTREAM}
            return replace(found, body=body + UPSTREAM.encode(), headers=headers)
        return found

    return replace(fault, answer=answer)


@pytest.mark.programs  # and so on its own: every fault, at every place
@pytest.mark.parametrize("where", KINDS)
async def test_no_fault_makes_a_secret_or_personal_data_appear(
    where: str, caplog: pytest.LogCaptureFixture, events: list[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = {"API_KEYS": line("caller", CALLER_KEY, " ".join(SCOPES)), "METRICS": "true", "STATUS_PAGE": "true"}
    numbers: list[str] = []
    # Small, so that the faults which hang, or send without end, are over soon.
    bounds = {"ATTEMPT_TIMEOUT_SECONDS": "0.15", "OPERATION_DEADLINE_SECONDS": "0.2", "MAX_REPLY_BYTES": "100000"}

    async def strike(name: str) -> tuple[str, str]:
        simulator = planted()
        for upstream in simulator.upstreams:
            upstream.faults.add(_spoken(FAULTS[name]), times=None, kinds=KINDS[where])
        async with open_graph(simulator, **keys, **bounds) as graph:
            if where == "token":
                answer = await graph.post({"query": QUERY, "variables": VARIABLES}, x_api_key=CALLER_KEY)
            else:
                answer = await graph.post({"query": QUERY, "variables": VARIABLES}, x_api_key=CALLER_KEY)
                if simulator.nexudus.calls:
                    simulator.nexudus.expire_tokens()
                    await graph.post({"query": QUERY, "variables": VARIABLES}, x_api_key=CALLER_KEY)
            pages = [await graph.request("GET", page, x_api_key=CALLER_KEY) for page in ("/metrics", "/status.json")]
            numbers.extend(page.body.decode() for page in pages)
        assert answer.status == 200, name
        assert answer.json["errors"], name
        sent = json.dumps(answer.headers) + answer.body.decode()
        for call in simulator.nexudus.calls:
            assert API_KEY not in repr((call.path, call.query, call.headers, call.body))
            if not call.kind.startswith("token"):
                assert PASSWORD not in repr((call.path, call.query, call.headers, call.body))
        for call in simulator.chartmogul.calls:
            assert PASSWORD not in repr((call.path, call.query, call.headers, call.body))
        tokens = [call.headers.get("authorization", "") for call in simulator.nexudus.calls]
        return sent, " ".join(token.removeprefix("Bearer ") for token in tokens if token)

    found = []
    names = list(FAULTS)
    for at in range(0, len(names), 8):
        found += await asyncio.gather(*map(strike, names[at : at + 8]))
    texts = {
        "responses": "\n".join(sent for sent, _ in found),
        "logs": "\n".join(f"{record.getMessage()} {record.exc_text or ''} {record.args}" for record in caplog.records)
        + caplog.text,
        "telemetry": "\n".join(events),
        "metrics and the status page": "\n".join(numbers),
    }
    assert events, "the telemetry was not listened to"
    canaries = {PASSWORD, API_KEY, CALLER_KEY, EMAIL, NOTES, VARIABLE, UPSTREAM, URL_PART}
    canaries |= {b64encode(f"{API_KEY}:".encode()).decode().rstrip("=")}
    canaries |= {token for _, tokens in found for token in tokens.split()}
    for place, text in texts.items():
        for canary in canaries:
            assert canary not in text, f"{canary} in the {place}: {text[max(0, text.index(canary) - 300) :][:400]}"


async def test_a_fault_of_our_own_tells_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody expected, with a secret in its text, where a record is made and where one is asked."""
    caplog.set_level(logging.DEBUG)

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError(NOTES)

    async with open_graph() as graph:
        monkeypatch.setattr("resolvers.nexudus.client.parse", broken)
        answer = await graph.ask('{ nexudusOpportunity(sourceId: "1427000501") { id } }')
        assert answer["errors"][0]["message"] == "Internal server error."
        monkeypatch.setattr("engine.engine.Engine.answer", broken)
        masked = await graph.post({"query": "{ __typename }"})
        assert masked.status == 500
        assert masked.json["errors"][0]["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "retryable": False}
    assert "KeyError" in caplog.text, "what went wrong is to be found in the log"
    assert NOTES not in caplog.text + json.dumps(answer) + masked.body.decode()
