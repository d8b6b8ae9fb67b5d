"""`httpserver.eager`: a coroutine does the same, and gives the same, whether it is awaited as it is or started first."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from httpserver.eager import EagerCoroutine


async def direct(work: Coroutine[Any, Any, Any]) -> Any:
    return await work


async def started(work: Coroutine[Any, Any, Any]) -> Any:
    return await EagerCoroutine(work)


@pytest.fixture(params=[direct, started])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]]:
    found: Callable[[Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]] = request.param
    return found


async def test_work_that_does_not_wait_is_done_when_it_is_started() -> None:
    async def work() -> int:
        return 7

    found = EagerCoroutine(work())
    assert (found.is_done, found.result) == (True, 7)
    assert await found == 7


async def test_work_that_waits_is_not() -> None:
    steps = []

    async def work() -> int:
        steps.append("first")
        await asyncio.sleep(0)
        steps.append("second")
        return 7

    found = EagerCoroutine(work())
    assert not found.is_done
    assert steps == ["first"]
    assert await found == 7
    assert found.is_done


async def test_what_the_first_step_raises_is_raised_at_once() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        EagerCoroutine(work())


async def test_results_and_exceptions_come_through(run: Callable[..., Any]) -> None:
    async def work(*, fails: bool) -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception if fails else future.set_result, KeyError("x"))
        return f"{await future!r}"

    assert await run(work(fails=False)) == "KeyError('x')"
    with pytest.raises(KeyError):
        await run(work(fails=True))


async def test_a_cancellation_reaches_the_work_which_may_clean_up(run: Callable[..., Any]) -> None:
    steps = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    task = asyncio.create_task(run(work()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["cleaned up"]


async def test_work_may_outlive_a_cancellation(run: Callable[..., Any]) -> None:
    async def work() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return "went on"
        return ""

    task = asyncio.create_task(run(work()))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "went on"


async def test_a_time_limit_within_a_coroutine_or_around_it_ends_it(run: Callable[..., Any]) -> None:
    async def inside() -> None:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError):
        await run(inside())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await run(asyncio.sleep(10))


def test_work_that_nobody_goes_on_with_is_closed(run: Callable[..., Any]) -> None:
    steps = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        except GeneratorExit:
            steps.append("closed")
            raise

    async def outer() -> None:
        await run(work())

    async def main() -> None:
        coroutine = outer()
        coroutine.send(None)
        coroutine.close()

    asyncio.run(main())
    assert steps == ["closed"]
