"""Threads for calls that block: few, daemons, and nobody waits for one that hangs.

`concurrent.futures` has the like, but the interpreter waits at its end for each thread of it, whatever it hangs in.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[Future[Any], Callable[[], Any] | None]


class Threads:
    """So many threads that share a queue: with one of them one call after the other, with none in the caller's own."""

    def __init__(self, count: int, name: str) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._threads = [
            threading.Thread(target=_serve, args=(self._jobs,), name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns; where the caller is cancelled, work that has begun goes on to its end."""
        if not self._threads:
            return work()
        future: Future[T] = Future()
        self._jobs.put((future, work))
        return await asyncio.wrap_future(future)

    async def stop(self) -> None:
        """Let each thread end after what is in the queue, and wait for that."""
        ends: list[Future[None]] = [Future() for _ in self._threads]
        for end in ends:
            self._jobs.put((end, None))
        await asyncio.gather(*map(asyncio.wrap_future, ends))


def _serve(jobs: "SimpleQueue[_Job]") -> None:
    while True:
        future, work = jobs.get()
        if work is None:
            if future.set_running_or_notify_cancel():
                future.set_result(None)
            return
        if future.set_running_or_notify_cancel():
            try:
                result = work()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
                del result
        del future, work  # a thread that waits keeps nobody's rows alive
