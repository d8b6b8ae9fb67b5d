"""The right to send one request now: a place, a part of the ration, and the breaker's leave."""

import asyncio

from resolvers.resilience.circuit_breaker import CircuitBreaker, Verdict
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.rate_limiter import RateLimiter


class SendPermit:
    """A `Permit`: a place to send one request in, right now."""

    __slots__ = ("_circuit_breaker", "_concurrency_limiter", "_has_slot", "_rate_limiter", "is_unsent")

    def __init__(
        self, concurrency_limiter: ConcurrencyLimiter, rate_limiter: RateLimiter, circuit_breaker: CircuitBreaker
    ) -> None:
        self._concurrency_limiter = concurrency_limiter
        self._rate_limiter = rate_limiter
        self._circuit_breaker = circuit_breaker
        self._has_slot = True
        self.is_unsent = False
        """Whether the budget has let it go and still waits to hear that it was sent."""

    def on_sent(self) -> None:
        """Take note that the request is on its way."""
        if self.is_unsent:
            self.is_unsent = False
            self._rate_limiter.on_sent()

    def release_slot(self) -> None:
        """Let the next one have the place."""
        self._has_slot = False
        self._concurrency_limiter.release()

    def release(self, verdict: Verdict, *, weight: int = 1) -> None:
        """Leave the place if that has not been done, and tell the breaker."""
        if self.is_unsent:
            self.is_unsent = False
            self._rate_limiter.release()
        self._circuit_breaker.record(self, verdict, weight=max(weight, 1))
        if self._has_slot:
            self._has_slot = False
            # What was broken off: asyncio closes its connection in the next turn. Whoever comes next comes after that.
            asyncio.get_running_loop().call_soon(self._concurrency_limiter.release)
