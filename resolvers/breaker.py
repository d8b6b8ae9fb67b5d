"""A circuit breaker: a source that keeps failing is left alone for a while, so that nobody waits for it in vain.

It opens when at least half of at least 20 verdicts within 10 seconds were failures. An exchange has one verdict for
each operation that waited for it: records of many operations share a request, so a source that hangs would otherwise
keep all of them waiting and yet never fail often enough. A failure alone, or two, opens nothing. It also opens when
20 verdicts were failures and for 2 seconds there was no other: a source that hangs fails slowly, and the good verdicts
of the time before would outnumber its failures for most of the 10 seconds.

After 5 seconds one exchange may probe; its verdict closes the breaker or opens it again. What is no sign of ill health
(a missing record, a refusal, a throttle) counts as a good verdict, and a caller that went away as none at all.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from resolvers.errors import UpstreamUnavailable

WINDOW_SECONDS = 10.0
SLICE_SECONDS = 0.1
FEWEST_VERDICTS = 20
FEWEST_EXCHANGES = 3
SILENCE_SECONDS = 2.0
OPEN_SECONDS = 5.0


@dataclass(slots=True)
class Totals:
    """Sums over some exchanges: of verdicts, and of exchanges that failed."""

    failed_exchanges: int = 0
    failed: int = 0
    all: int = 0

    @property
    def are_bad(self) -> bool:
        """Whether they are reason enough to open."""
        enough = self.failed_exchanges >= FEWEST_EXCHANGES and self.all >= FEWEST_VERDICTS
        return enough and self.failed * 2 >= self.all

    def add(self, weight: int, *, has_failed: bool) -> None:
        """Count an exchange."""
        self.all += weight
        if has_failed:
            self.failed_exchanges += 1
            self.failed += weight

    def subtract(self, others: "Totals") -> None:
        """Count some no more."""
        self.all -= others.all
        self.failed_exchanges -= others.failed_exchanges
        self.failed -= others.failed


class Breaker:
    """The health of one source, as the last exchanges show it."""

    def __init__(self, source: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._clock = clock
        self._slices: deque[tuple[float, Totals]] = deque()
        """Each with the moment at which it began, the latest last."""
        self._recent = Totals()
        """Of all slices: the last 10 seconds, less a tenth at the most."""
        self._in_a_row = Totals()
        """The failures since the last good verdict."""
        self._last_good = clock()
        self._probe_at: float | None = None
        self._probe: object | None = None

    @property
    def is_open(self) -> bool:
        """Whether exchanges are refused, but for a probe."""
        return self._probe_at is not None

    def check(self) -> None:
        """Raise `UpstreamUnavailable` if nothing may be sent now."""
        if self._probe_at is None:
            return
        wait = self._probe_at - self._clock()
        if wait > 0 or self._probe is not None:
            raise UpstreamUnavailable(
                self._source, detail="the circuit breaker is open", retry_after_seconds=round(max(wait, 1.0), 1)
            )

    def enter(self, exchange: object) -> None:
        """Let an exchange begin, as the probe if there is to be one; raises like `check`. `leave` has to follow."""
        self.check()
        if self._probe_at is not None:
            self._probe = exchange

    def leave(self, exchange: object, *, failed: bool | None, weight: int = 1) -> None:
        """Take the verdict of an exchange; None if it says nothing about the source's health."""
        if exchange is self._probe:
            self._probe = None
            if failed:
                self._open()
            elif failed is not None:
                self._probe_at = None
                self._last_good = self._clock()
        elif failed is not None and self._probe_at is None:
            self._count(weight, has_failed=failed)

    def _count(self, weight: int, *, has_failed: bool) -> None:
        now, slices = self._clock(), self._slices
        # By slices and not one by one: a busy server has 100,000 exchanges in 10 seconds.
        if not slices or now >= slices[-1][0] + SLICE_SECONDS:
            slices.append((now, Totals()))
        slices[-1][1].add(weight, has_failed=has_failed)
        self._recent.add(weight, has_failed=has_failed)
        while slices[0][0] <= now - WINDOW_SECONDS:
            self._recent.subtract(slices.popleft()[1])
        if not has_failed:
            self._last_good = now
            if self._in_a_row.all:
                self._in_a_row = Totals()
            return
        self._in_a_row.add(weight, has_failed=True)
        # A row that is longer than what is recent reaches back too far; then what is recent are failures alone.
        is_silent = now - self._last_good >= SILENCE_SECONDS and self._in_a_row.all <= self._recent.all
        if self._recent.are_bad or (is_silent and self._in_a_row.are_bad):
            self._open()

    def _open(self) -> None:
        self._probe_at = self._clock() + OPEN_SECONDS
        self._slices.clear()
        self._recent = Totals()
        self._in_a_row = Totals()
