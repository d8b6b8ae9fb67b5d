"""Threads for calls that block: `store.threads`."""

import asyncio
import threading
import weakref
from collections.abc import Callable

import pytest

from store.threads import Threads
from tests import loops
from tests.waiting import PATIENCE_SECONDS

LOOPS = loops.BOTH


async def test_work_runs_in_threads_beside_each_other() -> None:
    threads = Threads(2, "test")
    meeting = threading.Barrier(2)
    found = await asyncio.gather(*(threads.run(lambda: meeting.wait(PATIENCE_SECONDS)) for _ in range(2)))
    assert sorted(found) == [0, 1]
    await threads.stop()


async def test_one_thread_does_one_thing_after_the_other() -> None:
    threads = Threads(1, "test")
    order: list[int] = []

    def work(number: int) -> Callable[[], None]:
        return lambda: order.append(number)

    await asyncio.gather(*(threads.run(work(number)) for number in range(9)))
    assert order == list(range(9))
    await threads.stop()


async def test_what_goes_wrong_is_raised_to_who_waits_and_the_thread_goes_on() -> None:
    threads = Threads(1, "test")
    with pytest.raises(KeyError, match="gone"):
        await threads.run(lambda: {}["gone"])
    assert await threads.run(lambda: 7) == 7
    await threads.stop()


async def test_work_that_has_begun_goes_on_without_its_caller_and_other_work_never_begins() -> None:
    threads = Threads(1, "test")
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        go_on.wait(PATIENCE_SECONDS)
        done.set()

    calls = [asyncio.ensure_future(threads.run(work)) for work in (first, lambda: pytest.fail("never begins"))]
    await asyncio.to_thread(begun.wait, 20)
    for call in calls:
        call.cancel()
    assert {type(one) for one in await asyncio.gather(*calls, return_exceptions=True)} == {asyncio.CancelledError}
    go_on.set()
    assert await threads.run(done.is_set)
    await threads.stop()


async def test_a_thread_that_waits_keeps_no_result_alive() -> None:
    class Rows:
        pass

    threads = Threads(1, "test")
    rows = weakref.ref(await threads.run(Rows))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while rows():  # noqa: ASYNC110 - until the thread has come round
            await asyncio.sleep(0)
    await threads.stop()


async def test_with_no_threads_the_caller_does_the_work() -> None:
    assert await Threads(0, "test").run(threading.get_ident) == threading.get_ident()
