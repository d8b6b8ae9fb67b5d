"""`sync.shared_lookups`: how many looks are needed for what is asked for at the same time."""

import asyncio
from collections.abc import Mapping, Sequence

from sync.shared_lookups import SharedLookups
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


class Store:
    """Takes a second for a lookup, and has the records whose ids are even."""

    def __init__(self) -> None:
        self.lookups: list[list[str]] = []

    async def find(self, ids: Sequence[str]) -> Mapping[str, int]:
        self.lookups.append(sorted(ids))
        await asyncio.sleep(1)
        return {one: int(one) for one in ids if int(one) % 2 == 0}


async def test_who_asks_at_the_same_time_shares_a_lookup() -> None:
    store = Store()
    lookups = SharedLookups(store.find)
    found = await asyncio.gather(lookups.find(["1", "2"]), lookups.find(["2", "4"]), lookups.find(["2"]))
    assert found == [{"2": 2}, {"2": 2, "4": 4}, {"2": 2}]
    assert store.lookups == [["1", "2", "4"]]


async def test_who_asks_while_one_is_under_way_shares_that_or_the_next() -> None:
    store = Store()
    lookups = SharedLookups(store.find)
    first = asyncio.create_task(lookups.find(["2"]))
    await asyncio.sleep(0.5)
    started = loops.now()
    later = [asyncio.create_task(lookups.find([one])) for one in ("2", "4", "6", "4")]
    assert [await one for one in later] == [{"2": 2}, {"4": 4}, {"6": 6}, {"4": 4}]
    assert loops.now() - started == 1.5
    assert await first == {"2": 2}
    assert store.lookups == [["2"], ["4", "6"]]


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    store = Store()
    lookups = SharedLookups(store.find)
    tasks = [asyncio.create_task(lookups.find(["2"])) for _ in range(2)]
    await asyncio.sleep(0.5)
    tasks[0].cancel()
    assert await tasks[1] == {"2": 2}
    assert await lookups.find(["4"]) == {"4": 4}
