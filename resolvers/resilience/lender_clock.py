"""The clock of whoever lends to all processes, seen from one of them."""

from typing import Final

DRIFT: Final = 1e-4
"""Of two clocks, a second, at the worst."""


class LenderClock:
    """`ahead` is by how many seconds it is ahead of our own, as the quickest of the last reports told it."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._error = float("inf")
        """By how much that may be wrong: half the time that the report took which told it."""
        self._answered_at = float("-inf")

    def on_report(self, lender_now: float, *, asked_at: float, answered_at: float) -> None:
        """Learn from a report, by our clock asked and answered then, that it was `lender_now` there meanwhile."""
        if self._answered_at > float("-inf"):
            self._error += DRIFT * (answered_at - self._answered_at)
        self._answered_at = answered_at
        error = (answered_at - asked_at) / 2
        if error <= self._error:
            self.ahead, self._error = lender_now - (asked_at + answered_at) / 2, error
