"""`resolvers.resilience.attempt`, without sockets: what is found, what becomes of the permit, and what telemetry
hears."""

import asyncio
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

import resolvers.resilience.attempt
from httpclient.client import Request
from httpclient.connection import ConnectionFailed, MalformedResponse, ReusedConnectionClosed
from httpclient.response import Headers, Response
from resolvers.errors import (
    KeptConnectionClosed,
    UpstreamBadResponse,
    UpstreamForbidden,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.attempt import Attempts, Found
from resolvers.resilience.circuit_breaker import Verdict
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.telemetry import Event, UpstreamCall
from tests import loops
from tests.fakes import RecordingPermit

LOOPS = loops.WITH_ITS_OWN_TIME


class Bench:
    """An attempt, and all that it has to do with; in place of `HttpClient` itself."""

    def __init__(self, found: Any = None, *, seconds: float = 1.0, operation_seconds: float = 1.0) -> None:
        self.found = found
        self.operation = UpstreamContext(operation_seconds)
        self.concurrency_limiter = ConcurrencyLimiter(4)
        self.permit = RecordingPermit()
        self.events: list[Event] = []
        http_client: Any = self
        self.attempts = Attempts("there", http_client, self.concurrency_limiter, self.events.append, seconds, 1000)
        self.shared_fetch = SharedFetch(lambda: (self.operation,), owner=self.operation)

    async def make(self) -> Found:
        return await self.attempts.make(Request("http://there/", "get"), self.shared_fetch, self.permit)

    async def send(self, _: Request, *, on_sent: Any, **__: Any) -> Response:
        on_sent()
        if self.found is None:
            await asyncio.Event().wait()
        if isinstance(self.found, Exception):
            raise self.found
        return Response(self.found, Headers([]), b"{}")


async def test_a_reply_is_found_and_everybody_knows_when_it_is() -> None:
    bench = Bench(200)
    assert await bench.make() == b"{}"
    assert bench.permit.calls == ["sent", "slot released", (Verdict.GOOD, 1)]
    assert bench.operation.usage("there").requests == 1
    assert [event.status for event in bench.events if isinstance(event, UpstreamCall)] == [200]


@pytest.mark.parametrize(
    ("found", "kind", "verdict"),
    [
        (404, type(None), Verdict.GOOD),
        (403, UpstreamForbidden, Verdict.GOOD),
        (500, UpstreamUnavailable, Verdict.FAILED),
        (408, UpstreamUnavailable, Verdict.GOOD),
        (421, UpstreamUnavailable, Verdict.GOOD),
        (425, UpstreamUnavailable, Verdict.GOOD),
        (MalformedResponse("half"), UpstreamBadResponse, Verdict.GOOD),
        (ConnectionFailed("gone"), UpstreamUnavailable, Verdict.FAILED),
        (ReusedConnectionClosed("gone"), KeptConnectionClosed, Verdict.NONE),
    ],
)
async def test_what_went_wrong_is_found_and_not_raised(found: Any, kind: type, verdict: Verdict) -> None:
    bench = Bench(found)
    assert type(await bench.make()) is kind
    assert bench.permit.calls == ["sent", *["slot released"] * (found == 404), (verdict, 1)]
    assert len(bench.events) == 1


async def test_a_503_makes_less_room() -> None:
    bench = Bench(503)
    await bench.make()
    assert bench.concurrency_limiter.limit == 2


async def test_an_attempt_that_is_cancelled_says_nothing_of_the_source() -> None:
    bench = Bench()
    task = asyncio.create_task(bench.make())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.permit.calls == ["sent", (Verdict.NONE, 1)]
    assert len(bench.events) == 1


@pytest.mark.parametrize("where", ["request", "end", "telemetry"])
async def test_a_fault_of_ours_beside_an_attempt_does_not_cost_the_permit(where: str) -> None:
    bench = Bench(200)
    tracer, telemetry = Mock(), Mock()
    if where == "telemetry":
        telemetry.side_effect = RuntimeError("ours")
    elif where == "end":
        tracer.request.return_value.end.side_effect = RuntimeError("ours")
    else:
        tracer.request.side_effect = RuntimeError("ours")
    bench.attempts = replace(bench.attempts, tracer=tracer, telemetry=telemetry)
    with pytest.raises(RuntimeError, match="ours"):
        await bench.make()
    verdict = Verdict.NONE if where == "request" else Verdict.GOOD
    assert bench.permit.calls[-1] == (verdict, 1)


@pytest.mark.parametrize(("operation_seconds", "verdict"), [(1.0, Verdict.TIMED_OUT), (0.004, Verdict.NONE)])
async def test_no_answer_in_time_is_a_timeout_and_a_failure_if_there_was_time(
    operation_seconds: float, verdict: Verdict
) -> None:
    bench = Bench(seconds=0.02, operation_seconds=operation_seconds)
    assert isinstance(await bench.make(), UpstreamTimeout)
    assert bench.permit.calls == ["sent", (verdict, 1)]


async def test_a_timeout_of_a_process_that_stood_still_says_nothing_of_the_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = iter((0.0, *[3_600.0] * 9))
    monkeypatch.setattr(resolvers.resilience.attempt, "perf_counter", lambda: next(machine))
    bench = Bench()
    assert isinstance(await bench.make(), UpstreamTimeout)
    assert bench.permit.calls == ["sent", (Verdict.NONE, 1)]


async def test_a_fault_of_ours_reaches_who_waits_and_gives_the_permit_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.resilience.attempt, "decipher", lambda *_: 1 / 0)
    bench = Bench(200)
    with pytest.raises(ZeroDivisionError):
        await bench.make()
    assert bench.permit.calls == ["sent", (Verdict.NONE, 1)]
