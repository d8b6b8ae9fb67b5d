"""The requests that a process is lent: how many it may still send, has let go and has sent, for its reports."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from loans import LEASE_SECONDS

PACE_SECONDS: Final = 0.5
"""As many requests as were sent in this time are kept, and asked for, for those that follow."""


@dataclass(slots=True)
class LentRequests:
    """Whole requests; moments are by the clock of whoever calls, in seconds.

    `held`: lent, and not let go yet. `unsent`: let go, and not sent yet. `is_wanted`: more should be lent soon.
    `retry_at`: when more may be lent, if nothing was.
    """

    held: int = 0
    unsent: int = 0
    is_wanted: bool = False
    retry_at: float = float("-inf")
    _lent_until: float = float("-inf")
    _unreported: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=10_000))
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=100))

    def usable(self, now: float) -> int:
        """Return how many may be let go."""
        return self.held if now < self._lent_until else 0

    def let_go(self) -> None:
        """Let one go."""
        self.unsent += 1
        self.held = max(0, self.held - 1)

    def on_sent(self, now: float, *, is_background: bool) -> None:
        """Take note that one was sent."""
        self.unsent -= 1
        self._unreported.append((now, is_background))
        self._recent.append(now)

    def put_back(self) -> None:
        """Take back one that was let go, and not sent."""
        self.unsent -= 1

    def recent(self, now: float) -> int:
        """Return how many were sent within `PACE_SECONDS`."""
        return sum(now - moment < PACE_SECONDS for moment in self._recent)

    def keep(self, most: int, now: float) -> int:
        """Give back what is held beyond `most`, or all that is lent no longer; return what is kept."""
        self.held = min(self.usable(now), most)
        return self.held

    def unreported(self, now: float) -> list[tuple[float, bool]]:
        """Return how long ago each was sent that was not reported, and whether it was one of the background."""
        return [(now - moment, is_background) for moment, is_background in self._unreported]

    def on_reported(self, count: int) -> None:
        """Forget so many that were reported, the first."""
        for _ in range(count):
            self._unreported.popleft()

    def add(self, sends: int, reported_at: float) -> None:
        """Hold what a report was answered with, which was made at that moment."""
        self.held += sends
        self._lent_until = reported_at + LEASE_SECONDS
