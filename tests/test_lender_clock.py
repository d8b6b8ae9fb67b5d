"""`resolvers.resilience.lender_clock`: the quickest report tells best what time it is elsewhere."""

import pytest

from resolvers.resilience.lender_clock import DRIFT, LenderClock


def test_it_is_the_lenders_time_in_the_middle_of_a_report() -> None:
    clock = LenderClock()
    clock.on_report(105.5, asked_at=5.0, answered_at=6.0)
    assert clock.ahead == 100.0


def test_a_slower_report_tells_nothing_new_and_a_quicker_one_does() -> None:
    clock = LenderClock()
    clock.on_report(105.05, asked_at=5.0, answered_at=5.1)
    clock.on_report(107.0, asked_at=6.0, answered_at=8.0)
    assert clock.ahead == 100.0
    clock.on_report(109.5, asked_at=9.0, answered_at=9.02)
    assert clock.ahead == pytest.approx(100.49)


def test_what_a_report_told_is_worth_less_as_clocks_drift() -> None:
    clock = LenderClock()
    clock.on_report(100.0, asked_at=0.0, answered_at=0.0)
    clock.on_report(103.0, asked_at=1.0, answered_at=2.0)
    assert clock.ahead == 100.0
    much_later = 0.5 / DRIFT + 10
    clock.on_report(much_later + 103.0, asked_at=much_later, answered_at=much_later + 1.0)
    assert clock.ahead == 102.5
