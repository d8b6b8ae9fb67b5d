"""`web.streams`: what waits is let go when the server stops, and what was cancelled by others stays cancelled."""

import asyncio

import pytest

from httpserver.http_errors import HTTPError
from tests import loops
from web.streams import Streams, StreamsEnd

LOOPS = loops.BOTH


async def wait(streams: Streams) -> str:
    try:
        with streams.waiting():
            await asyncio.Event().wait()
    except StreamsEnd:
        await asyncio.sleep(0)  # a task that was cancelled for good would not come back from here
        return "ended"
    raise AssertionError


async def test_all_that_wait_are_let_go_and_whoever_comes_later_does_not_wait() -> None:
    streams = Streams()
    tasks = [asyncio.create_task(wait(streams)) for _ in range(3)]
    await asyncio.sleep(0)
    streams.end()
    assert await asyncio.gather(*tasks, wait(streams)) == ["ended"] * 4


async def test_what_is_cancelled_by_others_is_cancelled() -> None:
    streams = Streams()
    one, both = (asyncio.create_task(wait(streams)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    both.cancel()
    streams.end()
    assert [type(found) for found in await asyncio.gather(one, both, return_exceptions=True)] == [
        asyncio.CancelledError
    ] * 2


async def test_who_does_not_wait_is_not_disturbed() -> None:
    streams = Streams()
    with streams.waiting():
        pass
    streams.end()
    await asyncio.sleep(0)


def test_callers_who_are_not_told_apart_are_counted_together_only() -> None:
    streams = Streams(3, 1)
    for caller in (None, None, b"one"):
        streams.enter(caller)
    for caller, status in ((b"one", 429), (None, 503), (b"two", 503)):
        with pytest.raises(HTTPError) as caught:
            streams.enter(caller)
        assert caught.value.status == status
    streams.leave(b"one")
    streams.leave(None)
    streams.enter(b"one")
    assert streams.count == 2
