"""`sync.looks`: how many looks are needed for what is asked for at the same time."""

import asyncio
from collections.abc import Mapping, Sequence

from sync.looks import Looks
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


class Store:
    """Takes a second for a look, and has the records whose ids are even."""

    def __init__(self) -> None:
        self.looks: list[list[str]] = []

    async def look(self, ids: Sequence[str]) -> Mapping[str, int]:
        self.looks.append(sorted(ids))
        await asyncio.sleep(1)
        return {one: int(one) for one in ids if int(one) % 2 == 0}


async def test_who_asks_at_the_same_time_shares_a_look() -> None:
    store = Store()
    looks = Looks(store.look)
    found = await asyncio.gather(looks.find(["1", "2"]), looks.find(["2", "4"]), looks.find(["2"]))
    assert found == [{"2": 2}, {"2": 2, "4": 4}, {"2": 2}]
    assert store.looks == [["1", "2", "4"]]


async def test_who_asks_while_one_is_under_way_shares_that_or_the_next() -> None:
    store = Store()
    looks = Looks(store.look)
    first = asyncio.create_task(looks.find(["2"]))
    await asyncio.sleep(0.5)
    started = loops.now()
    later = [asyncio.create_task(looks.find([one])) for one in ("2", "4", "6", "4")]
    assert [await one for one in later] == [{"2": 2}, {"4": 4}, {"6": 6}, {"4": 4}]
    assert loops.now() - started == 1.5
    assert await first == {"2": 2}
    assert store.looks == [["2"], ["4", "6"]]


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    store = Store()
    looks = Looks(store.look)
    tasks = [asyncio.create_task(looks.find(["2"])) for _ in range(2)]
    await asyncio.sleep(0.5)
    tasks[0].cancel()
    assert await tasks[1] == {"2": 2}
    assert await looks.find(["4"]) == {"4": 4}
