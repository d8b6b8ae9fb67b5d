"""How often a source may be asked: every documented rate at once, so that not one request goes beyond any of them.

A rate is kept as the log of its last `limit` requests (a sliding window: a token bucket would let twice the limit
through in its first window). A request reserves its moment before it waits for it, so requests go in the order in
which they asked. The time of the last moments is known ahead, hence a wait that cannot succeed is refused at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from resolvers.errors import UpstreamRateLimited


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float


class Budget:
    """The ration of one source. Times are in the clock's seconds."""

    def __init__(
        self,
        source: str,
        rates: Sequence[Rate],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._logs = [(rate, deque[float](maxlen=rate.limit)) for rate in rates]
        self._clock = clock
        self._sleep = sleep
        self._last = float("-inf")
        self._held_until = float("-inf")

    def delay(self, further: int) -> float:
        """Return in how many seconds the `further`-th request from now could go; 0 is the last one that waits."""
        now = self._clock()
        moment = max(now, self._last, self._held_until)
        if further > 0:
            moment = max([moment, *(_moment(rate, log, further) for rate, log in self._logs)])
        return moment - now

    async def spend(self, deadline: float) -> None:
        """Wait until one request may go, and count it; raises `UpstreamRateLimited` at once if that is too late."""
        while True:
            delay = self.delay(1)
            moment = self._clock() + delay
            if moment > deadline:
                raise UpstreamRateLimited(self._source, detail="own budget", retry_after_seconds=round(delay, 1))
            self._last = moment
            for _, log in self._logs:
                log.append(moment)
            if delay > 0:
                await self._sleep(delay)
            if self._clock() >= self._held_until:
                return

    def hold(self, seconds: float) -> None:
        """Let nothing go for a while: the source has asked for it."""
        self._held_until = max(self._held_until, self._clock() + seconds)


def _moment(rate: Rate, log: deque[float], further: int) -> float:
    """Return when a rate allows the `further`-th request after those in its log."""
    windows, place = divmod(len(log) + further - 1 - rate.limit, rate.limit)
    if windows < 0 or not log:
        return float("-inf")
    # The request that must have left the window, in the log itself or as many windows later.
    return log[min(place, len(log) - 1)] + rate.seconds * (windows + 1)
