"""`resolvers.resilience.retry`: whether and when again, without waiting for it."""

import random

import pytest

from resolvers.errors import (
    UpstreamBadResponse,
    UpstreamError,
    UpstreamForbidden,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from resolvers.resilience.retry import Retries

DOWN = UpstreamUnavailable("nexudus")
LONG = 100.0


def asked_to_wait(seconds: float) -> UpstreamError:
    return UpstreamRateLimited("nexudus", retry_after_seconds=seconds)


def test_a_read_is_attempted_three_times_at_most() -> None:
    retries = Retries()
    assert [retries.wait_seconds(DOWN, attempt, LONG) is None for attempt in (1, 2, 3)] == [False, False, True]


@pytest.mark.parametrize("error", [UpstreamUnavailable, UpstreamTimeout, UpstreamRateLimited])
def test_what_may_pass_is_tried_again(error: type[UpstreamError]) -> None:
    assert Retries().wait_seconds(error("nexudus"), 1, LONG) is not None


@pytest.mark.parametrize("error", [UpstreamBadResponse, UpstreamUnauthorized, UpstreamForbidden])
def test_what_will_not_pass_is_not(error: type[UpstreamError]) -> None:
    assert Retries().wait_seconds(error("nexudus"), 1, LONG) is None


def test_the_jitter_is_full_and_doubles() -> None:
    bounds = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    retries = Retries(uniform=uniform)
    assert [retries.wait_seconds(DOWN, attempt, LONG) for attempt in (1, 2)] == [0.25, 0.5]
    assert bounds == [(0, 0.25), (0, 0.5)]


def test_two_clients_do_not_come_back_together() -> None:
    waits = {Retries(uniform=random.Random(seed).uniform).wait_seconds(DOWN, 1, LONG) for seed in range(50)}
    assert len(waits) == 50


def test_a_wait_that_the_source_asks_for_is_kept_exactly() -> None:
    assert Retries().wait_seconds(asked_to_wait(1.0), 1, 2.0) == 1.0


@pytest.mark.parametrize("seconds", [2.0, 60.0, 2.3e9])
def test_a_wait_that_does_not_fit_is_not_begun(seconds: float) -> None:
    assert Retries().wait_seconds(asked_to_wait(seconds), 1, 2.0) is None


def test_a_wait_of_nothing_is_jittered_or_all_would_come_back_at_once() -> None:
    assert Retries(uniform=lambda low, high: high).wait_seconds(asked_to_wait(0.0), 1, LONG) == 0.25


def test_a_jitter_that_does_not_fit_is_not_begun() -> None:
    assert Retries(uniform=lambda low, high: high).wait_seconds(DOWN, 1, 0.2) is None


def test_an_outage_is_not_multiplied() -> None:
    """Ten are saved up; beyond them there is one retry for ten first attempts."""
    retries = Retries()
    retried = 0
    for _ in range(1_000):
        retries.first_attempts += 1
        attempt = 1
        while retries.wait_seconds(DOWN, attempt, LONG) is not None:
            retried += 1
            attempt += 1
    assert 100 <= retried <= 10 + 100


def test_a_retry_that_is_not_made_costs_nothing() -> None:
    retries = Retries()
    for _ in range(100):
        assert retries.wait_seconds(DOWN, 3, LONG) is None
        assert retries.wait_seconds(asked_to_wait(60), 1, 1.0) is None
    assert retries.wait_seconds(DOWN, 1, LONG) is not None


def test_good_times_save_up_no_more_than_ten_retries() -> None:
    retries = Retries()
    for _ in range(10_000):
        retries.first_attempts += 1
    retried = sum(retries.wait_seconds(DOWN, 1, LONG) is not None for _ in range(100))
    assert retried == 10
