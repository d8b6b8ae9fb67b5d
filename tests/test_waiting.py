"""`resolvers.waiting`: nothing is waited for too long."""

import asyncio
from typing import Any

import pytest

from resolvers.waiting import TimeLimit

Future = asyncio.Future[Any]


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
