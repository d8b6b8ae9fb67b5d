"""When the next report to the lender is due: at its time, or sooner where something has come up."""

import asyncio
from collections.abc import Callable
from contextlib import suppress


class ReportTimer:
    """Due at once at first; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due_at = clock()
        self._has_changed = asyncio.Event()

    def set(self, moment: float) -> None:
        """Have it due at a moment, whatever was set before. Nobody may be waiting."""
        self._due_at = moment

    def hasten(self, moment: float = float("-inf")) -> None:
        """Have it due at a moment, or now, if that is sooner."""
        if (earliest := max(moment, self._clock())) < self._due_at:
            self._due_at = earliest
            self._has_changed.set()

    async def wait(self) -> None:
        """Wait until it is due."""
        while True:
            self._has_changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._due_at - self._clock())):
                    await self._has_changed.wait()
                    continue  # it may be due sooner, and not yet
            return
