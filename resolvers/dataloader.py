"""A DataLoader: keys that are asked for side by side are loaded together.

Fields of an operation are resolved side by side, and each asks for its own key. The batch leaves two turns of the loop
after its first key: one for all who ask, one for what they have started. `docs/decisions/008-batching.md`.
"""

import asyncio
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class DataLoader(Generic[K, V]):
    """Loads keys in batches, for one operation. It remembers nothing: a key that is asked for twice is loaded twice."""

    __slots__ = ("_batches", "_loop", "_waiting", "is_closed")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._batches: set[asyncio.Task[None]] = set()
        self.is_closed = False
        """Whether the operation is over; a batch may leave all the same."""

    async def load_batch(self, keys: list[K]) -> list[V]:
        """Return one outcome for each key, in order. One that is an exception is that key's alone; what this raises is
        everybody's."""
        raise NotImplementedError  # whoever loads something says how

    def load(self, key: K) -> asyncio.Future[V]:
        """Return the future that will have a key's outcome. Where several wait for it, each has to shield it."""
        future: asyncio.Future[V] = self._loop.create_future()
        if not self._waiting:
            self._loop.call_soon(self._leave)
        self._waiting.append((key, future))
        return future

    def close(self) -> None:
        """Give up what is still being loaded: the operation is over, or its client has gone."""
        self.is_closed = True
        for batch in self._batches:
            batch.cancel()

    def _leave(self) -> None:
        self._batches.add(self._loop.create_task(self._batch()))

    async def _batch(self) -> None:
        waiting, self._waiting = self._waiting, []
        outcomes: list[Any] = []
        try:
            outcomes = await self.load_batch([key for key, _ in waiting])
        except Exception as error:
            outcomes = [error] * len(waiting)
        finally:
            self._batches.discard(asyncio.current_task(self._loop))
            for (_, future), outcome in zip(waiting, outcomes, strict=False):
                _settle(future, outcome)
            for _, future in waiting[len(outcomes) :]:  # given up: whoever waits must not do so for ever
                future.cancel()


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():  # cancelled
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
        future.exception()  # those who would have raised it may have been cancelled; asyncio shall not log it
    else:
        future.set_result(outcome)
