"""`schema.deals.followers`: what all who follow the changes share. `test_deals_change_events` has it in use."""

from collections.abc import Awaitable, Callable

import pytest

from schema.deals.followers import Followers
from store.changes import Log


def reading(log: Log, reads: list[Log]) -> Callable[[], Awaitable[Log]]:
    async def read() -> Log:
        reads.append(log)
        return log

    return read


async def test_the_log_is_read_once_for_each_number_and_never_taken_from_an_earlier_one() -> None:
    followers, reads = Followers(), list[Log]()
    old, new = Log(1, 0, 5), Log(1, 0, 6)
    for number, stored, expected in ((0, old, old), (0, new, old), (3, new, new), (2, old, new), (3, old, new)):
        assert await followers.log(number, reading(stored, reads)) == expected
    assert reads == [old, new]


async def test_a_reading_that_fails_is_tried_anew() -> None:
    followers, log = Followers(), Log(1, 0, 5)

    async def away() -> Log:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await followers.log(1, away)
    assert await followers.log(1, reading(log, [])) == log
