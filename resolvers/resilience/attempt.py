"""One attempt at a request: bounded in time, judged, and reported."""

from dataclasses import dataclass
from time import perf_counter

from httpclient.client import HttpClient, Request
from httpclient.connection import ConnectionFailed, MalformedResponse, ReusedConnectionClosed
from httpclient.response import Response
from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.fetching.upstream_context import Permit, SharedFetch
from resolvers.reply import ASK_AGAIN, decipher
from resolvers.resilience.circuit_breaker import Verdict
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.timeouts import TimeLimit
from resolvers.telemetry import Telemetry, UpstreamCall
from resolvers.tracing import Span, Tracer

Found = bytes | None | UpstreamError
"""A body, None where there is no such record, or what went wrong."""

STANDSTILL = 2
"""An attempt that took so many times its time limit was overtaken by a process that stood still."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What all attempts at one source share."""

    source: str
    http_client: HttpClient
    concurrency_limiter: ConcurrencyLimiter
    telemetry: Telemetry
    timeout_seconds: float
    max_bytes: int
    background_timeout_seconds: float = 30.0
    tracer: Tracer | None = None


class Attempt:
    """An attempt, made once, with a permit, for a shared fetch.

    `reused_connection_closed`: whether it failed only because a kept connection turned out to be closed.
    """

    __slots__ = (
        "_number",
        "_permit",
        "_request",
        "_round",
        "_seconds",
        "_shared_fetch",
        "_span",
        "_started",
        "_upstream",
        "_weight",
        "reused_connection_closed",
    )

    def __init__(
        self, upstream: Upstream, request: Request, shared_fetch: SharedFetch, permit: Permit, *, number: int = 1
    ) -> None:
        """`number`: how many times the request has been sent with this one."""
        self._upstream = upstream
        self._number = number
        self._request = request
        self._shared_fetch = shared_fetch
        self._permit = permit
        seconds_left, self._weight = shared_fetch.snapshot()
        longest = upstream.background_timeout_seconds if shared_fetch.is_background else upstream.timeout_seconds
        self._seconds = max(0.0, min(longest, seconds_left))
        self._round = upstream.concurrency_limiter.round
        self._started = perf_counter()
        self._span = self._begin_span() if upstream.tracer is not None else None
        self.reused_connection_closed = False

    def _begin_span(self) -> Span:
        request, tracer = self._request, self._upstream.tracer
        assert tracer is not None
        span = tracer.request(
            self._upstream.source,
            request.kind,
            request.method,
            keys=request.keys,
            attempt=self._number,
            parent=self._shared_fetch.span,
        )
        request.trace = span.headers
        return span

    async def make(self, *, on_new_connection: bool = False) -> Found:
        """Return the outcome; raises nothing but a cancellation."""
        upstream = self._upstream
        self._shared_fetch.count_request(upstream.source)
        deadline = self._shared_fetch.now() + self._seconds
        found: Response | TimeoutError | MalformedResponse | ConnectionFailed
        try:
            with TimeLimit(deadline, self._shared_fetch.loop):
                found = await upstream.http_client.send(
                    self._request,
                    max_bytes=upstream.max_bytes,
                    on_sent=self._permit.on_sent,
                    on_new_connection=on_new_connection,
                )
        except TimeoutError:
            found = TimeoutError()  # a traceback would know this frame, which knows what was found
        except (MalformedResponse, ConnectionFailed) as error:
            found = error.with_traceback(None)
        except BaseException:
            self._end(None, None, Verdict.NONE)
            raise
        try:
            return self._judge(found)
        except Exception:
            self._end(None, None, Verdict.NONE)
            raise

    def _judge(self, found: Response | TimeoutError | MalformedResponse | ConnectionFailed) -> Found:
        """Return the outcome, after the limiter, the breaker and telemetry have it."""
        upstream = self._upstream
        source = upstream.source
        status: int | None = None
        failure: UpstreamError
        try:
            if isinstance(found, Response):
                status = found.status
                body = decipher(source, found)
                self._end(status, None, Verdict.GOOD, is_whole=True)
                return body
            if isinstance(found, MalformedResponse):
                failure, verdict = UpstreamBadResponse(source, detail=str(found)), Verdict.GOOD
            elif isinstance(found, ConnectionFailed):
                failure, verdict = UpstreamUnavailable(source, detail=str(found)), Verdict.FAILED
                if isinstance(found, ReusedConnectionClosed):
                    self.reused_connection_closed, verdict = True, Verdict.NONE
            else:
                failure, verdict = UpstreamTimeout(source, detail="no complete answer in time"), self._timeout_verdict()
        except UpstreamError as error:
            failure = error.with_traceback(None)
            is_ill = isinstance(error, UpstreamUnavailable) and status not in ASK_AGAIN
            verdict = Verdict.FAILED if is_ill else Verdict.GOOD
            if is_ill and status in self._request.final:
                verdict = Verdict.NONE  # what was asked for may be to blame: what is asked for next will tell
            if status == 503:
                upstream.concurrency_limiter.decrease(self._round)
        failure.is_reported = True
        self._end(status, failure, verdict)
        return failure

    def _timeout_verdict(self) -> Verdict:
        """A source that was given hardly any time has not failed, nor has one that this process kept waiting."""
        had_time = self._seconds * 2 >= self._upstream.timeout_seconds
        stood_still = perf_counter() - self._started > max(self._seconds, 1.0) * STANDSTILL
        return Verdict.TIMED_OUT if had_time and not stood_still else Verdict.NONE

    def _end(
        self, status: int | None, failure: UpstreamError | None, verdict: Verdict, *, is_whole: bool = False
    ) -> None:
        upstream, request = self._upstream, self._request
        code, detail = (failure.code, failure.detail) if failure else (None, "")
        milliseconds = (perf_counter() - self._started) * 1000
        upstream.telemetry(
            UpstreamCall(upstream.source, request.kind, request.keys, status, milliseconds, code, detail, self._number)
        )
        if self._span is not None:
            self._span.end(code=code, status=status)
        if self._shared_fetch.is_background and verdict is not Verdict.GOOD:
            verdict = Verdict.NONE  # lists may fail, or take long, where single records do not
        weight = max(self._weight, len(self._shared_fetch.waiters()))
        self._permit.release(verdict, weight=weight, is_whole=is_whole)
