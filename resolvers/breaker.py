"""A circuit breaker: a source that keeps failing is left alone for a while, so that nobody waits for it in vain.

It opens when at least half of at least 20 outcomes within 10 seconds were failures. An exchange has one outcome for
each operation that waited for it: records of many operations share a request, so a source that hangs would otherwise
keep all of them waiting and yet never fail often enough. A failure alone, or two, opens nothing.

After 5 seconds one exchange may probe; its outcome closes the breaker or opens it again. What is no sign of ill health
(a missing record, a refusal, a throttle) counts as a good outcome, and a caller that went away as none at all.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from resolvers.errors import UpstreamUnavailable

WINDOW_SECONDS = 10.0
FEWEST_OUTCOMES = 20
FEWEST_EXCHANGES = 3
OPEN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an exchange ended, and for how many operations."""

    at: float
    has_failed: bool
    weight: int


class Breaker:
    """The health of one source, as the last exchanges show it."""

    def __init__(self, source: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._clock = clock
        self._outcomes: deque[Outcome] = deque()
        self._weight = self._failures = self._failed_weight = 0
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
        """Take the outcome of an exchange; None if it says nothing about the source's health."""
        if exchange is self._probe:
            self._probe = None
            if failed:
                self._open()
            elif failed is not None:
                self._probe_at = None
        elif failed is not None and self._probe_at is None:
            self._count(Outcome(self._clock(), failed, weight))

    def _count(self, outcome: Outcome) -> None:
        outcomes = self._outcomes
        outcomes.append(outcome)
        self._add(outcome, 1)
        while outcomes[0].at <= outcome.at - WINDOW_SECONDS:
            self._add(outcomes.popleft(), -1)
        enough = self._failures >= FEWEST_EXCHANGES and self._weight >= FEWEST_OUTCOMES
        if enough and self._failed_weight * 2 >= self._weight:
            self._open()

    def _add(self, outcome: Outcome, sign: int) -> None:
        self._weight += sign * outcome.weight
        if outcome.has_failed:
            self._failures += sign
            self._failed_weight += sign * outcome.weight

    def _open(self) -> None:
        self._probe_at = self._clock() + OPEN_SECONDS
        self._outcomes.clear()
        self._weight = self._failures = self._failed_weight = 0
