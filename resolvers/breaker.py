"""A circuit breaker: a source that keeps failing is left alone for a while, so that nobody waits for it in vain.

It opens when at least half of at least 20 exchanges within 10 seconds failed. After 5 seconds one exchange may probe;
its outcome closes the breaker or opens it again. What is no sign of ill health (a missing record, a refusal, a
throttle, a caller that went away) is not reported to it as a failure.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic

from resolvers.errors import UpstreamUnavailable

WINDOW_SECONDS = 10.0
FEWEST = 20
OPEN_SECONDS = 5.0


class Breaker:
    """The health of one source, as the last exchanges show it."""

    def __init__(self, source: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._clock = clock
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._probe_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether exchanges are refused, but for a probe."""
        return self._probe_at is not None

    def check(self) -> None:
        """Raise `UpstreamUnavailable` if nothing may be sent now; otherwise, while open, let this one probe."""
        if self._probe_at is None:
            return
        wait = self._probe_at - self._clock()
        if wait > 0 or self._probing:
            raise UpstreamUnavailable(
                self._source, detail="the circuit breaker is open", retry_after_seconds=round(max(wait, 1.0), 1)
            )
        self._probing = True

    def record(self, *, failed: bool | None) -> None:
        """Take the outcome of an exchange; None if it says nothing about the source's health."""
        if self._probing:
            self._probing = False
            if failed is None:
                return
            self._probe_at = self._clock() + OPEN_SECONDS if failed else None
            self._outcomes.clear()
            self._failures = 0
            return
        if failed is None or self.is_open:
            return
        now = self._clock()
        self._outcomes.append((now, failed))
        self._failures += failed
        while self._outcomes[0][0] <= now - WINDOW_SECONDS:
            self._failures -= self._outcomes.popleft()[1]
        if len(self._outcomes) >= FEWEST and self._failures * 2 >= len(self._outcomes):
            self._probe_at = now + OPEN_SECONDS
