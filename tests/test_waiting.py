"""`resolvers.waiting`: nothing is waited for too long."""

import asyncio
from collections.abc import Collection
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest

from resolvers.waiting import A_MOMENT_SECONDS, Afterwards, Alarms, MovingTimeout, TimeLimit
from tests import loops

Future = asyncio.Future[Any]

LOOPS = loops.WITH_ITS_OWN_TIME


def futures(count: int) -> list[Future]:
    return [asyncio.get_running_loop().create_future() for _ in range(count)]


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_ends_in_time_is_let_be() -> None:
    with TimeLimit(5):
        await turns()
    await turns()


async def test_what_takes_too_long_is_a_timeout_and_the_task_goes_on() -> None:
    with pytest.raises(TimeoutError), TimeLimit(0.001):
        await asyncio.sleep(10)
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0
    await turns()


async def test_time_that_is_over_already_still_is_a_timeout() -> None:
    with pytest.raises(TimeoutError), TimeLimit(-1):
        await asyncio.sleep(10)


async def test_what_fails_in_time_fails() -> None:
    with pytest.raises(KeyError), TimeLimit(5):
        raise KeyError


async def test_a_cancellation_from_elsewhere_is_no_timeout() -> None:
    async def work() -> None:
        with TimeLimit(5):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_comes_together_with_the_timeout_wins() -> None:
    async def work() -> None:
        with TimeLimit(0):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0, task.cancel)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_time_limits_within_one_another_are_told_apart() -> None:
    async def work() -> str:
        with TimeLimit(0.002):
            try:
                with TimeLimit(0.001):
                    await asyncio.sleep(10)
            except TimeoutError:
                await turns()
            await asyncio.sleep(10)
        return "unreachable"

    with pytest.raises(TimeoutError):
        await work()


# Alarms


async def rung(alarms: Alarms, seconds: list[float], *, cancelled: Collection[int] = ()) -> list[int]:
    """Return in which order alarms ring that are set in this order."""
    rings: list[int] = []
    last = asyncio.Event()
    set_ = [alarms.call_later(one, partial(rings.append, number)) for number, one in enumerate(seconds)]
    for number in cancelled:
        set_[number].cancel()
    alarms.call_later(max(seconds) + 0.002, last.set)
    await asyncio.wait_for(last.wait(), 2)
    return rings


@pytest.mark.parametrize("seconds", [[0.002] * 3, [0, -1, 0], [0.004, 0.002, 0], [0.002, 0.006, 0.004, 0.008]])
async def test_alarms_ring_in_time_whatever_their_order(seconds: list[float]) -> None:
    order = sorted(range(len(seconds)), key=lambda number: max(0.0, seconds[number]))
    assert await rung(Alarms(), seconds) == order


async def test_a_cancelled_alarm_does_not_ring_and_the_others_do() -> None:
    assert await rung(Alarms(), [0.002] * 4, cancelled={0, 2}) == [1, 3]
    assert await rung(Alarms(), [0.002, 0.001, 0.004], cancelled={1}) == [0, 2]


async def test_an_alarm_rings_in_a_later_turn() -> None:
    rings: list[int] = []
    Alarms().call_later(0, partial(rings.append, 1))
    assert not rings


async def test_alarms_that_are_over_take_no_room() -> None:
    alarms = Alarms()
    for _ in range(1_000):
        pair = [alarms.call_later(60, lambda: None) for _ in range(2)]
        for one in reversed(pair):
            one.cancel()
    assert len(alarms) <= 2


async def test_an_alarm_that_fails_keeps_no_other_from_ringing() -> None:
    alarms, faults = Alarms(), []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    alarms.call_later(0, partial([].remove, 1))
    assert await rung(alarms, [0, 0.002]) == [0, 1]
    loop.set_exception_handler(None)
    assert [type(fault) for fault in faults] == [ValueError]


async def test_what_rings_has_no_context_of_whoever_set_it() -> None:
    id_: ContextVar[str] = ContextVar("id_", default="none")
    id_.set("a request")
    seen: list[str] = []
    alarms = Alarms()
    for seconds in (0.002, 0.0):
        alarms.call_later(seconds, lambda: seen.append(id_.get()))
    await rung(alarms, [0.004])
    assert seen == ["none", "none"]


# Afterwards


async def a_moment() -> None:
    await asyncio.sleep(A_MOMENT_SECONDS)


async def test_what_is_done_afterwards_is_done_a_moment_later_and_in_order() -> None:
    afterwards = Afterwards()
    seen: list[str] = []
    for name in ("one", "two"):
        afterwards.add(partial(seen.append, name))
    await turns(9)
    assert seen == []
    await a_moment()
    assert seen == ["one", "two"]
    afterwards.add(partial(seen.append, "three"))
    await a_moment()
    assert seen[2:] == ["three"]


async def test_what_is_added_meanwhile_waits_no_longer_than_the_first() -> None:
    afterwards = Afterwards()
    seen: list[str] = []
    afterwards.add(partial(seen.append, "one"))
    await asyncio.sleep(A_MOMENT_SECONDS / 2)
    afterwards.add(partial(seen.append, "two"))
    await asyncio.sleep(A_MOMENT_SECONDS / 2)
    assert seen == ["one", "two"]


async def test_what_fails_afterwards_keeps_nothing_else_from_being_done() -> None:
    faults: list[Exception] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    afterwards = Afterwards()
    seen: list[int] = []
    for work in (partial([].remove, 1), partial(seen.append, 1), partial([].remove, 2), partial(seen.append, 2)):
        afterwards.add(work)
    await a_moment()
    await turns()
    loop.set_exception_handler(None)
    assert seen == [1, 2]
    assert [type(fault) for fault in faults] == [ValueError, ValueError]


async def test_what_is_to_be_done_afterwards_can_be_done_now_and_only_once() -> None:
    afterwards = Afterwards()
    seen: list[str] = []
    for name in ("one", "two"):
        afterwards.add(partial(seen.append, name))
    afterwards.do()
    assert seen == ["one", "two"]
    await a_moment()
    assert seen == ["one", "two"]


async def test_what_is_done_afterwards_has_no_context_of_whoever_added_it() -> None:
    id_: ContextVar[str] = ContextVar("id_", default="none")
    id_.set("a request")
    seen: list[str] = []
    Afterwards().add(lambda: seen.append(id_.get()))
    await a_moment()
    assert seen == ["none"]


async def test_a_timeout_that_is_put_off_expires_at_the_later_moment() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    moments = [start + 1.0]
    loop.call_later(0.5, moments.append, start + 3.0)
    with pytest.raises(TimeoutError):
        async with MovingTimeout(lambda: moments[-1]):
            await asyncio.sleep(10)
    assert loop.time() - start == pytest.approx(3.0, abs=0.01)


async def test_a_timeout_whose_moment_has_passed_expires_at_once() -> None:
    with pytest.raises(TimeoutError):
        async with MovingTimeout(lambda: 0.0):
            await asyncio.sleep(10)


async def test_a_timeout_in_time_is_let_be() -> None:
    when = asyncio.get_running_loop().time() + 1
    async with MovingTimeout(lambda: when):
        await turns()
    await asyncio.sleep(2)
