"""`resolvers.resilience.ration_share`: what processes send that cannot agree is within the rates all the same."""

import heapq

import pytest

from resolvers.chartmogul import RATES as CHARTMOGUL
from resolvers.nexudus import RATES as NEXUDUS
from resolvers.resilience.rate_limiter import Rate
from resolvers.resilience.ration_share import LastKnown, RationShare, until_turn

LEASE_SECONDS = 1.5
PROCESSES = 4


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def share_of(
    rates: tuple[Rate, ...], clock: Clock, *, left: list[int], seconds: float = 1.0, place: int = 0, share: float = 0.25
) -> RationShare:
    known = LastKnown(left=left, seconds=seconds, place=place, clock_ahead=0.25)
    return RationShare("source", rates, share, known, lease_seconds=LEASE_SECONDS, clock=clock)


def most_in_any(moments: list[float], seconds: float) -> int:
    most = start = 0
    for end, moment in enumerate(moments):
        while moment - moments[start] >= seconds - 1e-9:
            start += 1
        most = max(most, end - start + 1)
    return most


@pytest.mark.parametrize("rates", [NEXUDUS, CHARTMOGUL], ids=["nexudus", "chartmogul"])
def test_all_shares_together_keep_every_rate(rates: tuple[Rate, ...]) -> None:
    """Each process sends whatever its share allows, for minutes, and knows nothing of the others."""
    clock = Clock()
    shares = [share_of(rates, clock, left=[0, 0, 4_000][: len(rates)], place=place) for place in range(PROCESSES)]
    due = [(clock.now + one.delay(1), place) for place, one in enumerate(shares)]
    heapq.heapify(due)
    sent = []
    while clock.now < 1_400:
        clock.now, place = heapq.heappop(due)
        if (wait := shares[place].delay(1)) > 1e-9:
            heapq.heappush(due, (clock.now + wait, place))
            continue
        shares[place].acquire()
        shares[place].on_sent()
        sent.append(clock.now)
        heapq.heappush(due, (clock.now + max(shares[place].delay(1), 1e-6), place))
    assert len(sent) > 400
    for rate in rates:
        assert most_in_any(sent, rate.seconds) <= rate.limit


def test_nothing_goes_before_what_others_had_been_lent_has_left_the_window() -> None:
    assert share_of(CHARTMOGUL, Clock(), left=[0]).delay(1) == LEASE_SECONDS + CHARTMOGUL[0].seconds


def test_what_goes_by_turns_waits_for_what_others_had_been_lent_and_then_for_its_turn() -> None:
    clock = Clock()
    for hundredths in range(120):
        clock.now = 1_000 + hundredths / 100
        delay = share_of(NEXUDUS, clock, left=[0, 100, 4_000]).delay(1)
        assert delay >= LEASE_SECONDS + 0.15 - 1e-9
        assert delay <= LEASE_SECONDS + 0.15 + 1.15 + 1e-9


def test_what_was_left_for_all_is_shared_at_once() -> None:
    rates = (Rate(100, 60.0),)
    # In 2.5 seconds the others may have been lent two hundred; but not where a slower rate says otherwise.
    assert share_of(rates, Clock(), left=[90]).delay(1) > 60
    slow = (Rate(4, 1.0), *rates)
    share = share_of(slow, Clock(), left=[4, 90])
    assert share.delay(1) == 2.5
    assert share.delay(10) < 15


def test_what_was_let_go_before_is_no_part_of_it() -> None:
    clock = Clock()
    share = share_of((Rate(8, 10.0),), clock, left=[8], seconds=-LEASE_SECONDS)
    share.skip(1)
    share.on_sent()
    clock.now += 100
    for _ in range(2):
        assert share.delay(1) == 0
        share.acquire()
    share.put_back()
    assert share.delay(1) == 0


@pytest.mark.parametrize("place", range(PROCESSES))
def test_turns_do_not_meet(place: int) -> None:
    mine = [step / 100 for step in range(240) if until_turn(step / 100, 0.15, share=0.25, place=place) == 0]
    other = [step / 100 for step in range(240) if until_turn(step / 100, 0.15, share=0.25, place=(place + 1) % 4) == 0]
    assert mine
    assert min(abs(one - two) for one in mine for two in other) > 0.24
    assert until_turn(mine[0] + 0.1, 0.15, share=0.25, place=place) == pytest.approx(1.1, abs=0.02)
