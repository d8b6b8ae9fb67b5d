"""`resolvers.resilience.concurrency_limiter`: never more at once than the limit, first come first served, and a
limit that adapts."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from tests.waiting import PATIENCE_SECONDS


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def refuse(concurrency_limiter: ConcurrencyLimiter) -> None:
    concurrency_limiter.decrease(concurrency_limiter.round)


def good(concurrency_limiter: ConcurrencyLimiter) -> None:
    assert concurrency_limiter.try_acquire()
    concurrency_limiter.release(is_good=True)


async def test_no_more_run_at_once_than_there_are_places() -> None:
    concurrency_limiter, running, most = ConcurrencyLimiter(3), 0, 0

    async def run() -> None:
        nonlocal running, most
        await concurrency_limiter.acquire()
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        concurrency_limiter.release()

    await asyncio.gather(*(run() for _ in range(20)))
    assert most == 3


async def test_first_come_first_served() -> None:
    concurrency_limiter, order = ConcurrencyLimiter(1), list[int]()

    async def run(number: int) -> None:
        await concurrency_limiter.acquire()
        order.append(number)
        await asyncio.sleep(0)
        concurrency_limiter.release()

    await asyncio.gather(*map(run, range(10)))
    assert order == list(range(10))


async def test_a_newcomer_does_not_pass_those_that_wait() -> None:
    concurrency_limiter, order = ConcurrencyLimiter(1), list[str]()

    async def run(name: str) -> None:
        await concurrency_limiter.acquire()
        order.append(name)
        concurrency_limiter.release()

    await concurrency_limiter.acquire()
    waiting = asyncio.create_task(run("waiting"))
    await settle()
    concurrency_limiter.release()
    await run("newcomer")
    await waiting
    assert order == ["waiting", "newcomer"]


def test_a_refusal_halves_the_limit_and_never_below_one() -> None:
    concurrency_limiter = ConcurrencyLimiter(10)
    limits = []
    for _ in range(6):
        refuse(concurrency_limiter)
        limits.append(concurrency_limiter.limit)
    assert limits == [5, 2, 1, 1, 1, 1]


def test_refusals_of_one_round_halve_it_once() -> None:
    concurrency_limiter = ConcurrencyLimiter(16)
    started_in = [concurrency_limiter.round] * 8
    for one in started_in:
        concurrency_limiter.decrease(one)
    assert concurrency_limiter.limit == 8
    refuse(concurrency_limiter)
    assert concurrency_limiter.limit == 4


def test_it_grows_by_one_for_each_round_of_good_exchanges() -> None:
    concurrency_limiter = ConcurrencyLimiter(10)
    refuse(concurrency_limiter)
    for expected in (6, 7):
        for _ in range(expected):
            good(concurrency_limiter)
        assert concurrency_limiter.limit == expected


@given(st.integers(1, 20), st.lists(st.booleans(), max_size=200))
def test_the_limit_stays_between_one_and_the_ceiling(ceiling: int, exchanges: list[bool]) -> None:
    concurrency_limiter = ConcurrencyLimiter(ceiling)
    for is_good in exchanges:
        good(concurrency_limiter) if is_good else refuse(concurrency_limiter)
        assert 1 <= concurrency_limiter.limit <= ceiling


async def test_after_a_refusal_no_place_is_given_until_few_enough_are_taken() -> None:
    concurrency_limiter = ConcurrencyLimiter(4)
    for _ in range(4):
        await concurrency_limiter.acquire()
    waiting = asyncio.create_task(concurrency_limiter.acquire())
    await settle()
    refuse(concurrency_limiter)
    for expected in (False, False, True):
        concurrency_limiter.release()
        await settle()
        assert waiting.done() is expected


@pytest.mark.parametrize("given_first", [True, False])
async def test_one_that_is_cancelled_takes_no_place_with_it(given_first: bool) -> None:
    """Even if it was given a place in the same turn of the loop, or somebody gave one back in the same turn."""
    concurrency_limiter = ConcurrencyLimiter(1)
    await concurrency_limiter.acquire()
    waiting = asyncio.create_task(concurrency_limiter.acquire())
    await settle()
    if given_first:
        concurrency_limiter.release()
        waiting.cancel()
    else:
        waiting.cancel()
        concurrency_limiter.release()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(concurrency_limiter.acquire(), PATIENCE_SECONDS)


async def test_one_that_is_cancelled_while_it_waits_lets_the_next_have_its_turn() -> None:
    concurrency_limiter = ConcurrencyLimiter(1)
    await concurrency_limiter.acquire()
    first, second = (
        asyncio.create_task(concurrency_limiter.acquire()),
        asyncio.create_task(concurrency_limiter.acquire()),
    )
    await settle()
    first.cancel()
    await settle()
    concurrency_limiter.release()
    await asyncio.wait_for(second, PATIENCE_SECONDS)
