"""`resolvers.resilience.circuit_breaker` on a clock of its own."""

import pytest

from resolvers.errors import UpstreamUnavailable
from resolvers.resilience.circuit_breaker import CircuitBreaker, State, Verdict


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.circuit_breaker = CircuitBreaker("nexudus", clock=lambda: self.now)

    def exchange(self, verdict: Verdict, *, weight: int = 1, times: int = 1) -> None:
        for _ in range(times):
            one = object()
            self.circuit_breaker.start(one)
            self.circuit_breaker.record(one, verdict, weight=weight)

    @property
    def is_open(self) -> bool:
        return self.circuit_breaker.state is not State.CLOSED

    def under_way(self) -> object:
        one = object()
        self.circuit_breaker.start(one)
        return one

    def open(self) -> None:
        self.exchange(Verdict.FAILED, times=20)
        assert self.is_open


@pytest.fixture
def world() -> World:
    return World()


def test_nineteen_failures_are_too_few_to_open_it(world: World) -> None:
    world.exchange(Verdict.FAILED, times=19)
    assert not world.is_open
    world.exchange(Verdict.FAILED)
    assert world.is_open


def test_half_of_the_exchanges_failing_opens_it(world: World) -> None:
    world.exchange(Verdict.GOOD, times=10)
    world.exchange(Verdict.FAILED, times=9)
    assert not world.is_open
    world.exchange(Verdict.FAILED)
    assert world.is_open


def test_fewer_than_half_do_not(world: World) -> None:
    for _ in range(100):
        world.exchange(Verdict.GOOD, times=6)
        world.exchange(Verdict.FAILED, times=4)
        world.now += 0.5
    assert not world.is_open


def test_what_is_ten_seconds_old_no_longer_counts(world: World) -> None:
    world.exchange(Verdict.FAILED, times=19)
    world.now = 10.0
    world.exchange(Verdict.FAILED)
    assert not world.is_open
    world.exchange(Verdict.FAILED, times=19)
    assert world.is_open


def test_an_exchange_counts_once_for_each_operation_that_waited_for_it(world: World) -> None:
    """Many operations share a request: counted singly, a source that hangs would not fail often enough."""
    world.exchange(Verdict.FAILED, weight=10, times=2)
    assert not world.is_open
    world.exchange(Verdict.FAILED, weight=10)
    assert world.is_open


def test_a_failure_or_two_alone_open_nothing_however_many_wait_for_them(world: World) -> None:
    world.exchange(Verdict.FAILED, weight=500, times=2)
    assert not world.is_open
    world.now = 10.0
    world.exchange(Verdict.FAILED, weight=500, times=2)
    assert not world.is_open


def test_twenty_failures_in_a_row_open_it_once_nothing_has_been_good_for_two_seconds(world: World) -> None:
    """A source that hangs fails slowly: what was good before would outnumber it for most of the ten seconds."""
    world.exchange(Verdict.GOOD, times=1_000)
    world.now += 1.9
    world.exchange(Verdict.FAILED, weight=7, times=2)
    world.exchange(Verdict.FAILED, weight=50)
    assert not world.is_open
    world.now += 0.1
    world.exchange(Verdict.FAILED)
    assert world.is_open


def test_a_good_outcome_among_them_starts_the_row_anew(world: World) -> None:
    world.exchange(Verdict.GOOD, times=1_000)
    for _ in range(3):
        world.now += 2
        world.exchange(Verdict.FAILED, times=19)
        world.exchange(Verdict.GOOD)
    assert not world.is_open


def test_a_client_that_hangs_up_tells_nothing(world: World) -> None:
    world.exchange(Verdict.NONE, times=100)
    world.exchange(Verdict.FAILED, times=19)
    world.exchange(Verdict.NONE, times=100)
    assert not world.is_open


def test_open_it_refuses_at_once_and_says_when_to_come_back(world: World) -> None:
    world.open()
    world.now += 2
    with pytest.raises(UpstreamUnavailable) as refused:
        world.circuit_breaker.check()
    assert refused.value.retry_after_seconds == 3.0
    with pytest.raises(UpstreamUnavailable):
        world.under_way()


def test_after_five_seconds_one_exchange_may_probe_and_no_second_one(world: World) -> None:
    world.open()
    world.now += 4.9
    with pytest.raises(UpstreamUnavailable):
        world.under_way()
    world.now += 0.1
    world.circuit_breaker.check()  # asking is not probing
    world.under_way()
    for ask in (world.circuit_breaker.check, world.under_way):
        with pytest.raises(UpstreamUnavailable) as refused:
            ask()
        assert refused.value.retry_after_seconds == 1.0


def test_a_good_probe_closes_it_and_what_was_before_is_forgotten(world: World) -> None:
    world.open()
    world.now += 5
    world.exchange(Verdict.GOOD)
    assert not world.is_open
    world.exchange(Verdict.FAILED, times=19)
    assert not world.is_open


def test_a_failed_probe_keeps_it_open_for_another_five_seconds(world: World) -> None:
    world.open()
    world.now += 5
    world.exchange(Verdict.FAILED)
    world.now += 4.9
    with pytest.raises(UpstreamUnavailable):
        world.under_way()
    world.now += 0.1
    world.exchange(Verdict.GOOD)
    assert not world.is_open


def test_a_probe_that_was_never_sent_is_given_up_and_the_next_exchange_is_the_probe(world: World) -> None:
    world.open()
    world.now += 5
    world.exchange(Verdict.NONE)
    assert world.is_open
    world.exchange(Verdict.GOOD)
    assert not world.is_open


def test_what_was_under_way_before_it_opened_is_not_taken_for_the_probe(world: World) -> None:
    old = [world.under_way() for _ in range(3)]
    world.open()
    world.now += 5
    probe = world.under_way()
    for one, verdict in zip(old, (Verdict.FAILED, Verdict.GOOD, Verdict.NONE), strict=True):
        world.circuit_breaker.record(one, verdict)
        assert world.is_open
        with pytest.raises(UpstreamUnavailable):
            world.under_way()
    world.circuit_breaker.record(probe, Verdict.GOOD)
    assert not world.is_open


def test_five_timeouts_in_a_row_open_it_however_few_are_asking(world: World) -> None:
    """A source that hangs while one user looks at it: each of its requests would wait for all of its time."""
    world.exchange(Verdict.GOOD)
    for _ in range(4):
        world.now += 60
        world.exchange(Verdict.TIMED_OUT)
    world.exchange(Verdict.NONE, times=3)
    assert not world.is_open
    world.now += 60
    world.exchange(Verdict.TIMED_OUT)
    assert world.is_open


def test_a_good_verdict_between_timeouts_keeps_it_closed(world: World) -> None:
    for _ in range(5):
        world.exchange(Verdict.TIMED_OUT, times=4)
        world.now += 20
        world.exchange(Verdict.GOOD)
    assert not world.is_open


def test_failures_that_come_at_once_keep_nobody_waiting_and_are_judged_by_their_rate_alone(world: World) -> None:
    for _ in range(20):
        world.exchange(Verdict.FAILED)
        world.now += 5
    assert not world.is_open


def test_how_many_timeouts_open_it_is_a_setting() -> None:
    world = World()
    world.circuit_breaker = CircuitBreaker("nexudus", timeouts_in_a_row=2, clock=lambda: world.now)
    world.exchange(Verdict.TIMED_OUT)
    assert not world.is_open
    world.exchange(Verdict.TIMED_OUT)
    assert world.is_open


def test_its_states_are_closed_open_and_half_open(world: World) -> None:
    assert world.circuit_breaker.state is State.CLOSED
    world.open()
    assert world.circuit_breaker.state is State.OPEN
    world.now += 5
    assert world.circuit_breaker.state is State.HALF_OPEN
    world.exchange(Verdict.TIMED_OUT)
    assert world.circuit_breaker.state is State.OPEN
    world.now += 5
    world.exchange(Verdict.GOOD)
    assert world.circuit_breaker.state is State.CLOSED
