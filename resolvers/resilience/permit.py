"""Permission to send one request now: a slot, a part of the ration, and a closed breaker."""

import asyncio
from typing import Protocol

from resolvers.resilience.circuit_breaker import CircuitBreaker, Verdict
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter


class Ration(Protocol):
    """What has let a request go, and is told what became of it."""

    def on_sent(self) -> None:
        """Count the request as sent now."""

    def release(self) -> None:
        """Count the request no more: it was not sent."""


class SendPermit:
    """What the two limiters and the breaker have given for one request; one `release` gives it back to all three."""

    __slots__ = ("_circuit_breaker", "_concurrency_limiter", "_has_slot", "_rate_limiter", "is_unsent")

    def __init__(
        self, concurrency_limiter: ConcurrencyLimiter, rate_limiter: Ration, circuit_breaker: CircuitBreaker
    ) -> None:
        self._concurrency_limiter = concurrency_limiter
        self._rate_limiter = rate_limiter
        self._circuit_breaker = circuit_breaker
        self._has_slot = True
        self.is_unsent = False
        """Whether the rate limiter has let it go and does not know yet whether it was sent."""

    def on_sent(self) -> None:
        """Count the request in the ration from now on."""
        if self.is_unsent:
            self.is_unsent = False
            self._rate_limiter.on_sent()

    def release(self, verdict: Verdict, *, weight: int = 1, is_whole: bool = False) -> None:
        """Give back the slot and the part of the ration that are still held; record the verdict.

        `is_whole`: a good response is here as a whole, so that the next request may follow at once.
        """
        if self.is_unsent:
            self.is_unsent = False
            self._rate_limiter.release()
        self._circuit_breaker.record(self, verdict, weight=max(weight, 1))
        if not self._has_slot:
            return
        self._has_slot = False
        if is_whole:
            self._concurrency_limiter.release(is_good=True)
        else:
            # It was aborted: asyncio closes its connection in the next turn, and the next request must come after that.
            asyncio.get_running_loop().call_soon(self._concurrency_limiter.release)
