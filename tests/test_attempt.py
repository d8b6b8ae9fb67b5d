"""`resolvers.attempt`, without sockets: who is told what and how often, and what becomes of permit and connection."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import resolvers.attempt
from resolvers.attempt import Attempt, Upstream
from resolvers.connection import Garbled, NoReply
from resolvers.errors import UpstreamBadResponse, UpstreamForbidden, UpstreamTimeout, UpstreamUnavailable
from resolvers.exchange import Request
from resolvers.operation import Flight, Operation
from resolvers.places import Places
from resolvers.reply import Headers, Reply
from resolvers.telemetry import Event, UpstreamCall
from resolvers.waiting import A_MOMENT_SECONDS
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


class Wire:
    """In place of `Exchanges` and of the connection that they give."""

    def __init__(self) -> None:
        self.at_hand: Wire | NoReply | None = self
        self.ended: Callable[[Any], None] | None = None
        self.abandoned = 0

    def start(self, _: Request, __: int, ended: Callable[[Any], None]) -> "Wire | None":
        if isinstance(self.at_hand, NoReply):
            raise self.at_hand
        if self.at_hand is not None:
            self.ended = ended
        return self.at_hand

    def abandon(self) -> None:
        self.abandoned += 1


class APermit:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.is_probe = False
        self.calls: list[Any] = []

    def sent(self) -> None:
        self.calls.append("sent")

    def leave_place(self) -> None:
        self.calls.append("left")

    def end(self, *, failed: bool | None, weight: int = 1) -> None:
        self.calls.append((failed, weight))


class Bench:
    """An attempt, and all that it has to do with."""

    def __init__(self, *, seconds: float = 1.0, operation_seconds: float = 1.0) -> None:
        self.operation = Operation(operation_seconds)
        self.places = Places(4)
        self.wire = Wire()
        self.permit = APermit()
        self.events: list[Event] = []
        self.told: list[Any] = []
        exchanges: Any = self.wire
        self.upstream = Upstream("there", exchanges, self.places, self.events.append, seconds, 1000)
        self.attempt = self.another()

    def another(self) -> Attempt:
        flight = Flight(lambda: (self.operation,), payer=self.operation)
        return Attempt(self.upstream, Request("http://there/", "get"), flight, self.permit)

    def begin(self) -> None:
        assert self.attempt.start(self.told.append)

    def end(self, found: Reply | NoReply | Garbled) -> None:
        assert self.wire.ended
        self.wire.ended(found)

    def reply(self, status: int = 200) -> None:
        self.end(Reply(status, Headers([]), b"{}"))

    @property
    def requests(self) -> int:
        return self.operation.cost("there").requests


@pytest.mark.parametrize("at_hand", [None, NoReply("UnicodeError")], ids=["no connection", "nothing to write"])
async def test_what_cannot_begin_at_once_costs_nothing(at_hand: NoReply | None) -> None:
    bench = Bench()
    bench.wire.at_hand = at_hand
    assert not bench.attempt.start(bench.told.append)
    assert (bench.permit.calls, bench.events, bench.told, bench.requests) == ([], [], [], 0)


async def test_a_reply_is_told_at_once_and_once_and_the_connection_is_left_alone() -> None:
    bench = Bench(seconds=0.01)
    bench.begin()
    assert (bench.permit.calls, bench.requests) == (["sent"], 1)
    bench.reply()
    assert bench.told == [b"{}"]
    bench.attempt.cancel()
    bench.reply()
    await asyncio.sleep(0.03)
    assert bench.told == [b"{}"]
    assert bench.permit.calls == ["sent", "left", (False, 1)]
    assert len(bench.events) == 1
    assert bench.wire.abandoned == 0


@pytest.mark.parametrize(
    ("found", "told", "failed"),
    [
        (404, type(None), False),
        (403, UpstreamForbidden, False),
        (500, UpstreamUnavailable, True),
        (Garbled("half"), UpstreamBadResponse, False),
        (NoReply("gone"), UpstreamUnavailable, True),
    ],
)
async def test_what_went_wrong_is_told_and_not_raised(found: Any, told: type, failed: bool) -> None:
    bench = Bench()
    bench.begin()
    if isinstance(found, int):
        bench.reply(found)
    else:
        bench.end(found)
    assert [type(one) for one in bench.told] == [told]
    await asyncio.sleep(A_MOMENT_SECONDS)
    assert bench.permit.calls == ["sent", *["left"] * (found == 404), (failed, 1)]
    assert len(bench.events) == 1


async def test_whoever_waits_goes_on_before_the_books_are_kept() -> None:
    bench = Bench()
    answer = asyncio.get_running_loop().create_future()
    assert bench.attempt.start(answer.set_result)
    bench.reply()
    assert await answer == b"{}"
    assert bench.permit.calls == ["sent", "left"]
    await asyncio.sleep(A_MOMENT_SECONDS)
    assert bench.permit.calls == ["sent", "left", (False, 1)]
    assert len(bench.events) == 1


async def test_the_books_of_a_failure_are_kept_at_once_and_after_those_that_were_put_off() -> None:
    bench = Bench()
    bench.begin()
    bench.reply()
    assert (bench.permit.calls, bench.events) == (["sent", "left"], [])
    assert bench.another().start(bench.told.append)
    bench.reply(500)
    assert bench.permit.calls == ["sent", "left", "sent", (False, 1), (True, 1)]
    assert [event.status for event in bench.events if isinstance(event, UpstreamCall)] == [200, 500]


async def test_a_probe_has_its_verdict_before_anybody_is_told() -> None:
    bench = Bench()
    bench.permit.is_probe = True
    assert bench.attempt.start(lambda _: bench.permit.calls.append("told"))
    bench.reply()
    assert bench.permit.calls == ["sent", "left", (False, 1), "told"]


async def test_the_books_are_kept_though_whoever_is_told_fails() -> None:
    bench = Bench()
    assert bench.attempt.start([].remove)
    with pytest.raises(ValueError, match="remove"):
        bench.reply()
    await asyncio.sleep(A_MOMENT_SECONDS)
    assert bench.permit.calls == ["sent", "left", (False, 1)]


async def test_a_fault_of_ours_gives_the_permit_back_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()

    async def make(*_: object, **__: object) -> Reply:
        return Reply(200, Headers([]), b"{}")

    bench.wire.make = make  # type: ignore[attr-defined] # only here
    monkeypatch.setattr("resolvers.attempt.decipher", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await bench.attempt.make()
    assert bench.permit.calls == [(None, 1)]


async def test_a_503_makes_less_room() -> None:
    bench = Bench()
    bench.begin()
    bench.reply(503)
    assert bench.places.limit == 2


async def test_who_cancels_is_told_nothing_and_the_connection_is_broken_off() -> None:
    bench = Bench(seconds=0.01)
    bench.begin()
    bench.attempt.cancel()
    assert bench.wire.abandoned == 1
    bench.reply()  # in the same turn
    bench.attempt.cancel()
    await asyncio.sleep(0.03)
    assert bench.told == []
    assert bench.permit.calls == ["sent", (None, 1)]
    assert len(bench.events) == 1
    assert bench.wire.abandoned == 1


@pytest.mark.parametrize(("operation_seconds", "failed"), [(1.0, True), (0.004, None)])
async def test_no_answer_in_time_is_a_timeout_and_a_failure_if_there_was_time(
    operation_seconds: float, failed: bool | None
) -> None:
    bench = Bench(seconds=0.02, operation_seconds=operation_seconds)
    bench.begin()
    async with asyncio.timeout(2):
        while not bench.told:  # noqa: ASYNC110 - it is what is told that is looked at
            await asyncio.sleep(0.002)
    bench.reply()  # too late
    assert [type(one) for one in bench.told] == [UpstreamTimeout]
    assert bench.permit.calls == ["sent", (failed, 1)]
    assert bench.wire.abandoned == 1


async def test_a_reply_that_is_read_in_the_turn_in_which_its_time_is_over_is_in_time() -> None:
    bench = Bench()
    bench.begin()
    bench.attempt._expire()
    await asyncio.sleep(0)
    bench.reply()
    await asyncio.sleep(A_MOMENT_SECONDS)
    assert bench.told == [b"{}"]
    assert bench.permit.calls == ["sent", "left", (False, 1)]


async def test_a_fault_of_ours_reaches_who_waits_and_gives_the_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def decipher(*_: object) -> bytes:
        raise RuntimeError("ours")

    monkeypatch.setattr(resolvers.attempt, "decipher", decipher)
    bench = Bench()
    bench.begin()
    bench.reply()
    assert [str(one) for one in bench.told] == ["ours"]
    assert bench.permit.calls == ["sent", (None, 1)]
