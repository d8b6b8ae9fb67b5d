"""Work in the background gives way to requests: `background`."""

import asyncio
from itertools import pairwise

import pytest

from background import (
    AT_ONCE,
    BUSY_SECONDS,
    IMPATIENT_SECONDS,
    INTERVAL_SECONDS,
    PATIENCE_SECONDS,
    SLICE_SECONDS,
    YIELD_SECONDS,
    Background,
    Turns,
    slices,
)
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


class World:
    """A time of its own, in which work and pauses take as long as they are said to."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []
        self.background = Background(self.clock)
        self.turns = Turns(self.background, self.clock, self.sleep)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def work(self, seconds: float) -> None:
        """Work for so long, of which others are given turns."""
        until = self.now + seconds
        while self.now < until:
            self.now += SLICE_SECONDS / 2
            self.turns.pause()


def test_where_nobody_asks_work_is_not_put_off() -> None:
    world = World()
    assert [world.background.wait_seconds() for _ in range(3)] == [0, 0, 0]
    world.background.on_request()
    world.now += BUSY_SECONDS
    assert [world.background.wait_seconds() for _ in range(3)] == [0, 0, 0]


def test_while_requests_come_slices_of_all_work_are_apart() -> None:
    world = World()
    world.background.on_request()
    waits = [world.background.wait_seconds() for _ in range(4)]
    assert waits == pytest.approx([0, INTERVAL_SECONDS, 2 * INTERVAL_SECONDS, 3 * INTERVAL_SECONDS])
    world.now += BUSY_SECONDS
    world.background.on_request()
    assert world.background.wait_seconds() == pytest.approx(4 * INTERVAL_SECONDS - BUSY_SECONDS)


def test_who_does_not_wait_long_does_not_make_others_wait_longer() -> None:
    world = World()
    world.background.on_request()
    for _ in range(100):
        assert world.background.wait_seconds(at_most=0.001) <= 0.001
    assert world.background.wait_seconds() <= 2 * INTERVAL_SECONDS


def test_many_streams_that_tell_of_changes_keep_no_other_work_from_going_on() -> None:
    world = World()
    telling = Background(world.clock, requests=world.background)
    assert [telling.wait_seconds() for _ in range(2)] == [0, 0]
    world.background.on_request()
    assert [telling.wait_seconds() for _ in range(500)][-1] == pytest.approx(499 * INTERVAL_SECONDS)
    assert world.background.wait_seconds() == 0


def test_a_thread_is_put_off_at_once_by_no_more_than_its_patience_however_many_others_wait() -> None:
    world = World()
    world.background.on_request()
    for _ in range(int(10 * PATIENCE_SECONDS / INTERVAL_SECONDS)):
        world.background.wait_seconds()
    world.now += 2 * SLICE_SECONDS
    world.turns.pause()
    assert world.slept == [PATIENCE_SECONDS]


def test_little_work_of_a_thread_has_no_pause_and_more_of_it_gives_others_the_interpreter() -> None:
    world = World()
    world.now += SLICE_SECONDS / 2
    world.turns.pause()
    assert world.slept == []
    world.work(10 * SLICE_SECONDS)
    assert set(world.slept) == {YIELD_SECONDS}
    assert len(world.slept) >= 8


def test_a_thread_gives_way_to_requests_but_not_for_ever() -> None:
    world = World()
    world.background.on_request()
    world.turns.pause()
    assert world.slept == []
    began = world.now
    while world.now < began + 10 * PATIENCE_SECONDS:
        world.background.on_request()
        world.now += SLICE_SECONDS
        world.turns.pause()
    long = [seconds for seconds in world.slept if seconds > 2 * IMPATIENT_SECONDS]
    assert sum(long) == pytest.approx(PATIENCE_SECONDS, abs=2 * INTERVAL_SECONDS)
    first, later = world.slept[0], world.slept[len(long) + 1 :]
    assert first == YIELD_SECONDS, "the first slice is free"
    assert later == pytest.approx([IMPATIENT_SECONDS] * len(later))


async def test_everything_comes_once_and_in_order() -> None:
    for count in (0, 1, AT_ONCE, 3 * AT_ONCE + 1):
        found = [list(part) async for part in slices(range(count))]
        assert [one for part in found for one in part] == list(range(count))
        assert all(len(part) <= AT_ONCE for part in found)


async def test_others_have_the_event_loop_after_each_slice() -> None:
    world, turns = World(), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    seen = []
    async for _ in slices(range(10 * AT_ONCE), background=world.background, clock=world.clock):
        seen.append(turns)
        world.now += SLICE_SECONDS / 2
    other.cancel()
    assert seen[0] == seen[1], "there was little work"
    assert seen[2] < seen[4] < seen[6] < seen[8]


async def test_the_event_loop_is_left_to_requests_for_longer() -> None:
    background = Background(loops.now)
    began = []
    async for _ in slices(range(10 * AT_ONCE), background=background, clock=iter(range(100)).__next__):
        began.append(loops.now())
        background.on_request()
    assert [after - before for before, after in pairwise(began)][1:] == pytest.approx([INTERVAL_SECONDS] * 8, abs=1e-3)


async def test_work_that_is_put_off_can_be_cancelled() -> None:
    background, done = Background(lambda: 0.0), 0

    async def work() -> None:
        nonlocal done
        async for _ in slices(range(1_000), background=background, clock=iter(range(10_000)).__next__):
            done += 1
            background.on_request()

    task = asyncio.create_task(work())
    await asyncio.sleep(3 * INTERVAL_SECONDS)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert 0 < done < 10
