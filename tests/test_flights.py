"""`resolvers.flights`: what is fetched without a task, what a task goes on with, and that whoever waits is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from resolvers.errors import UpstreamRateLimited, UpstreamUnavailable
from resolvers.exchange import Request
from resolvers.flights import Flights
from resolvers.operation import NOT_ASKED, Flight, Operation
from resolvers.queueing import Visit, Wanted

REQUEST = Request("http://there/", "get")


class Under:
    """In place of an attempt under way."""

    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Stub:
    """A client and its transport. What it does is what is put into it; an exception is raised."""

    source = "there"

    def __init__(self) -> None:
        self.transport = self
        self.asked: Any = REQUEST
        self.under: Under | None = Under()
        self.read_as: Any = lambda body: [body]
        self.told: Any = None
        self.first: list[Any] = []
        self.gate = asyncio.Event()
        self.outcomes: Any = ["fetched"]

    def request(self, _: Sequence[str]) -> Request | None:
        return _given(self.asked)

    def start(self, request: Request, flight: Flight, told: Any) -> Under | None:
        assert request is REQUEST
        if self.under is not None:
            flight.take_permit()
        self.told = told
        return self.under

    def read(self, request: Request, ids: Sequence[str], body: Any) -> Any:
        assert (request, list(ids)) == (REQUEST, ["1"])
        return _given(self.read_as(body))

    async def fetch_many(self, _: Sequence[str], flight: Flight) -> Any:
        self.first.append(flight.take_first(REQUEST))
        await self.gate.wait()
        return _given(self.outcomes)


def _given(found: Any) -> Any:
    if isinstance(found, BaseException):
        raise found
    return found


class APermit:
    def __init__(self) -> None:
        self.is_probe = False
        self.ended = 0

    def sent(self) -> None: ...

    def leave_place(self) -> None: ...

    def end(self, *, failed: bool | None, **_: object) -> None:
        assert failed is None
        self.ended += 1


class Bench:
    """Flights over a stub, one of them under way, and what came of it."""

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.permit = APermit()
        self.landed: list[Any] = []
        self.failed: list[Exception] = []
        client: Any = stub
        self.flights = Flights(
            client,
            landed=lambda _, outcomes: self.landed.append(_given(outcomes)),
            failed=lambda _, error: self.failed.append(error),
        )
        self.operation = Operation(1)
        self.wanted = Wanted("1", self.operation)
        self.visit = Visit(self.operation, lambda _: None)
        self.wanted.join(self.visit)
        self.flights.begin([self.wanted], self.permit)

    @property
    def flight(self) -> Flight:
        assert self.wanted.flight
        return self.wanted.flight

    @property
    def is_over(self) -> bool:
        return not self.flights._under_way and self.flight.permit is None

    async def settle(self) -> None:
        self.stub.gate.set()
        async with asyncio.timeout(2):
            while not self.is_over:  # noqa: ASYNC110 - it is what is looked at
                await asyncio.sleep(0)


async def test_the_reply_to_the_first_request_lands_at_once() -> None:
    bench = Bench(stub := Stub())
    stub.told(b"body")
    assert bench.landed == [[b"body"]]
    assert bench.is_over
    assert stub.first == []


@pytest.mark.parametrize("missing", ["a request", "a connection"])
async def test_without_a_request_or_a_connection_a_task_fetches_with_the_permit(missing: str) -> None:
    stub = Stub()
    if missing == "a request":
        stub.asked = None
    else:
        stub.under = None
    bench = Bench(stub)
    assert bench.flight.permit is bench.permit
    await bench.settle()
    assert bench.landed == [["fetched"]]
    assert stub.first == [NOT_ASKED]
    assert bench.permit.ended == 1, "nobody took it"


@pytest.mark.parametrize("found", [b"doubtful", UpstreamUnavailable("there")], ids=["a doubt", "an error"])
async def test_a_task_goes_on_from_what_the_first_attempt_has_found_and_does_not_ask_again(found: Any) -> None:
    bench = Bench(stub := Stub())
    stub.read_as = lambda _: None
    stub.told(found)
    assert bench.landed == []
    await bench.settle()
    assert stub.first == [found]
    assert bench.landed == [["fetched"]]


async def test_an_error_is_not_tried_again_when_nobody_waits_any_more() -> None:
    bench = Bench(stub := Stub())
    bench.wanted.leave(bench.visit)
    stub.told(error := UpstreamUnavailable("there"))
    assert bench.landed == [[error]]
    assert stub.first == []


async def test_a_refusal_is_not_lost_when_nobody_waits_any_more() -> None:
    """`Transport.fetch` holds the budget for everybody, as the source has asked."""
    bench = Bench(stub := Stub())
    bench.wanted.leave(bench.visit)
    stub.told(error := UpstreamRateLimited("there", retry_after_seconds=60))
    await bench.settle()
    assert stub.first == [error]


async def test_what_is_abandoned_is_cancelled_and_lands_nowhere() -> None:
    bench = Bench(stub := Stub())
    assert stub.under
    flight = bench.flight
    assert bench.flights.abandon(flight) == [bench.wanted]
    assert stub.under.is_cancelled
    assert bench.wanted.flight is None
    assert bench.flights.abandon(flight) == [], "it is not under way any more"


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_task_that_is_abandoned_gives_its_permit_back_even_if_it_has_not_begun(turns: int) -> None:
    stub = Stub()
    stub.asked = None
    bench = Bench(stub)
    for _ in range(turns):
        await asyncio.sleep(0)
    assert bench.flights.abandon(bench.flight) == [bench.wanted]
    assert bench.permit.ended == 1
    await asyncio.sleep(0)
    assert bench.permit.ended == 1


async def test_a_fetch_that_is_cancelled_from_outside_is_unavailability() -> None:
    stub = Stub()
    stub.asked, stub.outcomes = None, asyncio.CancelledError()
    bench = Bench(stub)
    await bench.settle()
    assert [type(error) for error in bench.failed] == [UpstreamUnavailable]


@pytest.mark.parametrize("where", ["request", "attempt", "read", "fetch", "landing"])
@pytest.mark.parametrize("kind", [RuntimeError, StopIteration])
async def test_a_fault_of_ours_reaches_those_who_wait(where: str, kind: type[Exception]) -> None:
    """As something that a future takes: no StopIteration, which a coroutine would have made a RuntimeError too."""
    stub = Stub()
    if where == "request":
        stub.asked = kind()
    elif where == "read":
        stub.read_as = lambda _: kind()
    elif where == "fetch":
        stub.asked, stub.outcomes = None, kind()
    bench = Bench(stub)
    if where == "landing":
        bench.flights._landed = lambda *_: _given(kind())
    if where in ("attempt", "read", "landing"):
        stub.told(kind() if where == "attempt" else b"body")
    await bench.settle()
    assert [type(error) for error in bench.failed] == [RuntimeError]
    assert bench.landed == []


async def test_who_rides_along_is_told_so_and_does_not_pay() -> None:
    bench = Bench(Stub())
    other = Operation(5)
    second = Wanted("2", other)
    second.join(Visit(other, lambda _: None))
    bench.flights.begin([bench.wanted, second], APermit())
    flight = second.flight
    assert flight is bench.flight
    assert (flight.weight, flight.deadline) == (2, other.deadline)
    flight.pay("there")
    assert (bench.operation.cost("there").requests, bench.operation.cost("there").joined) == (1, 0)
    assert (other.cost("there").requests, other.cost("there").joined) == (0, 1)
