"""What all who follow the changes share: their turns at the store, and where the log ends."""

from asyncio import Semaphore
from collections.abc import Awaitable, Callable
from typing import Final

from store.changes import Log

AT_ONCE: Final = 1
"""Reads of all of them that the store has to do at once: a change wakes them together, and a thread is left for
everybody else."""


class Followers:
    """One for the process. Their reads wait for `turns`."""

    def __init__(self) -> None:
        self.turns = Semaphore(AT_ONCE)
        self._number = -1
        self._log = Log(0, 0, 0)

    async def log(self, number: int, read: Callable[[], Awaitable[Log]]) -> Log:
        """Return how far the log goes at the store's `number`, or a later one; to be called in a turn.

        Most that moves the number is no change of a deal: one reading tells all of them so.
        """
        if self._number < number:
            self._log = await read()
            self._number = number
        return self._log
