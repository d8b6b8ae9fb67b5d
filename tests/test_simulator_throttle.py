"""`simulator.throttle` and `simulator.heartbeat`: a request counts when it came, not when a busy machine read it."""

import asyncio

from benchmarks.soak_budget import most_in_any
from simulator.calls import Call
from simulator.heartbeat import BEAT_SECONDS, TURNS, Heartbeat
from simulator.throttle import Throttle
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME
TWO = [(2, 1.0)]


def came(at: float, since: float | None = None) -> Call:
    return Call("nexudus", "GET", "/", {}, "get", (), {}, at=at, since=at if since is None else since)


def test_a_window_has_room_for_so_many_and_refusals_use_nothing_up() -> None:
    throttle = Throttle(TWO)
    assert [throttle.admit("a", came(at)) for at in (0.0, 0.5, 0.9, 1.0, 1.4, 1.5)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
    assert throttle.admit("b", came(1.5))


def test_calls_count_when_they_came_whichever_is_answered_first() -> None:
    throttle = Throttle([(1, 0.1)])
    assert throttle.admit("a", came(0.15))
    assert throttle.admit("a", came(0.0))  # its answer took longer
    assert not throttle.admit("a", came(0.2))
    assert not throttle.admit("a", came(0.07))


def test_what_is_read_together_is_refused_only_if_it_came_together_for_certain() -> None:
    throttle = Throttle([(1, 0.1)])
    assert throttle.admit("a", came(5.0, since=4.8))
    assert throttle.admit("a", came(5.0, since=4.95))
    assert not throttle.admit("a", came(5.0, since=4.95))
    calls = [{"at": 5.0, "since": since} for since in (4.8, 4.95, 4.95)]
    assert most_in_any(calls[:2], 0.1) == 1
    assert most_in_any(calls, 0.1) == 2
    assert most_in_any(calls, 0.3) == 3


def test_what_left_every_window_is_forgotten() -> None:
    throttle = Throttle(TWO)
    assert all(throttle.admit("a", came(float(second))) for second in range(100))
    assert len(throttle._admitted["a"]) <= 4


async def test_a_heartbeat_knows_for_how_long_the_loop_stood_still() -> None:
    now = 100.0
    heartbeat = Heartbeat(lambda: now)
    async with heartbeat.beating():
        for _ in range(TURNS):
            await asyncio.sleep(BEAT_SECONDS)
            now += BEAT_SECONDS
        assert now - heartbeat.earliest() <= TURNS * BEAT_SECONDS
        now += 0.5  # no beat in all that time, and then a turn
        await asyncio.sleep(BEAT_SECONDS)
        assert now - heartbeat.earliest() >= 0.5
