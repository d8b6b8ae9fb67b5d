"""The lane of background work: a share of each of a source's rates, and only while nobody waits for the source.

A small part of each rate it has in any case: what it has not had of that it waits for in line, as everybody does.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from resolvers.errors import UpstreamRateLimited
from resolvers.resilience.rate_limiter import Rate, RateLimiter

T = TypeVar("T")

LONG_SECONDS = 1_800.0
"""A rate over so long, or longer, counts as one of an hour; a shorter one as one of a minute."""

SHORTEST_WAIT_SECONDS = 0.05
"""Between two looks at whether somebody waits."""


class BackgroundLane:
    """Lets background requests to one source go; each counts in the source's ration and in the lane's share of it.

    `share_of_hour` and `share_of_minute` are the parts of the source's rates that it may use; of a rate that cannot be
    parted, such as one request each 100 ms, it is the whole. `guaranteed_share` is the part that it has though others
    wait: at most the above, and at least one request of each rate unless it is 0.
    """

    def __init__(
        self,
        source: str,
        rate_limiter: RateLimiter,
        *,
        share_of_hour: float,
        share_of_minute: float,
        guaranteed_share: float,
    ) -> None:
        def part(rate: Rate) -> Rate:
            share = share_of_hour if rate.seconds >= LONG_SECONDS else share_of_minute
            return Rate(max(1, int(rate.limit * share)), rate.seconds)

        self._source = source
        self._rate_limiter = rate_limiter
        self._share = RateLimiter(
            source, [part(rate) for rate in rate_limiter.rates], clock=rate_limiter.clock, sleep=rate_limiter.sleep
        )
        self._guaranteed = [max(1, int(rate.limit * guaranteed_share)) for rate in rate_limiter.rates]
        self._has_guarantee = guaranteed_share > 0 and bool(self._guaranteed)

    @property
    def _is_owed_one(self) -> bool:
        """Whether the lane has had less than its guaranteed part of every rate, with the request that is let go now."""
        used = [rate.limit - left for rate, left in self._share.left()]
        return self._has_guarantee and all(
            one <= guaranteed for one, guaranteed in zip(used, self._guaranteed, strict=True)
        )

    async def acquire(
        self,
        try_acquire: Callable[[], T | None],
        acquire_in_line: Callable[[], Awaitable[T]],
        seconds_left: Callable[[], float],
    ) -> T:
        """Wait for the share, then until `try_acquire` gives something: it does not while others wait.

        What is guaranteed is not waited for so, but in line with others, by `acquire_in_line`. Raises
        `UpstreamRateLimited` as soon as it is clear that the time left is too short, and what both functions raise.
        """
        await self._share.acquire(seconds_left)
        try:
            while (found := try_acquire()) is None:
                if self._is_owed_one:
                    return await acquire_in_line()
                wait = max(self._rate_limiter.delay(1), SHORTEST_WAIT_SECONDS)
                if wait > seconds_left():
                    raise UpstreamRateLimited(
                        self._source, detail="others wait", retry_after_seconds=round(max(wait, 1.0), 1)
                    )
                await self._rate_limiter.sleep(wait)
        except BaseException:
            self._share.release()
            raise
        return found

    def recall(self, ages: Sequence[float]) -> None:
        """Count what was sent so many seconds ago, the latest last, by whoever kept the lane before."""
        now = self._rate_limiter.clock()
        self._share.recall([[now - age for age in ages] for _ in self._share.rates])

    def on_sent(self) -> None:
        """Count the request as sent now."""
        self._rate_limiter.on_sent(is_background=True)
        self._share.on_sent()

    def release(self) -> None:
        """Count the request no more: it was not sent."""
        self._rate_limiter.release()
        self._share.release()
