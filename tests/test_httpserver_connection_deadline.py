"""`httpserver.connection`: a deadline that is moved with each request, in time of the loop's own."""

import asyncio

from httpserver.connection import NEVER, Deadline
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


async def expiries(*steps: tuple[float, float | None]) -> list[float]:
    """Set a deadline (None suspends it) after each pause; return when it expired, in seconds from the start."""
    loop = asyncio.get_running_loop()
    started, found = loop.time(), []
    deadline = Deadline(loop, lambda: found.append(round(loop.time() - started, 3)))
    for pause, seconds in steps:
        await asyncio.sleep(pause)
        if seconds is None:
            deadline.due = NEVER
        else:
            deadline.set(seconds)
    await asyncio.sleep(100)
    deadline.end()
    return found


async def test_a_deadline_expires_once_at_the_time_that_was_set_last() -> None:
    assert await expiries((0, 5)) == [5]
    assert await expiries((0, 5), (3, 5)) == [8]
    assert await expiries((0, 50), (1, 2)) == [3]


async def test_a_deadline_that_is_suspended_does_not_expire() -> None:
    assert await expiries((0, 5), (1, None)) == []
    assert await expiries((0, 5), (1, None), (20, 5)) == [26]
