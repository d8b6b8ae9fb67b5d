"""`resolvers.dataloader`: which keys leave together, and that nobody who asks waits for ever."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from resolvers.dataloader import DataLoader


class Loading(DataLoader[str, Any]):
    """Keeps its batches, and answers them by a function of one key."""

    def __init__(self, answer: Callable[[str], Any] = str.upper) -> None:
        super().__init__(asyncio.get_running_loop())
        self.batches: list[list[str]] = []
        self.has_left = asyncio.Event()
        self._answer = answer

    async def load_batch(self, keys: list[str]) -> list[Any]:
        self.batches.append(keys)
        self.has_left.set()
        await asyncio.sleep(0)
        return [self._answer(key) for key in keys]


async def test_keys_that_are_asked_for_side_by_side_leave_together_in_their_order() -> None:
    loader = Loading()
    assert await asyncio.gather(loader.load("b"), loader.load("a"), loader.load("b")) == ["B", "A", "B"]
    assert loader.batches == [["b", "a", "b"]]


async def test_those_whom_the_first_ones_have_started_come_along() -> None:
    """A list's resolver gathers its records one level below a field that asks for one record at once."""
    loader = Loading()

    async def one(key: str) -> Any:
        return await loader.load(key)

    async def several() -> Any:
        return await asyncio.gather(one("b"), one("c"))

    assert await asyncio.gather(one("a"), several()) == ["A", ["B", "C"]]
    assert loader.batches == [["a", "b", "c"]]


async def test_a_key_that_is_asked_for_when_a_batch_has_left_is_in_the_next_one() -> None:
    loader = Loading()
    assert await loader.load("a") == "A"
    assert await loader.load("a") == "A"
    assert loader.batches == [["a"], ["a"]]


async def test_an_exception_is_the_outcome_of_its_key_alone() -> None:
    loader = Loading(lambda key: ValueError(key) if key == "a" else key)
    found = await asyncio.gather(loader.load("a"), loader.load("b"), return_exceptions=True)
    assert (type(found[0]), found[1]) == (ValueError, "b")


async def test_what_a_batch_raises_is_everybodys() -> None:
    def broken(_: str) -> None:
        raise ZeroDivisionError

    loader = Loading(broken)
    found = await asyncio.gather(loader.load("a"), loader.load("b"), return_exceptions=True)
    assert [type(one) for one in found] == [ZeroDivisionError, ZeroDivisionError]


async def test_a_failure_that_nobody_waits_for_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    loader = Loading(ValueError)
    future = loader.load("a")
    await asyncio.wait([future])
    del future
    assert not caplog.records


async def test_when_it_is_closed_nobody_waits_any_more() -> None:
    loader = Loading()
    running = loader.load("a")
    await loader.has_left.wait()
    loader.close()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert loader.is_closed


async def test_a_caller_that_is_cancelled_does_not_stop_the_batch() -> None:
    loader = Loading()
    first, second = loader.load("a"), loader.load("b")
    first.cancel()
    assert await second == "B"
