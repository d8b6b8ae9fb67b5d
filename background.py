"""Work in the background gives way to requests: it is done a little at a time, and while requests come, seldom.

The processor and the interpreter are the process's, and so is what is known of its requests here. Between two slices of
work anybody who waits has a turn; where a request came of late, the next slice is put off by some milliseconds, one
after the other for all that works in the background. So a request meets one short slice, or few if it takes long, and
one event of a stream; and a server that nobody asks works at full speed. A slice ends with the piece of work under way:
whoever works in the background asks for a turn after pieces that are shorter than a slice, if they can be.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from math import inf
from typing import Final, TypeVar

T = TypeVar("T")

SLICE_SECONDS: Final = 0.0001
"""Of work while requests come, a quarter of what a page takes; then others have a turn."""

IDLE_SLICE_SECONDS: Final = 0.0005
"""The same while nobody asks: each slice has its price."""

LITTLE: Final = 0.1
"""Of a slice: so much work is none, before a piece that is one by itself."""

BUSY_SECONDS: Final = 0.010
"""For so long after a request has come or was answered it is under way, or another one may come. One that takes longer
waits for a source, mostly, or for its client."""

INTERVAL_SECONDS: Final = 0.005
"""From the end of a slice to the next one, while requests come: few of them meet one."""

YIELD_SECONDS: Final = 0.00005
"""For which a thread sleeps after each slice: without it, it would take the interpreter back before others wake."""

PATIENCE_SECONDS: Final = 1.0
"""For which a thread's piece of work is put off in all: it may hold locks for which others wait."""

IMPATIENT_SECONDS: Final = 0.001
"""For which it is put off each time after that."""


class Background:
    """When work in the background may go on. `clock` goes forward, in seconds.

    Threads share it without a lock: if two take the same slice, a request meets two. `requests` is the one that is told
    of requests, by default itself.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, requests: "Background | None" = None) -> None:
        self._clock = clock
        self._requests = requests or self
        self.busy_until = self._next_at = -inf

    def on_request(self) -> None:
        """Take note that a request has come, or was answered."""
        self.busy_until = self._clock() + BUSY_SECONDS

    @property
    def is_busy(self) -> bool:
        """Whether requests come."""
        return self._clock() < self._requests.busy_until

    def slice_seconds(self) -> float:
        """Return how long a slice is to be."""
        return SLICE_SECONDS if self.is_busy else IDLE_SLICE_SECONDS

    def wait_seconds(self, at_most: float = inf) -> float:
        """Return how long the next slice is to be put off, after one of the caller's; it is then the caller's."""
        now = self._clock()
        if now >= self._requests.busy_until:
            return 0.0
        # From now: a slice may have been a long one, such as a transaction's end.
        at = now + min(max(INTERVAL_SECONDS, self._next_at - now), at_most)
        self._next_at = at + INTERVAL_SECONDS
        return at - now


BACKGROUND: Final = Background()
"""That of this process."""

TELLING: Final = Background(requests=BACKGROUND)
"""That of streams of changes. There may be hundreds: were they in one queue with the sweep that they tell of, it would
wait for all of them after each slice."""


class Turns:
    """Gives others a turn now and then while a thread does one piece of work. Times are in seconds.

    The first slice is waited for, too: pieces of work that follow each other are to others as one.
    """

    def __init__(
        self,
        background: Background = BACKGROUND,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._background, self._clock, self._sleep = background, clock, sleep
        self._patience = PATIENCE_SECONDS
        self._since = -inf

    def pause(self, *, before_long: bool = False) -> None:
        """Pause, if there was work for some time; to be called often.

        `before_long`: also if there was little, for a piece comes that is a slice by itself, or more.
        """
        least = self._background.slice_seconds()
        if self._clock() - self._since < (least * LITTLE if before_long else least):
            return
        seconds = self._background.wait_seconds(PATIENCE_SECONDS if self._patience > 0 else IMPATIENT_SECONDS)
        self._patience -= seconds
        self._sleep(max(seconds, YIELD_SECONDS))
        self._since = self._clock()


async def in_slices(
    items: Iterable[T], background: Background = BACKGROUND, clock: Callable[[], float] = time.perf_counter
) -> AsyncIterator[T]:
    """Yield the items; before each slice of work, the first one too, the event loop is for others."""
    since = -inf
    for item in items:
        if clock() - since >= background.slice_seconds():
            await asyncio.sleep(background.wait_seconds())
            since = clock()
        yield item
