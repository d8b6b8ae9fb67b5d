"""`resolvers.resilience.report_timer`: a report is made at its time, or sooner where something has come up."""

import asyncio

from resolvers.resilience.report_timer import ReportTimer
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


async def seconds_until_due(timer: ReportTimer) -> float:
    began = loops.now()
    await timer.wait()
    return loops.now() - began


async def test_the_first_report_is_due_at_once_and_the_next_when_it_was_set() -> None:
    timer = ReportTimer(loops.now)
    assert await seconds_until_due(timer) == 0
    timer.set(loops.now() + 5)
    assert 5 <= await seconds_until_due(timer) < 5.1


async def test_one_that_is_waited_for_may_be_due_sooner_but_not_later() -> None:
    timer = ReportTimer(loops.now)
    timer.set(loops.now() + 5)
    waiting = asyncio.create_task(seconds_until_due(timer))
    await asyncio.sleep(0)
    timer.hasten(loops.now() + 2)
    timer.hasten(loops.now() + 3)
    assert 2 <= await waiting < 2.1


async def test_one_that_is_hastened_without_a_moment_is_due_now() -> None:
    timer = ReportTimer(loops.now)
    timer.set(float("inf"))
    waiting = asyncio.create_task(seconds_until_due(timer))
    await asyncio.sleep(1)
    timer.hasten()
    assert 1 <= await waiting < 1.1
