"""How many requests are worked on at once. Beyond that, one gets a quick 503 rather than everybody a slow answer."""

from httpserver.http_errors import HTTPError

RETRY_AFTER_SECONDS = 1


class ConcurrencyLimit:
    """Lets in so many requests at once: `with concurrency_limit:` holds a place. One event loop, so counting is enough.

    Raises `HTTPError` 503 with `Retry-After` (RFC 9110, 15.6.4) where no place is free.
    """

    def __init__(self, concurrency_limiter: int) -> None:
        self._free = concurrency_limiter

    def __enter__(self) -> None:
        if self._free <= 0:
            raise HTTPError(
                503,
                "This server has too much to do right now.",
                {"Retry-After": str(RETRY_AFTER_SECONDS)},
                code="SERVER_BUSY",
                retryable=True,
            )
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1
