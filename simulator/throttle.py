"""Request limits of several windows at once."""

from bisect import insort
from collections.abc import Sequence

from .calls import Call

_ROUNDING_SECONDS = 1e-9  # a test's clock adds 0.1 and 0.1

Arrival = tuple[float, float]
"""When a request was read, and when it may have come."""


class Throttle:
    """Admits a request of a caller when every window has room left.

    Sliding windows, and refused requests use nothing up: neither vendor documents this; assumed. A request counts when
    it arrived, and where that is not known exactly it is refused only if it was too many for certain.
    """

    def __init__(self, limits: Sequence[tuple[int, float]]) -> None:
        """Take `limits` as (requests, seconds) pairs."""
        self._limits = tuple(limits)
        self._longest = max(count for count, _ in self._limits)
        self._admitted: dict[str, list[Arrival]] = {}

    def admit(self, caller: str, call: Call) -> bool:
        """Return whether the call may go on; if so, count it. Calls need not come in the order of their arrival."""
        arrivals, arrival = self._admitted.setdefault(caller, []), (call.at, call.since)
        insort(arrivals, arrival)
        place = arrivals.index(arrival, max(0, len(arrivals) - self._longest - 1))
        for count, seconds in self._limits:
            for first in range(max(0, place - count), min(place, len(arrivals) - 1 - count) + 1):
                if arrivals[first + count][0] - arrivals[first][1] < seconds - _ROUNDING_SECONDS:
                    del arrivals[place]
                    return False
        if len(arrivals) > 2 * self._longest:
            del arrivals[: -self._longest]
        return True

    def clear(self) -> None:
        """Forget everything admitted so far."""
        self._admitted.clear()
