"""Whether and when a failed read is tried again.

At most three attempts; full jitter (a random part of a wait that doubles), or the source's own `Retry-After` in its
place. Nothing is tried again that the deadline does not leave time for. And retries are rationed: one for each ten
first attempts, so that an outage is not multiplied by those who try to get around it.
"""

import random
from collections.abc import Callable

from resolvers.errors import UpstreamError

ATTEMPTS = 3
FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 2.0
FIRST_ATTEMPTS_FOR_A_RETRY = 10
SAVED_AT_MOST = 10 * FIRST_ATTEMPTS_FOR_A_RETRY


class Retries:
    """The retries of one source."""

    def __init__(self, *, attempts: int = ATTEMPTS, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._attempts = attempts
        self._uniform = uniform
        self._saved = SAVED_AT_MOST
        self.first_attempts = 0
        """Each earns a part of a retry; those that are not counted as saved yet."""

    def wait_seconds(self, error: UpstreamError, attempt: int, seconds_left: float) -> float | None:
        """Return how long to wait before the next attempt, or None if there shall be none."""
        self._saved = min(SAVED_AT_MOST, self._saved + self.first_attempts)
        self.first_attempts = 0
        if not error.retryable or attempt >= self._attempts or self._saved < FIRST_ATTEMPTS_FOR_A_RETRY:
            return None
        wait = error.retry_after_seconds or 0.0
        if wait <= 0:  # a date that has passed is no wish to be asked at once by everybody
            wait = self._uniform(0, min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (attempt - 1)))
        if wait >= seconds_left:
            return None
        self._saved -= FIRST_ATTEMPTS_FOR_A_RETRY
        return wait
