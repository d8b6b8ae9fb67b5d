"""Request limits of several windows at once."""

from collections import deque
from collections.abc import Callable, Sequence

_ROUNDING_SECONDS = 1e-9  # a test's clock adds 0.1 and 0.1


class Throttle:
    """Admits a request of a caller when every window has room left.

    Sliding windows, and refused requests use nothing up: neither vendor documents this; assumed.
    """

    def __init__(self, limits: Sequence[tuple[int, float]], clock: Callable[[], float]) -> None:
        """Take `limits` as (requests, seconds) pairs."""
        self._limits = tuple(limits)
        self._clock = clock
        self._longest = max(count for count, _ in self._limits)
        self._admitted: dict[str, deque[float]] = {}

    def admit(self, caller: str) -> bool:
        """Return whether the caller may go on; if so, count the request."""
        now = self._clock()
        times = self._admitted.setdefault(caller, deque(maxlen=self._longest))
        for count, seconds in self._limits:
            if len(times) >= count and now - times[-count] < seconds - _ROUNDING_SECONDS:
                return False
        times.append(now)
        return True

    def clear(self) -> None:
        """Forget everything admitted so far."""
        self._admitted.clear()
