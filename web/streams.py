"""The streams that are open: so many in all, and so many of one caller; all of them end when the server stops.

A stream takes none of the places for requests. What it takes is a connection, and the memory of what is under way.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from httpserver.http_errors import HTTPError

RETRY_AFTER_SECONDS = 5


class StreamsEnd(Exception):
    """The server stops: nothing more is waited for."""


class Streams:
    """Counts them, and knows which of them wait. `events` is how many were sent since the start."""

    def __init__(self, most: int = 500, most_of_caller: int = 20) -> None:
        self._most = most
        self._most_of_caller = most_of_caller
        self._by_caller: Counter[bytes] = Counter()
        self._waiting: set[asyncio.Task[object]] = set()
        self._is_ending = False
        self.count = 0
        self.events = 0

    def enter(self, caller: bytes | None) -> None:
        """Count a stream that opens; raises `HTTPError` where it is one too many.

        `caller` tells callers apart; of one of whom nothing is known (None) all are counted, and none for himself.
        """
        if caller is not None and self._by_caller[caller] >= self._most_of_caller:
            raise _refused(
                429,
                f"This caller has {self._most_of_caller} subscriptions, and may not have more: end one first.",
                "TOO_MANY_SUBSCRIPTIONS",
            )
        if self._is_ending or self.count >= self._most:
            raise _refused(503, "This server has too many subscriptions right now.", "SERVER_BUSY")
        self.count += 1
        if caller is not None:
            self._by_caller[caller] += 1

    def leave(self, caller: bytes | None) -> None:
        """Count one that has ended."""
        self.count -= 1
        if caller is not None:
            self._by_caller[caller] -= 1
            if not self._by_caller[caller]:
                del self._by_caller[caller]

    def end(self) -> None:
        """Let all of them end, and no more open: the server stops. In the event loop; a second time is nothing."""
        self._is_ending = True
        while self._waiting:
            self._waiting.pop().cancel()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait in the block for what may take for ever; raises `StreamsEnd` out of it when the server stops."""
        if self._is_ending:
            raise StreamsEnd
        task = asyncio.current_task()
        assert task is not None, "an application runs in a task"
        self._waiting.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._waiting and task.uncancel() <= 0:
                raise StreamsEnd from None
            raise
        finally:
            self._waiting.discard(task)


def _refused(status: int, message: str, code: str) -> HTTPError:
    return HTTPError(status, message, code=code, retryable=True, retry_after_seconds=RETRY_AFTER_SECONDS)
