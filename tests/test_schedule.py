"""`sync.schedule` on a clock of its own."""

import pytest

from sync.schedule import (
    IMPOSSIBLE_SECONDS,
    LONGEST_BACKOFF_SECONDS,
    LONGEST_STORE_BACKOFF_SECONDS,
    Kind,
    Schedule,
)
from sync.settings import SyncSettings


class World:
    def __init__(self, *, random: float = 0.0, **given: float) -> None:
        self.now = 1_000.0
        self.schedule = Schedule(SyncSettings(**given), clock=lambda: self.now, random=lambda: random)  # type: ignore[arg-type]
        self.schedule.is_incremental = True
        for kind in Kind:
            self.schedule.add(kind)

    def due(self, kind: Kind) -> float:
        seconds = self.schedule.due_seconds(kind)
        assert seconds is not None
        return seconds

    def pass_to(self, kind: Kind) -> None:
        self.now += self.due(kind)


def test_of_jobs_that_are_due_the_most_urgent_goes_first() -> None:
    world = World()
    assert world.schedule.next() == (Kind.INCREMENT, 0.0)
    world.schedule.done(Kind.INCREMENT)
    world.schedule.done(Kind.DELETIONS)
    assert world.schedule.next() == (Kind.SWEEP, 0.0)


def test_an_increment_that_is_due_comes_between_the_pages_of_a_sweep() -> None:
    world = World()
    world.schedule.done(Kind.INCREMENT)
    world.schedule.done(Kind.DELETIONS)
    world.schedule.progressed(Kind.SWEEP)
    world.now += 60
    assert world.schedule.next()[0] is Kind.INCREMENT


def test_increments_slow_down_while_nothing_changes_and_are_quick_again_at_once() -> None:
    world, intervals = World(), []
    for _ in range(40):
        world.schedule.done(Kind.INCREMENT)
        intervals.append(world.due(Kind.INCREMENT))
        world.pass_to(Kind.INCREMENT)
    assert intervals[:15] == [60.0] * 15
    assert sorted(intervals) == intervals
    assert intervals[-1] == 300.0
    world.schedule.done(Kind.INCREMENT, changed=1)
    assert world.due(Kind.INCREMENT) == 60.0


def test_sweeps_are_rare_where_increments_work_and_in_proportion_to_the_pages_where_not() -> None:
    world = World()
    world.schedule.done(Kind.SWEEP, rows=5_000)
    assert world.due(Kind.SWEEP) == 21_600
    world.schedule.is_incremental = False
    for rows, page_rows, seconds in ((0, 200, 300), (20_000, 200, 300), (40_000, 200, 600), (5_000, 25, 600)):
        world.schedule.done(Kind.SWEEP, rows=rows, page_rows=page_rows)
        assert world.due(Kind.SWEEP) == seconds


def test_a_sweep_that_may_have_missed_rows_comes_again_sooner() -> None:
    world = World()
    world.schedule.done(Kind.SWEEP, rows=5_000, is_doubtful=True)
    assert world.due(Kind.SWEEP) == 1_800
    world.schedule.is_incremental = False
    world.schedule.done(Kind.SWEEP, rows=5_000, is_doubtful=True)
    assert world.due(Kind.SWEEP) == 300


def test_chance_makes_an_interval_shorter_and_never_longer() -> None:
    assert [_due(random) for random in (0.0, 0.5, 1.0)] == pytest.approx([60.0, 57.0, 54.0])


def _due(random: float) -> float:
    world = World(random=random)
    world.schedule.done(Kind.INCREMENT)
    return world.due(Kind.INCREMENT)


def test_a_job_that_fails_waits_twice_as_long_each_time_and_the_others_do_not() -> None:
    world = World()
    waits = [world.schedule.failed(Kind.SWEEP) for _ in range(9)]
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert waits[-1] == LONGEST_BACKOFF_SECONDS
    assert world.schedule.failures(Kind.SWEEP) == 9
    assert world.schedule.next() == (Kind.INCREMENT, 0.0)
    world.schedule.progressed(Kind.SWEEP)
    assert world.schedule.failures(Kind.SWEEP) == 0


def test_after_a_failure_of_the_store_a_job_waits_for_seconds() -> None:
    world = World()
    waits = [world.schedule.failed(Kind.SWEEP, is_stores=True) for _ in range(9)]
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_STORE_BACKOFF_SECONDS == 15.0


def test_a_job_waits_for_as_long_as_the_source_asks_for() -> None:
    assert World().schedule.failed(Kind.SWEEP, wait_seconds=700.0) == 700.0


def test_what_a_source_cannot_do_is_tried_again_much_later() -> None:
    world = World()
    world.schedule.impossible(Kind.DELETIONS)
    assert world.due(Kind.DELETIONS) == IMPOSSIBLE_SECONDS


def test_a_job_can_be_hastened_but_not_as_often_as_anybody_likes_nor_after_a_failure() -> None:
    world = World()
    world.schedule.done(Kind.INCREMENT)
    assert world.schedule.hastened_seconds(Kind.INCREMENT) == 10.0
    world.schedule.hasten(Kind.INCREMENT)
    assert world.due(Kind.INCREMENT) == 10.0
    world.schedule.failed(Kind.INCREMENT, wait_seconds=100.0)
    world.schedule.hasten(Kind.INCREMENT)
    assert world.due(Kind.INCREMENT) == world.schedule.hastened_seconds(Kind.INCREMENT) == 100.0


def test_stages_come_with_a_sweep_but_not_with_each_of_many() -> None:
    world = World()
    world.schedule.done(Kind.STAGES)
    assert world.due(Kind.STAGES) == 21_600.0
    world.schedule.hasten(Kind.STAGES)
    assert world.due(Kind.STAGES) == 3_600.0
    world.now += 20_000
    world.schedule.hasten(Kind.STAGES)
    assert world.due(Kind.STAGES) == 0.0
