"""How often a source may be asked: every documented rate at once, so that not one request goes beyond any of them.

A rate is kept as the log of the moments at which its last `limit` requests were sent (a sliding window: a token bucket
would let twice the limit through in its first window). Requests go in the order in which they asked. When each of them
may go is known ahead, hence a wait that cannot succeed is refused at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from resolvers.errors import UpstreamRateLimited

SHORTEST_SLEEP_SECONDS = 0.001
"""Event loops round to milliseconds; without this, what is left of a wait would be spent turning the loop."""

SATURATED_SECONDS = 2.0
"""For so long after a request had to wait the ration counts as used up."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float


class SharedRation(Protocol):
    """What lends a limiter the requests that it lets go, where other processes share the ration."""

    @property
    def others_wait(self) -> bool:
        """Whether people wait in another process, as far as is known."""

    def delay(self, place: int) -> float:
        """Return in how many seconds the `place`-th request from now may go, as far as is known."""

    def want(self) -> None:
        """Have some more lent, or learn what is known, as soon as can be."""

    def acquire(self) -> None:
        """Let one go."""

    def on_sent(self, *, is_background: bool) -> None:
        """Take note that one that was let go was sent just now."""

    def put_back(self) -> None:
        """Take back one that was let go, and not sent."""

    def on_pause(self, seconds: float) -> None:
        """Have the others pause too."""


class RateLimiter:
    """The ration of one source.

    A request is `acquire`, then `on_sent` or `release`. Between the two it counts as if it were sent just now: to open
    a connection takes time, and what counts at the source is when the request is on its way.
    """

    def __init__(
        self,
        source: str,
        rates: Sequence[Rate],
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        shared: SharedRation | None = None,
    ) -> None:
        self._source = source
        self._shared = shared
        self.rates = tuple(rates)
        self._logs = [(rate, deque[float](maxlen=rate.limit)) for rate in rates]
        self.clock = clock
        self.sleep = sleep
        self._paused_until = float("-inf")
        self._lock = asyncio.Lock()
        self._unsent = 0
        self.waiters = 0
        """How many requests wait in `acquire`."""
        self._waited_at = float("-inf")

    @property
    def is_saturated(self) -> bool:
        """Whether a request has to wait, or had to a moment ago."""
        return self.waiters > 0 or self.clock() - self._waited_at < SATURATED_SECONDS

    @property
    def others_wait(self) -> bool:
        """Whether people wait for the source in another process; what is known of that is renewed."""
        if self._shared is None:
            return False
        self._shared.want()
        return self._shared.others_wait

    def delay(self, further: int) -> float:
        """Return in how many seconds the `further`-th request behind those that wait could go."""
        return self._delay(self.waiters + further)

    def left(self) -> list[tuple[Rate, int]]:
        """Return how many requests of each rate might be sent at this moment."""
        now = self.clock()
        return [
            (rate, rate.limit - self._unsent - sum(sent > now - rate.seconds for sent in log))
            for rate, log in self._logs
        ]

    def try_acquire(self) -> bool:
        """Let one request go if it need not wait; return whether it may go."""
        may_go = not self.waiters and self._delay(1) <= 0
        if may_go:
            self._let_go()
        return may_go

    async def acquire(self, seconds_left: Callable[[], float]) -> None:
        """Wait until one request may go; raises `UpstreamRateLimited` at once if that is not within the time left.

        The time is asked for anew while it waits: others may have joined the request, who have more.
        """
        if self.try_acquire():
            return
        if self._shared is not None:
            self._shared.want()
        self._refuse_beyond(seconds_left(), self.delay(1))
        self.waiters += 1
        try:
            async with self._lock:
                while (delay := self._delay(1)) > 0:
                    self._refuse_beyond(seconds_left(), delay)
                    if self._shared is not None:
                        self._shared.want()
                    await self.sleep(max(delay, SHORTEST_SLEEP_SECONDS))
                    self._waited_at = self.clock()
                self._let_go()
        finally:
            self.waiters -= 1

    def _let_go(self) -> None:
        self._unsent += 1
        if self._shared is not None:
            self._shared.acquire()

    def on_sent(self, *, is_background: bool = False) -> None:
        """Count the request as sent now."""
        self._unsent -= 1
        if self._shared is not None:
            self._shared.on_sent(is_background=is_background)
        now = self.clock()
        for _, log in self._logs:
            log.append(now)

    def release(self) -> None:
        """Count the request no more: it was not sent."""
        self._unsent -= 1
        if self._shared is not None:
            self._shared.put_back()

    def pause(self, seconds: float, *, is_known: bool = False) -> None:
        """Let nothing go for so many seconds: the source has asked for it. `is_known`: of another process."""
        self._paused_until = max(self._paused_until, self.clock() + seconds)
        if self._shared is not None and not is_known:
            self._shared.on_pause(seconds)

    def recall(self, logs: Sequence[Sequence[float]]) -> None:
        """Count what was sent at these moments, for each rate, and nothing else; the latest last."""
        for (_, log), moments in zip(self._logs, logs, strict=True):
            log.clear()
            log.extend(moments)

    def _delay(self, place: int) -> float:
        """Return in how many seconds the `place`-th request from now may go."""
        now = self.clock()
        moment = max(now, self._paused_until)
        if self._shared is not None:
            moment = max(moment, now + self._shared.delay(place))
        if not self._logs:
            return moment - now
        ahead = [now] * self._unsent
        for _ in range(place):
            for rate, log in self._logs:
                # The request that must have left the window by then: one that was sent, or one that is yet to go.
                leaving = len(log) + len(ahead) - rate.limit
                if leaving >= 0:
                    sent = log[leaving] if leaving < len(log) else ahead[leaving - len(log)]
                    moment = max(moment, sent + rate.seconds)
            ahead.append(moment)
        return moment - now

    def _refuse_beyond(self, seconds_left: float, delay: float) -> None:
        if delay > seconds_left:
            raise UpstreamRateLimited(self._source, detail="own budget", retry_after_seconds=round(delay, 1))
