"""`sync.service`: the store follows both vendors."""

import asyncio

from tests import loops
from tests.sync_world import open_world

LOOPS = loops.WITH_ITS_OWN_TIME


async def test_the_store_has_what_both_vendors_have() -> None:
    async with open_world() as world:
        await asyncio.sleep(30)
        assert world.stored("nexudus") == {str(id_) for id_ in world.simulator.nexudus.records}
        assert world.stored("chartmogul") == set(world.simulator.chartmogul.records)
        print(world.state("nexudus"), await world.status("nexudus"), await world.status("chartmogul"))
