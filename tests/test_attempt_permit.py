"""`resolvers.resilience.attempt`, its permits: when what a permit holds is given back, and that it is once."""

import asyncio

from resolvers.resilience.attempt import SendPermit
from resolvers.resilience.circuit_breaker import CircuitBreaker, Verdict
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.rate_limiter import RateLimiter


def taken(limiter: ConcurrencyLimiter) -> SendPermit:
    assert limiter.try_acquire()
    return SendPermit(limiter, RateLimiter("source", ()), CircuitBreaker("source"))


async def test_behind_a_whole_response_the_next_request_follows_at_once_and_the_limit_grows() -> None:
    limiter = ConcurrencyLimiter(2)
    limiter.decrease(limiter.round)
    permit = taken(limiter)
    permit.release(Verdict.GOOD, is_whole=True)
    assert (limiter.in_use, limiter.limit) == (0, 2)


async def test_behind_anything_else_it_comes_when_the_connection_is_closed_and_the_limit_stays() -> None:
    limiter = ConcurrencyLimiter(2)
    limiter.decrease(limiter.round)
    permit = taken(limiter)
    permit.release(Verdict.GOOD)
    assert limiter.in_use == 1
    await asyncio.sleep(0)
    assert (limiter.in_use, limiter.limit) == (0, 1)


async def test_a_slot_is_given_back_once() -> None:
    limiter = ConcurrencyLimiter(2)
    assert limiter.try_acquire()
    permit = taken(limiter)
    permit.release(Verdict.GOOD, is_whole=True)
    permit.release(Verdict.NONE)
    await asyncio.sleep(0)
    assert limiter.in_use == 1
