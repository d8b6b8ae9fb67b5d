"""How many requests are worked on at once. Beyond that, one gets a quick 503 rather than everybody a slow answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from web.problems import HTTPProblem

RETRY_AFTER_SECONDS = 1


class Admission:
    """Lets in at most `places` requests at once. One event loop, so counting is enough."""

    def __init__(self, places: int) -> None:
        self._free = places

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; raises `HTTPProblem` 503 with `Retry-After` (RFC 9110, 15.6.4) where none is free."""
        if self._free <= 0:
            raise HTTPProblem(
                503,
                "This server has too much to do right now.",
                {"Retry-After": str(RETRY_AFTER_SECONDS)},
                code="SERVER_BUSY",
                retryable=True,
            )
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
