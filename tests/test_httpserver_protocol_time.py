"""`httpserver.protocol`: how long a connection may be idle, and a head may take, in the loop's own time."""

import asyncio

import pytest

from tests import loops, sockets
from tests.sockets import Stub, echoed, post, serving

stub = sockets.stub
LOOPS = loops.WITH_ITS_OWN_TIME


async def test_an_idle_connection_is_closed_and_a_request_puts_that_off(stub: Stub) -> None:
    async with serving(stub, keep_alive_seconds=0.4) as served, served.client() as client:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            await client.ask(post())
            await asyncio.sleep(0.39)
        asked = loop.time()
        await client.ask(post(b"turn"))
        assert await client.is_closed()
        assert loop.time() - asked == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    ("seconds", "pieces"),
    [
        ({"keep_alive_seconds": 0.02, "head_seconds": 0.02}, [post(b"wait")]),
        ({"head_seconds": 0.03}, [post(b"wait"), post()[:20]]),
    ],
    ids=["nothing behind it", "half a head behind it"],
)
async def test_an_idle_connection_is_closed_after_an_answer_and_not_while_one_is_worked_on(
    stub: Stub, seconds: dict[str, float], pieces: list[bytes]
) -> None:
    async with serving(stub, **seconds) as served, served.client() as client:
        await client.ask(post())
        await client.send(*pieces)
        await asyncio.sleep(0.05)
        stub.gate.set()
        assert echoed(await client.answer()) == b"wait"
        assert await client.rest() == b"" or pieces[1:]


async def test_half_a_head_and_then_its_rest_is_answered(stub: Stub) -> None:
    async with serving(stub, head_seconds=0.3) as served, served.client() as client:
        await client.ask(post())
        assert echoed(await client.ask(post(b"b")[:20], post(b"b")[20:])) == b"b"
        await asyncio.sleep(0.3)
        assert echoed(await client.ask(post(b"c"))) == b"c"
        assert stub.bodies == [b"{}", b"b", b"c"]
