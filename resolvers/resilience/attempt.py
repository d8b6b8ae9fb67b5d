"""One attempt at a request: made with a permit, bounded in time, judged, and reported."""

import asyncio
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from httpclient.client import HttpClient, Request
from httpclient.connection import ConnectionFailed, MalformedResponse, ReusedConnectionClosed
from resolvers.errors import (
    KeptConnectionClosed,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from resolvers.fetching.shared_fetch import Permit, SharedFetch
from resolvers.reply import ASK_AGAIN, decipher
from resolvers.resilience.circuit_breaker import CircuitBreaker, Verdict
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.time_limit import TimeLimit
from resolvers.telemetry import Telemetry, UpstreamCall
from resolvers.tracing import Span, Tracer

Found = bytes | None | UpstreamError
"""A body, None where there is no such record, or what went wrong."""

STANDSTILL = 2
"""An attempt that took so many times its time limit was overtaken by a process that stood still."""


class Ration(Protocol):
    """What has let a request go, and is told what became of it."""

    def on_sent(self) -> None:
        """Count the request as sent now."""

    def release(self) -> None:
        """Count the request no more: it was not sent."""


@dataclass(eq=False, slots=True)
class SendPermit:
    """What the two limiters and the breaker have given for one request; one `release` gives it back to all three.

    `is_unsent`: whether the ration has let it go, and does not know yet whether it was sent.
    """

    concurrency_limiter: ConcurrencyLimiter
    ration: Ration
    circuit_breaker: CircuitBreaker
    is_unsent: bool = False
    _has_slot: bool = field(default=True, init=False)

    def on_sent(self) -> None:
        """Count the request in the ration from now on."""
        if self.is_unsent:
            self.is_unsent = False
            self.ration.on_sent()

    def release(self, verdict: Verdict, *, weight: int = 1, is_whole: bool = False) -> None:
        """Give back the slot and the part of the ration that are still held; record the verdict.

        `is_whole`: a good response is here as a whole, so that the next request may follow at once.
        """
        if self.is_unsent:
            self.is_unsent = False
            self.ration.release()
        self.circuit_breaker.record(self, verdict, weight=max(weight, 1))
        if not self._has_slot:
            return
        self._has_slot = False
        if is_whole:
            self.concurrency_limiter.release(is_good=True)
        else:
            # It was aborted: asyncio closes its connection in the next turn, and the next request must come after that.
            asyncio.get_running_loop().call_soon(self.concurrency_limiter.release)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Makes attempts at requests to one source. `reports_all`: telemetry gets those that went well, too."""

    source: str
    http_client: HttpClient
    concurrency_limiter: ConcurrencyLimiter
    telemetry: Telemetry
    timeout_seconds: float
    max_bytes: int
    background_timeout_seconds: float = 30.0
    tracer: Tracer | None = None
    reports_all: bool = True

    async def make(
        self,
        request: Request,
        shared_fetch: SharedFetch,
        permit: Permit,
        *,
        number: int = 1,
        on_new_connection: bool = False,
    ) -> Found:
        """Return the outcome of one, after the limiter, the breaker and telemetry have it; raises only cancellations.

        `number`: how many times the request has been sent with this one.
        """
        seconds_left, weight = shared_fetch.snapshot()
        longest = self.background_timeout_seconds if shared_fetch.is_background else self.timeout_seconds
        seconds = max(0.0, min(longest, seconds_left))
        round_ = self.concurrency_limiter.round
        span: Span | None = None
        shared_fetch.count_request(self.source)
        status: int | None = None
        failure: UpstreamError | None = None
        verdict, is_whole = Verdict.NONE, False
        started = perf_counter()
        # An error that is found is kept without its traceback, which would know this frame, and so what was found.
        try:
            if self.tracer is not None:
                span = self._begin_span(request, shared_fetch, number)
            with TimeLimit(shared_fetch.now() + seconds, shared_fetch.loop):
                response = await self.http_client.send(
                    request, max_bytes=self.max_bytes, on_sent=permit.on_sent, on_new_connection=on_new_connection
                )
            status = response.status
            body = decipher(self.source, response)
            verdict, is_whole = Verdict.GOOD, True
            return body
        except UpstreamError as error:
            failure = error.with_traceback(None)
            verdict = Verdict.GOOD
            if isinstance(error, UpstreamUnavailable) and status not in ASK_AGAIN:
                # What was asked for may be to blame: what is asked for next will tell.
                verdict = Verdict.NONE if status in request.final else Verdict.FAILED
            if status == 503:
                self.concurrency_limiter.decrease(round_)
        except TimeoutError:
            failure = UpstreamTimeout(self.source, detail="no complete answer in time")
            # A source that was given hardly any time has not failed, nor has one that this process kept waiting.
            had_time = seconds * 2 >= self.timeout_seconds
            stood_still = perf_counter() - started > max(seconds, 1.0) * STANDSTILL
            verdict = Verdict.TIMED_OUT if had_time and not stood_still else Verdict.NONE
        except (MalformedResponse, ConnectionFailed) as error:
            failure, verdict = self._failure(error.with_traceback(None))
        finally:
            try:
                if self.reports_all or failure is not None:
                    code, detail = (failure.code, failure.detail) if failure is not None else (None, "")
                    milliseconds = (perf_counter() - started) * 1000
                    self.telemetry(
                        UpstreamCall(
                            self.source, request.kind, request.keys, status, milliseconds, code, detail, number
                        )
                    )
                if span is not None:
                    span.end(code=failure.code if failure is not None else None, status=status)
            finally:  # a fault of ours there must not cost the permit
                if shared_fetch.is_background and verdict is not Verdict.GOOD:
                    verdict = Verdict.NONE  # lists may fail, or take long, where single records do not
                permit.release(verdict, weight=max(weight, len(shared_fetch.waiters())), is_whole=is_whole)
        failure.is_reported = True
        return failure

    def _failure(self, error: MalformedResponse | ConnectionFailed) -> tuple[UpstreamError, Verdict]:
        if isinstance(error, MalformedResponse):
            return UpstreamBadResponse(self.source, detail=str(error)), Verdict.GOOD
        if isinstance(error, ReusedConnectionClosed):
            return KeptConnectionClosed(self.source, detail=str(error)), Verdict.NONE
        return UpstreamUnavailable(self.source, detail=str(error)), Verdict.FAILED

    def _begin_span(self, request: Request, shared_fetch: SharedFetch, number: int) -> Span:
        assert self.tracer is not None
        span = self.tracer.request(
            self.source, request.kind, request.method, keys=request.keys, attempt=number, parent=shared_fetch.span
        )
        request.trace = span.headers
        return span
