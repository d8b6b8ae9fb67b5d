"""Lookups of records in the store that others write: who asks while one is under way shares the next."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedLookups(Generic[T]):
    """One lookup at a time, for all ids that are asked for by then. `find` gives what there is, and must not raise."""

    def __init__(self, find: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]]) -> None:
        self._find = find
        self._wanted: dict[str, asyncio.Future[T | None]] = {}
        self._under_way: dict[str, asyncio.Future[T | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, ids: Sequence[str]) -> dict[str, T]:
        """Return what there is of these ids."""
        futures = {one: self._future(one) for one in ids}
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())
        await asyncio.wait(futures.values())
        return {one: found for one, future in futures.items() if (found := future.result()) is not None}

    def _future(self, one: str) -> "asyncio.Future[T | None]":
        future = self._under_way.get(one) or self._wanted.get(one)
        if future is None:
            future = self._wanted[one] = asyncio.get_running_loop().create_future()
        return future

    async def _run(self) -> None:
        try:
            while self._wanted:
                self._under_way, self._wanted = self._wanted, {}
                found: Mapping[str, T] = {}
                try:
                    found = await self._find(list(self._under_way))
                finally:
                    for one, future in self._under_way.items():
                        future.set_result(found.get(one))
                    self._under_way = {}
        finally:
            self._task = None
