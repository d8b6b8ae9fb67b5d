"""`simulator.app`: what it still answers when it stops ends at once, in the loop's own time: no machine is late."""

import asyncio
from base64 import b64encode

import aiohttp
import pytest

from simulator import CHARTMOGUL_EXAMPLE_ID, Fault, Simulator, faults
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


@pytest.mark.parametrize("fault", [faults.hang(), faults.delay(60), faults.trickle(60)])
async def test_stopping_ends_unfinished_answers_at_once(fault: Fault) -> None:
    simulator = Simulator()
    simulator.chartmogul.faults.add(fault)
    key = {"Authorization": f"Basic {b64encode(f'{simulator.chartmogul.api_key}:'.encode()).decode()}"}
    async with aiohttp.ClientSession(headers=key) as session:
        async with simulator.serve() as urls:

            async def ask() -> None:
                async with session.get(f"{urls.chartmogul}/v1/opportunities/{CHARTMOGUL_EXAMPLE_ID}") as reply:
                    await reply.read()

            asking = asyncio.create_task(ask())
            while simulator.chartmogul.in_flight != 1:  # noqa: ASYNC110 - it is looked at
                await asyncio.sleep(0.001)
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 0.5
        with pytest.raises(aiohttp.ClientError):
            await asking
