"""Work in the background gives way to requests: `background`."""

import asyncio
from itertools import pairwise

import pytest

from background import (
    BUSY_SECONDS,
    IDLE_SLICE_SECONDS,
    IMPATIENT_SECONDS,
    INTERVAL_SECONDS,
    PATIENCE_SECONDS,
    SLICE_SECONDS,
    YIELD_SECONDS,
    Background,
    Turns,
    in_slices,
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
    waits = [world.background.wait_seconds() for _ in range(8)]
    assert waits == pytest.approx([number * INTERVAL_SECONDS for number in range(1, 9)])
    world.now += BUSY_SECONDS
    world.background.on_request()
    assert world.background.wait_seconds() == pytest.approx(9 * INTERVAL_SECONDS - BUSY_SECONDS)


def test_after_a_long_slice_the_next_one_does_not_come_at_once() -> None:
    world = World()
    world.background.on_request()
    world.now += world.background.wait_seconds()
    world.now += 3 * INTERVAL_SECONDS  # which is longer than it should be
    world.background.on_request()
    assert world.background.wait_seconds() == pytest.approx(INTERVAL_SECONDS)


def test_slices_are_shorter_while_requests_come() -> None:
    world = World()
    assert world.background.slice_seconds() == IDLE_SLICE_SECONDS > SLICE_SECONDS
    world.background.on_request()
    assert world.background.slice_seconds() == SLICE_SECONDS
    world.now += BUSY_SECONDS
    assert world.background.slice_seconds() == IDLE_SLICE_SECONDS


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
    assert [telling.wait_seconds() for _ in range(500)][-1] == pytest.approx(500 * INTERVAL_SECONDS)
    assert world.background.wait_seconds() == pytest.approx(INTERVAL_SECONDS)


def test_a_thread_is_put_off_at_once_by_no_more_than_its_patience_however_many_others_wait() -> None:
    world = World()
    world.background.on_request()
    for _ in range(int(10 * PATIENCE_SECONDS / INTERVAL_SECONDS)):
        world.background.wait_seconds()
    world.now += 2 * SLICE_SECONDS
    world.turns.pause()
    assert world.slept == [PATIENCE_SECONDS]


def test_each_piece_of_work_of_a_thread_waits_for_its_first_slice() -> None:
    world = World()
    for number in range(1, 4):
        world.background.on_request()
        Turns(world.background, world.clock, world.sleep).pause()
        assert world.slept == pytest.approx([INTERVAL_SECONDS] * number)


def test_little_work_of_a_thread_has_one_pause_and_more_of_it_gives_others_the_interpreter() -> None:
    world = World()
    world.turns.pause()
    world.now += IDLE_SLICE_SECONDS / 2
    world.turns.pause()
    assert world.slept == [YIELD_SECONDS]
    world.work(10 * IDLE_SLICE_SECONDS)
    assert set(world.slept) == {YIELD_SECONDS}
    assert len(world.slept) >= 9


def test_a_thread_gives_way_to_requests_but_not_for_ever() -> None:
    world = World()
    world.turns.pause()
    began = world.now
    while world.now < began + 10 * PATIENCE_SECONDS:
        world.background.on_request()
        world.now += SLICE_SECONDS
        world.turns.pause()
    long = [seconds for seconds in world.slept if seconds > 2 * IMPATIENT_SECONDS]
    assert sum(long) == pytest.approx(PATIENCE_SECONDS, abs=2 * INTERVAL_SECONDS)
    first, later = world.slept[0], world.slept[len(long) + 1 :]
    assert first == YIELD_SECONDS, "nobody had asked yet"
    assert later == pytest.approx([IMPATIENT_SECONDS] * len(later))


def test_a_long_piece_has_a_slice_of_its_own_unless_nothing_was_done_before_it() -> None:
    world = World()
    world.turns.pause(before_long=True)
    world.turns.pause(before_long=True)
    assert len(world.slept) == 1
    world.now += IDLE_SLICE_SECONDS / 2
    world.turns.pause()
    assert len(world.slept) == 1
    world.turns.pause(before_long=True)
    assert len(world.slept) == 2


async def test_everything_comes_once_and_in_order() -> None:
    for count in (0, 1, 16):
        assert [one async for one in in_slices(range(count))] == list(range(count))


async def test_others_have_the_event_loop_after_each_slice() -> None:
    world, turns = World(), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    seen = []
    async for _ in in_slices(range(10), background=world.background, clock=world.clock):
        seen.append(turns)
        world.now += IDLE_SLICE_SECONDS / 2
    other.cancel()
    assert seen[0] == 1, "the first slice is one, too, after whatever came before it"
    assert seen[0] == seen[1], "there was little work"
    assert seen[2] < seen[4] < seen[6] < seen[8]


async def test_the_event_loop_is_left_to_requests_for_longer() -> None:
    background = Background(loops.now)
    began = []
    async for _ in in_slices(range(10), background=background, clock=iter(range(100)).__next__):
        began.append(loops.now())
        background.on_request()
    assert [after - before for before, after in pairwise(began)] == pytest.approx([INTERVAL_SECONDS] * 9, abs=1e-3)


async def test_work_that_is_put_off_can_be_cancelled() -> None:
    background, done = Background(lambda: 0.0), 0

    async def work() -> None:
        nonlocal done
        async for _ in in_slices(range(1_000), background=background, clock=iter(range(10_000)).__next__):
            done += 1
            background.on_request()

    task = asyncio.create_task(work())
    await asyncio.sleep(3 * INTERVAL_SECONDS)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert 0 < done < 10
