"""`resolvers.resilience.time_limit`: nothing is waited for too long."""

import asyncio
import itertools

import pytest

from resolvers.resilience.time_limit import TURNS_TO_READ, TimeLimit
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


def limit(seconds: float) -> TimeLimit:
    """Return a limit that passes after so many seconds."""
    when = asyncio.get_running_loop().time() + seconds
    return TimeLimit(lambda: when)


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_ends_in_time_is_let_be() -> None:
    with limit(5):
        await turns()
    await turns()


async def test_what_takes_too_long_is_a_timeout_and_the_task_goes_on() -> None:
    with pytest.raises(TimeoutError), limit(0.001):
        await asyncio.sleep(10)
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0
    await turns()


async def test_time_that_is_over_already_still_is_a_timeout() -> None:
    with pytest.raises(TimeoutError), limit(-1):
        await asyncio.sleep(10)


async def test_what_fails_in_time_fails() -> None:
    with pytest.raises(KeyError), limit(5):
        raise KeyError


async def test_a_cancellation_from_elsewhere_is_no_timeout() -> None:
    async def work() -> None:
        with limit(5):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_comes_together_with_the_timeout_wins() -> None:
    async def work() -> None:
        with limit(0):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await turns(TURNS_TO_READ + 1)  # the next turn is the one in which it passes
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_time_limits_within_one_another_are_told_apart() -> None:
    async def work() -> str:
        with limit(0.002):
            try:
                with limit(0.001):
                    await asyncio.sleep(10)
            except TimeoutError:
                await turns()
            await asyncio.sleep(10)
        return "unreachable"

    with pytest.raises(TimeoutError):
        await work()


async def test_a_timeout_that_is_put_off_expires_at_the_later_moment() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    moments = [start + 1.0]
    loop.call_later(0.5, moments.append, start + 3.0)
    with pytest.raises(TimeoutError), TimeLimit(lambda: moments[-1]):
        await asyncio.sleep(10)
    assert loop.time() - start == pytest.approx(3.0, abs=0.01)


async def test_a_timeout_whose_moment_has_passed_expires_at_once() -> None:
    with pytest.raises(TimeoutError), TimeLimit(lambda: 0.0):
        await asyncio.sleep(10)


async def test_a_timeout_in_time_is_let_be() -> None:
    when = asyncio.get_running_loop().time() + 1
    with TimeLimit(lambda: when):
        await turns()
    await asyncio.sleep(2)


async def test_what_has_come_when_the_time_is_over_may_still_be_read() -> None:
    """In a turn for each task that hands it on."""
    loop = asyncio.get_running_loop()
    first = loop.create_future()
    waiting: asyncio.Future[str] = first

    async def hand_on(found: "asyncio.Future[str]") -> str:
        return await found

    for _ in range(4):
        waiting = asyncio.create_task(hand_on(waiting))
    when = loop.time() + 1
    loop.call_at(when, loop.call_soon, first.set_result, "a reply")
    with TimeLimit(lambda: when):
        assert await waiting == "a reply"


async def test_what_keeps_the_loop_busy_does_not_put_a_timeout_off() -> None:
    loop = asyncio.get_running_loop()
    seen = itertools.count()

    def turn() -> None:
        if next(seen) < 1_000:
            loop.call_soon(turn)

    turn()
    with pytest.raises(TimeoutError), limit(0):
        await asyncio.sleep(10)
    assert next(seen) < 100
