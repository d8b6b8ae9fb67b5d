"""Long work in the event loop, a little at a time: `resolvers.time_slices`."""

import asyncio

from resolvers.time_slices import AT_ONCE, PAUSE_SECONDS, slices
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


async def test_everything_comes_once_and_in_order() -> None:
    for count in (0, 1, AT_ONCE, 3 * AT_ONCE + 1):
        found = [list(part) async for part in slices(range(count))]
        assert [one for part in found for one in part] == list(range(count))
        assert all(len(part) <= AT_ONCE for part in found)


async def test_others_have_many_turns_between_two_slices() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        for _ in range(20):
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    seen = [turns async for _ in slices(range(2 * AT_ONCE))]
    await other
    assert seen == [0, 20]


async def test_little_work_has_no_pause() -> None:
    began = loops.now()
    assert [list(part) async for part in slices([1])] == [[1]]
    assert loops.now() == began
    async for _ in slices(range(AT_ONCE + 1)):
        pass
    assert loops.now() - began >= PAUSE_SECONDS
