"""How late the simulator may be: on a busy machine it reads requests together that came one after the other."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

BEAT_SECONDS = 0.005

TURNS = 6
"""Turns of the loop between the arrival of a request's bytes and the handler, where its connection is new."""


class Heartbeat:
    """Beats at each turn of the loop, or some milliseconds apart where turns are short.

    What had arrived before the sixth beat from now is handled by now. So a request that is handled now came later, even
    if the machine had this process stand still.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._beats: deque[float] = deque([clock()] * TURNS, maxlen=TURNS)

    def earliest(self) -> float:
        """Return the earliest moment at which a request can have arrived that is handled now."""
        return self._beats[0]

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat until the block ends; not on a loop whose time leaps to the next timer."""
        loop = asyncio.get_running_loop()
        timers: list[asyncio.TimerHandle] = []

        def beat() -> None:
            self._beats.append(self._clock())
            timers[:] = [loop.call_later(BEAT_SECONDS, beat)]

        beat()
        try:
            yield
        finally:
            timers[0].cancel()
