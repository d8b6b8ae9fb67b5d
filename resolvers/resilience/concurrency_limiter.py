"""How many exchanges with a source run at once: a limit that shrinks when the source says that it is too many.

ChartMogul answers 503 above 20 parallel connections (its page on rate limits). The limit is halved then, and grows by
one for each round of good exchanges, never above its ceiling: additive increase, multiplicative decrease.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class ConcurrencyLimiter:
    """A semaphore with a limit that adapts. First come, first served."""

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self._adapted = float(ceiling)
        self._lent = ceiling
        self.limit = ceiling
        """How many may run at once just now."""
        self.in_use = 0
        """How many run."""
        self.on_short: Callable[[], None] | None = None
        """Called when one has to wait, where the slots are lent."""
        self._queue: deque[asyncio.Future[None]] = deque()
        self.round = 0
        """How many times the limit was decreased."""

    @property
    def wanted(self) -> int:
        """How many slots would do: one for each that runs or waits, and one more."""
        return min(self.ceiling, self.in_use + len(self._queue) + 1)

    def lend(self, slots: int) -> None:
        """Let so many run at once, at most, where several processes share the slots."""
        self._lent = slots
        self._adapt(self._adapted)
        self._wake()

    def try_acquire(self) -> bool:
        """Take a slot if one is free; return whether it was."""
        if self.in_use < self.limit and not self._queue:
            self.in_use += 1
            return True
        if self.on_short is not None:
            self.on_short()
        return False

    async def acquire(self) -> None:
        """Wait for a slot and take it, first come, first served."""
        if self.try_acquire():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # the slot had been given just before
            else:
                with suppress(ValueError):  # gone already, if a slot was released in this very moment
                    self._queue.remove(turn)
            raise

    def release(self, *, is_good: bool = False) -> None:
        """Give a slot back; after a good exchange the limit rises a little."""
        if is_good and self._adapted < self.ceiling:
            self._adapt(min(self.ceiling, self._adapted + 1 / self._adapted))
        self.in_use -= 1
        if self._queue:
            self._wake()

    def _adapt(self, limit: float) -> None:
        self._adapted = limit
        self.limit = min(int(limit), self._lent)

    def _wake(self) -> None:
        while self._queue and self.in_use < self.limit:
            turn = self._queue.popleft()
            if not turn.done():
                self.in_use += 1
                turn.set_result(None)

    def decrease(self, started_in: int) -> None:
        """Halve the limit: the source refused because of too many requests at once.

        `started_in` is the `round` in which the exchange began: refusals of one round are one sign, not several.
        """
        if started_in == self.round:
            self.round += 1
            self._adapt(max(1.0, self._adapted / 2))
