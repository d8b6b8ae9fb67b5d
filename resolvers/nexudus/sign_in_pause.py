"""After a sign-in that failed: when the next one may be tried."""

from collections.abc import Callable

from resolvers.errors import UpstreamError
from resolvers.nexudus.record import SOURCE

PAUSE_SECONDS = 30.0
"""How long it is believed that a sign-in cannot succeed, whatever form the refusal has: a wrong password sent with
every query would lock the account. Each further failure doubles it."""

_LONGEST_PAUSE_SECONDS = 900.0

_SHORT_PAUSE_SECONDS = 1.0
"""The same after trouble that passes (no answer, a fault of the server's) and that the next sign-in had too."""

_LONGEST_SHORT_PAUSE_SECONDS = 8.0


class SignInPause:
    """No sign-in until it is over: who asks meanwhile gets the failure that began it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends_at = 0.0
        self._failures = 0
        self._failure: tuple[type[UpstreamError], int | None] | None = None

    @property
    def failures(self) -> int:
        """How many times the last failure had come before."""
        return self._failures

    @property
    def seconds_left(self) -> float:
        """For how long no sign-in may be tried."""
        return max(0.0, self._ends_at - self._clock()) if self._failure else 0.0

    def check(self) -> None:
        """Raise the failure again while the pause lasts."""
        if self._failure and self._clock() < self._ends_at:
            kind, status = self._failure
            raise kind(SOURCE, status=status, detail="the last sign-in failed, and the next one is not due yet")

    def begin(self, failure: UpstreamError) -> None:
        """Pause after a failed sign-in."""
        is_like_the_last = self._failure is not None and self._failure[0].retryable == failure.retryable
        self._failures = min(self._failures + 1, 10) if is_like_the_last else 0
        self._failure = type(failure), failure.status
        if failure.retryable:  # the first one was tried three times: `resolvers/resilience/retry.py`
            pause = min(_SHORT_PAUSE_SECONDS * (2**self._failures - 1), _LONGEST_SHORT_PAUSE_SECONDS)
        else:
            pause = min(PAUSE_SECONDS * 2**self._failures, _LONGEST_PAUSE_SECONDS)
        self._ends_at = self._clock() + pause

    def adopt(self, kind: type[UpstreamError], status: int | None, *, failures: int, seconds: float) -> None:
        """Pause for so long: another process's sign-in has failed, that time after `failures` like it."""
        self._failure, self._failures = (kind, status), failures
        self._ends_at = self._clock() + seconds

    def end(self) -> None:
        """Forget all failures: a sign-in succeeded."""
        self._failure = None
