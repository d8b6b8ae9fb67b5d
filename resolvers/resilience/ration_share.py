"""A process's own part of a ration, while it cannot ask what the others do.

It begins with its part of what was left for all when it last knew; from a window's length later on, it is its part of
each rate. A rate of which no part is a whole request, such as one request each 150 ms, is kept by turns: each process
sends in moments that are its own, by the clock of the database that all have seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from resolvers.resilience.rate_limiter import Rate, RateLimiter

WIDTH_OF_TURN = 1 / 3
"""The part of the rate's time in which a request may go, at the beginning of a turn."""

TURNS_APART = 2
"""Times of the rate between two turns: what takes a while to leave shall not meet the next one's."""


@dataclass(frozen=True, slots=True)
class LastKnown:
    """What a process last heard of the others: what each rate had `left` for all, up to `seconds` ago, its `place`
    among them, and how far the database's clock is ahead of its own."""

    left: Sequence[int]
    seconds: float
    place: int
    clock_ahead: float


class RationShare:
    """`share` is the part of each rate; what others had been lent counts as sent after `lease_seconds`."""

    def __init__(
        self,
        source: str,
        rates: Sequence[Rate],
        share: float,
        known: LastKnown,
        *,
        lease_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._known = known
        self._turns = [rate.seconds for rate in rates if rate.limit * share < 1]
        self._share = share
        parts = [_part(rate, share) for rate in rates]
        self._limiter = RateLimiter(source, parts, clock=clock)
        # What the others may have been lent since then, at the pace of the slowest rate.
        elapsed = known.seconds + lease_seconds
        lent = min((ceil(elapsed / rate.seconds + 1) * rate.limit for rate in rates), default=0)
        end = clock() + lease_seconds
        self._limiter.recall(
            [
                # Of a rate that goes by turns, the others' last one has left the window after the rate's own time.
                [end + rate.seconds - part.seconds] * max(0, part.limit - int(max(0, left - lent) * share))
                for rate, part, left in zip(rates, parts, known.left, strict=True)
            ]
        )
        self._before = 0
        """Requests that were let go before; they count among what others knew of."""

    def delay(self, place: int) -> float:
        """Return in how many seconds the `place`-th request from now may go."""
        now = self._clock()
        moment = now + self._limiter.delay(place)
        for seconds in self._turns:
            moment += until_turn(moment + self._known.clock_ahead, seconds, share=self._share, place=self._known.place)
        return moment - now

    def skip(self, unsent: int) -> None:
        """Take note that so many requests were let go before this began."""
        self._before = unsent

    def acquire(self) -> None:
        """Let one go."""
        self._limiter.try_acquire()

    def on_sent(self) -> None:
        """Count one as sent now."""
        if self._before:
            self._before -= 1
        else:
            self._limiter.on_sent()

    def put_back(self) -> None:
        """Take back one that was not sent."""
        if self._before:
            self._before -= 1
        else:
            self._limiter.release()


def until_turn(moment: float, seconds: float, *, share: float, place: int) -> float:
    """Return in how many seconds it is a process's turn, by a rate of one request in `seconds`; 0 if it is now."""
    apart = seconds * TURNS_APART
    period = apart / share
    into = (moment - place * apart) % period
    return period - into if into > seconds * WIDTH_OF_TURN else 0.0


def _part(rate: Rate, share: float) -> Rate:
    """Return a part of a rate; of one that has no whole request in it, one request in as many of its times."""
    limit = max(1, int(rate.limit * share))
    return Rate(limit, rate.seconds * max(1.0, limit / (rate.limit * share)))
