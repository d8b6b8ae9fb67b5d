"""`resolvers.places`: never more at once than the limit, first come first served, and a limit that adapts."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.places import Places


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def refuse(places: Places) -> None:
    places.narrow(places.round)


async def test_no_more_run_at_once_than_there_are_places() -> None:
    places, running, most = Places(3), 0, 0

    async def run() -> None:
        nonlocal running, most
        await places.take()
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        places.give_back()

    await asyncio.gather(*(run() for _ in range(20)))
    assert most == 3


async def test_first_come_first_served() -> None:
    places, order = Places(1), list[int]()

    async def run(number: int) -> None:
        await places.take()
        order.append(number)
        await asyncio.sleep(0)
        places.give_back()

    await asyncio.gather(*map(run, range(10)))
    assert order == list(range(10))


async def test_a_newcomer_does_not_pass_those_that_wait() -> None:
    places, order = Places(1), list[str]()

    async def run(name: str) -> None:
        await places.take()
        order.append(name)
        places.give_back()

    await places.take()
    waiting = asyncio.create_task(run("waiting"))
    await settle()
    places.give_back()
    await run("newcomer")
    await waiting
    assert order == ["waiting", "newcomer"]


def test_a_refusal_halves_the_limit_and_never_below_one() -> None:
    places = Places(10)
    limits = []
    for _ in range(6):
        refuse(places)
        limits.append(places.limit)
    assert limits == [5, 2, 1, 1, 1, 1]


def test_refusals_of_one_round_halve_it_once() -> None:
    places = Places(16)
    started_in = [places.round] * 8
    for one in started_in:
        places.narrow(one)
    assert places.limit == 8
    refuse(places)
    assert places.limit == 4


def test_it_grows_by_one_for_each_round_of_good_exchanges() -> None:
    places = Places(10)
    refuse(places)
    for expected in (6, 7):
        for _ in range(expected):
            places.widen()
        assert places.limit == expected


@settings(deadline=None)
@given(st.integers(1, 20), st.lists(st.booleans(), max_size=200))
def test_the_limit_stays_between_one_and_the_ceiling(ceiling: int, exchanges: list[bool]) -> None:
    places = Places(ceiling)
    for is_good in exchanges:
        places.widen() if is_good else refuse(places)
        assert 1 <= places.limit <= ceiling


async def test_after_a_refusal_no_place_is_given_until_few_enough_are_taken() -> None:
    places = Places(4)
    for _ in range(4):
        await places.take()
    waiting = asyncio.create_task(places.take())
    await settle()
    refuse(places)
    for expected in (False, False, True):
        places.give_back()
        await settle()
        assert waiting.done() is expected


@pytest.mark.parametrize("given_first", [True, False])
async def test_one_that_is_cancelled_takes_no_place_with_it(given_first: bool) -> None:
    """Even if it was given a place in the same turn of the loop, or somebody gave one back in the same turn."""
    places = Places(1)
    await places.take()
    waiting = asyncio.create_task(places.take())
    await settle()
    if given_first:
        places.give_back()
        waiting.cancel()
    else:
        waiting.cancel()
        places.give_back()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(places.take(), 1)


async def test_one_that_is_cancelled_while_it_waits_lets_the_next_have_its_turn() -> None:
    places = Places(1)
    await places.take()
    first, second = asyncio.create_task(places.take()), asyncio.create_task(places.take())
    await settle()
    first.cancel()
    await settle()
    places.give_back()
    await asyncio.wait_for(second, 1)
