"""`resolvers.fetching.dispatcher`: that whoever waits has an outcome, whatever becomes of a fetch, and that no
permit is lost.

`resolvers.fetching.shared_fetch` is what a fetch is paid from.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

import pytest

from resolvers.errors import UpstreamUnavailable
from resolvers.fetching.dispatcher import Dispatcher
from resolvers.fetching.key_request import KeyRequest, Waiter
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.circuit_breaker import Verdict
from resolvers.telemetry import BatchSent, Event
from tests import loops
from tests.fakes import RecordingPermit

LOOPS = loops.WITH_ITS_OWN_TIME


class Bench:
    """Flights of a client that gives, when it may, what it is made with; one of them is under way."""

    source = "there"
    reports_all = True

    def __init__(
        self, outcomes: Any, *, landing: Exception | None = None, telling: Exception | None = None, tracer: Any = None
    ) -> None:
        self.transport = self
        self.tracer = tracer
        self._telling = telling
        self.outcomes = outcomes
        self.may_go_on = asyncio.Event()
        self.permit = RecordingPermit()
        self.landed: list[Any] = []
        self.events: list[Event] = []
        self.failed: list[Exception] = []
        self._landing = landing
        client: Any = self
        self.dispatcher = Dispatcher(client, on_done=self._land, on_error=lambda _, error: self.failed.append(error))
        self.operation = UpstreamContext(1)
        self.wanted = KeyRequest("1", Waiter(self.operation))
        self.dispatcher.start([self.wanted], self.permit)

    def telemetry(self, event: Event) -> None:
        if self._telling is not None:
            raise self._telling
        self.events.append(event)

    async def fetch_many(self, ids: Sequence[str], shared_fetch: SharedFetch) -> Any:
        assert ids == ["1"]
        await self.may_go_on.wait()
        if isinstance(self.outcomes, BaseException):
            raise self.outcomes
        return self.outcomes

    def _land(self, _: Any, outcomes: Any) -> None:
        if self._landing is not None:
            raise self._landing
        self.landed.append(outcomes)

    @property
    def shared_fetch(self) -> SharedFetch:
        assert self.wanted.shared_fetch
        return self.wanted.shared_fetch

    async def settle(self) -> None:
        self.may_go_on.set()
        await asyncio.sleep(0.1)


async def test_a_fetch_lands_with_its_outcomes_and_gives_back_a_permit_that_was_not_used() -> None:
    bench = Bench(["fetched"])
    await bench.settle()
    assert bench.landed == [["fetched"]]
    assert bench.permit.calls == [(Verdict.NONE, 1)]


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_fetch_that_is_abandoned_lands_nowhere_and_gives_its_permit_back_even_if_it_has_not_begun(
    turns: int,
) -> None:
    bench = Bench(["fetched"])
    for _ in range(turns):
        await asyncio.sleep(0)
    shared_fetch = bench.shared_fetch
    assert bench.dispatcher.cancel(shared_fetch) == [bench.wanted]
    assert bench.permit.calls == [(Verdict.NONE, 1)]
    assert bench.wanted.shared_fetch is None
    assert bench.dispatcher.cancel(shared_fetch) == [], "it is not under way any more"
    await bench.settle()
    assert bench.landed == []
    assert bench.permit.calls == [(Verdict.NONE, 1)]


@pytest.mark.parametrize("turns", [0, 1, 2])
@pytest.mark.parametrize("fault", [None, RuntimeError("ours")])
async def test_the_span_of_a_fetch_that_is_abandoned_ends_once_even_if_it_has_not_begun(
    turns: int, fault: Exception | None
) -> None:
    tracer = Mock()
    tracer.batch.return_value.end.side_effect = fault
    bench = Bench(["fetched"], tracer=tracer)
    for _ in range(turns):
        await asyncio.sleep(0)
    assert bench.dispatcher.cancel(bench.shared_fetch) == [bench.wanted]
    await bench.settle()
    tracer.batch.return_value.end.assert_called_once_with(code="UPSTREAM_UNAVAILABLE")


async def test_a_fetch_that_is_cancelled_from_outside_is_unavailability() -> None:
    bench = Bench(asyncio.CancelledError())
    await bench.settle()
    assert [type(error) for error in bench.failed] == [UpstreamUnavailable]


@pytest.mark.parametrize("where", ["fetch", "landing"])
@pytest.mark.parametrize("kind", [RuntimeError, StopIteration])
async def test_a_fault_of_ours_reaches_those_who_wait(where: str, kind: type[Exception]) -> None:
    """As something that a future takes: no StopIteration, which a coroutine would have made a RuntimeError too."""
    bench = Bench(kind()) if where == "fetch" else Bench(["fetched"], landing=kind())
    await bench.settle()
    assert [type(error) for error in bench.failed] == [RuntimeError]
    assert bench.landed == []


async def test_a_fault_when_a_fetch_begins_reaches_those_who_wait() -> None:
    tracer = Mock()
    bench = Bench(["fetched"], telling=RuntimeError("ours"), tracer=tracer)
    await bench.settle()
    assert [type(error) for error in bench.failed] == [RuntimeError]
    assert bench.permit.calls == [(Verdict.NONE, 1)]
    tracer.batch.assert_not_called()  # nothing would end it


async def test_a_fault_when_the_span_of_a_fetch_ends_reaches_those_who_wait() -> None:
    tracer = Mock()
    tracer.batch.return_value.end.side_effect = RuntimeError("ours")
    bench = Bench(["fetched"], tracer=tracer)
    await bench.settle()
    assert [type(error) for error in bench.failed] == [RuntimeError]


async def test_who_rides_along_is_told_so_and_does_not_pay() -> None:
    bench = Bench(["fetched"])
    other = UpstreamContext(5)
    second = KeyRequest("2", Waiter(other))
    bench.dispatcher.start([bench.wanted, second], RecordingPermit())
    shared_fetch = second.shared_fetch
    assert shared_fetch is bench.shared_fetch
    assert (shared_fetch.weight, shared_fetch.deadline) == (2, other.deadline)
    shared_fetch.count_request("there")
    assert (bench.operation.usage("there").requests, bench.operation.usage("there").joined) == (1, 0)
    assert (other.usage("there").requests, other.usage("there").joined) == (0, 1)
    assert [(event.keys, event.operations) for event in bench.events if isinstance(event, BatchSent)] == [
        (1, 1),
        (2, 2),
    ]
    bench.dispatcher.cancel(shared_fetch)
